"""What a user may give, checked before anything is sent; each refusal names field and remedy."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import positive

from ._base import Content, checked_text

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
_ONE: Final = (str, bytes, bytearray, memoryview)
MOST_TYPING_SECONDS: Final = 300.0
"""The service holds its answer for as long as it shows somebody as typing, and so does a slot."""


def short_text(name: str, value: object, *, most: int, why: str) -> str:
    """Refuse a text that is empty, or has more characters than the service takes."""
    text = checked_text(name, value)
    if len(text) > most:
        msg = f"{name} has {len(text)} characters, and {why} has at most {most}: shorten it"
        raise ConfigurationError(msg)
    return text


def optional_text(name: str, value: object) -> str | None:
    """Refuse what is neither a text with something in it nor None."""
    return None if value is None else checked_text(name, value)


def one_of(name: str, value: object, words: Sequence[str]) -> None:
    """Refuse what is neither one of a few words nor None."""
    if value is not None and value not in words:
        msg = f"{name} must be one of {', '.join(words)}, not {value!r}"
        raise ConfigurationError(msg)


def within(name: str, value: object, least: float, most: float) -> None:
    """Refuse what is neither a whole number between two others nor None."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        msg = f"{name} must be a whole number from {least} to {most}, not {value!r}"
        raise ConfigurationError(msg)


def number(name: str, value: object) -> None:
    """Refuse what is no number that ends."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        msg = f"{name} must be a number, not {value!r:.80}"
        raise ConfigurationError(msg)


def milliseconds(name: str, seconds: float | None) -> int | None:
    """Return seconds as the whole milliseconds that the service takes."""
    positive(name, seconds)
    if seconds is None:
        return None
    if not isfinite(seconds):
        msg = f"{name} must be a number of seconds that ends, not {seconds!r}"
        raise ConfigurationError(msg)
    return max(round(seconds * 1000), 1)


def typing_of(seconds: float | None) -> int | None:
    """Return for how many milliseconds to show as typing; nobody does so for long."""
    wanted = milliseconds("typing_duration", seconds)
    if seconds is not None and seconds > MOST_TYPING_SECONDS:
        msg = (
            f"typing_duration must be at most {MOST_TYPING_SECONDS:g} seconds, not {seconds:g}: "
            "wait before the call instead"
        )
        raise ConfigurationError(msg)
    return wanted


def flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False nor None."""
    if value is not None and not isinstance(value, bool):
        msg = f"{name} must be True or False, not {value!r:.80}"
        raise ConfigurationError(msg)


def several(name: str, values: Sequence[T]) -> tuple[T, ...]:
    """Refuse one thing where a list of them is meant, and what can be walked but once."""
    given = cast("object", values)
    if isinstance(given, _ONE) or not isinstance(given, Sequence):
        kind = type(cast("object", values)).__name__
        msg = f"{name} must be a list, not {kind}: put it in brackets"
        raise ConfigurationError(msg)
    return tuple(values)


def json_body(values: Mapping[str, object], *secrets: str | None) -> Content:
    """Return a JSON body; None leaves a name out.

    Args:
        values: names and values.
        secrets: texts in it that no error may repeat.
    """
    said = {name: value for name, value in values.items() if value is not None}
    return Content(
        data=msgspec.json.encode(said),
        kind="application/json",
        secrets=tuple(text for text in secrets if text),
    )


def struct_of(name: str, value: object, kind: type[T]) -> T | None:
    """Refuse what is neither of a type nor None."""
    if value is None or isinstance(value, kind):
        return value
    msg = f"{name} must be a {kind.__name__}(…), not {type(value).__name__}"
    raise ConfigurationError(msg)
