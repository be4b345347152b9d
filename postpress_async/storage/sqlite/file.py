"""One SQLite file for a process, awaited from any loop."""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import TYPE_CHECKING, Final, TypeVar, cast

from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.file_systems import file_system_of
from postpress_async.storage.sqlite.handle import Handle
from postpress_async.storage.sqlite.jobs import Job
from postpress_async.storage.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from postpress_async.storage.sqlite.handle import Synchronous
    from postpress_async.storage.sqlite.jobs import Together
    from postpress_async.storage.sqlite.schema import Schema

__all__ = ["SqliteFile"]

T = TypeVar("T")
_log = logging.getLogger("postpress_async.storage")

_AT_LAST: Final = 2.0  # seconds to end in, once there is no more patience


class SqliteFile:
    """Run transactions on a file, in a thread of its own, so that no loop ever waits for the disk.

    Nothing is opened before the first work. What waits at one moment commits together. A file that
    was lost, locked or full is tried again by each next work.

    Args:
        path: of the file; made with mode 0600 where it is missing, in a directory made with 0700.
        schema: what the file holds.
        synchronous: `NORMAL` may forget the last commits when the power fails, `FULL` none; when
            a process is killed neither forgets any.
        timeout: seconds that each work waits for other processes' locks.
        timeout_when_locked: the same while they are known to be held: a work has waited in vain,
            and none was had since; None for no less.
        look_every: seconds after which a work makes sure that the path still names the open file.
        file_system: tells the name of the file system that a directory lies on.
        log_most: bytes that the `-wal` may have before it is carried over into the file, at a
            moment when nobody waits for that; None leaves it to SQLite, at some commits.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        *,
        synchronous: Synchronous = "NORMAL",
        timeout: float = 30.0,
        timeout_when_locked: float | None = None,
        look_every: float = 1.0,
        file_system: Callable[[str], str] = file_system_of,
        log_most: int | None = None,
    ) -> None:
        self._path = place.absolute(path)
        handle = Handle(
            self._path,
            schema,
            synchronous=synchronous,
            look_every=look_every,
            file_system=file_system,
            log_most=log_most,
        )
        self._writer = Writer(handle, timeout=timeout, timeout_when_locked=timeout_when_locked)
        # Forgotten without `aclose`: the thread ends after what was asked for.
        weakref.finalize(self, self._writer.end).atexit = False

    async def run(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run one work in a transaction, all or nothing, and return its result once committed.

        It runs in another thread, in order of asking, and again from the start where its
        transaction was lost before anybody was told: it should touch the database only, and
        neither commit nor roll back. Whoever is cancelled withdraws a work that has not begun; one
        that has begun is carried out, and its result dropped.

        Args:
            work: is handed the connection, inside a transaction.
            durable: False where the power may fail before the disk has it, although `FULL` was
                asked for: it is on the disk with the next work that is durable, of any process.

        Raises:
            StateUnavailableError: the file cannot be used for now; nothing was changed.
            ConfigurationError: it cannot be used at all, or was opened before a fork.
            ClientClosedError: it was closed.
        """
        return cast("T", await self._told(work, None, durable=durable))

    async def share(self, work: object, together: Together) -> object:
        """Have a work carried out with others like it, all that wait in one go; else as `run`.

        Args:
            work: is handed on.
            together: carries out what waits one after another and names the same.

        Raises:
            StateUnavailableError, ConfigurationError, ClientClosedError: as `run` does.
        """
        return await self._told(work, together, durable=True)

    async def _told(self, work: object, together: Together | None, *, durable: bool) -> object:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._writer.ask(Job(work, loop, future, together=together, durable=durable))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                future.exception()  # both came at once: the loop need not warn of what is dropped
            raise

    async def aclose(self, *, patience: float | None = None) -> None:
        """Finish what was asked for and close the file. Safe to repeat.

        Args:
            patience: seconds after which what waits for others' locks fails, and a little later
                nobody waits for a disk that hangs: the thread ends when it can. None to wait for
                locks as long as the timeout, and for the disk as long as it takes.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        if not self._writer.end(Job(_nothing, loop, future)):
            return
        if patience is None:
            await future
            return
        hurry = loop.call_later(patience, self._writer.hurry)
        try:
            done, _ = await asyncio.wait({future}, timeout=patience + _AT_LAST)
        finally:
            hurry.cancel()
        if not done:
            _log.warning("%s is not closed yet: its disk does not answer", self._path)


def _nothing(_: Connection) -> None:
    return
