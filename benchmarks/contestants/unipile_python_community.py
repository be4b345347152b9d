"""`unipile-python-community`: requests and pydantic; waits for one answer at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from payloads import ACCOUNT, KEY
from unipile import UnipileClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def opened(root: str, identifier: str) -> Iterator[Callable[[], object]]:
    with UnipileClient(root, KEY) as client:
        yield lambda: client.users.get_profile(identifier, ACCOUNT)
