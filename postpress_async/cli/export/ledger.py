"""What an export has written already, in a small SQLite file: the one home of its statements.

A page's ids, the cursor behind it and the length of the file are written in one transaction, after
the page's rows are on the disk. So whatever ends the program in between leaves rows that the ledger
does not know of: they are cut off when it goes on, and written again.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError, DownloadError, PostpressError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

_APPLICATION: Final = 0x70707865  # `ppxe`, in the file's head
_VERSION: Final = 1
_SCHEMA: Final = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE written (id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE stand (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL);
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""
_KEEP: Final = "INSERT INTO written (id) VALUES (?) ON CONFLICT DO NOTHING"
_READ: Final = "SELECT json FROM stand"
_WRITE: Final = (
    "INSERT INTO stand (one, json) VALUES (1, ?) ON CONFLICT DO UPDATE SET json = excluded.json"
)
_DIGEST: Final = 12  # bytes: among a thousand million messages no two are the same

Phase: TypeAlias = Literal["walk", "news", "done"]


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """Say how far an export is.

    Attributes:
        scope: what is exported.
        begin: when the first message may be from, ISO 8601.
        target: the file.
        form: how it is written.
        phase: `walk` through all pages, `news` since then, or `done`.
        cursor: where the next page of the walk begins.
        length: bytes of the file that are sure.
        tail: a digest of the last ones of them, which tells a file that others have changed.
        newest: milliseconds of the newest message that counts.
        mark: what `messages.since` is asked with.
        rows: messages in the file.
    """

    scope: dict[str, str | None]
    begin: str | None = None
    target: str
    form: str
    phase: Phase = "walk"
    cursor: str | None = None
    length: int = 0
    tail: str = ""
    newest: int = 0
    mark: str | None = None
    rows: int = 0


class Ledger:
    """Know what was written; one program at a time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # Without a name it is a file that is gone with the connection: memory stays flat.
        self._database = sqlite3.connect(path or "", timeout=0.0, isolation_level=None)
        self.stand: Stand | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, path: Path | None) -> Generator[Self]:
        """Open a ledger, or make one, readable by its owner alone; None is kept nowhere.

        Raises:
            ConfigurationError: it is another file, or one that another program is at.
        """
        made = path is not None and _make(path)
        try:
            ledger = cls(path)
        except sqlite3.Error as error:
            raise _refused(path, error) from error
        try:
            with ledger._told():
                ledger._begin()
            yield ledger
        finally:
            if made and ledger.stand is None and path is not None:
                path.unlink(missing_ok=True)  # nothing was begun, and nobody else is at it
            ledger._database.close()

    def _begin(self) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("BEGIN IMMEDIATE")  # from here on nobody else gets in
        [application] = self._database.execute("PRAGMA application_id").fetchone()
        [version] = self._database.execute("PRAGMA user_version").fetchone()
        [tables] = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._database.execute("COMMIT")
        if not tables:
            self._database.executescript(_SCHEMA)
        elif (application, version) != (_APPLICATION, _VERSION):
            msg = f"{self._path} is no state of an export of this version: name another file"
            raise ConfigurationError(msg)
        row = self._database.execute(_READ).fetchone()
        if row is not None:
            self.stand = msgspec.json.decode(row[0], type=Stand)

    def write(self, stand: Stand) -> None:
        """Remember how far it is, durably."""
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            self._commit(stand)

    @contextlib.contextmanager
    def page(self, ids: Sequence[str | None]) -> Generator[list[bool]]:
        """Tell which of some ids are new; a block that ends without `commit` changed nothing."""
        with self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield [id_ is None or self._is_new(id_) for id_ in ids]
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    def commit(self, stand: Stand) -> None:
        """Keep a page's ids, and how far it is behind it, durably."""
        self._commit(stand)

    def _commit(self, stand: Stand) -> None:
        self._database.execute(_WRITE, (json.dumps(msgspec.to_builtins(stand)),))
        self._database.execute("COMMIT")
        self.stand = stand

    def _is_new(self, id_: str) -> bool:
        digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
        return self._database.execute(_KEEP, (digest,)).rowcount == 1

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _refused(self._path, error) from error
        except msgspec.MsgspecError as error:
            msg = f"{self._path} cannot be read: name another file"
            raise ConfigurationError(msg) from error


def _make(path: Path) -> bool:
    """Make an empty file for its owner alone; tell whether it was not there."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        msg = f"cannot keep the state in {path} ({error.strerror}): name a place where it can be"
        raise ConfigurationError(msg) from error
    return True


def _refused(path: Path | None, error: sqlite3.Error) -> PostpressError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ConfigurationError(f"another export is at it ({path}): wait until it is done")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return ConfigurationError(f"{path} cannot keep the state ({error}): name another file")
    msg = f"cannot write to {path} ({error}): make room, and run it again; nothing is lost"
    return DownloadError(msg, path=str(path))
