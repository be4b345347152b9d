"""Where a database may lie: on a local disk, out of other people's reach."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.sqlite.file_systems import check_file_system, is_mounted_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = [
    "Identity",
    "absolute",
    "check_access",
    "check_directory",
    "check_file",
    "clear",
    "close_to_others",
    "identity",
    "prepare",
    "refused",
]

Identity: TypeAlias = tuple[int, int]

# Closing any descriptor of a file drops every POSIX lock that this process has on it: a file is
# made and closed under this lock, so that no other thread can have opened it in between.
_making = threading.Lock()


def absolute(path: str) -> str:
    """Return the path from the root, `~/` resolved. It keeps naming that file after a `chdir`."""
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - keeps symbolic links


def prepare(path: str, file_system: Callable[[str], str]) -> None:
    """Make the file and its directory where they are missing, and refuse what is not safe.

    Raises:
        ConfigurationError: the place is shared with other users or machines, or cannot be written.
        StateUnavailableError: the disk is full.
    """
    parent = Path(path).parent
    try:
        _make_directory(parent)
        check_directory(parent)
        check_file_system(path, file_system(str(parent)))
        with _making:
            _make_file(path)
        check_file(Path(path))
        check_access(Path(path))
    except OSError as error:
        raise refused(path, error) from None


def identity(path: str) -> Identity | None:
    """Return what tells this file from another of the same name; None where there is none."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def close_to_others(path: str) -> None:
    """Take a file that is known to be ours out of others' reach, and what SQLite keeps beside it.

    Such as a copy that was put back, made under another umask: its log takes its mode from it, also
    where the file was only looked at.

    Raises:
        ConfigurationError: it may not be changed.
    """
    if os.name != "posix":
        return
    try:
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(path + end).st_mode & 0o077:
                    Path(path + end).chmod(0o600)
    except OSError as error:
        raise refused(path, error) from None


def clear(path: str, log: Identity | None) -> None:
    """Remove the log that a lost file left behind, while it is the one that belonged to it.

    SQLite would take the changes in it into whatever file has that name now.
    """
    with contextlib.suppress(OSError), _alone(path):
        if log is not None and identity(f"{path}-wal") == log:
            _remove_log(path)


def _make_directory(directory: Path) -> None:
    missing = [directory, *directory.parents]
    for each in reversed([path for path in missing if not path.exists()]):
        each.mkdir(mode=0o700, exist_ok=True)


def _make_file(path: str) -> None:
    if os.path.lexists(path):
        return
    with _alone(path):
        if os.path.lexists(path):
            return
        _remove_log(path)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
        os.close(os.open(path, flags, 0o600))  # -wal and -shm take their mode from this file


def _remove_log(path: str) -> None:
    for end in ("-wal", "-shm"):
        Path(path + end).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(path: str) -> Generator[None]:
    """Hold a lock on the directory: files are made and cleared away by one process at a time."""
    if os.name == "nt":  # where an open file cannot be deleted, and so not be lost
        yield
        return
    import fcntl  # noqa: PLC0415 - not on Windows

    directory = os.open(Path(path).parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def check_directory(directory: Path) -> None:
    """Refuse a directory in which others could put another file in the place of ours.

    Raises:
        ConfigurationError: it is one.
        OSError: it cannot be looked at, or is none.
    """
    status = directory.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if os.name != "posix" or status.st_mode & stat.S_ISVTX:
        return  # in a sticky directory, such as /tmp, nobody can swap a file that is not his
    others = status.st_mode & stat.S_IWOTH
    group = status.st_mode & stat.S_IWGRP and not _only_owner_in_group(status)
    if others or group:
        raise ConfigurationError(
            f"{directory} may be written by other users, who could replace the file in it: "
            f"chmod go-w {directory}, or choose another directory"
        )


def _only_owner_in_group(status: os.stat_result) -> bool:
    """Tell whether a group is its owner's private one, as systems with a umask of 002 make it."""
    import grp  # noqa: PLC0415 - not on Windows, and seldom needed
    import pwd  # noqa: PLC0415 - as above

    try:
        owner = pwd.getpwuid(status.st_uid)
        group = grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return (
        owner.pw_gid == status.st_gid
        and group.gr_name == owner.pw_name
        and set(group.gr_mem) <= {owner.pw_name}
    )


def check_file(path: Path) -> os.stat_result:
    """Refuse what is not a file of this user's own, and return what it is.

    Raises:
        ConfigurationError: it is something else.
        OSError: it cannot be looked at.
    """
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise ConfigurationError(
            f"{path} is a symbolic link, which could be turned elsewhere: name the file itself"
        )
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is no regular file: name a file for the database")
    if is_mounted_alone(path):
        raise ConfigurationError(
            f"{path} is mounted by itself, and its log beside it is not: mount its directory"
        )
    if os.name == "posix" and os.geteuid() not in {0, status.st_uid}:
        raise ConfigurationError(
            f"{path} belongs to another user: run as that user, or name another file"
        )
    return status


def check_access(path: Path) -> None:
    """Refuse what this user may not write.

    Raises:
        PermissionError: it may not be written.
    """
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def refused(path: str, error: OSError) -> ConfigurationError | StateUnavailableError:
    """Say in one line why a path cannot be used, and what to do next."""
    why = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE}:
        return StateUnavailableError(f"{path}: {why}: free some; the next call tries again")
    return ConfigurationError(
        f"{path} cannot be made or written ({why}): name a file in a directory that this user "
        "may write"
    )
