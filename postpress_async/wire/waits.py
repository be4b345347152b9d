"""How long an answer asks to wait: `Retry-After`, the reset of a rate-limit header; its date."""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,9})?\Z")
_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_DAY: Final = 86400.0


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After: a number, also with a fraction, or a date.

    A date is measured against the answer's own `Date` where it has one, so that a clock that is
    off does not matter; a negative one is 0.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    seconds = _number(text)
    if seconds is not None:
        return max(seconds, 0.0)
    until = _date(text)
    if until is None:
        return None
    return max(until - _now(headers, now), 0.0)


def until_reset(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a rate-limit reset: from now, or until an epoch within a day.

    No page names such a header, so that its unit is a guess: what is more than a day off by either
    reading is no wait at all.
    """
    named = {name.lower(): value for name, value in headers.items()}
    for name in _RESETS:
        seconds = _number(named.get(name, "").strip())
        if seconds is not None:
            if seconds > _DAY:
                seconds -= _now(headers, now)
                return seconds if 0.0 <= seconds <= _DAY else None
            return max(seconds, 0.0)
    return None


def date_of(headers: Mapping[str, str]) -> float | None:
    """Return the service's time when it answered; its headers by lower-case or usual names."""
    return _date(headers.get("date") or headers.get("Date", ""))


def _number(text: str) -> float | None:
    if not _SECONDS.match(text):
        return None
    seconds = float(text)
    return seconds if isfinite(seconds) else None


def _now(headers: Mapping[str, str], now: float) -> float:
    """Return the service's own time where the answer tells it."""
    return date_of(headers) or now


def _date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 8 ms that few calls need

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
