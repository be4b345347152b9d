"""The server's time, as a process knows it between two answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from postpress_async.storage.instants import StoreTime

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Expectations", "ServerTime"]

_DRIFT: Final = 1e-4  # seconds a second by which two clocks may part
_FADES: Final = 1e-3  # seconds a second by which what was expected gives way to what is told
_SERVERS_MOST: Final = 100  # whose time is expected
_PROMPT: Final = 30.0  # seconds that an answer takes at most that says what the time is


class Expectations:
    """Know by how much servers' times should be ahead of this machine's clock.

    One for a process: a client that is made for each job knows what those before it have seen.
    """

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {}

    def of(self, server: str) -> float:
        """Return seconds; -inf where nobody has asked that server yet."""
        return self._ahead.get(server, -math.inf)

    def note(self, server: str, ahead: float) -> None:
        """Take down what was found last."""
        self._ahead.pop(server, None)  # to the end: those that nobody asks are forgotten first
        self._ahead[server] = ahead
        if len(self._ahead) > _SERVERS_MOST:
            del self._ahead[next(iter(self._ahead))]


class ServerTime:
    """Follow a server's clock.

    Each answer says that the server's time was `now` at some moment between sending and receiving.
    Kept is the latest time that fits all answers: so what is decided by it is not earlier than the
    true time then, and not later than the true time when it arrives.

    Args:
        monotonic: as in `time`, but goes on while the machine is suspended.
        clock: tells the time in place of the server.
        expectations: what this process knows of servers, by that same `monotonic`.
        server: names this one, and what of it is ours.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        clock: Callable[[], float] | None = None,
        *,
        expectations: Expectations | None = None,
        server: str = "",
    ) -> None:
        self._monotonic = monotonic
        self._expectations = expectations or Expectations()
        self._server = server
        self._clock = None if clock is None else StoreTime(clock)
        self._ahead: float | None = None  # of the monotonic clock
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
        ahead = self._expectations.of(self._server)
        if self._clock is not None or ahead == -math.inf:
            return None
        return self._monotonic() + ahead

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
            before = self._expectations.of(self._server)
            if self._sampled > -math.inf:
                before -= _FADES * max(sent - self._sampled, 0.0)
            self._expectations.note(self._server, max(before, self._ahead))  # told once: no leap
        self._sampled = sent
        self._lead = lead
