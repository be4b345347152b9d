"""One connection to one file, for one thread: opened, looked after, opened again."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.faults import is_busy, is_fault, is_foreign, spoils, unavailable
from postpress_async.storage.sqlite.schema import Schema, settle, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OLDEST", "Handle", "Synchronous"]

Synchronous: TypeAlias = Literal["NORMAL", "FULL"]

T = TypeVar("T")

OLDEST = (3, 35)  # RETURNING
_SHORTEST_PAUSE: Final = {"NORMAL": 0.000_2, "FULL": 0.000_5}  # as others' commits are long
_LONGEST_PAUSE = 0.005
_MOMENT = 0.1  # seconds for which a lock that was waited for is likely to be so again
_MEASURE_EVERY = 1000  # changes between two looks at the size of the log
_TRIES = 5  # to find nobody reading or writing: each may wait for the disk
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"
_LAST_PATIENCE = 1.0  # at the interpreter's exit


class Handle:
    """Begin transactions on a file, and notice when it is not the same file any more.

    Every method blocks, and belongs to one thread.

    Attributes:
        hurried: somebody wants to end; set by another thread.
        locked: whether `begin` has failed last since others held a lock.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        *,
        synchronous: Synchronous,
        look_every: float,
        file_system: Callable[[str], str],
        log_most: int | None = None,
    ) -> None:
        self.path = path
        self.hurried: bool = False
        self.locked: bool = False
        self._schema = schema
        self._synchronous = synchronous
        self._level = synchronous  # of the connection, now
        self._until = 0.0  # others' locks are waited for
        self._look_every = look_every
        self._file_system = file_system
        self._connection: sqlite3.Connection | None = None
        self._identity: place.Identity | None = None
        self._log: place.Identity | None = None
        self._looked = 0.0
        self._known = False
        self._log_most = log_most
        self._measured = 0  # changes that were made before its size was looked at
        self._waited_at = -inf  # for others' locks, last

    def begin(self, *, until: float, durable: bool = True) -> sqlite3.Connection:
        """Return a connection inside a transaction that holds the file's write lock.

        Args:
            until: when to give up while others hold a lock, by the monotonic clock; it is tried
                once at least.
            durable: whether its commit waits for the disk, where the handle's do. One that does
                not is on the disk with the next that does.

        Raises:
            StateUnavailableError: the file cannot be used for now; the next call tries again.
            ConfigurationError: it cannot be used at all, found at its first opening.
        """
        self._until, self.locked = until, False
        try:
            if self._connection is None:
                self._connection = self._open()
                self._known = True
            connection = self._connection
            if (level := self._synchronous if durable else "NORMAL") != self._level:
                connection.execute(f"PRAGMA synchronous={level}")
                self._level = level
            self._patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
            if time.monotonic() - self._looked >= self._look_every:
                self._look(connection)
        except BaseException as error:
            self.rollback()  # a lock that stayed held would stop every process
            if isinstance(error, sqlite3.Error):
                self.locked = is_busy(error)
                raise self.fault(error) from None
            if isinstance(error, ConfigurationError) and self._known:
                raise StateUnavailableError(str(error)) from None  # it worked, and may again
            raise
        return connection

    def is_contended(self) -> bool:
        """Tell whether others held the lock when it was wanted, a moment ago."""
        return time.monotonic() - self._waited_at < _MOMENT

    def tidy(self) -> None:
        """Carry the log over into the file where it has grown long, and begin it anew.

        SQLite would do so in a commit, and begins anew only when nobody writes meanwhile: among
        several processes that write, each commit would wait for the disk, and the log grow on.
        """
        if self._connection is None or self._log_most is None or not self._is_long():
            return
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # the long part
            for _ in range(_TRIES):
                row: tuple[int] = self._connection.execute(_TRUNCATE).fetchone()
                if not row[0]:
                    return
                time.sleep(_SHORTEST_PAUSE[self._synchronous])
        except sqlite3.Error as error:
            self.fault(error)  # whoever comes next is told, if it lasts

    def rollback(self) -> None:
        """Give up what was begun, as far as SQLite has not done so itself."""
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.close()

    def fault(self, error: sqlite3.Error) -> StateUnavailableError:
        """Say what an error means, and drop a connection that it has spoiled."""
        if spoils(error):
            self.close()
        return unavailable(self.path, error)

    def explained(self, error: BaseException) -> BaseException:
        """Return a fault of the store as our error, and any other error as it is."""
        if isinstance(error, sqlite3.Error) and is_fault(error):
            return self.fault(error)
        return error

    def close(self) -> None:
        """Close the connection; the next `begin` opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()  # the last one to close carries the -wal over into the file

    def _open(self) -> sqlite3.Connection:
        if sqlite3.sqlite_version_info < OLDEST:
            raise ConfigurationError(
                f"SQLite {sqlite3.sqlite_version} is too old for {self.path}: use a Python that "
                "was built with 3.35 or later"
            )
        place.prepare(self.path, self._file_system)
        identity = place.identity(self.path)
        connection = sqlite3.connect(
            f"{Path(self.path).as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0
        )
        try:
            self._patiently(
                lambda: settle(connection, self._schema, self.path, self._synchronous),
            )
            if identity is None or place.identity(self.path) != identity:
                raise StateUnavailableError(  # noqa: TRY301 - closed below like the rest
                    f"{self.path} was replaced while it was opened: the next call tries again"
                )
        except BaseException as error:
            connection.close()
            if is_foreign(error):
                raise ConfigurationError(
                    f"{self.path} is no SQLite database: name another file, or put back a copy"
                ) from None
            raise
        self._level = self._synchronous
        self._identity = identity
        self._log = place.identity(f"{self.path}-wal")
        self._looked = time.monotonic()
        if self._log_most is not None:
            connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection

    def _look(self, connection: sqlite3.Connection) -> None:
        """Make sure that the path still names the open file, and that nobody upgraded it."""
        self._looked = time.monotonic()
        self._measured = -_MEASURE_EVERY  # now
        try:
            identity = place.identity(self.path)
        except OSError as error:
            raise place.refused(self.path, error) from None
        if identity == self._identity and version_of(connection) == len(self._schema.migrations):
            return
        self.rollback()
        if identity != self._identity:
            place.clear(self.path, self._log)  # before closing: an open file's number is its own
        self.close()
        if identity == self._identity:
            reason = "was upgraded by a newer postpress-async: upgrade the package here too"
        elif identity is None:
            reason = "was deleted while in use: put it back, or the next call begins it anew"
        else:
            reason = "was replaced while in use: the next call uses the file that is there now"
        raise StateUnavailableError(f"{self.path} {reason}")

    def _is_long(self) -> bool:
        """Look how long the log is, once a thousand changes, and whenever the file is looked at."""
        if self._connection is None or self._log_most is None:
            return False
        changes = self._connection.total_changes
        if self._measured <= changes < self._measured + _MEASURE_EVERY:
            return False
        self._measured = changes
        with contextlib.suppress(OSError):
            return Path(f"{self.path}-wal").stat().st_size > self._log_most
        return False

    def _patiently(self, attempt: Callable[[], T]) -> T:
        """Retry while somebody else holds the lock, for as long as `begin` may.

        In place of SQLite's own waiting, whose pauses grow to 100 ms, which starves one of many
        processes, and which cannot be hurried.
        """
        began, shortest = 0.0, _SHORTEST_PAUSE[self._synchronous]
        while True:
            try:
                return attempt()
            except sqlite3.Error as error:
                now = self._waited_at = time.monotonic()
                began = began or now
                hurried = self.hurried and now - began >= _LAST_PATIENCE
                if not is_busy(error) or hurried or now >= self._until:
                    raise
            pause = min(max((now - began) / 100, shortest), _LONGEST_PAUSE)
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - to part the waiters
