"""What the answers looked like, for those who ask: a context variable, off unless used."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Generator


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Be the last answer of one logical call.

    Attributes:
        status: the HTTP status, None where no answer came.
        headers: by lower-case name, without cookies.
        request_id: the service's name for the request, where it gave one.
        attempts: how many requests were tried.
    """

    status: int | None
    headers: dict[str, str]
    request_id: str | None
    attempts: int


capturing: ContextVar[list[Seen] | None] = ContextVar("postpress_async.capture", default=None)


@contextmanager
def capture() -> Generator[list[Seen]]:
    """Collect what the calls inside saw, a `Seen` for each, also for those that failed.

    Tasks that are started inside are seen too.

    ```python
    with capture() as seen:
        await client.users.get("jordan-walke", account_id="acc_1")
    print(seen[-1].request_id)
    ```
    """
    seen: list[Seen] = []
    token = capturing.set(seen)
    try:
        yield seen
    finally:
        capturing.reset(token)
