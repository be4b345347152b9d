"""Whether a worker of this machine lives: it holds a lock on a file, which its death lets go.

A stopped process keeps its lock, a killed one has none any more, whatever the clock says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

try:
    import fcntl
except ImportError:  # Windows: leases tell there, as with a server
    fcntl = None  # type: ignore[assignment]  # asked for before each use

__all__ = ["CERTAIN", "Life", "Workers"]

CERTAIN = fcntl is not None

Life: TypeAlias = Literal["alive", "dead", "untold"]
"""`untold` where there is no file to ask: it was removed by hand, or is another machine's."""

_YOUNG = 60.0  # seconds
_TIMES = 50  # that a file is opened which others clear away at that moment


class Workers:
    """Hold this process's workers' files, and ask those of others.

    Args:
        directory: where the files are; made with mode 0700.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._held: dict[str, int] = {}
        self._process = os.getpid()
        _all.add(self)

    def enter(self, owner: str) -> None:
        """Hold the file of a worker from now on.

        Raises:
            ConfigurationError: another worker of this name lives, or the place is not safe.
        """
        if self.holds(owner):
            return
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._check()
            path = self._path(owner)
            for _ in range(_TIMES):
                handle = os.open(path, os.O_CREAT | os.O_RDWR | _SAFE, 0o600)
                if not _lock(handle):
                    os.close(handle)
                    break
                if _same(handle, path):
                    self._process = os.getpid()
                    self._held[owner] = handle
                    return
                os.close(handle)  # it was cleared away between opening and locking
        except OSError as error:
            raise ConfigurationError(
                f"{self._directory} cannot be used for workers' files ({error.strerror}): look at "
                "the owner and mode of it"
            ) from error
        raise ConfigurationError(
            f"a worker of the name {owner} lives already: give each worker a name of its own"
        )

    def holds(self, owner: str) -> bool:
        """Tell whether a worker has entered in this process."""
        return owner in self._held and self._process == os.getpid()

    def leave(self, owner: str, *, left: bool) -> None:
        """Let a worker's file go; it stays where others are to find that it has left something."""
        if not self.holds(owner):
            return
        handle = self._held.pop(owner)
        if not left:
            with contextlib.suppress(OSError):
                self._path(owner).unlink()
        os.close(handle)

    def leave_all(self) -> None:
        """Let every file go."""
        for owner in list(self._held):
            self.leave(owner, left=True)

    def life(self, owner: str) -> Life:
        """Tell whether a worker lives; one that does not can enter again at any time."""
        if self.holds(owner):
            return "alive"
        try:
            handle = os.open(self._path(owner), os.O_RDWR | _SAFE)
        except OSError:
            return "untold"
        try:
            return "dead" if _lock(handle) else "alive"
        finally:
            os.close(handle)

    def clear(self, owner: str) -> None:
        """Remove the file of a dead worker, of whom nothing is left."""
        self._clear(self._path(owner))

    def dead(self) -> list[Path]:
        """Return the files of all that are dead, but for very young ones.

        A young one may be of somebody who has made it, and not locked it yet.
        """
        found: list[Path] = []
        with contextlib.suppress(OSError):
            for path in filter(_is_ours, self._directory.iterdir()):
                with contextlib.suppress(OSError):
                    handle = os.open(path, os.O_RDWR | _SAFE)
                    try:
                        old = time.time() - os.fstat(handle).st_mtime > _YOUNG
                        if old and _lock(handle):
                            found.append(path)
                    finally:
                        os.close(handle)
        return found

    def sweep(self, dead: Iterable[Path], *, owners: Iterable[str]) -> None:
        """Remove files of the dead, but for those of whom something is left.

        Args:
            dead: what `dead` returned, before it was asked who owns items: later, nobody of them
                comes to own one.
            owners: who owns items.
        """
        kept = {self._path(owner) for owner in owners}
        for path in dead:
            if path not in kept:
                self._clear(path)

    def _clear(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR | _SAFE)
            try:
                if _lock(handle) and _same(handle, path):
                    path.unlink()
            finally:
                os.close(handle)

    def forked(self) -> None:
        """Let the files be the parent's alone: a lock lives as long as any copy of its handle."""
        held, self._held = self._held, {}
        for handle in held.values():
            with contextlib.suppress(OSError):
                os.close(handle)

    def _path(self, owner: str) -> Path:
        return self._directory / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def _check(self) -> None:
        status = self._directory.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise ConfigurationError(f"{self._directory} is no directory: remove it")
        if status.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{self._directory} belongs to another user: run all workers as one user"
            )
        if status.st_mode & 0o077:
            self._directory.chmod(0o700)


def _is_ours(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


_NAME = re.compile(r"[0-9a-f]{32}")
_SAFE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def _lock(handle: int) -> bool:
    """Lock a file, unless somebody else has."""
    assert fcntl is not None  # noqa: S101 - where it is missing, nobody asks
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(handle: int, path: Path) -> bool:
    """Tell whether a path still names an open file."""
    mine = os.fstat(handle)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


_all: weakref.WeakSet[Workers] = weakref.WeakSet()


def _forked() -> None:
    for workers in list(_all):
        workers.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
