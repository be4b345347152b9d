"""Words of the wire that have several spellings, read as one."""

from __future__ import annotations

from datetime import UTC, datetime

_DEGREES = {
    "FIRST_DEGREE": 1,
    "SECOND_DEGREE": 2,
    "THIRD_DEGREE": 3,
    "DISTANCE_1": 1,
    "DISTANCE_2": 2,
    "DISTANCE_3": 3,
    "SELF": 0,
}
_OUTSIDE = 4  # messages count degrees as numbers: 4 is out of network, -1 unknown


def degree_of(distance: str | float | None) -> int | None:
    """Read any of the three spellings of a network distance.

    Profiles say `FIRST_DEGREE`, attendees `DISTANCE_1` or `SELF`, messages 1.
    """
    if isinstance(distance, str):
        return _DEGREES.get(distance.upper())
    if distance is None or not 0 <= distance < _OUTSIDE:
        return None
    return int(distance)


def moment(text: str | None) -> datetime | None:
    """Read an ISO 8601 time; None for what is no such time."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def epoch_milliseconds(number: float | None) -> datetime | None:
    """Read milliseconds since 1970; None for what is no such time."""
    try:
        return None if number is None else datetime.fromtimestamp(number / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
