"""The counts' images in an SQLite file."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, TypeVar, cast

from postpress_async.storage.images import changes, kept
from postpress_async.storage.instants import StoreTime
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.schema import Schema
from postpress_async.storage.sqlite.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.sqlite.handle import Synchronous
    from postpress_async.storage.sqlite.sheet import Found
    from postpress_async.storage.sqlite.writer import Job

__all__ = ["SqliteImages"]

T = TypeVar("T")

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

_NOTED = "SELECT seen FROM meta"
_NOTE = "UPDATE meta SET seen = ? WHERE seen < ?"


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
        self._sheet = Sheet(mend)

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, all or nothing, with no other process in between.

        Raises:
            StateUnavailableError: the file cannot be used for now; nothing was changed.
            ConfigurationError: it cannot be used at all, or was opened before a fork.
            ClientClosedError: it was closed.
        """
        return cast("T", await self._file.share(work, self._carry_out))

    async def epoch(self) -> str:
        """Return the name that the file got when it was made: another one means counts were lost.

        Raises:
            StateUnavailableError, ConfigurationError, ClientClosedError: as `step` does.
        """
        return await self._file.run(_epoch)

    async def aclose(self) -> None:
        """Finish what was asked for and close the file."""
        await self._file.aclose()

    def _carry_out(self, connection: Connection, jobs: list[Job]) -> Callable[[], None]:
        """Run works one after another: all are read before the first, and written after the last.

        A work has only values in its hands, so one that fails leaves nothing to take back.
        """
        works = [cast("Work[object]", job.work) for job in jobs]
        found = self._sheet.open(connection, {key: None for one in works for key in one.keys})
        now = self._time.now(max([at for _, at in found.values()], default=-math.inf))
        if due := now - self._noted >= _NOTE_EVERY:
            now = self._time.now(connection.execute(_NOTED).fetchone()[0])
        images: dict[str, bytes | None] = {}
        for job, work in zip(jobs, works, strict=True):
            try:
                its = {key: self._image(key, images, found) for key in work.keys}
                after, job.result = work.run(its, now)
                images.update(changes(its, after))
            except BaseException as error:  # noqa: BLE001 - whoever asked is told
                job.error = error
        changed = [(key, one) for key, one in images.items() if one != found[key].image]
        self._sheet.write(connection, changed, now)
        if due:
            connection.execute(_NOTE, (now, now))

        def committed() -> None:
            self._sheet.seen(connection, images, now)
            if due:
                self._noted = now

        return committed

    def _image(
        self, key: str, images: dict[str, bytes | None], found: Mapping[str, Found]
    ) -> bytes | None:
        """Return an image as the works before have left it."""
        if key not in images:
            images[key] = self._sheet.mended(key, found[key])
        return images[key]


def _epoch(connection: Connection) -> str:
    row: tuple[str] = connection.execute("SELECT epoch FROM meta").fetchone()
    return row[0]
