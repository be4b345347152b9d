"""How long an answer asks to wait: `Retry-After`, the reset of a rate-limit header; its date."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Final

from postpress_async.limits import seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,13}(\.[0-9]{1,9})?\Z")
_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_DAY: Final = seconds_of("day")
_LONGEST: Final = seconds_of("month")  # the longest window that has a name; beyond it lies a slip
_EPOCHS: Final = 1e9  # a greater number of seconds is no wait, but an instant since September 2001
_MILLIS: Final = 1e12  # and a greater one the same in milliseconds


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of a Retry-After: a number, also with a fraction, or an instant.

    An instant is a date, or a number that can only be an epoch, in seconds or milliseconds. It is
    measured against the answer's own `Date` where it has one, so that a clock that is off does not
    matter. What is negative or past is 0. What is more than 31 days ahead is no wait at all: one
    slip of the service would close an account for years.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    seconds = _number(text)
    if seconds is None or seconds > _EPOCHS:
        until = _date(text) if seconds is None else _epoch(seconds)
        if until is None:
            return None
        seconds = until - _now(headers, now)
    return max(seconds, 0.0) if seconds <= _LONGEST else None


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
    return float(text) if _NUMBER.match(text) else None


def _epoch(number: float) -> float:
    return number / 1000.0 if number > _MILLIS else number


def _now(headers: Mapping[str, str], now: float) -> float:
    """Return the service's own time where the answer tells it."""
    return date_of(headers) or now


def _date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - 8 ms that few calls need

    try:
        date = parsedate_to_datetime(text)
        # One that names no zone is in UTC, as all dates of HTTP are, and not in this machine's.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
