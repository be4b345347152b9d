"""Instants as the service reads them: UTC, three fractional digits, `Z`."""

from __future__ import annotations

from datetime import UTC, datetime

from postpress_async.errors import ConfigurationError


def instant(name: str, value: object) -> str | None:
    """Return an instant on the wire; a text passes as it is.

    Raises:
        ConfigurationError: a datetime without a time zone, whose instant nobody can know.
    """
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, datetime):
        msg = f"{name} must be a datetime or an ISO 8601 text, not {type(value).__name__}"
        raise ConfigurationError(msg)
    if value.tzinfo is None:
        msg = f"{name} must have a time zone: datetime.now(UTC), not datetime.now()"
        raise ConfigurationError(msg)
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        msg = f"{name} is at the end of time, where its zone cannot be left: give another one"
        raise ConfigurationError(msg) from None
    return utc.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
