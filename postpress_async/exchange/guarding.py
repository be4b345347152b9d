"""A say in whether a call goes, at its two last moments: for who must write that down first.

A context variable, so that it reaches a call of any method. A call that nobody guards pays for one
look at it.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator


STALE: Final = "slot"
"""What binds, as `WaitTooLongError.limit` names it, where somebody thought for too long."""


class Guard(Protocol):
    """Be asked before each attempt of one call."""

    async def ask(self) -> None:
        """Be asked when the slot and the key's turn are held and nothing has been begun.

        Whatever it raises ends the call; the slot counts for nothing. It may take its time: a slot
        that has gone stale meanwhile is given back, and the call ends in a WaitTooLongError whose
        `limit` is `STALE`. Who asks again at once, and need not think again, then goes.
        """
        ...

    async def before(self) -> None:
        """Be told that it goes now: to write that down. Else as `ask`."""
        ...

    def last_act(self) -> None:
        """Be asked in the very step before the first byte, and perhaps some steps earlier, too.

        Whatever it raises ends the call: no byte is written, the connection is dropped, the slot
        counts for nothing. What has no body tells no such step on a session of the user's own, nor
        does another transport: they ask it when they are handed the request.
        """
        ...


guarding: Final[ContextVar[Guard | None]] = ContextVar("postpress_async.guard", default=None)


@contextmanager
def guarded(guard: Guard) -> Generator[None]:
    """Have the first call that is made inside ask a guard; others, and calls of its own, do not."""
    token = guarding.set(guard)
    try:
        yield
    finally:
        guarding.reset(token)


def taken() -> Guard | None:
    """Return the guard of this call, which from now on guards no other."""
    guard = guarding.get()
    if guard is not None:
        guarding.set(None)
    return guard
