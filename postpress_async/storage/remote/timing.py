"""The server's time, as a process knows it between two answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from postpress_async.storage.instants import StoreTime

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ServerTime"]

_DRIFT: Final = 1e-4  # seconds a second by which two clocks may part
_FADES: Final = 1e-3  # seconds a second by which what was expected gives way to what is told
_PROMPT: Final = 30.0  # seconds that an answer takes at most that says what the time is


class ServerTime:
    """Follow a server's clock.

    Each answer says that the server's time was `now` at some moment between sending and receiving.
    Kept is the latest time that fits all answers: so what is decided by it is not earlier than the
    true time then, and not later than the true time when it arrives.

    Args:
        monotonic: as in `time`, but goes on while the machine is suspended.
        clock: tells the time in place of the server.
    """

    def __init__(
        self, monotonic: Callable[[], float], clock: Callable[[], float] | None = None
    ) -> None:
        self._monotonic = monotonic
        self._clock = None if clock is None else StoreTime(clock)
        self._ahead: float | None = None  # of the monotonic clock
        self._expected = -math.inf  # ahead of it; what was told once is no leap
        self._sampled = -math.inf
        self._lead = 0.0

    @property
    def known(self) -> bool:
        """Tell whether any answer has come."""
        return self._ahead is not None

    @property
    def by_server(self) -> bool:
        """Tell whether it is the server's, and not that of a clock that was handed in."""
        return self._clock is None

    @property
    def lead(self) -> float:
        """By how much it was ahead of the clock by which hours are meant, when it was last told.

        That is the server's own clock, or the one that was handed in.
        """
        return self._lead if self._clock is None else self._clock.lead

    @property
    def expected(self) -> float | None:
        """The server's time by now, if its clock went on as ours did.

        None where no answer has come in time, or a clock was handed in. Much later than this is
        only a clock that was set forward; every process can tell that has asked before.
        """
        if self._clock is not None or self._expected == -math.inf:
            return None
        return self._monotonic() + self._expected

    def now(self, seen: float = -math.inf) -> float:
        """Return seconds since the epoch, never less than the time of what was seen."""
        if self._clock is not None:
            return self._clock.now(seen)
        return max(self._monotonic() + (self._ahead or 0.0), seen)

    def learn(self, now: float, *, sent: float, anew: bool, lead: float = 0.0) -> None:
        """Take in an answer.

        Args:
            now: what it says.
            lead: by how much that is ahead of the server's clock.
            sent: when it was asked for, by the monotonic clock.
            anew: whether what was known has proved to be wrong.
        """
        came = self._monotonic()
        most, least = now - sent, now - came
        if self._ahead is None or anew:
            self._ahead = most
        else:
            grown = self._ahead + _DRIFT * (sent - self._sampled)
            self._ahead = max(min(most, grown), least)  # least: its clock was set forward
        if came - sent <= _PROMPT:  # or this machine was suspended, and either may be far off
            self._expected -= _FADES * max(sent - self._sampled, 0.0)
            self._expected = max(self._expected, self._ahead)
        self._sampled = sent
        self._lead = lead
