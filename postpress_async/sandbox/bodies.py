"""Bodies as the service reads them: multipart, form or JSON, all into one tree."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import parse_qsl

from .multipart import MultipartReader, Upload
from .problems import Problem
from .wire import as_list, as_object, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .vault import Vault

MAX_FLAT: Final = 8 * 2**20  # of a body that is no multipart
_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


Node: TypeAlias = "object"  # str | Upload | JSON scalars | list[Node] | dict[str, Node]


class Fields:
    """The fields of a body, whichever way they were written."""

    __slots__ = ("_tree",)

    def __init__(self, tree: Mapping[str, Node] | None = None) -> None:
        self._tree: Mapping[str, Node] = tree or {}

    def __contains__(self, name: str) -> bool:
        return self._tree.get(name) is not None

    def text(self, name: str) -> str | None:
        """Give a string; the last one, when the key is repeated.

        Raises:
            Problem: It is no string.
        """
        found = self._tree.get(name)
        several = as_list(found)
        if several:
            found = several[-1]
        if found is None or isinstance(found, str):
            return found
        raise Problem("invalid_parameters", f"{name} must be a string")

    def required(self, name: str) -> str:
        """Give a string that must be there and not be empty.

        Raises:
            Problem: It is not there.
        """
        found = self.text(name)
        if not found:
            raise Problem("missing_parameters", f"{name} is required")
        return found

    def texts(self, name: str) -> list[str]:
        """Give all strings under a key: repeated, `key[]`, `key[0]`, or a JSON array.

        Raises:
            Problem: One of them is no string.
        """
        found = self._tree.get(name)
        if found is None:
            return []
        indexed = as_object(found)
        if indexed is not None and all(key.isdigit() for key in indexed):
            found = [indexed[key] for key in sorted(indexed, key=int)]
        rows: list[str] = []
        several = as_list(found)
        for item in [found] if several is None else several:
            if not isinstance(item, str):
                raise Problem("invalid_parameters", f"{name} must be a list of strings")
            rows.append(item)
        return rows

    def flag(self, name: str) -> bool | None:
        """Give a boolean: JSON's, or the literal words of a form.

        Raises:
            Problem: It is neither true nor false.
        """
        found = self._tree.get(name)
        if found is None or isinstance(found, bool):
            return found
        if found in ("true", "false"):
            return found == "true"
        raise Problem("invalid_parameters", f"{name} must be true or false")

    def child(self, name: str) -> Fields:
        """Give a nested object: `linkedin[api]`, or JSON's own."""
        found = as_object(self._tree.get(name))
        return Fields(cast("Mapping[str, Node] | None", found))

    def has_children(self, name: str) -> bool:
        """Tell whether a nested object is there."""
        return as_object(self._tree.get(name)) is not None

    def number(self, name: str) -> float | None:
        """Give a number: JSON's, or one written in a form.

        Raises:
            Problem: It is none.
        """
        found = self._tree.get(name)
        if found is None:
            return None
        try:
            if isinstance(found, str | int | float) and not isinstance(found, bool):
                number = float(found)
                if math.isfinite(number):
                    return number
        except ValueError:
            pass
        raise Problem("invalid_parameters", f"{name} must be a number")

    def files(self, name: str) -> list[Upload]:
        """Give the files under a key."""
        found = self._tree.get(name)
        indexed = as_object(found)
        several = list(indexed.values()) if indexed is not None else as_list(found) or [found]
        return [item for item in several if isinstance(item, Upload)]

    def value(self, name: str) -> object:
        """Give what is there, unread."""
        return self._tree.get(name)

    def fingerprint(self) -> str:
        """Digest everything, so that two bodies can be compared whatever their boundary was."""
        return hashlib.sha256(_plain(dict(self._tree)).encode()).hexdigest()


NOTHING: Final = Fields()


class BodyReader:
    """Reads a body as it arrives."""

    __slots__ = ("_any", "_content_type", "_form", "_kind", "_raw")

    def __init__(self, content_type: str | None, vault: Vault | None = None) -> None:
        self._content_type = content_type or ""
        self._kind = self._content_type.partition(";")[0].strip().lower()
        self._any = False
        self._raw = bytearray()
        self._form = (
            MultipartReader(self._content_type, vault)
            if self._kind == "multipart/form-data"
            else None
        )

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._any = self._any or bool(data)
        if self._form is not None:
            self._form.feed(data)
        elif len(self._raw) <= MAX_FLAT:  # one too long is read to its end, and not kept
            self._raw += data

    def fields(self) -> Fields:
        """Give what was read.

        Raises:
            Problem: It cannot be read (400), something is too large (400), or its type is
                unknown (415).
        """
        if not self._any:
            return NOTHING
        if self._form is not None:
            return Fields(_tree(self._form.parts()))
        if len(self._raw) > MAX_FLAT:
            raise Problem("content_too_large", "The body is too large.")
        match self._kind:
            case "application/json":
                return _from_json(bytes(self._raw))
            case "application/x-www-form-urlencoded":
                return Fields(_tree(_form(bytes(self._raw))))
            case kind:
                detail = f"{kind or 'no content type'} is not supported"
                raise Problem("unsupported_media_type", detail)


def parse_body(raw: bytes, content_type: str | None) -> Fields:
    """Read a body that is there as a whole; see `BodyReader.fields`."""
    reader = BodyReader(content_type)
    reader.feed(raw)
    return reader.fields()


def _from_json(raw: bytes) -> Fields:
    try:
        found = as_object(load(raw))
    except ValueError as error:
        raise Problem("malformed_request", "The body is not valid JSON.") from error
    if found is None:
        raise Problem("malformed_request", "The body must be a JSON object.")
    return Fields(found)


def _form(raw: bytes) -> list[tuple[str, str | Upload]]:
    try:
        return [*parse_qsl(raw.decode(), keep_blank_values=True)]
    except ValueError as error:
        raise Problem("malformed_request", "The form is not UTF-8.") from error


def _tree(pairs: Sequence[tuple[str, str | Upload]]) -> dict[str, Node]:
    tree: dict[str, Node] = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise Problem("invalid_parameters", f"{key} is not a field name")
        inner = re.findall(r"\[([^\[\]]*)\]", match[2])
        _put(tree, [match[1], *inner], value)
    return tree


def _put(tree: dict[str, Node], path: list[str], value: Node) -> None:
    if len(path) > 1 and path[-1] == "":
        path = path[:-1]  # `key[]` is a repeated `key`
    *parents, last = path
    for step in parents:
        child = as_object(tree.setdefault(step, {}))
        if child is None:
            raise Problem("invalid_parameters", f"{step} is given twice, in different shapes")
        tree = child
    if last not in tree:
        tree[last] = value
        return
    several = as_list(tree[last])
    tree[last] = [*several, value] if several is not None else [tree[last], value]


def _plain(value: Node) -> str:
    if isinstance(value, Upload):
        return f"file:{value.filename}:{value.sha256}"
    entries = as_object(value)
    if entries is not None:
        return "{" + ",".join(f"{key!r}:{_plain(entries[key])}" for key in sorted(entries)) + "}"
    several = as_list(value)
    if several is not None:
        return "[" + ",".join(map(_plain, several)) + "]"
    return repr(value)
