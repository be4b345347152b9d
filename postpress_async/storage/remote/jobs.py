"""Jobs: works that wait for a server, and for those who asked for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from postpress_async.errors import StateUnavailableError
    from postpress_async.storage.images import Work
    from postpress_async.storage.remote.swaps import Fate

__all__ = ["Job"]


class Job:
    """One work, and whom to tell.

    Attributes:
        work: what to do.
        future: who waits.
        until: when to give up, by the monotonic clock.
        tries: how often its swap was refused.
        stays: how often of them because a key was kept for somebody else.
        looked: whether its keys were looked at before it was decided.
        failures: how often the server failed it.
        urgent: whether its keys shall be kept for it if it is refused again.
        refused: why it was refused last.
        said: what the server failed it with last.
    """

    __slots__ = (
        "failures", "future", "looked", "refused", "said", "stays", "tries", "until", "urgent",
        "work",
    )  # fmt: skip

    def __init__(self, work: Work[object], future: asyncio.Future[object]) -> None:
        self.work: Work[object] = work
        self.future: asyncio.Future[object] = future
        self.until: float = math.inf
        self.tries: int = 0
        self.stays: int = 0
        self.looked: bool = False
        self.failures: int = 0
        self.urgent: bool = False
        self.refused: Fate | None = None
        self.said: StateUnavailableError | None = None

    def tell(self, result: object) -> None:
        """Tell whoever waits what came of it."""
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits that nothing came of it."""
        if self.future.done():
            return
        if isinstance(error, StopIteration):  # which no future may hold
            error = RuntimeError(f"a work raised {error!r}")
        self.future.set_exception(error)
