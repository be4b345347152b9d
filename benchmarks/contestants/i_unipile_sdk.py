"""`i-unipile-sdk`: httpx and pydantic; one answer at a time. Its log is off, in its favour.

Its `AsyncClient` cannot send a request: in 0.3.4a1 it hands over one argument too many.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from payloads import ACCOUNT, KEY
from unipile_sdk import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def opened(root: str, identifier: str) -> Iterator[Callable[[], object]]:
    client = Client(auth=KEY, base_url=root, default_account_id=ACCOUNT, log_level=logging.CRITICAL)
    try:
        yield lambda: client.users.retrieve(identifier)
    finally:
        client.close()
