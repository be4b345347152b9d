"""Texts with places to fill in: `Hi {first_name|there}`.

A place is looked up by its whole name among the columns of a line and is nothing else: no attribute
of anything, no index, no format. What was filled in is never read as a template again.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["NO_COLUMN", "Template", "UnfilledError", "folded", "like", "said"]

NO_COLUMN: Final = "there is no such column"
"""How the message begins where a line lacks a column, as most often all lines of a file do."""
_LONGEST_NAME: Final = 100
_PART: Final = re.compile(r"(?P<twice>\{\{|\}\})|\{(?P<place>[^{}]*)\}|(?P<stray>[{}])")


class _Place(NamedTuple):
    name: str
    instead: str | None


class UnfilledError(ConfigurationError):
    """Report a place that a line has nothing for; the text is about that line alone.

    Attributes:
        column: the place's name.
    """

    def __init__(self, message: str, *, column: str) -> None:
        super().__init__(message)
        self.column = column


class Template:
    """Be a text with places in braces.

    `{name}` is what the column of that name says, `{name|there}` says `there` where the column is
    missing or empty, `{name|}` nothing at all. `{{` and `}}` are braces.

    Args:
        field: what it is for, in errors.
        text: the template.

    Raises:
        ConfigurationError: a brace stands alone, or a place has no name.
    """

    def __init__(self, field: str, text: object) -> None:
        if not isinstance(text, str):
            msg = f"{field} must be a text, such as 'Hi {{first_name}}', not {type(text).__name__}"
            raise ConfigurationError(msg)
        self._parts: tuple[str | _Place, ...] = tuple(_parts(field, text))

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its places, in their order."""
        return tuple(one.name for one in self._parts if isinstance(one, _Place))

    def fill(self, columns: Mapping[str, object]) -> str:
        """Return the text for one line.

        Raises:
            UnfilledError: a column is missing, is empty, or says what is no text.
        """
        return "".join(
            one if isinstance(one, str) else _filled(one, columns) for one in self._parts
        )


def said(column: str, value: object) -> str:
    """Return what a value says, without white space around it; nothing for None.

    Raises:
        UnfilledError: it is a list, an object or a truth value.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\r\n", "\n").strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    msg = f"must be a text or a number, not {type(value).__name__}"
    raise UnfilledError(msg, column=column)


def like(name: str, names: Iterable[str]) -> str:
    """Return what to do about a name that is not among some."""
    known = [one for one in names if one]
    near = difflib.get_close_matches(folded(name), [folded(one) for one in known], n=1)
    for one in known:
        if near and folded(one) == near[0]:
            return f"did you mean {one!r}?"
    return "the columns are " + ", ".join(repr(one) for one in known[:12])


def folded(name: str) -> str:
    """Return a name as fields are spelled: small letters, with underscores."""
    return re.sub(r"[\s_-]+", "_", name.strip().casefold())


def _filled(place: _Place, columns: Mapping[str, object]) -> str:
    name, instead = place
    value = said(name, columns.get(name))
    if value:
        return value
    if instead is not None:
        return instead
    if name not in columns:
        raise UnfilledError(f"{NO_COLUMN}: {like(name, columns)}", column=name)
    msg = f"is empty: fill it in, or write {{{name}|something}} for those without"
    raise UnfilledError(msg, column=name)


def _parts(field: str, text: str) -> Iterable[str | _Place]:
    end = 0
    for found in _PART.finditer(text):
        if found.start() > end:
            yield text[end : found.start()]
        end = found.end()
        if found["twice"]:
            yield found["twice"][0]
        elif found["stray"]:
            msg = (
                f"{field}: the brace at character {found.start() + 1} stands alone: close the "
                f"place, or write {found['stray'] * 2} for a brace"
            )
            raise ConfigurationError(msg)
        else:
            yield _place(field, found["place"], found.start() + 1)
    if end < len(text):
        yield text[end:]


def _place(field: str, inside: str, at: int) -> _Place:
    name, bar, instead = inside.partition("|")
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or "\n" in name:
        msg = f"{field}: the place at character {at} needs the name of a column, as {{first_name}}"
        raise ConfigurationError(msg)
    return _Place(name, instead if bar else None)
