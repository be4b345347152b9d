"""Where a file's bytes come from: memory, a path, a file object, an async iterator.

Disks are read in a thread, a block at a time, so that the event loop never waits for one. A read
that is cancelled goes on in its thread; a lock keeps the next one, and the closing, behind it.
"""

from __future__ import annotations

import asyncio
import io
import os
import stat
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from postpress_async.wire.multipart import UnsendableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from postpress_async.wire.multipart import Blocks

BLOCK: Final = 3 * 2**17
"""Bytes that are read at once: a hop into a thread each (some 50 us), and twice that in memory."""


def size_on_disk(path: os.PathLike[str]) -> int:
    """Return the bytes of a regular file.

    Raises:
        OSError: it is not there, or not to be looked at.
        ValueError: it is a directory, a pipe or the like.
    """
    found = os.stat(path)  # noqa: PTH116 - what is like a path need not be one
    if not stat.S_ISREG(found.st_mode):
        msg = "it is a directory" if stat.S_ISDIR(found.st_mode) else "it is no regular file"
        raise ValueError(msg)
    return found.st_size


def _of_bytes(data: object) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", data))
    msg = f"gave {type(data).__name__} instead of bytes: open it with 'rb', and blocking"
    raise UnsendableError(msg)


class Bytes:
    """Be bytes in memory."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def reopens(self) -> bool:
        """Always."""
        return True

    async def open(self) -> Blocks:
        """Begin at the beginning."""
        return _Slices(memoryview(self._data))


class _Slices:
    def __init__(self, rest: memoryview) -> None:
        self._rest = rest

    async def read(self) -> memoryview:
        block, self._rest = self._rest[:BLOCK], self._rest[BLOCK:]
        return block

    async def close(self) -> None:
        self._rest = self._rest[:0]


class Disk:
    """Be a file on a disk, opened for each attempt."""

    __slots__ = ("_path", "_size")

    def __init__(self, path: os.PathLike[str], size: int) -> None:
        self._path = path
        self._size = size

    @property
    def reopens(self) -> bool:
        """Always."""
        return True

    async def open(self) -> Blocks:
        """Open it anew; what has another size by now is another file."""
        opened = _Opened()
        try:
            await asyncio.to_thread(opened.open, self._path)
        except BaseException as error:
            opened.close_soon()
            if isinstance(error, OSError):
                msg = f"cannot be opened ({error.strerror or error})"
                raise UnsendableError(msg) from None
            raise
        if opened.size != self._size:
            opened.close_soon()
            msg = f"had {self._size} bytes when it was checked and has {opened.size} now"
            raise UnsendableError(msg)
        return opened


class _Opened:
    """Be a file that this package opened, and closes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._file: io.FileIO | None = None
        self._closed = False
        self.size = -1

    def open(self, path: os.PathLike[str]) -> None:
        """Open it, in a thread."""
        with self._lock:
            self._file = io.FileIO(os.fspath(path))
            self.size = os.fstat(self._file.fileno()).st_size
        self._close_if_told()

    async def read(self) -> bytes:
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            msg = f"cannot be read ({error.strerror or error})"
            raise UnsendableError(msg) from None

    def _read(self) -> bytes:
        with self._lock:
            data = b"" if self._file is None else self._file.read(BLOCK)
        self._close_if_told()
        return data or b""

    async def close(self) -> None:
        self.close_soon()

    def close_soon(self) -> None:
        """Close it now, or have the thread close it that is at it."""
        self._closed = True
        self._close_if_told()

    def _close_if_told(self) -> None:
        if self._closed and self._lock.acquire(blocking=False):
            try:
                if self._file is not None:
                    self._file.close()
                    self._file = None
            finally:
                self._lock.release()


class Object:
    """Be a file object of the user's own, read from where it stood and never closed."""

    __slots__ = ("_file", "_in_memory", "_lock", "_start", "_taken")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self._start: int | None = None
        self._taken = False
        self._in_memory = isinstance(file, io.BytesIO)

    def measure(self) -> int | None:
        """Return the bytes that are left in it; None where only reading tells."""
        file = self._file
        seekable = getattr(file, "seekable", None)
        if not callable(seekable) or not seekable():
            return None
        self._start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(self._start)
        return max(end - self._start, 0)

    @property
    def reopens(self) -> bool:
        """Whether it can be read from where it stood."""
        return self._start is not None or not self._taken

    async def open(self) -> Blocks:
        """Begin where it stood."""
        if not self.reopens:
            msg = "was read already, and cannot be wound back: give a Path or bytes"
            raise UnsendableError(msg)
        return _Reading(self, self._start)

    async def read_at(self, place: int | None) -> bytes:
        """Return the block at a place; the next one where it has no places."""
        try:
            if self._in_memory:
                data: object = self._read_at(place)
            else:
                data = await asyncio.to_thread(self._read_at, place)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            msg = f"cannot be read ({getattr(error, 'strerror', None) or error})"
            raise UnsendableError(msg) from None
        return _of_bytes(data)

    def _read_at(self, place: int | None) -> object:
        with self._lock:  # the same object may be given twice, and an orphaned read still go on
            self._taken = True
            if place is not None:
                self._file.seek(place)
            return cast("object", self._file.read(BLOCK))


class _Reading:
    def __init__(self, source: Object, place: int | None) -> None:
        self._source = source
        self._place = place

    async def read(self) -> bytes:
        data = await self._source.read_at(self._place)
        if self._place is not None:
            self._place += len(data)
        return data

    async def close(self) -> None:
        """Leave it open: it is not ours."""


class Stream:
    """Be an async iterator, which is read once."""

    __slots__ = ("_content", "taken")

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        self._content = content
        self.taken = False

    @property
    def reopens(self) -> bool:
        """Whether nothing was taken from it yet."""
        return not self.taken

    async def open(self) -> Blocks:
        """Begin, if nobody began before."""
        if self.taken:
            msg = "is an async iterator, which is read once: give a Path or bytes"
            raise UnsendableError(msg)
        return _Taking(self, self._content)


class _Taking:
    def __init__(self, source: Stream, content: AsyncIterable[bytes]) -> None:
        self._source = source
        self._content = content
        self._iterator: AsyncIterator[bytes] | None = None
        self._given = False

    async def read(self) -> bytes:
        """Return the next piece that is not empty."""
        self._source.taken = True
        try:
            if self._iterator is None:
                self._iterator = aiter(self._content)
            async for piece in self._iterator:
                if data := _of_bytes(piece):
                    self._given = True
                    return data
        except UnsendableError:
            raise
        except Exception as error:
            msg = f"raised {type(error).__name__} while it was read"
            raise UnsendableError(msg) from error
        if not self._given:  # an attachment without a byte is nobody's wish
            msg = "gave nothing: an async iterator is read once, so give a new one"
            raise UnsendableError(msg)
        return b""

    async def close(self) -> None:
        """End a generator that has begun, so that what it holds is let go of now."""
        iterator, self._iterator = self._iterator, None
        aclose = getattr(iterator, "aclose", None)
        if aclose is not None:
            await aclose()
