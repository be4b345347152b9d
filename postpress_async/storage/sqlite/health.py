"""Whether a file is fit to keep counts, and what to change; nothing is made or written."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, PostpressError
from postpress_async.storage.health import Finding
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.content import content
from postpress_async.storage.sqlite.file_systems import check_file_system, file_system_of
from postpress_async.storage.sqlite.handle import OLDEST
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.storage.health import Level

__all__ = ["health"]

_TIGHT: Final = 100 * 2**20  # bytes: counts of 1,000 accounts take some 20 MB, and a log beside it
_NONE_LEFT: Final = 2**20


async def health(url: str, *, file_system: Callable[[str], str] = file_system_of) -> list[Finding]:
    """Look at a file, its directory and its disk, in another thread.

    The findings are `sqlite`, `file_system`, `directory`, `disk`, `file` and `synchronous`; and of
    a file that is there `reachable`, `schema`, `journal`, `clock`, `integrity` and `lock`.

    Raises:
        ConfigurationError: the URL names no file.
    """
    store = parse(url)
    if store.kind != "sqlite" or store.path is None:
        raise ConfigurationError(
            f"{store.kind}: is no file: give a URL such as sqlite:///counts.db"
        )
    path, synchronous = place.absolute(store.path), store.options.get("synchronous", "normal")
    return await asyncio.to_thread(lambda: list(_look(path, synchronous.lower(), file_system)))


def _look(path: str, synchronous: str, file_system: Callable[[str], str]) -> Iterator[Finding]:
    yield _sqlite()
    parent = _nearest(Path(path).parent)
    around = [_file_system(path, file_system(str(parent))), _directory(Path(path).parent, parent)]
    yield from around
    yield _disk(parent)
    if any(one.level == "error" for one in around):
        return
    file = _file(Path(path))
    yield file
    yield _synchronous(synchronous)
    if file.level == "error" or place.identity(path) is None:
        return
    if not Path(path).stat().st_size:
        yield Finding(name="schema", level="ok", said="it is empty: tables are made at first use")
        return
    yield from content(path)


def _sqlite() -> Finding:
    said = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info >= OLDEST:
        return Finding(name="sqlite", level="ok", said=said)
    step = "use a Python that was built with 3.35 or later"
    return Finding(name="sqlite", level="error", said=f"{said} is too old", next_step=step)


def _nearest(directory: Path) -> Path:
    """Return the directory, or the one in which it would be made."""
    return next(one for one in (directory, *directory.parents) if os.path.lexists(one))


def _file_system(path: str, kind: str) -> Finding:
    try:
        check_file_system(path, kind)
    except ConfigurationError as error:
        return _refused("file_system", error)
    said = f"a local disk ({kind})" if kind else "this system does not tell what disk it is"
    return Finding(name="file_system", level="ok" if kind else "note", said=said)


def _directory(directory: Path, nearest: Path) -> Finding:
    try:
        if directory != nearest:
            if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
                raise PermissionError(f"in {nearest} nothing may be made")
            said = f"{directory} is not there yet, and is made with mode 0700"
            return Finding(name="directory", level="ok", said=said)
        place.check_directory(directory)
    except OSError as error:
        return _refused("directory", place.refused(str(directory), error))
    except ConfigurationError as error:
        return _refused("directory", error)
    return Finding(name="directory", level="ok", said=f"{directory}, mode {_mode(directory)}")


def _disk(directory: Path) -> Finding:
    try:
        free = shutil.disk_usage(directory).free
    except OSError as error:
        return _refused("disk", place.refused(str(directory), error))
    said = f"{free / 2**30:,.1f} GB are free" if free >= 2**30 else f"{free >> 20} MB are free"
    if free >= _TIGHT:
        return Finding(name="disk", level="ok", said=said)
    level: Level = "warning" if free >= _NONE_LEFT else "error"
    step = f"free some: below {_TIGHT >> 20} MB counts may soon not be written any more"
    return Finding(name="disk", level=level, said=said, next_step=step)


def _file(path: Path) -> Finding:
    """Judge the file by what the directory says of it; what is not there yet is all right."""
    if place.identity(str(path)) is None:
        if path.parent.exists() and not os.access(path.parent, os.W_OK | os.X_OK):
            error = place.refused(str(path), PermissionError("its directory may not be written"))
            return _refused("file", error)
        said = f"{path} is not there yet: it is made at first use, with mode 0600"
        return Finding(name="file", level="ok", said=said)
    try:
        place.check_file(path)
        open_to = [one for one in _all_of(path) if os.name == "posix" and _others(one)]
        if not open_to:
            place.check_access(path)
    except OSError as error:
        return _refused("file", place.refused(str(path), error))
    except ConfigurationError as error:
        return _refused("file", error)
    said = f"{path}, mode {_mode(path)}"
    if not open_to:
        return Finding(name="file", level="ok", said=said)
    return Finding(
        name="file",
        level="warning",
        said=f"{said}: other users may look into it",
        next_step=f"chmod 600 {' '.join(map(str, open_to))}",
    )


def _all_of(path: Path) -> list[Path]:
    """Return the file, and those that SQLite keeps beside it."""
    beside = [Path(f"{path}{end}") for end in ("-wal", "-shm")]
    return [path, *(one for one in beside if one.exists())]


def _others(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def _synchronous(value: str) -> Finding:
    lost = "nothing" if value == "full" else "the last moments, which ?synchronous=full keeps"
    said = f"synchronous {value}: a power cut forgets {lost}, a killed process nothing"
    return Finding(name="synchronous", level="ok", said=said)


def _refused(name: str, error: PostpressError) -> Finding:
    """Tell an error, whose text ends with the next step."""
    return Finding(name=name, level="error", said=str(error))
