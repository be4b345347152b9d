"""Fields of a multipart body: nested names in brackets, lists by repeating their name.

Source: Send messages (`linkedin[inmail]=true`, `attendees_ids` repeated); Edit own profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


def fields(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return names and texts in order; None leaves a name out, at any depth.

    Raises:
        ConfigurationError: a value that no form can carry.
    """
    return [pair for name, value in values.items() for pair in _flat(name, value)]


def _flat(name: str, value: object) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, (int, float)):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for inner, below in cast("Mapping[str, object]", value).items():
            yield from _flat(f"{name}[{inner}]", below)
    elif isinstance(value, (list, tuple)):
        for each in cast("list[object] | tuple[object, ...]", value):
            yield from _flat(name, each)
    else:
        msg = f"{name} must be text, a number, True or False, not {type(value).__name__}"
        raise ConfigurationError(msg)
