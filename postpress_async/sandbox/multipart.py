"""A multipart reader of our own, so that what the client writes is checked by a stranger.

It takes the body as it arrives: an attachment is never in memory as a whole, and one that is too
large is read to its end without being kept, so that its sender hears why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .problems import Problem
from .vault import Stored, Vault

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FILE: Final = 15 * 2**20  # the documented standard maximum of an attachment
MAX_TEXT: Final = 2**20
_MAX_HEAD: Final = 16 * 2**10
_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file in a multipart body."""

    filename: str
    content_type: str
    stored: Stored

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.stored.size

    @property
    def sha256(self) -> str:
        """The digest of its content."""
        return self.stored.sha256

    @property
    def content(self) -> bytes:
        """All of its content at once: for tests."""
        return b"".join(self.stored.pieces())


class MultipartReader:
    """Reads parts out of bytes that come in any pieces."""

    def __init__(self, content_type: str, vault: Vault | None = None) -> None:
        boundary = parameters(content_type).get("boundary")
        self._problem: Problem | None = None
        if not boundary:
            self._problem = _malformed("The multipart boundary is missing.")
        self._line = b"\r\n--" + (boundary or "").encode("utf-8", "surrogateescape")
        self._buffer = bytearray(b"\r\n")
        self._step: Callable[[], bool] = self._preamble
        self._vault = vault
        self._parts: list[tuple[str, str | Upload]] = []
        self._name = ""
        self._file: tuple[str, str] | None = None
        self._stored = Stored()
        self._over = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Trouble is kept for `parts`."""
        if self._problem is not None or self._over:
            return  # read on, so that the sender can finish and hear of it
        self._buffer += data
        try:
            while self._step():
                pass
        except Problem as problem:
            self._problem = problem
            self._stored.drop()
            self._buffer.clear()

    def parts(self) -> list[tuple[str, str | Upload]]:
        """Give the parts, in order, once all bytes are there.

        Raises:
            Problem: It is no multipart body, it is cut off, or a part is too large.
        """
        if self._problem is not None:
            raise self._problem
        if not self._over:
            raise _malformed("The multipart body is cut off.")
        return self._parts

    # -- steps: each takes something from the buffer, and says whether to go on --------------

    def _preamble(self) -> bool:
        at = self._buffer.find(self._line)
        if at < 0:
            del self._buffer[: -len(self._line)]
            return False
        del self._buffer[: at + len(self._line)]
        self._step = self._after_line
        return True

    def _after_line(self) -> bool:
        if len(self._buffer) < len(b"--"):
            return False
        if self._buffer.startswith(b"--"):
            self._over = True
            self._buffer.clear()
            return False
        self._step = self._head
        return True

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        line = self._buffer.find(self._line)
        if 0 <= line < end + 4 or (end < 0 <= line):
            raise _malformed("A multipart part has no name.")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise _malformed("The head of a multipart part is too long.")
            return False
        headers = _headers(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        disposition = parameters(headers.get("content-disposition", ""))
        self._name = disposition.get("name", "")
        if not self._name:
            raise _malformed("A multipart part has no name.")
        filename = disposition.get("filename")
        kind = headers.get("content-type", "application/octet-stream")
        self._file = None if filename is None else (filename, kind)
        self._stored = Stored(self._vault if self._file else None)
        self._step = self._content
        return True

    def _content(self) -> bool:
        at = self._buffer.find(self._line)
        if at < 0:
            sure = len(self._buffer) - len(self._line) + 1
            if sure > 0:
                self._take(sure)
            return False
        self._take(at)
        del self._buffer[: len(self._line)]
        self._close()
        self._step = self._after_line
        return True

    def _take(self, count: int) -> None:
        data = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        self._stored.add(data)
        if self._file is None and self._stored.size > MAX_TEXT:
            raise Problem("content_too_large", f"{self._name} is too long.")
        if self._stored.size > MAX_FILE:
            raise Problem("content_too_large", "An attachment may have 15 MB.")

    def _close(self) -> None:
        if self._file is not None:
            filename, kind = self._file
            upload = Upload(filename=filename, content_type=kind, stored=self._stored)
            self._parts.append((self._name, upload))
            return
        try:
            self._parts.append((self._name, b"".join(self._stored.pieces()).decode()))
        except UnicodeDecodeError as error:
            raise _malformed(f"{self._name} is not UTF-8.") from error


def _malformed(detail: str) -> Problem:
    return Problem("malformed_request", detail)


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def parameters(header: str) -> dict[str, str]:
    """Read `; name=value` after a header's value."""
    return {
        found[1].lower(): re.sub(r"\\(.)", r"\1", found[2]) if found[2] is not None else found[3]
        for found in _PARAMETER.finditer(header)
    }
