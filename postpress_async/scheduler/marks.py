"""What lies between two marks: how the rate climbed, and which bucket or window explains it.

The arithmetic of the learned rate, whose theory is in `adaptive`: numbers in, numbers out.
"""

from __future__ import annotations

from math import copysign, exp, inf, log, sqrt
from typing import Final

import msgspec

__all__ = ["STEEPEST", "Climb", "Passed", "bucket_rate", "until_length", "window_of"]

STEEPEST: Final = 1.02  # how much faster one call may be than the one before it
_STEEPEST_LOG: Final = log(STEEPEST)
_LENGTHS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)  # that people give windows


class Climb(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how the rate grew from one mark to the next: a cubic, counted in calls.

    Attributes:
        level: calls a second that were believed to be the limit's own.
        slope: how far below it the rate began.
        reach: calls until it was there.
        tries: calls that went as fast as the rate allowed.
        peak: the rate at the end.
    """

    level: float
    slope: float
    reach: float
    tries: int
    peak: float

    def at(self, tried: float) -> float:
        """Return the rate after so many calls, if it may grow as it likes."""
        x = tried / self.reach - 1
        return self.level + self.slope * x * x * x

    @property
    def steep(self) -> bool:
        """Whether it grew as steeply as it may at the end."""
        return self.at(self.tries) > 1.01 * self.peak

    def before(self, calls: float) -> float:
        """Return the rate so many calls before the end."""
        if self.steep:
            return self.peak * exp(-calls * _STEEPEST_LOG)
        return self.at(self.tries - calls)

    def saved(self, limit: float, still: float) -> float:
        """Return how many calls a bucket of that rate would have saved up while this went slower.

        Args:
            limit: calls a second.
            still: seconds in which nothing went.
        """
        start, waited = self.level - self.slope, still * limit
        if start >= limit:
            return waited
        if self.steep:
            return waited + (limit / start - 1 - log(limit / start)) / _STEEPEST_LOG
        off = limit - self.level
        x = min(copysign((abs(off) / self.slope) ** (1 / 3), off), self.tries / self.reach - 1)
        slack = off * (x + 1) + self.slope * (1 - x**4) / 4
        return waited + slack * self.reach / self.level


def bucket_rate(climb: Climb, mean: float, *, apart: float, still: float, burst: int) -> float:
    """Return the rate of a bucket that let calls pass at a mean: what it ran over by comes on top.

    Args:
        climb: how they went.
        mean: calls a second.
        apart: seconds from mark to mark.
        still: those of them in which nothing went.
        burst: what passed before the first mark.
    """
    level, most = mean, climb.peak
    for _ in range(20):
        middle = (level + most) / 2
        if climb.saved(middle, still) - 0.8 * burst > (middle - mean) * apart:
            level = middle
        else:
            most = middle
    return level


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """Tell what a window let pass until it was full.

    Attributes:
        count: successes.
        rate: calls a second at the end.
        mean: successes a second.
        borne: calls a second that it bore while they grew; 0: unknown.
        total: seconds between the instants when there was room again.
        blur: how uncertain they are.
        apart: seconds from mark to mark.
        shut: seconds from the mark until there was room again.
    """

    count: int
    rate: float
    mean: float
    borne: float
    total: float
    blur: float
    apart: float
    shut: float


def window_of(passed: Passed, amount: float, per: float) -> tuple[float, float, float]:
    """Tell a window's amount, the length that people would have given it, and how doubtful it is.

    Args:
        passed: what it let pass.
        amount: successes that were believed to fill it so far.
        per: seconds that it was believed to last; 0: unknown.
    """
    count, rate, total = passed.count, passed.rate, passed.total
    least, most = total - passed.blur, total + passed.blur
    older = per - passed.apart  # how much of the window was before the mark before
    if total < 1.3 * per and older <= 0.2 * per:
        amount = count
    elif total < 1.3 * per:
        seen = int(count + rate * older)
        amount, least, most = seen if seen < 0.7 * amount else amount, per, per
    elif passed.shut > 0.25 * total and count <= amount + 1:
        amount = count if per else min(amount, count)
        least = max(least, amount / rate)
    else:
        least, most = 0.98 * amount / rate, 1.02 * amount / max(passed.mean, passed.borne)
        if per in _LENGTHS and count < max(6 * amount, 60):
            amount = min(amount, sqrt(passed.mean * rate) * per)
    doubt = 0.01
    if per not in _LENGTHS or not 0.95 * least < per < 1.05 * most:
        per = _rounded(least, most)
        doubt += 0.01 if per in _LENGTHS else 0.3 * abs(most - least) / (most + least)
    return amount, per, doubt


def until_length(elapsed: float, least: float) -> float:
    """Return how long until the next length that people would give a window."""
    return next((one for one in _LENGTHS if one > least), inf) + 0.3 - elapsed


def _rounded(least: float, most: float) -> float:
    """Return the length that people would give a window that lasts about so long."""
    middle = least + 0.4 * (most - least)
    found = min(_LENGTHS, key=lambda one: abs(one - middle))
    return found if 0.97 * least < found < 1.03 * most else middle
