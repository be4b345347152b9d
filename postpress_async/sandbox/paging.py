"""Cursors: opaque, padded, and good for one list only."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .problems import Problem
from .wire import as_list, dump, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Key = tuple[int, int]


class Keyed(Protocol):
    """Something with a place in an ascending list."""

    @property
    def key(self) -> Key:
        """Its place: an instant in milliseconds, and a number that no other one has."""
        ...


T = TypeVar("T", bound=Keyed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page, and the cursor of the next."""

    items: list[T]
    cursor: str | None


def newest_first(
    rows: Sequence[T],
    *,
    name: str,
    cursor: str | None,
    limit: int,
    wanted: Callable[[T], bool] | None = None,
) -> Page[T]:
    """Take a page of an ascending list, from its end.

    The cursor names the last row given, not an offset: what arrives meanwhile at the top neither
    repeats nor hides a row.
    """
    end = len(rows) if cursor is None else bisect_left(rows, _read(cursor, name), key=_key_of)
    taken: list[T] = []
    for index in range(end - 1, -1, -1):
        row = rows[index]
        if wanted is not None and not wanted(row):
            continue
        if len(taken) == limit:
            return Page(items=taken, cursor=_write(name, taken[-1].key))
        taken.append(row)
    return Page(items=taken, cursor=None)


def _key_of(row: Keyed) -> Key:
    return row.key


def _write(name: str, key: Key) -> str:
    text = dump([name, *key])
    # always padded: `=` must survive the client's URL encoding, and one that drops it must be seen
    return base64.b64encode(text + b" " * ((1 - len(text)) % 3)).decode()


def _read(cursor: str, name: str) -> Key:
    try:
        found = as_list(load(base64.b64decode(cursor, validate=True)))
    except (binascii.Error, ValueError) as error:
        raise Problem("invalid_parameters", "cursor is not one of ours") from error
    match found:
        case [str(of), int(at), int(number)] if of == name:
            return at, number
        case _:
            raise Problem("invalid_parameters", "cursor belongs to another list")
