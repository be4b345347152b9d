"""An outbox in an SQLite file, for the processes of one machine."""

from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.instants import StoreTime
from postpress_async.storage.outbox import adding, heads, owners, steps
from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.callers import add_in_file, driven, is_busy
from postpress_async.storage.outbox.dialect import SQLITE
from postpress_async.storage.outbox.living import CERTAIN, Workers
from postpress_async.storage.outbox.rewriting import rewritten
from postpress_async.storage.outbox.rows import Claimed
from postpress_async.storage.outbox.shared import SharedOutbox
from postpress_async.storage.outbox.tables import LATER, META, MIGRATIONS
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.file_systems import file_system_of
from postpress_async.storage.sqlite.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import Added, New, Nothing, Row

__all__ = ["OUTBOX", "SqliteOutbox"]

T = TypeVar("T")
_log = logging.getLogger("postpress_async.storage")

_NOTE_EVERY: Final = 1.0  # seconds of the store's time, for processes that start after a step back
_SET_BACK: Final = 60.0  # seconds that a clock must be behind, for what was wished to go by it
_SAID: Final = (
    "%s: the clock was %d seconds ahead before: not_before and expires_at go by the clock as it "
    "is, all else by a time that never goes back"
)
_LOOK_EVERY: Final = 0.5  # seconds between looks for what other processes have done
_SORT_AFTER: Final = 64  # items put in one by one, until threads are told of them

OUTBOX: Final = Schema(
    what="outbox",
    application_id=0x70704F42,  # ppOB
    migrations=(
        *(SQLITE.statement(step) for step in MIGRATIONS),
        SQLITE.statement(META),
        "INSERT INTO outbox_meta VALUES ('postpress-async outbox', hex(randomblob(16)), 1, 0.0)",
        *(SQLITE.statement(step) for step in LATER),
    ),
)


class SqliteOutbox(SharedOutbox):
    """Keep items in a file; a commit is on the disk before anybody is told of it.

    Workers hold a lock on a file each, in a directory beside the database: while it is held they
    live, however long they are stopped, and when it is free they are certainly dead. Where the
    system has no such locks (Windows), leases tell, as on a server.

    Args:
        path: of the file.
        clock: tells seconds since the epoch in place of the machine's clock; asked in another
            thread.
        timeout, look_every, file_system: as in `SqliteFile`.
    """

    _window = 20_000
    """Serials: whoever reads holds back whoever writes, in all processes."""

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] | None = None,
        timeout: float = 30.0,
        look_every: float = 1.0,
        file_system: Callable[[str], str] = file_system_of,
    ) -> None:
        super().__init__()
        self._path = place.absolute(path)
        self._file = SqliteFile(
            path,
            OUTBOX,
            synchronous="FULL",
            timeout=timeout,
            look_every=look_every,
            file_system=file_system,
        )
        self._patience = timeout
        self._time = StoreTime(clock)
        self._noted = -math.inf
        self._turn = 0.0
        self._lead = self._followed = 0.0
        self._workers = Workers(f"{self._path}-workers")
        self._unsorted = 0
        self._sorting: asyncio.Task[None] | None = None

    @property
    def certain(self) -> bool:
        """Whether this system has locks that die with their process."""
        return CERTAIN

    async def add(
        self, items: Sequence[New], /, *, connection: object | None = None
    ) -> list[Added]:
        """Keep items; as in `Store`.

        Raises:
            ConfigurationError: the connection is none of `sqlite3`, or has another file open, or no
                transaction to be part of.
        """
        if connection is not None:
            if not is_busy(connection):
                await self._run(owners.owners)  # makes the tables
            return add_in_file(items, connection, path=self._path, now=self._time.now())
        if len(items) > 1:
            told, known = await self._run(lambda: adding.add_several(items))
        else:
            told, known = await self._run(lambda: adding.add(items)), False
        self._wakeups.tell()
        self._unsorted += 0 if known else len(items)
        if self._unsorted >= _SORT_AFTER and self._sorting is None:
            self._unsorted = 0
            self._sorting = asyncio.create_task(self._sort())
        return told

    async def enter(self, owner: str, /) -> None:
        """Begin as a worker: hold its file from now on.

        Raises:
            ConfigurationError: a worker of this name lives already, or its file cannot be made.
        """
        await self._run(owners.owners)  # the database, and so its directory, is there
        if CERTAIN:
            self._workers.enter(owner)
            await self._run(lambda: owners.left_by([owner]))  # of an earlier life

    async def leave(self, owner: str, /) -> None:
        """End as a worker. What it has marked is an orphan's from now on."""
        self._given.left(owner)
        left = True
        try:
            await self._run(lambda: owners.leave(owner))
            left = owner in await self._run(owners.owners)
        finally:  # it has ended, whether the file can be told or not; else it would seem alive
            self._workers.leave(owner, left=left)
        self._wakeups.tell()

    async def claim(
        self, owner: str, /, *, lease: float, accounts: Sequence[str] | None = None
    ) -> Claimed | Nothing:
        """Take the head of a thread; as in `Store`.

        It does not wait for the disk. A power cut that takes a claim back ends whoever had it: the
        first that others can see of it is its mark, and what is on the disk is always a beginning
        of what was written.

        Raises:
            ConfigurationError: the worker has not entered in this process.
        """
        if CERTAIN and not self._workers.holds(owner):
            raise ConfigurationError(f"the worker {owner} has not entered: call enter first")
        heard = self._wakeups.count

        def work(connection: sqlite3.Connection) -> Claimed | Nothing:
            now = self._now(connection)
            self._turn = turn = max(now, self._turn + 1e-6)
            lead = self._lead
            if driven(steps.probe(), connection, now, lead):
                driven(heads.upkeep(), connection, now, lead)
            asked = steps.claim(owner, lease=lease, accounts=accounts, turn=turn)
            if (taken := driven(asked, connection, now, lead)) is not None:
                return msgspec.structs.replace(taken, lead=lead) if lead else taken
            version = _version(connection)
            nothing = driven(steps.nothing(accounts), connection, now, lead)
            return msgspec.structs.replace(nothing, heard=heard, version=version)

        taken = await self._file.run(work, durable=False)
        if isinstance(taken, Claimed):
            self._given.to(owner, taken.row)
        return taken

    async def orphans(self) -> list[Row]:
        """Take in what the dead have left; as in `Store`."""
        ended = self._workers.dead() if CERTAIN else []
        own = await self._run(owners.owners)
        self._workers.sweep(ended, owners=own)
        lives = {owner: self._workers.life(owner) if CERTAIN else "untold" for owner in own}
        dead = [owner for owner, life in lives.items() if life == "dead"]
        found = await self._run(lambda: owners.left_by(dead)) if dead else []
        for owner in dead:
            self._workers.clear(owner)
        untold = [owner for owner, life in lives.items() if life == "untold"]
        if own:
            found += await self._run(lambda: owners.late(of=untold))
            self._wakeups.tell()
        return found

    async def wait(self, seconds: float, /, *, since: Nothing) -> None:
        """Return when something may have been added or freed, here or by another process.

        What another process does is seen within half a second.
        """
        await self._wakeups.wait(
            seconds, heard=since.heard, every=_LOOK_EVERY, changed=partial(self._changed, since)
        )

    async def purge(self, *, before: float) -> int:
        """Empty the bodies of what was over before an instant, and overwrite what they were."""
        await self._file.run(lambda connection: connection.execute("PRAGMA secure_delete = ON"))
        return await super().purge(before=before)

    async def shrink(self, *, least: int = 0) -> int:
        """Write the file anew, without its free space; as in `Store`.

        Everybody waits meanwhile: half a minute or so for a file of a gigabyte.
        """
        await self._run(owners.owners)  # the file is there, and ours
        return await rewritten(self._path, least=least, patience=self._patience)

    async def scrub(self) -> None:
        """Write the file anew: SQLite leaves what was where it was, until it needs the space."""
        await self.shrink()

    async def aclose(self) -> None:
        """Finish what was asked for, let go of workers' files and close. Safe to repeat."""
        if (sorting := self._sorting) is not None:
            await asyncio.wait({sorting})
        await self._file.aclose()
        self._workers.leave_all()

    async def _changed(self, since: Nothing) -> bool:
        """Tell whether another process has written since there was nothing to claim."""
        try:
            return await self._file.run(_version) != since.version
        except StateUnavailableError:
            return False  # who claims is told

    async def _sort(self) -> None:
        """Let threads know of what was put in, so that no claim has to."""
        try:
            await self._run(heads.upkeep, durable=False)
        except (StateUnavailableError, ConfigurationError):
            pass  # a claim does it, or is told
        finally:
            self._sorting = None

    async def _run(self, asked: Callable[[], Steps[T]], *, durable: bool = True) -> T:
        def work(connection: sqlite3.Connection) -> T:
            now = self._now(connection)
            return driven(asked(), connection, now, self._lead)

        return await self._file.run(work, durable=durable)

    def _is_double(self, error: Exception) -> bool:
        return isinstance(error, sqlite3.IntegrityError)

    def _now(self, connection: sqlite3.Connection) -> float:
        """Return the store's time: never less than what other processes have told, but by 1 s."""
        now = self._time.now()
        if now - self._noted >= _NOTE_EVERY:
            now = self._time.now(connection.execute(SQLITE.statement(sql.SEEN)).fetchone()[0])
            connection.execute(SQLITE.statement(sql.NOTE_SEEN), {"now": now})
            self._noted = now
        self._follow(connection)
        return now

    def _follow(self, connection: sqlite3.Connection) -> None:
        """Know by how much the clock is behind, where it is: what was wished is meant by it.

        Where it was set, what no longer waits by what it was before is thought over.
        """
        lead = self._time.lead
        lead = lead if lead > _SET_BACK else 0.0
        if abs(lead - self._followed) > _SET_BACK:
            if lead > self._followed:
                _log.warning(_SAID, self._path, lead)
            connection.execute(SQLITE.statement(sql.THINK_OVER))
            self._followed = lead
        self._lead = lead


def _version(connection: sqlite3.Connection) -> int:
    """Return what is another number when somebody else has written."""
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version
