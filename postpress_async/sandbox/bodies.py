"""Bodies as the service reads them: multipart, form or JSON, all into one tree.

The multipart reader is our own, so that what the client's HTTP library writes is checked by
something that did not write it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import parse_qsl

from .problems import Problem
from .wire import as_list, as_object, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_FILE: Final = 15 * 2**20  # the documented standard maximum of an attachment
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_KEY: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in a multipart body."""

    filename: str
    content_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of its content."""
        return hashlib.sha256(self.content).hexdigest()


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


def parse_body(raw: bytes, content_type: str | None) -> Fields:
    """Read a body.

    Raises:
        Problem: It cannot be read (400), a file is too large (400), or its type is unknown (415).
    """
    if not raw:
        return NOTHING
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return _from_json(raw)
    if kind == "multipart/form-data":
        return Fields(_tree(parse_multipart(raw, content_type or "")))
    if kind == "application/x-www-form-urlencoded":
        return Fields(_tree(_form(raw)))
    raise Problem("unsupported_media_type", f"{kind or 'no content type'} is not supported")


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


def parse_multipart(raw: bytes, content_type: str) -> list[tuple[str, str | Upload]]:
    """Read the parts of a multipart body, in order.

    Raises:
        Problem: It is no multipart body, or a part is larger than 15 MB.
    """
    boundary = _parameters(content_type).get("boundary")
    if not boundary:
        raise Problem("malformed_request", "The multipart boundary is missing.")
    pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary.encode("utf-8", "surrogateescape"))
    if not pieces[1:] or not pieces[-1].startswith(b"--"):
        raise Problem("malformed_request", "The multipart body is cut off.")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> tuple[str, str | Upload]:
    head, found, content = piece.partition(b"\r\n\r\n")
    headers = _headers(head)
    disposition = _parameters(headers.get("content-disposition", ""))
    name = disposition.get("name")
    if not found or not name:
        raise Problem("malformed_request", "A multipart part has no name.")
    filename = disposition.get("filename")
    if filename is not None:
        if len(content) > MAX_FILE:
            raise Problem("content_too_large", "An attachment may have 15 MB.")
        kind = headers.get("content-type", "application/octet-stream")
        return name, Upload(filename=filename, content_type=kind, content=content)
    try:
        return name, content.decode()
    except UnicodeDecodeError as error:
        raise Problem("malformed_request", f"{name} is not UTF-8.") from error


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _parameters(header: str) -> dict[str, str]:
    return {
        found[1].lower(): re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3]
        for found in _PARAMETER.finditer(header)
    }


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
