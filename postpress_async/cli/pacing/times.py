"""Instants and durations, as people write and read them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from postpress_async.cli.demo.durations import spoken
from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Literal

_UNITS: Final = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_DURATION: Final = re.compile(
    r"(?:(\d{1,6})w)? ?(?:(\d{1,6})d)? ?(?:(\d{1,6})h)? ?(?:(\d{1,6})m)? ?(?:(\d{1,6})s)?",
    re.ASCII,
)
_DAY: Final = 86_400
_HOUR: Final = 3_600


def instant(field: str, text: str, *, now: float, way: Literal["ago", "ahead"]) -> float:
    """Return when a text means, in seconds since the epoch.

    Args:
        field: the option, for errors.
        text: ISO 8601, local where it names no zone; or a duration such as `90m` or `2h30m`.
        now: seconds since the epoch.
        way: where a duration counts to; the instant must lie there, too.
    """
    length = duration(text)
    if length is not None:
        at = now - length if way == "ago" else now + length
    else:
        at = _iso(field, text)
    if way == "ahead" and at <= now:
        msg = f"{field} {text!r} has passed already: give a later time, or a duration such as 2h"
        raise ConfigurationError(msg)
    if (way == "ago" and at > now) or at <= 0:
        msg = f"{field} {text!r} is not in the past: give when it was, or how long ago, such as 5h"
        raise ConfigurationError(msg)
    return at


def duration(text: str) -> float | None:
    """Return the seconds of a text such as `1d 12h`; None for what is no duration."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    return sum(
        int(number or 0) * unit
        for number, unit in zip(found.groups(), _UNITS.values(), strict=True)
    )


def _iso(field: str, text: str) -> float:
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC).timestamp()
    except (ValueError, OverflowError, OSError):
        msg = (
            f"{field} must be a time such as 2026-01-05T09:00, or a duration such as 90m, 2h30m "
            f"or 3d, not {text!r}"
        )
        raise ConfigurationError(msg) from None


def local(at: float) -> str:
    """Return an instant on the local wall clock, `Mon 2026-01-05 14:05 CET`."""
    try:
        return datetime.fromtimestamp(at, UTC).astimezone().strftime("%a %Y-%m-%d %H:%M %Z").strip()
    except (ValueError, OverflowError, OSError):
        return "beyond every calendar"


def stamp(at: float | None) -> datetime | None:
    """Return an instant as JSON tells it, with its zone; None for never, and beyond every calendar.

    The outbox's items have theirs so, and an instant is to have one form in all that is printed.
    """
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def length(seconds: float) -> str:
    """Return how long something takes, rounded up: it is never sooner."""
    if seconds == math.inf:
        return "never"
    whole = math.ceil(seconds)
    if whole < _HOUR // 60:
        return f"{whole} s"
    if whole < 2 * _DAY:
        return spoken(whole)
    return f"{whole // _DAY:,} d {whole % _DAY // _HOUR} h"


def until(at: float, now: float) -> str:
    """Return when something ends, on the clock and from now."""
    return f"{local(at)} (in {length(max(at - now, 0.0))})"
