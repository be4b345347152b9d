"""The times of stores, which never go back."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from postpress_async import machine

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOTHING", "BootTime", "Noted", "StoreTime", "time_of_counts"]


_NEAR: Final = 1.0  # seconds by which two clocks that agree may differ


def _still() -> float:
    return 0.0


class StoreTime:
    """Follow the machine's clock forwards only.

    Where the clock is set back, the time goes on from where it was, at the pace of the monotonic
    clock: a window of an hour still takes an hour. A clock that is handed in is followed alone,
    so that a time which moves by hand does not move by itself.

    Attributes:
        lead: by how much the time was ahead of the clock when it was last told.
    """

    __slots__ = ("_ahead", "_last", "_steady", "_wall", "lead")

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._wall = time.time if clock is None else clock
        self._steady = time.monotonic if clock is None else _still
        self._ahead = -math.inf
        self._last = -math.inf
        self.lead: float = 0.0

    def now(self, seen: float = -math.inf) -> float:
        """Return seconds since the epoch, never less than `seen` or than returned before."""
        wall = self._wall()
        steady = self._steady()  # second: a pause between the two must not put us ahead
        self._ahead = max(self._ahead, wall - steady, seen - steady)
        self._last = max(self._last, seen, steady + self._ahead)
        self.lead = self._last - wall
        return self._last


class Noted(NamedTuple):
    """What a store keeps of its time.

    Attributes:
        seen: the time, when it was noted.
        boot: the clock that it went by; empty for none.
        ahead: by how much it was ahead of that clock.
        lag: by how much it was behind the wall clock, as a number below 0; 0 where it was not.
    """

    seen: float
    boot: str
    ahead: float
    lag: float

    def lead(self, boot: str, *, wall: float, steady: float) -> float:
        """Return by how much the time is ahead of the wall clock, for whoever finds this."""
        if not boot:
            return max(self.seen - wall, 0.0)  # it follows that clock
        now = steady + self.ahead_now(boot, wall=wall, steady=steady)
        return max(now, self.seen) - wall

    def ahead_now(self, boot: str, *, wall: float, steady: float) -> float:
        """Return by how much the time is ahead of a clock, for whoever finds this.

        By the clock that it went by, the time goes on. By another one only the wall clock tells
        how much time has passed since: as much as it has gone on itself, so a lag stays. What it
        was ahead of the wall clock does not: it may have been the wall clock that was behind.
        """
        goes_on = boot and boot == self.boot
        return self.ahead if goes_on else wall + self.lag - steady


NOTHING: Final = Noted(seen=-math.inf, boot="", ahead=0.0, lag=0.0)


class BootTime:
    """Follow the machine's boot, whatever becomes of its wall clock.

    The wall clock is believed once, where nothing else tells the time. From then on the time goes
    on as the boot's clock does: a clock that is set forward, be it for a moment, ends no window.

    Args:
        wall: tells seconds since the epoch.
        steady: tells seconds of a clock that nobody sets.
        boot: names that clock, for others who read it too; empty where it has no name. Then the
            wall clock is followed whenever it is ahead.

    Attributes:
        lead: by how much the time was ahead of the wall clock when it was last told, below 0 where
            it was behind.
    """

    __slots__ = ("_ahead", "_boot", "_follows", "_last", "_name", "_steady", "_wall", "lead")

    def __init__(
        self,
        wall: Callable[[], float],
        steady: Callable[[], float],
        boot: Callable[[], str],
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._name = boot
        self._boot = ""
        self._follows = True
        self._ahead = -math.inf
        self._last = -math.inf
        self.lead: float = 0.0

    def settle(self, noted: Noted) -> None:
        """Take up what a store has noted, before the first look and whenever it is read.

        A time that is known is kept: a store that was made anew, or is an older copy, is told it.
        """
        self._boot = self._boot or self._name()
        self._follows = not self._boot
        if self._follows or (self._ahead > -math.inf and noted.boot != self._boot):
            return  # `seen` is for `now`
        wall = self._wall()
        steady = self._steady()  # second: a pause between the two must not put us ahead
        self._ahead = max(self._ahead, noted.ahead_now(self._boot, wall=wall, steady=steady))

    def now(self, seen: float = -math.inf) -> float:
        """Return seconds since the epoch, never less than `seen` or than returned before."""
        wall = self._wall()
        steady = self._steady()  # second, as above
        if self._follows:
            self._ahead = max(self._ahead, wall - steady)
        self._ahead = max(self._ahead, seen - steady)
        self._last = max(self._last, seen, steady + self._ahead)
        self.lead = self._last - wall
        return self._last

    def note(self, before: Noted) -> Noted:
        """Return what a store is to note of the time that was last told.

        A wall clock that is behind it says nothing of the lag.
        """
        if not self._boot:
            return before._replace(seen=self._last)
        lag = min(self.lead, 0.0) if self.lead <= _NEAR else before.lag
        return Noted(seen=self._last, boot=self._boot, ahead=self._ahead, lag=lag)


def time_of_counts(clock: Callable[[], float] | None) -> BootTime:
    """Return the machine's time; a clock that is handed in is followed alone, as it moves."""
    if clock is not None:
        return BootTime(clock, _still, lambda: "")
    return BootTime(time.time, machine.boot_time, machine.boot_clock)
