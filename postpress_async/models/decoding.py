"""Tolerant decoding: bytes in, models out, no I/O.

The typed decoder of msgspec does the work. Only when it objects, `_mending` walks the answer beside
the type and converts, replaces or leaves out the smallest nodes that do not fit; `issues` tells
what was touched, and `raw` still has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast, get_args, overload

import msgspec
from msgspec.structs import force_setattr

from ._base import Model, PageMemory, rows_of
from ._json import UnreadableError, as_object, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._mending import Mender

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

__all__ = ["PageBody", "PageReader", "Reader", "UnreadableError"]


class Reader(Generic[T]):
    """Reads answers of one type; build it once and share it.

    A `Model` remembers the bytes it came from. For a union, say what comes out:
    `profiles: Reader[Profile] = Reader(Profile)`.
    """

    __slots__ = ("_decode", "_keep", "_mender", "_type")

    @overload
    def __init__(self, type: type[T]) -> None: ...
    @overload
    def __init__(self, type: object) -> None: ...
    def __init__(self, type: object) -> None:
        self._type = type
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(type).decode
        self._keep = _keeper(type)
        self._mender: Mender | None = None

    def read(self, body: bytes) -> T:
        """Decode one answer, at the speed of msgspec when it is what the documents say.

        Raises:
            UnreadableError: No JSON, or of a wholly different shape.
        """
        try:
            value = self._decode(body)
        except (ValueError, RecursionError):
            return self._mend(body)
        self._keep(value, "_origin", body)
        return value

    def _mend(self, body: bytes) -> T:
        if self._mender is None:
            self._mender = _mender_of(self._type)
        value, issues = self._mender.mend(parse(body), "$")
        self._keep(value, "_origin", body)
        if issues:
            self._keep(value, "_issues", issues)
        return cast("T", value)


class PageBody(Generic[T_co]):
    """One page of a list.

    Attributes:
        items: The rows, in the service's order.
        cursor: What the next page is asked with; None at the end.
        issues: JSON paths of what did not fit and was converted or left out, a whole row at worst.
    """

    __slots__ = ("_memory", "cursor", "issues", "items")

    items: list[T_co]
    cursor: str | None
    issues: tuple[str, ...]

    def __init__(
        self,
        items: list[T_co],
        cursor: str | None,
        memory: PageMemory,
        issues: tuple[str, ...] = (),
    ) -> None:
        self.items = items
        self.cursor = cursor
        self.issues = issues
        self._memory = memory

    @property
    def raw(self) -> dict[str, object]:
        """The whole page as the service sent it: `total_items`, `paging` and the like live here."""
        return self._memory.tree()


class _Paging(msgspec.Struct):
    cursor: str | None = None


class _Envelope(msgspec.Struct, Generic[T]):
    """The list shapes of the reference pages, the quickstart and post reactions in one."""

    items: list[T] | None = None
    data: list[T] | None = None
    cursor: str | None = None
    next_cursor: str | None = None
    paging: _Paging | None = None

    @property
    def next(self) -> str | None:
        """What the next page is asked with."""
        inner = self.paging.cursor if self.paging is not None else None
        return self.cursor or self.next_cursor or inner or None


class PageReader(Generic[T]):
    """Reads pages of one item type; build it once and share it.

    Rows are `items`, else `data`; the next cursor is `cursor`, else `next_cursor`, else
    `paging.cursor`, and missing, null and empty all mean the end.
    """

    __slots__ = ("_decode", "_decode_row", "_keep", "_mender", "_type")

    @overload
    def __init__(self, type: type[T]) -> None: ...
    @overload
    def __init__(self, type: object) -> None: ...
    def __init__(self, type: object) -> None:
        self._type = type
        # Type checkers want a class between the brackets; msgspec takes any type there.
        envelope = _Envelope[type]  # type: ignore[valid-type]  # pyright: ignore[reportInvalidTypeArguments, reportUnknownVariableType]
        decode: object = msgspec.json.Decoder(envelope).decode
        self._decode = cast("Callable[[bytes], _Envelope[T]]", decode)
        self._decode_row: Callable[[msgspec.Raw], T] | None = None
        self._keep = _keeper(type)
        self._mender: Mender | None = None

    def read(self, body: bytes) -> PageBody[T]:
        """Decode one page; a row that does not fit costs itself at most.

        Items remember the page, so one item that is kept keeps the bytes of its whole page.

        Raises:
            UnreadableError: No JSON, or no list in it, or a next page that is named by no text: the
                walk must not end there as if that were all.
        """
        try:
            page = self._decode(body)
        except (ValueError, RecursionError):
            return self._mend(body)
        items = page.items if page.items is not None else page.data
        if items is None:
            return self._mend(body)  # empty, or no list at all: the slow path looks closer
        memory = PageMemory(body, list(map(id, items)))
        keep = self._keep
        for item in items:
            keep(item, "_origin", memory)
        return PageBody(items, page.next, memory)

    def _mend(self, body: bytes) -> PageBody[T]:
        """Read a page that has something odd in it: only the rows that have it take longer."""
        try:
            page = _ROWS(body)
        except (ValueError, RecursionError):
            page = None
        if page is not None and page.items is not None:
            return self._mended(body, "items", page.items, page.next)
        if page is not None and page.data is not None:
            return self._mended(body, "data", page.data, page.next)
        tree = _page_of(parse(body))  # the page itself is odd, or no page at all
        key = "items" if tree.get("items") is not None else "data"
        return self._mended(body, key, rows_of(tree), _cursor_of(tree))

    def _mended(
        self, body: bytes, key: str, rows: Sequence[object], cursor: str | None
    ) -> PageBody[T]:
        memory = PageMemory(body, [])
        items: list[T] = []
        issues: list[str] = []
        for index, row in enumerate(rows):
            path = f"$.{key}[{index}]"
            try:
                value, found = self._row(row, path)
            except UnreadableError:
                issues.append(path)
                memory.ids.append(None)
                continue
            items.append(value)
            issues += found
            memory.ids.append(id(value))
            self._keep(value, "_origin", memory)
            if found:
                self._keep(value, "_issues", found)
        return PageBody(items, cursor, memory, tuple(issues))

    def _row(self, row: object, path: str) -> tuple[T, tuple[str, ...]]:
        if isinstance(row, msgspec.Raw):
            if self._decode_row is None:
                self._decode_row = msgspec.json.Decoder(cast("type[T]", self._type)).decode
            try:
                return self._decode_row(row), ()
            except (ValueError, RecursionError):
                row = parse(bytes(row))
        if self._mender is None:
            self._mender = _mender_of(self._type)
        value, found = self._mender.mend(row, path)
        return cast("T", value), found


_ROWS: Callable[[bytes], _Envelope[msgspec.Raw]] = msgspec.json.Decoder(
    _Envelope[msgspec.Raw]
).decode


def _page_of(tree: object) -> dict[str, object]:
    if isinstance(tree, list):
        return {"items": cast("object", tree)}
    page = as_object(tree)
    if page is None:
        raise UnreadableError("$", "A list page was expected")
    # `{"error": …}` with status 200 must not read as the end of a list.
    if "items" not in page and "data" not in page and not str(page.get("object")).endswith("List"):
        raise UnreadableError("$", "The answer holds neither `items` nor `data`")
    return page


def _cursor_of(page: dict[str, object]) -> str | None:
    paging = as_object(page.get("paging")) or {}
    for cursor in (page.get("cursor"), page.get("next_cursor"), paging.get("cursor")):
        if isinstance(cursor, int) and not isinstance(cursor, bool):
            return str(cursor)
        if isinstance(cursor, str) and cursor:
            return cursor
        if cursor and not isinstance(cursor, str):  # more follows, and who knows where
            raise UnreadableError("$.cursor", "The cursor of the next page is no text")
    return None


def _keeper(kind: object) -> Callable[[object, str, object], None]:
    """Return what attaches memories to values of a type: C code, or nothing for foreign types."""
    members = get_args(kind) or (kind,)
    if all(isinstance(member, type) and issubclass(member, Model) for member in members):
        return cast("Callable[[object, str, object], None]", force_setattr)
    return _forget


def _forget(_value: object, _name: str, _what: object) -> None:
    """Keep nothing on values that have no room for it."""


def _mender_of(kind: object) -> Mender:
    from ._mending import Mender  # noqa: PLC0415 - most programs never need it

    return Mender(kind)
