"""The API key's own token bucket, one a client: aiolimiter, which is just that.

It has no refund and cannot say when it will be ready, so it stands last, and never guards a cap.
"""

from __future__ import annotations

from functools import partial
from types import coroutine
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Generator

    from aiolimiter import AsyncLimiter

    from postpress_async.options import KeyRate


class KeyGate:
    """Let requests through at the key's rate, in order of arrival."""

    __slots__ = ("_limiter", "_rate")

    def __init__(self, rate: KeyRate | None) -> None:
        self._rate = rate
        self._limiter: AsyncLimiter | None = None

    def enter(self) -> Awaitable[None] | None:
        """Take a token; return None if that needed no waiting, else the wait, to be awaited now.

        With a token left, aiolimiter's coroutine ends at its first step. Taking that step by hand
        spares the usual call a coroutine of its own, and a second count of the bucket.
        """
        limiter = self._limiter
        if limiter is None:
            if self._rate is None:
                return None
            limiter = self._limiter = _made(self._rate)
        taking = limiter.acquire()
        try:
            waits_for: object = taking.send(None)
        except StopIteration:
            return None
        return _rest(taking, waits_for)


@coroutine
def _rest(taking: Coroutine[object, object, None], waits_for: object) -> Generator[object, object]:
    """Go on with a coroutine whose first step was taken by hand; what `await` does, from there."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation belongs to the coroutine
            step = partial(taking.throw, error)
        else:
            step = partial(taking.send, sent)
        try:
            waits_for = step()
        except StopIteration:
            return


def _made(rate: KeyRate) -> AsyncLimiter:
    from aiolimiter import AsyncLimiter  # noqa: PLC0415 - loaded by the first call, not by import

    return AsyncLimiter(rate.amount, rate.per)
