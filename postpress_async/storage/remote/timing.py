"""The server's time, as a process knows it between two answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from postpress_async.storage.instants import StoreTime

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ServerTime"]

_DRIFT: Final = 1e-4  # seconds a second by which two clocks may part


class ServerTime:
    """Follow a server's clock.

    Each answer says that the server's time was `now` at some moment between sending and receiving.
    Kept is the latest time that fits all answers: so what is decided by it is not earlier than the
    true time then, and not later than the true time when it arrives.

    Args:
        monotonic: as in `time`.
        clock: tells the time in place of the server.
    """

    def __init__(
        self, monotonic: Callable[[], float], clock: Callable[[], float] | None = None
    ) -> None:
        self._monotonic = monotonic
        self._clock = None if clock is None else StoreTime(clock)
        self._ahead: float | None = None  # of the monotonic clock
        self._sampled = -math.inf

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
        """By how much it is ahead of a clock that was handed in; 0 for the server's."""
        return 0.0 if self._clock is None else self._clock.lead

    def now(self, seen: float = -math.inf) -> float:
        """Return seconds since the epoch, never less than the time of what was seen."""
        if self._clock is not None:
            return self._clock.now(seen)
        return max(self._monotonic() + (self._ahead or 0.0), seen)

    def learn(self, now: float, *, sent: float, anew: bool) -> None:
        """Take in an answer.

        Args:
            now: what it says.
            sent: when it was asked for, by the monotonic clock.
            anew: whether what was known has proved to be wrong.
        """
        most, least = now - sent, now - self._monotonic()
        if self._ahead is None or anew:
            self._ahead = most
        else:
            grown = self._ahead + _DRIFT * (sent - self._sampled)
            self._ahead = max(min(most, grown), least)  # least: its clock was set forward
        self._sampled = sent
