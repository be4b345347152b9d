"""The API key's own token bucket, one a client: aiolimiter, which is just that.

It has no refund and cannot say when it will be ready, so it stands last, and never guards a cap.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

    from postpress_async.options import KeyRate


class KeyGate:
    """Let requests through at the key's rate, in order of arrival."""

    __slots__ = ("_limiter", "_rate")

    def __init__(self, rate: KeyRate | None) -> None:
        self._rate = rate
        self._limiter: AsyncLimiter | None = None

    def try_enter(self) -> bool:
        """Take a token if that needs no waiting; the fast path of every call."""
        limiter = self._limiter
        if limiter is None:
            if self._rate is None:
                return True
            limiter = self._limiter = _made(self._rate)
        if not limiter.has_capacity():
            return False
        taking = limiter.acquire()
        try:
            taking.send(None)  # with capacity it ends without a pause: no task switch, no frame
        except StopIteration:
            return True
        taking.close()
        return False

    async def enter(self, within: float) -> float:
        """Wait for a token; return the seconds it took.

        Raises:
            TimeoutError: none came `within` that many seconds.
        """
        if self._limiter is None:
            return 0.0
        now = asyncio.get_running_loop().time
        start = now()
        async with asyncio.timeout(max(within, 0.0)):
            await self._limiter.acquire()
        return now() - start


def _made(rate: KeyRate) -> AsyncLimiter:
    from aiolimiter import AsyncLimiter  # noqa: PLC0415 - loaded by the first call, not by import

    return AsyncLimiter(rate.amount, rate.per)
