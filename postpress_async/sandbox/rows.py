"""Rows of lists, written once and then copied: JSON is what a page costs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from .wire import JsonObject, dump, without_nulls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEPT: Final = 60_000
"""Rows kept written, of about 1 KB each: a walk through a large world must not eat the machine."""


class Written(Protocol):
    """Something that remembers how it was last written; whoever changes it calls `forget`."""

    full: bytes | None
    """With nulls, as `/v1` says it."""
    short: bytes | None
    """Without them, as `/api/v1` does."""


T = TypeVar("T", bound=Written)


def forget(thing: Written) -> None:
    """Forget how a thing was written: it has changed."""
    thing.full = thing.short = None


class Shelf:
    """What was written last. The oldest is forgotten when the shelf is full."""

    __slots__ = ("_things",)

    def __init__(self) -> None:
        self._things: deque[Written] = deque()

    def write(self, thing: T, write: Callable[[T], JsonObject], *, short: bool) -> bytes:
        """Write a thing, and remember it."""
        if short:
            row = thing.short = dump(without_nulls(write(thing)))
        else:
            row = thing.full = dump(write(thing))
        self._things.append(thing)
        if len(self._things) > KEPT:
            forget(self._things.popleft())
        return row


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """A list's answer: rows that may be written already, and the cursor of the next page."""

    object: str
    items: Sequence[T]
    write: Callable[[T], JsonObject]
    cursor: str | None = None

    def dump(self, shelf: Shelf, *, short: bool) -> bytes:
        """Write it down."""
        write = self.write
        if short:
            rows = [one.short or shelf.write(one, write, short=True) for one in self.items]
        else:
            rows = [one.full or shelf.write(one, write, short=False) for one in self.items]
        tail = dump({"cursor": self.cursor})[1:]
        return b'{"object":"%b","items":[%b],%b' % (self.object.encode(), b",".join(rows), tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class One(Generic[T]):
    """The answer that is one thing."""

    thing: T
    write: Callable[[T], JsonObject]

    def dump(self, shelf: Shelf, *, short: bool) -> bytes:
        """Write it down."""
        found = self.thing.short if short else self.thing.full
        return found or shelf.write(self.thing, self.write, short=short)
