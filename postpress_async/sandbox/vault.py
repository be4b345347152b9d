"""The bytes of uploads: small ones in memory, large ones in a file without a name."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 512 * 2**20
"""Bytes kept in all. What comes later is known by size and digest alone, and is not given back."""
_IN_MEMORY: Final = 64 * 2**10
_PIECE: Final = 256 * 2**10


class Vault:
    """A file of its own for each sandbox, gone with it. Any number may write at once."""

    def __init__(self, most: int = MOST) -> None:
        self._opened: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._end = 0
        self._most = most

    def put(self, data: bytes) -> tuple[int, int] | None:
        """Write bytes down, and tell where; None when it is full."""
        with self._lock:
            start = self._end
            if start + len(data) > self._most:
                return None
            file = self._file()
            file.seek(start)
            file.write(data)
            self._end += len(data)
        return start, self._end

    def get(self, start: int, end: int) -> bytes:
        """Read bytes back."""
        with self._lock:
            file = self._file()
            file.seek(start)
            return file.read(end - start)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._end = 0
            if self._opened is not None:
                self._opened.truncate(0)

    def _file(self) -> IO[bytes]:
        if self._opened is None:
            self._opened = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as we do
            weakref.finalize(self, self._opened.close)
        return self._opened


class Stored:
    """The bytes of one upload: taken piece by piece, and given back so."""

    __slots__ = ("_digest", "_extents", "_head", "_vault", "kept", "size")

    def __init__(self, vault: Vault | None = None) -> None:
        self.size: int = 0
        self.kept: bool = True
        """Whether the bytes can be given back."""
        self._vault = vault
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._extents: list[tuple[int, int]] = []

    @property
    def sha256(self) -> str:
        """The digest of all bytes."""
        return self._digest.hexdigest()

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._digest.update(data)
        if not self.kept:
            return
        if self._vault is None or (not self._extents and self.size <= _IN_MEMORY):
            self._head += data
            return
        where = self._vault.put(data)
        if where is None:
            self.drop()
        elif self._extents and self._extents[-1][1] == where[0]:
            self._extents[-1] = self._extents[-1][0], where[1]
        else:
            self._extents.append(where)

    def drop(self) -> None:
        """Keep nothing but the size and the digest."""
        self.kept = False
        self._head.clear()
        self._extents.clear()

    def pieces(self) -> Iterator[bytes]:
        """Give the bytes back, piece by piece."""
        if self._head:
            yield bytes(self._head)
        for start, end in self._extents:
            for at in range(start, end, _PIECE):
                if self._vault is not None:
                    yield self._vault.get(at, min(at + _PIECE, end))
