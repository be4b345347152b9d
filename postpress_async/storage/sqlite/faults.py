"""What SQLite's errors mean for whoever has to do something about them."""

from __future__ import annotations

import sqlite3

from postpress_async.errors import StateUnavailableError

__all__ = ["is_busy", "is_fault", "is_foreign", "spoils", "unavailable"]

_CORRUPT = (
    "the file is damaged: put back a copy, or move it and its -wal and -shm away to begin anew"
)

_FULL = "the disk is full: free some space; the next call tries again"

_REASONS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: _FULL,  # the -shm found no room: SQLite has no better word
    sqlite3.SQLITE_BUSY: "another program holds it locked: close what has it open (a backup, "
    "a database browser, a stopped process); the next call tries again",
    sqlite3.SQLITE_IOERR: "reading or writing failed: look at the disk and at the system's log",
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_READONLY: "it may not be written: look at the owner and mode of the file and "
    "its directory, and whether the disk is mounted read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the owner and mode of the directory",
    sqlite3.SQLITE_PERM: "access is denied: look at the owner and mode of the file",
    sqlite3.SQLITE_NOMEM: "there is no memory left for it",
    sqlite3.SQLITE_ERROR: "SQLite refused a statement: was the file changed by hand?",
}
_REASONS[sqlite3.SQLITE_LOCKED] = _REASONS[sqlite3.SQLITE_BUSY]
_HARMLESS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _extended(error: BaseException) -> int:
    """Return the code with what it says beyond its kind; 0 for what SQLite did not say."""
    code = getattr(error, "sqlite_errorcode", None)  # missing where the module itself complains
    return code if isinstance(code, int) else 0


def _code(error: BaseException) -> int:
    """Return the primary code; 0 for what SQLite did not say."""
    return _extended(error) & 0xFF


def is_busy(error: BaseException) -> bool:
    """Tell whether somebody else holds the lock."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_foreign(error: BaseException) -> bool:
    """Tell whether the file is no database at all."""
    return _code(error) == sqlite3.SQLITE_NOTADB


def is_fault(error: BaseException) -> bool:
    """Tell the store's faults from the mistakes of whoever asked (a constraint, a wrong type)."""
    return isinstance(error, sqlite3.DatabaseError) and _code(error) in _REASONS


def spoils(error: BaseException) -> bool:
    """Tell whether the connection should not be used any more."""
    return is_fault(error) and _code(error) not in _HARMLESS


def unavailable(path: str, error: sqlite3.Error) -> StateUnavailableError:
    """Say in one line what is wrong with the file, and what to do next."""
    reason = _REASONS.get(_extended(error)) or _REASONS.get(_code(error))
    return StateUnavailableError(f"{path}: {reason or 'SQLite refused the statement'} ({error})")
