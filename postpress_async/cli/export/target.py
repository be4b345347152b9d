"""Where an export goes to: a file that is never overwritten, or stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from postpress_async.errors import ConfigurationError, DownloadError

from .wanted import STDOUT

if TYPE_CHECKING:
    from collections.abc import Generator

    from .ledger import Stand

_TAIL: Final = 512


class Sure(NamedTuple):
    """Say what is on the disk."""

    length: int
    tail: str


class Stdout:
    """Be what others read; what they have read, nobody takes back."""

    def append(self, text: str) -> Sure:
        """Write, and let go of it."""
        sys.stdout.write(text)
        sys.stdout.flush()
        return Sure(0, "")


class File:
    """Be a file of rows."""

    def __init__(self, path: Path, file: int, length: int) -> None:
        self._path = path
        self._file = file
        self._length = length

    def append(self, text: str) -> Sure:
        """Write at the end; what is returned is on the disk.

        Raises:
            DownloadError: the disk is full, or worse.
        """
        try:
            rest = memoryview(text.encode("utf-8", "replace"))
            while rest:
                written = os.write(self._file, rest)
                self._length += written
                rest = rest[written:]
            os.fsync(self._file)
            return Sure(self._length, _tail(self._file, self._length))
        except OSError as error:
            _cannot(self._path, error)


@contextlib.contextmanager
def opened(stand: Stand, *, fresh: bool) -> Generator[File | Stdout]:
    """Open the file as far as it is sure; what stands behind that was broken off, and is cut.

    Args:
        stand: how far it is.
        fresh: whether no run has begun it.

    Raises:
        ConfigurationError: it is not as it was left, or is somebody else's.
    """
    if stand.target == STDOUT:
        yield Stdout()
        return
    path = Path(stand.target)
    try:
        file = _made(path) if fresh else _as_left(path, stand)
    except OSError as error:
        msg = f"--to: cannot open {path} ({error.strerror}): name another file"
        raise ConfigurationError(msg) from error
    try:
        yield File(path, file, stand.length)
    finally:
        os.close(file)


def check_new(target: str) -> None:
    """Refuse a file that is there already, unless it is empty.

    Raises:
        ConfigurationError: no export left its state for it.
    """
    if target == STDOUT or not os.path.lexists(target):
        return
    path = Path(target)
    if path.is_symlink() or not path.is_file() or path.stat().st_size:
        _exists(path)


def _made(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if os.fstat(file).st_size:
            _exists(path)
        _sync_directory(path)
    except BaseException:
        os.close(file)
        raise
    return file


def _as_left(path: Path, stand: Stand) -> int:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        _changed(path, "is gone")
    try:
        length = os.fstat(file).st_size
        if length < stand.length:
            _changed(path, "is shorter than it was")
        if stand.phase == "done" and length > stand.length:
            _changed(path, "was added to")
        if _tail(file, stand.length) != stand.tail:
            _changed(path, "was changed")
        os.ftruncate(file, stand.length)
        os.lseek(file, 0, os.SEEK_END)
    except BaseException:
        os.close(file)
        raise
    return file


def _tail(file: int, length: int) -> str:
    most = min(length, _TAIL)
    data = os.pread(file, most, length - most)
    return blake2b(data, digest_size=8).hexdigest() if data else ""


def _sync_directory(path: Path) -> None:
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _exists(path: Path) -> NoReturn:
    msg = f"--to: {path} exists, and is no export that could go on: name another file"
    raise ConfigurationError(msg)


def _changed(path: Path, what: str) -> NoReturn:
    msg = (
        f"--to: {path} {what} since the last export: put it back as it was, or name another file "
        "and begin anew"
    )
    raise ConfigurationError(msg)


def _cannot(path: Path, error: OSError) -> NoReturn:
    msg = (
        f"cannot write to {path} ({error.strerror}): make room, and run it again; it goes on "
        "where it stood"
    )
    raise DownloadError(msg, path=str(path)) from error
