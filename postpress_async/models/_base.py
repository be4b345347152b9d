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


class Model(Part, frozen=True, kw_only=True, dict=True, gc=True):
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
        memory = self.__dict__
        if "_raw" not in memory:
            msgspec.structs.force_setattr(self, "_raw", _recall(self, memory.get("_body")))
        return cast("dict[str, object]", memory["_raw"])

    @property
    def issues(self) -> tuple[str, ...]:
        """JSON paths of what did not fit the documents and was converted or left out; mostly empty.

        `raw` still holds what stood there.
        """
        return cast("tuple[str, ...]", self.__dict__.get("_issues", ()))


def _recall(value: Model, origin: object) -> object:
    if isinstance(origin, bytes):
        return parse(origin)
    if isinstance(origin, tuple):
        page, index = cast("tuple[PageMemory, int]", origin)
        return page.row(index)
    return msgspec.to_builtins(value)


class PageMemory:
    """The bytes of one list page, shared by all its items and decoded once."""

    __slots__ = ("_body", "_tree")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._tree: dict[str, object] | None = None

    def tree(self) -> dict[str, object]:
        """Return the whole page as the service sent it."""
        if self._tree is None:
            tree = parse(self._body)
            self._tree = cast(
                "dict[str, object]", tree if isinstance(tree, dict) else {"items": tree}
            )
        return self._tree

    def row(self, index: int) -> object:
        """Return one item as the service sent it."""
        return rows_of(self.tree())[index]


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
