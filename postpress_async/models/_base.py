"""What every model shares: frozen structs, the JSON they came from, lists that are never null."""

# Files with structs go without `from __future__ import annotations`: msgspec reads annotations,
# so they have to be objects, not words.

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast

import msgspec

from ._json import as_list, parse

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

UNKNOWN = "__unknown__"
"""The tag of every union's last resort; the service never sends it."""

Flag = bool | int | None
"""A yes or no: the documents say boolean or 0/1, the service sends either, and null."""

Number = float | int | None
"""A moment or an amount of which the documents only say `number`."""

JsonObject = dict[str, object]
"""An object of which the documents say nothing."""

if TYPE_CHECKING:
    Many = list[T]
else:
    # Null keeps an answer on the fast path; `lists_never_null` hides it from the reader.
    Many = Union[list[T], None]  # noqa: UP007 - `|` does not take a TypeVar


empty_list: Callable[[], list[Any]] = list
"""`list`, in a way that lets type checkers see the field's own type."""


class Part(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A piece of an answer.

    Made by decoding and frozen, it is in no cycle, so the collector need not count it.
    """


class _Memory:
    """Room for what a value remembers: no field, and a quarter of what a `__dict__` takes."""

    __slots__ = ("_issues", "_origin", "_raw")

    _issues: tuple[str, ...]
    _origin: object
    _raw: object


class Model(Part, _Memory, frozen=True, kw_only=True):
    """Something the API returns by itself, which remembers the JSON it came from.

    The memory is no field: equality, `repr`, `copy` and pickling do not see it.
    """

    @property
    def raw(self) -> dict[str, object]:
        """What the service sent, undocumented keys included; decoded at the first look.

        A value made by hand, copied, unpickled or nested in another one gives its own fields
        instead: look into the `raw` of what was returned.

        Raises:
            UnreadableError: A part that no field needed is broken.
        """
        found = getattr(self, "_raw", _NOT_YET)
        if found is _NOT_YET:
            found = _recall(self, getattr(self, "_origin", None))
            msgspec.structs.force_setattr(self, "_raw", found)
        return cast("dict[str, object]", found)

    @property
    def issues(self) -> tuple[str, ...]:
        """JSON paths of what did not fit the documents and was converted or left out; mostly empty.

        `raw` still holds what stood there.
        """
        return getattr(self, "_issues", ())


_NOT_YET = object()


def _recall(value: Model, origin: object) -> object:
    if isinstance(origin, bytes):
        return parse(origin)
    if isinstance(origin, PageMemory):
        return origin.row_of(value)
    return msgspec.to_builtins(value)


class PageMemory(msgspec.Struct, eq=False, gc=False):
    """The bytes of one list page, shared by all its items and decoded once.

    Nothing here points back to an item, so it is in no cycle.

    Attributes:
        body: What the service sent.
        ids: Whose row is the first, the second …, by identity: only an item that is alive asks.
    """

    body: bytes
    ids: list[int | None]
    _tree: dict[str, object] | None = None
    _rows: dict[int | None, int] | None = None

    def tree(self) -> dict[str, object]:
        """Return the whole page as the service sent it."""
        if self._tree is None:
            tree = parse(self.body)
            self._tree = cast(
                "dict[str, object]", tree if isinstance(tree, dict) else {"items": tree}
            )
        return self._tree

    def row_of(self, item: object) -> object:
        """Return one item as the service sent it."""
        if self._rows is None:
            self._rows = {id_: row for row, id_ in enumerate(self.ids)}
        return rows_of(self.tree())[self._rows[id(item)]]


def rows_of(tree: dict[str, object]) -> list[object]:
    """Return the rows of a page: `items`, else `data`; what is no list is one row."""
    rows = tree.get("items")
    if rows is None:
        rows = tree.get("data")
    if rows is None:
        return []
    several = as_list(rows)
    return [rows] if several is None else several


class _NullAsEmpty:
    """A list field that reads as empty when the service sent null.

    msgspec fills slots by their offset, so decoding never passes here: only readers do.
    """

    __slots__ = ("_slot",)

    def __init__(self, slot: object) -> None:
        self._slot = cast("property", slot)

    def __get__(self, owner: object, kind: type | None = None) -> object:
        if owner is None:
            return self
        value: object = self._slot.__get__(owner, kind)
        return [] if value is None else value


def lists_never_null(cls: type[S]) -> type[S]:
    """Let every `Many` field of a struct read as an empty list where the service sent null.

    Such a field is known by its default, a new list: `list[str] | None = None` keeps its null.
    """
    defaults = cls.__struct_defaults__
    with_default = cls.__struct_fields__[-len(defaults) :]
    for name, default in zip(with_default, defaults, strict=True):
        if getattr(default, "factory", None) is list and name in cls.__dict__:
            setattr(cls, name, _NullAsEmpty(cls.__dict__[name]))
    return cls


def first_text(*candidates: object) -> str | None:
    """Return the first candidate that is a text with something in it."""
    return next((one for one in candidates if isinstance(one, str) and one), None)


def full_name(first: str | None, last: str | None) -> str | None:
    """Join what there is of a name."""
    return " ".join(part for part in (first, last) if part) or None
