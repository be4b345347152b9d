"""What is in a file of counts, read without changing a byte of it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from postpress_async import machine
from postpress_async.errors import ConfigurationError
from postpress_async.storage.health import Finding
from postpress_async.storage.instants import NOTHING
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.faults import is_busy, is_foreign, unavailable
from postpress_async.storage.sqlite.images import COUNTS
from postpress_async.storage.sqlite.schema import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["content"]

_PATIENCE: Final = 1.0  # seconds that others may hold a lock for
_CHECK_WITHIN: Final = 5.0  # seconds for looking through the whole file
_STEPS: Final = 10_000  # of SQLite's machine between two looks at the clock
_OFF: Final = 2.0  # seconds by which the file's time may be ahead, or behind
_FAR_OFF: Final = 60.0
_HEADER: Final = 20
_WAL: Final = 2  # at byte 18 of the header
_MAGIC: Final = b"SQLite format 3\0"


def content(path: str) -> Iterator[Finding]:
    """Yield what is found in a file that is there, and not empty."""
    for again in (False, True):
        logged = _logged(path)
        found = list(_findings(path, logged=logged))
        if again or logged or not _logged(path):
            yield from found
            return
        # Somebody opened it while it was read as one that nobody has open: read it as it is now.


def _findings(path: str, *, logged: bool) -> Iterator[Finding]:
    try:
        waled = logged or _is_waled(path)
        # Without a log nobody has it open, and to open it as usual would leave a log behind.
        how = "mode=ro&immutable=1" if waled and not logged else "mode=ro"
        with closing(_connect(path, how)) as connection:
            version = _patiently(lambda: standing(connection, COUNTS, path))
            yield Finding(name="reachable", level="ok", said="it can be opened and read")
            ours = len(COUNTS.migrations)
            if not version:
                said = "it holds no tables yet: they are made at first use"
                yield Finding(name="schema", level="ok", said=said)
                return
            said = f"format {version}; ours is {ours}"
            yield Finding(name="schema", level="ok", said=said)
            yield _journal(waled=waled)
            yield _clock(_lead(connection))
            yield _integrity(path, connection)
            yield _lock(path, logged=logged)
    except sqlite3.Error as error:
        yield _told(path, error)
    except ConfigurationError as error:
        yield Finding(name="schema", level="error", said=str(error))
    except OSError as error:
        yield Finding(name="file", level="error", said=str(place.refused(path, error)))


def _logged(path: str) -> bool:
    return Path(f"{path}-wal").exists()


def _is_waled(path: str) -> bool:
    """Tell by its header whether the file is in WAL mode.

    Only while nobody has it open: to close a file drops all of this process's locks on it.
    """
    with Path(path).open("rb") as file:
        header = file.read(_HEADER)
    return header.startswith(_MAGIC) and header[18] == _WAL


def _connect(path: str, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{Path(path).as_uri()}?{how}", uri=True, isolation_level=None, timeout=0
    )


def _patiently(attempt: Callable[[], int | None]) -> int:
    """Try again while somebody else holds a lock, which nobody should for long."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return attempt() or 0
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(0.005)


def _journal(*, waled: bool) -> Finding:
    if waled:
        return Finding(name="journal", level="ok", said="journal_mode wal")
    said = "it is not in WAL mode: somebody changed it; the next process that opens it sets it back"
    return Finding(name="journal", level="note", said=said)


def _lead(connection: sqlite3.Connection) -> float:
    """Return by how much the file's time is ahead of the clock, also in a format before ours."""
    cursor = connection.execute("SELECT * FROM meta")
    names = [column[0] for column in cursor.description]
    row: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
    noted = NOTHING._replace(**{name: row[name] for name in NOTHING._fields if name in row})
    boot = machine.boot_clock()
    return noted.lead(boot, wall=time.time(), steady=machine.boot_time())


def _clock(ahead: float) -> Finding:
    if abs(ahead) <= _OFF:
        said = "its time is neither ahead of this machine's clock nor behind"
        return Finding(name="clock", level="ok", said=said)
    if ahead < 0.0:
        return Finding(
            name="clock",
            level="note",
            said=f"its time is {-ahead:.0f} s behind this machine's clock, which was set forward, "
            "or went on while the machine was paused: no window ends sooner by that, hours and "
            "dates go by the clock",
            next_step="make sure that the clock is right; if it is, nothing is to be done",
        )
    return Finding(
        name="clock",
        level="warning" if ahead > _FAR_OFF else "note",
        said=f"its time is {ahead:.0f} s ahead of this machine's clock, and never goes back",
        next_step="set the clock right; was it ahead before, what was counted then counts longer",
    )


def _integrity(path: str, connection: sqlite3.Connection) -> Finding:
    """Look through the file, for some seconds at the most."""
    until = time.monotonic() + _CHECK_WITHIN
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        row: tuple[str] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
            raise
        said = f"no damage was found in {_CHECK_WITHIN:g} s, which were too short to look at it all"
        return Finding(name="integrity", level="note", said=said)
    finally:
        connection.set_progress_handler(None, 0)
    if row[0] == "ok":
        return Finding(name="integrity", level="ok", said="no damage was found")
    return _damaged(path, " ".join(row[0].split())[:200])


def _lock(path: str, *, logged: bool) -> Finding:
    """See whether the lock for writing can be had.

    While another connection of ours is open: the last one to close would carry the log over.
    """
    if not logged:
        return Finding(name="lock", level="ok", said="nobody has it open")
    with closing(_connect(path, "mode=rw")) as connection:
        _patiently(lambda: _tried(connection))
    return Finding(name="lock", level="ok", said="nobody holds it locked")


def _tried(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def _told(path: str, error: sqlite3.Error) -> Finding:
    """Say what an error of SQLite means."""
    if is_busy(error):
        said = f"another program has held it locked for more than {_PATIENCE:g} s"
        step = "close what has it open: a backup, a database browser, a stopped process"
        return Finding(name="lock", level="error", said=said, next_step=step)
    if is_foreign(error):
        step = "name another file, or put back a copy"
        said = f"{path} is no SQLite database"
        return Finding(name="schema", level="error", said=said, next_step=step)
    if isinstance(error, sqlite3.DatabaseError) and "malformed" in str(error):
        return _damaged(path, str(error))
    return Finding(name="reachable", level="error", said=str(unavailable(path, error)))


def _damaged(path: str, words: str) -> Finding:
    return Finding(
        name="integrity",
        level="error",
        said=f"the file is damaged: {words}",
        next_step=f"put back a copy, or move {path} and its -wal and -shm away to begin anew",
    )
