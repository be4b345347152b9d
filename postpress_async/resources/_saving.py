"""A file that appears on disk whole, or not at all.

It is written beside its place under a name of its own, readable by its owner alone, and renamed at
the end. All of it happens in threads; one that is still at it when its caller was cancelled cleans
up behind itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from postpress_async.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class Saving:
    """Be a file on its way to its place."""

    __slots__ = ("_discarded", "_file", "_lock", "_part", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._file = -1  # its descriptor
        self._part = ""
        self._discarded = False

    async def begin(self) -> None:
        """Make the file beside its place.

        Raises:
            DownloadError: the directory is not there, or takes no files; or the place is one.
        """
        await self._do(self._begin)

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Append some pieces.

        Raises:
            DownloadError: the disk is full, or worse.
        """
        await self._do(lambda: self._write(pieces))

    async def restart(self) -> None:
        """Forget what was written."""
        await self._do(self._restart)

    async def finish(self) -> None:
        """Put the file into its place, over whatever was there."""
        await self._do(self._finish)

    def discard(self) -> None:
        """Leave nothing behind; after `finish` there is nothing to leave."""
        self._discarded = True
        self._clean()

    def too_large(self, most: int) -> DownloadError:
        """Return the error of a file that is larger than the caller allows."""
        msg = f"path: the file for {self._path!r} is larger than max_bytes={most}: nothing was kept"
        return DownloadError(msg, path=self._path)

    # -- in threads ---------------------------------------------------------------------------

    async def _do(self, step: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(self._locked, step)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            msg = (
                f"path: cannot save to {self._path!r} ({reason}): nothing was left there; "
                "make room or give another path"
            )
            raise DownloadError(msg, path=self._path) from error

    def _locked(self, step: Callable[[], None]) -> None:
        try:
            with self._lock:
                if not self._discarded:
                    step()
        finally:
            if self._discarded:
                self._clean()

    def _begin(self) -> None:
        import tempfile  # noqa: PLC0415 - 5 ms

        if os.path.isdir(self._path):  # noqa: PTH112 - the path is a text all along
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.exists(self._path) and not os.path.isfile(self._path):  # noqa: PTH110, PTH113 - as above
            # Renamed over, /dev/null would be a file from then on, for the whole machine.
            raise OSError(errno.EINVAL, "it is no regular file")
        directory = os.path.dirname(self._path) or "."  # noqa: PTH120 - as above
        self._file, self._part = tempfile.mkstemp(dir=directory, prefix=".download-")

    def _write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(self._file, rest) :]

    def _restart(self) -> None:
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)

    def _finish(self) -> None:
        file, self._file = self._file, -1
        os.close(file)  # a network's disk may be found full only now
        os.replace(self._part, self._path)  # noqa: PTH105 - as above
        self._part = ""

    def _clean(self) -> None:
        """Close and unlink, unless a thread is at it, which then comes here itself."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            file, self._file = self._file, -1
            if file >= 0:
                with contextlib.suppress(OSError):
                    os.close(file)
            part, self._part = self._part, ""
            if part:
                with contextlib.suppress(OSError):
                    os.unlink(part)  # noqa: PTH108 - as above
        finally:
            self._lock.release()
