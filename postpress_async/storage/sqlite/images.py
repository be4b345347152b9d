"""The counts' images in an SQLite file."""

from __future__ import annotations

import logging
import math
import secrets
from collections import deque
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from postpress_async.storage.images import changes, kept
from postpress_async.storage.instants import StoreTime
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.sqlite.handle import Synchronous

__all__ = ["SqliteImages"]

T = TypeVar("T")
_Told: TypeAlias = "tuple[Mapping[str, bytes | None], float]"

_log = logging.getLogger("postpress_async.storage")

_SEEN_MOST = 10_000  # images kept in mind
_NOTE_EVERY = 1.0  # seconds of the store's time, for processes that start after a step back


def _first_meta(connection: Connection) -> None:
    connection.execute("INSERT INTO meta VALUES (1, ?, 0.0)", (secrets.token_hex(16),))


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
    ),
)

_READ = "SELECT image, changed_at FROM images WHERE key = ?"
_INSERT = "INSERT INTO images (image, changed_at, key) VALUES (?, ?, ?)"
_UPDATE = "UPDATE images SET image = ?, changed_at = ? WHERE key = ?"
_DELETE = "DELETE FROM images WHERE key = ?"


class SqliteImages:
    """Keep images in a file, for the processes of one machine and over their restarts.

    Its time is the machine's, and never goes back: of one image never at all, and over the whole
    file by at most a second, to a process that starts after the machine's clock was set back.

    Args:
        path: of the file.
        clock: tells seconds since the epoch in place of the machine's clock; asked in another
            thread.
        synchronous, timeout, look_every, file_system: as in `SqliteFile`.
        mend: what is known when the file was deleted, or replaced by an older copy.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] | None = None,
        synchronous: Synchronous = "NORMAL",
        timeout: float = 30.0,
        look_every: float = 1.0,
        file_system: Callable[[str], str] = place.file_system_of,
        mend: Mend = kept,
    ) -> None:
        self._file = SqliteFile(
            path,
            COUNTS,
            synchronous=synchronous,
            timeout=timeout,
            look_every=look_every,
            file_system=file_system,
        )
        self._time = StoreTime(clock)
        self._noted = -math.inf
        self._mend = mend
        self._told: deque[_Told] = deque()  # from the loop's thread to the file's
        self._connection: Connection | None = None  # to tell it from the next
        self._seen: dict[str, tuple[bytes, float]] = {}  # images, and when each was written
        self._lost: dict[str, tuple[bytes, float]] = {}  # what another file told, under this name

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, all or nothing, with no other process in between.

        Raises:
            StateUnavailableError: the file cannot be used for now; nothing was changed.
            ConfigurationError: it cannot be used at all, or was opened before a fork.
            ClientClosedError: it was closed.
        """
        result, told = await self._file.run(lambda connection: self._step(connection, work))
        self._told.append(told)  # now that it is committed
        return result

    async def epoch(self) -> str:
        """Return the name that the file got when it was made: another one means counts were lost.

        Raises:
            StateUnavailableError, ConfigurationError, ClientClosedError: as `step` does.
        """
        return await self._file.run(_epoch)

    async def aclose(self) -> None:
        """Finish what was asked for and close the file."""
        await self._file.aclose()

    def _step(self, connection: Connection, work: Work[T]) -> tuple[T, _Told]:
        while self._told:
            self._remember(*self._told.popleft())
        if self._connection is not connection:
            self._opened(connection)
        images: dict[str, bytes | None] = {}
        mended: dict[str, bytes | None] = {}
        seen = -math.inf
        for key in work.keys:
            row: tuple[bytes, float] | None = connection.execute(_READ, (key,)).fetchone()
            if row is None:
                images[key] = None
            else:
                images[key] = row[0]
                seen = max(seen, row[1])
            if key in self._lost:
                mended[key] = self._mended(key, images[key], -math.inf if row is None else row[1])
        now = self._time.now(seen)
        if due := now - self._noted >= _NOTE_EVERY:
            now = self._time.now(connection.execute("SELECT seen FROM meta").fetchone()[0])
        after, result = work.run({**images, **mended}, now)
        for key, image in changes(images, {**mended, **after}):
            if image is None:
                connection.execute(_DELETE, (key,))
            else:
                known = images[key] is not None
                connection.execute(_UPDATE if known else _INSERT, (image, now, key))
        if due:  # last, or a work that fails would take it back
            connection.execute("UPDATE meta SET seen = ? WHERE seen < ?", (now, now))
            self._noted = now
        return result, ({**images, **mended, **after}, now)

    def _opened(self, connection: Connection) -> None:
        """Let what was seen so far be put back where this file does not know it."""
        if self._connection is not None:
            self._lost |= self._seen
        self._connection = connection

    def _mended(self, key: str, image: bytes | None, written: float) -> bytes | None:
        """Return an image that also knows what was seen here before the file was lost."""
        mine, at = self._lost[key]
        mended = self._mend(key, mine, image, at, written)
        if mended != image:
            _log.warning("the file of counts had forgotten some of %s: it is put back", key)
        return mended

    def _remember(self, images: Mapping[str, bytes | None], at: float) -> None:
        """Keep in mind what was seen, for a file that is lost."""
        for key, image in images.items():
            self._lost.pop(key, None)
            self._seen.pop(key, None)
            if image is not None:
                self._seen[key] = (image, at)
        while len(self._seen) > _SEEN_MOST:
            del self._seen[next(iter(self._seen))]


def _epoch(connection: Connection) -> str:
    row: tuple[str] = connection.execute("SELECT epoch FROM meta").fetchone()
    return row[0]
