"""When an account's person is at work: local wall time, exact across changes of the clock.

A range is open from the first instant at which the wall clock shows its start, or is past it where
the clock skips it, to the last instant before the wall clock shows its end. So an hour that comes
twice neither shuts a range nor opens it again.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError

from .words import check_provider, concerns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_DAY: Final = 86400
_MINUTES: Final = 24 * 60
_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_EARLIEST: Final = date(1900, 1, 1).toordinal()
_LATEST: Final = date(9000, 1, 1).toordinal()
_RANGE: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d) *- *([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)


class Opening(msgspec.Struct, frozen=True):
    """Say which hours; they may be given by position."""

    hours: str = "09:00-18:00"


class WorkingHours(Opening, frozen=True, kw_only=True):
    """Let calls go only while the account's person would be at work; `read` always goes.

    Attributes:
        hours: ranges of local time, `"09:00-12:30, 14:00-18:00"`. One may pass midnight,
            `"22:00-06:00"`: it belongs to the day on which it starts.
        tz: the zone's name in the tz database, `"Europe/Paris"`, or `"UTC"`.
        days: `"mon-fri"`, `"mon,wed,fri"`, `"sat-mon"` or `"all"`.
        provider: the wire word; None holds for every provider.

    Examples:
        >>> office = WorkingHours("09:00-18:00", tz="Europe/Paris")
        >>> midnight = 1_767_567_600.0  # Monday 2026-01-05, in Paris
        >>> (office.open_at(midnight) - midnight) / 3600
        9.0
    """

    tz: str
    days: str = "mon-fri"
    provider: str | None = None

    def __post_init__(self) -> None:
        _check_text("hours", self.hours, "'09:00-18:00'")
        _check_text("tz", self.tz, "'Europe/Paris'")
        _check_text("days", self.days, "'mon-fri'")
        _ranges(self.hours)
        _days(self.days)
        _zone(self.tz)
        if self.provider is not None:
            check_provider("WorkingHours.provider", self.provider)

    def open_at(self, epoch: float) -> float:
        """Return the instant itself if they are open then, else when they open next.

        Both in seconds since the epoch; inf where they never open again.
        """
        for start, end in _openings(self.hours, self.tz, self.days, math.floor(epoch / _DAY)):
            if end > epoch:
                return max(start, epoch)
        return math.inf

    def closes_at(self, epoch: float) -> float:
        """Return the instant itself if they are closed then, else when they close next.

        Both in seconds since the epoch; inf where they are open for good.
        """
        for start, end in _openings(self.hours, self.tz, self.days, math.floor(epoch / _DAY)):
            if start <= epoch < end:
                return end
        return epoch

    def holds_for(self, provider: str | None) -> bool:
        """Tell whether they hold for a provider; an unknown one keeps all of them."""
        return concerns(self.provider, provider)


# -- reading the words ----------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _ranges(hours: str) -> tuple[tuple[int, int], ...]:
    """Return the ranges as minutes after midnight, in order; an end may lie in the next day."""
    found: list[tuple[int, int]] = []
    for text in hours.split(","):
        match = _RANGE.fullmatch(text.strip())
        if not match:
            msg = f"WorkingHours.hours must be ranges such as '09:00-18:00', not {text!r}"
            raise ConfigurationError(msg)
        start, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        if end > _MINUTES:
            msg = f"WorkingHours.hours end at 24:00 at the latest, not as {text!r} does"
            raise ConfigurationError(msg)
        if start == end:
            msg = f"WorkingHours.hours: {text!r} is empty; the whole day is '00:00-24:00'"
            raise ConfigurationError(msg)
        found.append((start, end if end > start else end + _MINUTES))
    return tuple(sorted(found))


@lru_cache(maxsize=1024)
def _days(days: str) -> frozenset[int]:
    """Return the weekdays, Monday is 0."""
    found: set[int] = set()
    for text in days.split(","):
        if text.strip().lower() == "all":
            found.update(range(7))
            continue
        first, dash, last = (part.strip().lower() for part in text.partition("-"))
        if first not in _WEEK or (dash and last not in _WEEK):
            msg = (
                "WorkingHours.days must be days such as 'mon-fri', 'mon,wed,fri' or 'all', "
                f"not {text!r}"
            )
            raise ConfigurationError(msg)
        start = _WEEK.index(first)
        length = (_WEEK.index(last) - start) % 7 if dash else 0
        found.update((start + day) % 7 for day in range(length + 1))
    return frozenset(found)


def _check_text(field: str, text: object, example: str) -> None:
    if not isinstance(text, str) or not text.strip():
        msg = f"WorkingHours.{field} must be a text such as {example}, not {text!r}"
        raise ConfigurationError(msg)


@lru_cache(maxsize=1024)
def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - whoever has no hours does not pay for it

    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        msg = f"WorkingHours.tz must be a zone's name such as 'Europe/Paris', not {name!r}"
        raise ConfigurationError(msg + _remedy(name)) from error


def _remedy(name: str) -> str:
    from zoneinfo import available_timezones  # noqa: PLC0415 - for who wrote a wrong name only

    known = available_timezones()
    if not known:
        return ": this machine has no time zones; install them with `pip install tzdata`"
    from difflib import get_close_matches  # noqa: PLC0415 - as above

    wanted = name.strip().replace(" ", "_").lower()
    full = {zone.lower(): zone for zone in sorted(known)}
    city = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known, reverse=True)}
    near = full.get(wanted) or city.get(wanted)
    if near is None:
        near = next(iter(full[word] for word in get_close_matches(wanted, full, 1, 0.7)), None)
    return f"; did you mean {near!r}?" if near else ": see the list of the tz database"


# -- the openings of a day ------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _openings(hours: str, tz: str, days: str, day: int) -> tuple[tuple[float, float], ...]:
    """Return the openings that matter on a UTC day: those not over, up to the first after it."""
    found: list[tuple[float, float]] = []
    for start, end in _merged(_intervals(hours, tz, days, day), (day + 60) * _DAY):
        if end > day * _DAY:
            found.append((start, end))
        if start >= (day + 1) * _DAY:
            break
    return tuple(found)


def _merged(
    intervals: Iterator[tuple[float, float]], horizon: float
) -> Iterator[tuple[float, float]]:
    """Join openings that touch; one that reaches the horizon goes on for good."""
    current = next(intervals, None)
    if current is None:
        return
    start, end = current
    for after, until in intervals:
        if after > end:
            yield start, end
            start, end = after, until
        end = max(end, until)
        if end >= horizon:
            yield start, (math.inf if start < horizon - 40 * _DAY else end)
            return
    yield start, end


def _intervals(hours: str, tz: str, days: str, day: int) -> Iterator[tuple[float, float]]:
    """Yield the openings in order, from those that may still last on a UTC day."""
    zone, ranges, weekdays = _zone(tz), _ranges(hours), _days(days)
    first = _EPOCH.toordinal() + day - 3
    # A year is enough to find a day on which the clock skips none of the ranges.
    for ordinal in range(max(first, _EARLIEST), min(first + 400, _LATEST)):
        if (ordinal + 6) % 7 in weekdays:
            midnight = datetime.fromordinal(ordinal)
            for start, end in ranges:
                opens = _first(midnight + timedelta(minutes=start), zone)
                closes = _last(midnight + timedelta(minutes=end), zone)
                if opens < closes:
                    yield opens, closes


def _first(wall: datetime, zone: tzinfo) -> float:
    """Return the first instant at which the wall clock shows a time or is past it."""
    return _instant(wall, zone, fold=0)


def _last(wall: datetime, zone: tzinfo) -> float:
    """Return the instant up to which the wall clock shows less than a time, for the last time."""
    return round(_instant(wall - _TICK, zone, fold=1) + 1e-6, 3)


def _instant(wall: datetime, zone: tzinfo, *, fold: int) -> float:
    since = wall.replace(tzinfo=zone, fold=fold) - _EPOCH
    if (_EPOCH + since).astimezone(zone).replace(tzinfo=None) == wall:
        return since.total_seconds()
    other = wall.replace(tzinfo=zone, fold=1 - fold) - _EPOCH
    before, after = sorted((since.total_seconds(), other.total_seconds()))
    return _jump(wall, zone, math.floor(before), math.ceil(after))


def _jump(wall: datetime, zone: tzinfo, before: int, after: int) -> float:
    """Return the instant at which the wall clock skipped a time, between two that enclose it."""
    while after - before > 1:
        middle = (before + after) // 2
        shown = (_EPOCH + timedelta(seconds=middle)).astimezone(zone).replace(tzinfo=None)
        before, after = (before, middle) if shown >= wall else (middle, after)
    return float(after)
