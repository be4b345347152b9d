"""Write an SQLite file anew, so that nothing is left in it of what was deleted or emptied."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from postpress_async.storage.sqlite.faults import is_busy, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["rewritten"]

T = TypeVar("T")

_PAUSE: Final = 0.002
_OLD_LOG: Final = "the log still holds what was deleted"


async def rewritten(path: str, *, least: int, patience: float) -> int:
    """Write a file anew, unless less than `least` bytes of it are free; return how many were.

    Other processes wait meanwhile, as for any other transaction. Whoever is cancelled interrupts
    it: the file is then as it was.

    Raises:
        StateUnavailableError: the file cannot be locked or written for now; it is as it was.
    """
    connection = sqlite3.connect(
        f"{Path(path).as_uri()}?mode=rw",
        uri=True, isolation_level=None, timeout=0, check_same_thread=False,
    )  # fmt: skip
    work = asyncio.ensure_future(asyncio.to_thread(_rewrite, connection, path, least, patience))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            connection.interrupt()
            await asyncio.wait({work}, timeout=0.05)
        if not work.cancelled():
            work.exception()
        raise


def _rewrite(connection: sqlite3.Connection, path: str, least: int, patience: float) -> int:
    with contextlib.closing(connection):
        end = time.monotonic() + patience
        try:
            free = _patiently(lambda: _anew(connection, least), end)
            if free is not None:
                # The log, too, holds what was: it is carried over and cut to nothing.
                _patiently(lambda: _without_log(connection), end)
        except sqlite3.Error as error:
            raise unavailable(path, error) from None
    return free or 0


def _anew(connection: sqlite3.Connection, least: int) -> int | None:
    """Write it anew, if that is worth it still: others may have done so while we waited."""
    free = _free(connection)
    if free < least:
        return None
    connection.execute("VACUUM")
    return free


def _free(connection: sqlite3.Connection) -> int:
    pages, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("freelist_count", "page_size")
    )
    return pages * size


def _without_log(connection: sqlite3.Connection) -> None:
    busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        error = sqlite3.OperationalError(_OLD_LOG)
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def _patiently(attempt: Callable[[], T], end: float) -> T:
    while True:
        try:
            return attempt()
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() >= end:
                raise
        time.sleep(_PAUSE)
