"""Who waits for something to do, and who tells of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Wakeups"]


class Wakeups:
    """Count what was told, so that nothing is missed between a claim in vain and a wait.

    Attributes:
        count: of what was told.
    """

    def __init__(self) -> None:
        self.count: int = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wake whoever waits. In the loop's thread."""
        self.count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(
        self,
        seconds: float,
        *,
        heard: int,
        every: float | None = None,
        changed: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Return when something was told that nobody has heard, or after some seconds.

        Args:
            seconds: at most.
            heard: the count when there was nothing to claim.
            every: seconds between looks.
            changed: looks whether others have done something.
        """
        end = time.monotonic() + seconds
        while self.count == heard and (left := end - time.monotonic()) > 0:
            await self._sleep(left if every is None else min(left, every))
            if self.count == heard and changed is not None and await changed():
                return

    async def _sleep(self, seconds: float) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._waiters.discard(waiter)
