"""The counts' images in an SQLite file."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeVar, cast

from postpress_async.storage.images import kept
from postpress_async.storage.instants import time_of_counts
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.file_systems import file_system_of
from postpress_async.storage.sqlite.schema import Schema
from postpress_async.storage.sqlite.sheet import Sheet
from postpress_async.storage.sqlite.stepping import Stepping

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.sqlite.handle import Synchronous

__all__ = ["SqliteImages"]

T = TypeVar("T")

_LOG_MOST = 16 * 2**20  # bytes: a change writes a page of 4 KB
_LITTLE = 1.0  # seconds that locks are waited for while they are known to be held
_CLOSES_WITHIN = 5.5  # seconds that locks are waited for at the end, as for a server


def _first_meta(connection: Connection) -> None:
    connection.execute("INSERT INTO meta VALUES (1, ?, 0.0)", (secrets.token_hex(16),))


def _by_the_boot(connection: Connection) -> None:
    """Make room for the clock that the file's time goes by."""
    for column in _BY_THE_BOOT:
        connection.execute(f"ALTER TABLE meta ADD COLUMN {column}")


_BY_THE_BOOT = (  # as in `Noted`
    "boot TEXT NOT NULL DEFAULT ''",
    "ahead REAL NOT NULL DEFAULT 0.0",
    "lag REAL NOT NULL DEFAULT 0.0",
)
COUNTS = Schema(
    what="counts",
    application_id=0x70704354,  # ppCT
    migrations=(
        # With a rowid: an image of up to 4 KB then lies in one page beside its key.
        """CREATE TABLE images (
            key TEXT PRIMARY KEY NOT NULL, image BLOB NOT NULL, changed_at REAL NOT NULL
        )""",
        """CREATE TABLE meta (
            one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, seen REAL NOT NULL
        )""",
        _first_meta,
        _by_the_boot,
    ),
)


class SqliteImages:
    """Keep images in a file, for the processes of one machine and over their restarts.

    Its time goes on as the machine's boot does, whatever its wall clock is set to; that is believed
    at the first step of a boot. It never goes back: of one image never at all, and over the whole
    file by at most a second, to a process that starts in another boot.

    Args:
        path: of the file.
        clock: tells seconds since the epoch in place of the machine's clock; asked in another
            thread.
        synchronous, timeout, look_every, file_system: as in `SqliteFile`.
        mend: what is known when the file was deleted, or replaced by an older copy.
    """

    trouble: str = ""  # nothing is known before SQLite gives up

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] | None = None,
        synchronous: Synchronous = "NORMAL",
        timeout: float = 30.0,
        look_every: float = 1.0,
        file_system: Callable[[str], str] = file_system_of,
        mend: Mend = kept,
    ) -> None:
        self._file = SqliteFile(
            path,
            COUNTS,
            synchronous=synchronous,
            timeout=timeout,
            timeout_when_locked=min(timeout, _LITTLE),
            look_every=look_every,
            file_system=file_system,
            log_most=_LOG_MOST,
        )
        self._time = time_of_counts(clock)
        self._together = Stepping(self._time, Sheet(mend))

    @property
    def lead(self) -> float:
        """By how many seconds its time is ahead of the clock, which was set; below 0 if behind."""
        return self._time.lead

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, all or nothing, with no other process in between.

        Raises:
            StateUnavailableError: the file cannot be used for now; nothing was changed.
            ConfigurationError: it cannot be used at all, or was opened before a fork.
            ClientClosedError: it was closed.
        """
        return cast("T", await self._file.share(work, self._together))

    async def epoch(self) -> str:
        """Return the name that the file got when it was made: another one means counts were lost.

        Raises:
            StateUnavailableError, ConfigurationError, ClientClosedError: as `step` does.
        """
        return await self._file.run(_epoch)

    async def aclose(self) -> None:
        """Finish what was asked for, for a bounded time, and close the file."""
        await self._file.aclose(patience=_CLOSES_WITHIN)


def _epoch(connection: Connection) -> str:
    row: tuple[str] = connection.execute("SELECT epoch FROM meta").fetchone()
    return row[0]
