"""Cursors: opaque, padded, and good for one list only."""

from __future__ import annotations

import base64
import binascii
import heapq
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, TypeVar

from .problems import Problem
from .wire import as_list, dump, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Key: TypeAlias = "tuple[int, int]"


class Keyed(Protocol):
    """Something with a place in an ascending list."""

    @property
    def key(self) -> Key:
        """Its place: an instant in milliseconds, and a number that no other one has."""
        ...


T = TypeVar("T", bound=Keyed)
U = TypeVar("U")
key_of: Final = attrgetter("key")
_BOOKMARKS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[U]):
    """One page, and the cursor of the next."""

    items: list[U]
    cursor: str | None
    ahead: U | None = None
    """The next row, which was looked at to know whether there is one."""


def below(rows: Sequence[T], key: Key | None) -> Iterator[T]:
    """Walk down an ascending list, from just under a place."""
    end = len(rows) if key is None else bisect_left(rows, key, key=key_of)
    return map(rows.__getitem__, range(end - 1, -1, -1))


def merged(sources: Iterable[tuple[Key, Callable[[], Iterator[T]]]]) -> Iterator[T]:
    """Merge walks down. Each is begun when its turn comes: its rows lie at or under its bound."""
    heap: list[tuple[int, int, int, T | None, Iterator[T]]] = []
    begin: list[Callable[[], Iterator[T]]] = []
    for order, ((at, number), walk) in enumerate(sources):
        heap.append((-at, -number, order, None, iter(())))
        begin.append(walk)
    heapq.heapify(heap)
    while heap:
        _, _, order, row, rows = heap[0]
        if row is None:
            rows = begin[order]()
        else:
            yield row
        row = next(rows, None)
        if row is None:
            heapq.heappop(heap)
        else:
            at, number = row.key
            heapq.heapreplace(heap, (-at, -number, order, row, rows))


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
    return take(below(rows, read(cursor, name)), name=name, limit=limit, wanted=wanted)


def take(
    rows: Iterable[T], *, name: str, limit: int, wanted: Callable[[T], bool] | None = None
) -> Page[T]:
    """Take a page of rows that come newest first and begin under the cursor."""
    chosen = rows if wanted is None else filter(wanted, rows)
    taken = list(islice(chosen, limit + 1))
    if len(taken) <= limit:
        return Page(items=taken, cursor=None)
    ahead = taken.pop()
    return Page(items=taken, cursor=write(name, taken[-1].key), ahead=ahead)


class Walk(Generic[U]):
    """Rows, one of which may be put back."""

    __slots__ = ("_back", "_rows")

    def __init__(self, rows: Iterator[U]) -> None:
        self._rows = rows
        self._back: U | None = None

    def __iter__(self) -> Iterator[U]:
        return self

    def __next__(self) -> U:
        back = self._back
        if back is None:
            return next(self._rows)
        self._back = None
        return back

    def put_back(self, row: U) -> None:
        """Have this row come next."""
        self._back = row


class Bookmarks(Generic[U]):
    """Walks that stopped at a page's end. Where many lists are merged, to begin is what costs.

    A walk goes on as if it had begun anew, since rows are only ever put in above it.
    """

    __slots__ = ("_walks",)

    def __init__(self) -> None:
        self._walks: OrderedDict[str, Walk[U]] = OrderedDict()

    def keep(self, page: Page[U], walk: Walk[U]) -> None:
        """Remember how a page goes on."""
        if page.cursor is None or page.ahead is None:
            return
        walk.put_back(page.ahead)
        self._walks[page.cursor] = walk
        if len(self._walks) > _BOOKMARKS:
            self._walks.popitem(last=False)

    def take(self, cursor: str | None) -> Walk[U] | None:
        """Give what comes after a cursor, once; whoever asks again must look for the place."""
        return None if cursor is None else self._walks.pop(cursor, None)


def write(name: str, key: Key, *more: int) -> str:
    """Write a cursor."""
    text = dump([name, *key, *more])
    # always padded: `=` must survive the client's URL encoding, and one that drops it must be seen
    return base64.b64encode(text + b" " * ((1 - len(text)) % 3)).decode()


def read(cursor: str | None, name: str) -> Key | None:
    """Read a cursor; None where the walk begins.

    Raises:
        Problem: It is not one of ours, or that of another list.
    """
    if cursor is None:
        return None
    at, number = numbers(cursor, name, 2)
    return at, number


def numbers(cursor: str, name: str, count: int) -> tuple[int, ...]:
    """Read a cursor that carries this many numbers.

    Raises:
        Problem: It is not one of ours, or that of another list.
    """
    try:
        found = as_list(load(base64.b64decode(cursor, validate=True)))
    except (binascii.Error, ValueError) as error:
        raise Problem("invalid_parameters", "cursor is not one of ours") from error
    rest = [one for one in (found or [])[1:] if isinstance(one, int)]
    if not found or found[0] != name or len(found) != count + 1 or len(rest) != count:
        raise Problem("invalid_parameters", "cursor belongs to another list")
    return tuple(rest)
