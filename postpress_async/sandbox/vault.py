"""The bytes of uploads: small ones in memory, large ones in a file without a name."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 256 * 2**20
"""Bytes kept in all: the last ones. Older uploads are known by size and digest alone."""
_IN_MEMORY: Final = 64 * 2**10
_PIECE: Final = 256 * 2**10


class Vault:
    """A ring in a file: what is newest takes the place of what is oldest.

    Places only ever grow; where one lies in the file is its remainder. So an old place tells by
    itself that it is gone. Any number may write at once, piece by piece.
    """

    def __init__(self, most: int = MOST) -> None:
        self._opened: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._end = 0
        self._most = most

    def put(self, data: bytes) -> tuple[int, int]:
        """Write a piece down, and tell where. It is smaller than the ring."""
        with self._lock:
            room = self._most - self._end % self._most
            if len(data) > room:  # a piece lies in one: the rest of this round stays empty
                self._end += room
            start = self._end
            file = self._file()
            file.seek(start % self._most)
            file.write(data)
            self._end = start + len(data)
            return start, self._end

    def holds(self, start: int) -> bool:
        """Tell whether what begins at a place is still there."""
        return start >= self._end - self._most

    def get(self, start: int, end: int) -> bytes:
        """Read bytes back; nothing, if they are gone."""
        with self._lock:
            if not self.holds(start):
                return b""
            file = self._file()
            file.seek(start % self._most)
            return file.read(end - start)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._end += 2 * self._most
            if self._opened is not None:
                self._opened.truncate(0)

    def _file(self) -> IO[bytes]:
        if self._opened is None:
            self._opened = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as we do
            weakref.finalize(self, self._opened.close)
        return self._opened


class Stored:
    """The bytes of one upload: taken piece by piece, and given back so."""

    __slots__ = ("_digest", "_extents", "_head", "_vault", "size")

    def __init__(self, vault: Vault | None = None) -> None:
        self.size: int = 0
        self._vault = vault
        self._digest = hashlib.sha256()
        self._head = bytearray()
        self._extents: list[tuple[int, int]] = []

    @property
    def sha256(self) -> str:
        """The digest of all bytes."""
        return self._digest.hexdigest()

    @property
    def kept(self) -> bool:
        """Whether the bytes can still be given back."""
        vault = self._vault
        return vault is None or not self._extents or vault.holds(self._extents[0][0])

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        self.size += len(data)
        self._digest.update(data)
        if self._vault is None or (not self._extents and self.size <= _IN_MEMORY):
            self._head += data
            return
        start, end = self._vault.put(data)
        if self._extents and self._extents[-1][1] == start:
            self._extents[-1] = self._extents[-1][0], end
        else:
            self._extents.append((start, end))

    def drop(self) -> None:
        """Give up what was taken."""
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
