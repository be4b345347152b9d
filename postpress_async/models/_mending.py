"""Making an answer fit its type, node by node: the slow path of `decoding`.

One walk over the parsed answer beside the type. Each node is kept as it is, converted, or given
up, and what is given up is the smallest thing that can be: a key of a struct, an item of a list, a
member of a union (which becomes the union's Unknown). Linear in the answer, and independent of the
wording of msgspec's errors.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Union, cast, get_args, get_origin

import msgspec

from ._base import UNKNOWN
from ._json import UnreadableError, as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SCALARS: frozenset[object] = frozenset({str, int, float, bool, type(None)})
_DIGITS = 18  # a longer number is an id that happens to be digits, or an attack
_WORDS = {"true": True, "false": False, "1": True, "0": False}


class _Misfit:
    """What cannot be made to fit."""


_MISFIT = _Misfit()


class _Shape:
    """What a place takes: a union, flattened.

    Attributes:
        open: Anything goes, or nothing is known about it.
        scalars: The plain values taken.
        item: What the items of a list are, where a list is taken.
        mapping: Whether any object is taken as it is.
        structs: The structs taken, by tag; None for one without a tag.
        tag_field: The key that tells them apart.
    """

    __slots__ = ("folded", "item", "mapping", "open", "scalars", "structs", "tag_field")

    def __init__(self, kind: object) -> None:
        self.open = False
        self.scalars: set[object] = set()
        self.item: object = _MISFIT
        self.mapping = False
        self.structs: dict[str | None, type[msgspec.Struct]] = {}
        self.tag_field: str | None = None
        for member in _members(kind):
            self._take(member)
        self.folded = {tag.casefold(): tag for tag in self.structs if tag}

    def _take(self, member: object) -> None:
        origin = get_origin(member) or member
        if member in _SCALARS:
            self.scalars.add(member)
        elif origin is list:
            self.item = (get_args(member) or (object,))[0]
        elif origin is dict:
            self.mapping = True
        elif isinstance(origin, type) and issubclass(origin, msgspec.Struct):
            config = origin.__struct_config__
            self.tag_field = config.tag_field
            self.structs[cast("str | None", config.tag)] = origin
        else:
            self.open = True


def _members(kind: object) -> list[object]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return [one for member in get_args(kind) for one in _members(member)]
    return [type(None) if kind is None else kind]


_shape_of: Callable[[object], _Shape] = cache(_Shape)


@cache
def _fields_of(struct: type[msgspec.Struct]) -> Mapping[str, object]:
    hints = typing.get_type_hints(struct)
    return {
        wire: hints[name]
        for name, wire in zip(
            struct.__struct_fields__, struct.__struct_encode_fields__, strict=True
        )
    }


class Mender:
    """Makes parsed answers fit one type."""

    __slots__ = ("_type",)

    def __init__(self, kind: object) -> None:
        self._type = cast("type[object]", kind)

    def mend(self, node: object, path: str) -> tuple[object, tuple[str, ...]]:
        """Return the value that a node reads as, and the paths of what was touched.

        Raises:
            UnreadableError: Nothing of it fits.
        """
        try:
            return msgspec.convert(node, self._type), ()
        except (ValueError, RecursionError):
            walk = _Walk()
        try:
            fitted = walk.fit(node, self._type, path)
            if fitted is _MISFIT:
                raise UnreadableError(path, f"The answer is no {_name(self._type)}")
            return msgspec.convert(fitted, self._type), tuple(walk.issues)
        except msgspec.ValidationError as error:
            raise UnreadableError(path, str(error)) from None
        except RecursionError:
            raise UnreadableError(path, "The answer is nested too deeply") from None


class _Walk:
    """One walk over one answer."""

    __slots__ = ("issues",)

    def __init__(self) -> None:
        self.issues: list[str] = []

    def fit(self, node: object, kind: object, path: str) -> object:
        """Return the node as a place of that type takes it, or the misfit."""
        shape = _shape_of(kind)
        if shape.open or type(node) in shape.scalars:
            return node
        if (found := as_object(node)) is not None:
            if shape.structs:
                return self._object(found, shape, path)
            if shape.mapping:
                return found
        elif (several := as_list(node)) is not None and shape.item is not _MISFIT:
            return self._list(several, shape.item, path)
        if type(node) is int and float in shape.scalars:
            return node
        self.issues.append(path)
        return self._coerce(node, shape, path)

    def _object(self, node: dict[str, object], shape: _Shape, path: str) -> object:
        tag = node.get(shape.tag_field) if shape.tag_field else None
        known = tag if isinstance(tag, str) and tag in shape.structs else None
        if known is None and isinstance(tag, str):
            known = shape.folded.get(tag.casefold())
        if known is None and len(shape.structs) == 1:
            known = next(iter(shape.structs))  # no union: its tag is only a label
        if known is None and None not in shape.structs:
            self.issues.append(path)
            return {shape.tag_field: UNKNOWN, "raw": node} if UNKNOWN in shape.structs else _MISFIT
        fitted = self._fields(node, shape.structs[known], path)
        if known is not None:
            fitted[cast("str", shape.tag_field)] = known
        return fitted

    def _fields(
        self, node: dict[str, object], struct: type[msgspec.Struct], path: str
    ) -> dict[str | None, object]:
        fitted: dict[str | None, object] = {}
        for name, kind in _fields_of(struct).items():
            if name in node:
                value = self.fit(node[name], kind, f"{path}.{name}")
                if value is not _MISFIT:
                    fitted[name] = value
        return fitted

    def _list(self, nodes: list[object], kind: object, path: str) -> list[object]:
        fitted = (self.fit(node, kind, f"{path}[{index}]") for index, node in enumerate(nodes))
        return [value for value in fitted if value is not _MISFIT]

    def _coerce(self, node: object, shape: _Shape, path: str) -> object:
        """Read a node as what was obviously meant, else as nothing."""
        if (several := as_list(node)) is not None:
            if len(several) == 1 and shape.item is _MISFIT:
                return self._first(several[0], shape, path)
            return _MISFIT
        if shape.item is not _MISFIT and node not in (None, ""):
            value = self.fit(node, shape.item, path)
            return _MISFIT if value is _MISFIT else [value]
        return _plain(node, shape.scalars)

    def _first(self, node: object, shape: _Shape, path: str) -> object:
        """Read `[x]` as x, where x is meant; a list within the list is not looked into."""
        found = as_object(node)
        if found is not None and shape.structs:
            return self._object(found, shape, path)
        return node if type(node) in shape.scalars else _plain(node, shape.scalars)


def _plain(node: object, taken: set[object]) -> object:
    """Convert between texts, numbers and flags where nothing is lost."""
    if isinstance(node, str):
        return _from_text(node.strip(), taken)
    if isinstance(node, bool):
        return int(node) if int in taken or float in taken else _MISFIT
    if isinstance(node, float) and int in taken and node.is_integer():
        return int(node)
    if node in (0, 1) and bool in taken:
        return bool(node)
    if isinstance(node, int | float) and str in taken:
        return str(node)
    return _MISFIT


def _from_text(text: str, taken: set[object]) -> object:
    if bool in taken and text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if int in taken and text.lstrip("-").isdecimal() and text.isascii() and len(text) <= _DIGITS:
        return _number(text, int)
    if float in taken and len(text) <= _DIGITS:
        return _number(text, float)
    return _MISFIT


def _number(text: str, kind: Callable[[str], float]) -> object:
    try:
        value = kind(text)
    except ValueError:
        return _MISFIT  # "--5", "abc"
    return value if abs(value) < float("inf") else _MISFIT  # no "nan", no "1e999"


def _name(kind: object) -> str:
    return " or ".join(str(getattr(one, "__name__", one)) for one in _members(kind))
