"""Time that a test moves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from postpress_async.client import Postpress
    from postpress_async.sandbox import Sandbox
    from postpress_async.scheduler.scheduler import Scheduler

T = TypeVar("T")
_LOOK_EVERY: Final = 0.001
_TICKS: Final = 5


class VirtualTime:
    """Move the clock that a sandbox and its clients share.

    What the clock paces moves: lanes, cool-downs, back-off, `max_wait`, the sandbox's hidden
    limits. What is real stays real: requests, `Timeout`, the API key's own rate (`key_rate`).

    Args:
        sandbox: whose clock it is.
        clients: those whose requests `run` waits for before it skips anything.
    """

    def __init__(self, sandbox: Sandbox, *clients: Postpress) -> None:
        self._sandbox = sandbox
        self._clients = clients

    def now(self) -> float:
        """Return the clock's seconds since 1970."""
        return self._sandbox.clock.time()

    async def advance(self, seconds: float) -> None:
        """Skip so much time, and let whoever waited for it wake."""
        await self._sandbox.advance(seconds)

    async def run(self, work: Awaitable[T]) -> T:
        """Await something, and skip every wait on the way.

        Whenever no request is under way, and no store of counts is asked, the clock jumps to the
        next instant that somebody waits for. Who waits for a store looks at it now and then, so
        that a day takes thousands of jumps: skip days by `advance`. Returns what the work returns,
        and raises what it raises.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_EVERY))[0]:
                await self._skip()
        finally:
            task.cancel()  # only matters where this call itself was cancelled
        return await task

    async def _skip(self) -> None:
        for _ in range(_TICKS):  # whoever was just answered goes on first
            await asyncio.sleep(0)
        clock = self._sandbox.clock
        due = clock.next_due()
        if due is not None and not any(_is_busy(client.scheduler) for client in self._clients):
            await self._sandbox.advance(max(due - clock.monotonic(), 0.0))


def _is_busy(scheduler: Scheduler) -> bool:
    """Tell whether a request of this process is under way, or its store is being asked."""
    sharer = scheduler._sharer  # noqa: SLF001 - nobody else need know
    if sharer is not None and any(desk.task for desk in sharer._desks.values()):  # noqa: SLF001 - as above
        return True
    return any(lane.in_flight for lane in scheduler._lanes)  # noqa: SLF001 - as above
