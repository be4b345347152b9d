"""The thread that a file's works run in, as many in one transaction as wait at that moment."""

from __future__ import annotations

import atexit
import copy
import os
import queue
import threading
import weakref
from typing import TYPE_CHECKING, TypeAlias

from postpress_async.errors import ClientClosedError, ConfigurationError, PostpressError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from sqlite3 import Connection

    from postpress_async.storage.sqlite.handle import Handle

__all__ = ["Job", "Writer"]

_MOST = 128  # works in one transaction: other processes wait for its end


class Job:
    """One work, and whom to tell."""

    __slots__ = ("durable", "error", "future", "loop", "result", "work")

    def __init__(
        self,
        work: Callable[[Connection], object],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[object],
        *,
        durable: bool = True,
    ) -> None:
        self.work: Callable[[Connection], object] = work
        self.durable: bool = durable
        self.loop: asyncio.AbstractEventLoop = loop
        self.future: asyncio.Future[object] = future
        self.result: object = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Resolve the future, unless its awaiter has gone. In the loop's own thread."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # a future takes no such thing
            self.future.set_exception(RuntimeError(f"a work raised {self.error!r}"))
        else:
            self.future.set_exception(self.error)


Order: TypeAlias = Job | None  # None: end


class Writer:
    """Run works in the order of asking, in a thread that starts with the first of them.

    The thread is a daemon, so that a forgotten `aclose` does not keep the interpreter from
    ending, and is joined at exit, so that what was asked for is still carried out.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._lock = threading.RLock()  # `end` may come from the garbage collector, anywhere
        self._closed = False
        self._thread: threading.Thread | None = None
        self._waiters: list[Job] = []
        self._process = os.getpid()

    def ask(self, job: Job) -> None:
        """Take a job on.

        Raises:
            ClientClosedError: the file was closed.
            ConfigurationError: this is another process than the one that opened the file.
        """
        with self._lock:
            if self._closed:
                raise ClientClosedError(f"{self._handle.path} is closed: open it again")
            if self._thread is None:
                self._process = os.getpid()
                self._start()
            elif os.getpid() != self._process:
                raise ConfigurationError(
                    f"{self._handle.path} was opened before this process was forked: open it "
                    "anew in each process"
                )
            self._orders.put(job)

    def end(self, job: Job | None = None) -> bool:
        """Take no more; return whether `job` will be told of the end. What was asked for runs."""
        with self._lock:
            alive = self._thread is not None and os.getpid() == self._process
            if alive and not self._closed:
                self._orders.put(None)
            self._closed = True
            if alive and job is not None:
                self._waiters.append(job)
            return alive

    def join(self) -> None:
        """Wait for the end, with little patience for locks."""
        self._handle.hurried = True
        if self.end() and (thread := self._thread) is not None:
            thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._run, name=f"postpress {self._handle.path}", daemon=True
        )
        self._thread.start()
        _alive.add(self)

    def _run(self) -> None:
        orders = self._orders
        while (order := orders.get()) is not None:
            jobs = [order]
            last = False
            while len(jobs) < _MOST and not orders.empty():
                if (order := orders.get()) is None:
                    last = True
                    break
                jobs.append(order)
            self._serve(jobs)
            del jobs, order  # or the last results would live until the next job
            if last:
                break
        self._handle.close()
        with self._lock:
            self._thread = None
            waiters, self._waiters = self._waiters, []
        _tell(waiters)

    def _serve(self, jobs: list[Job]) -> None:
        jobs = [job for job in jobs if not job.future.cancelled()]
        if jobs:
            try:
                self._transact(jobs)
            except BaseException as error:  # noqa: BLE001 - the thread outlives what it serves
                _fail(jobs, error)
            _tell(jobs)

    def _transact(self, jobs: list[Job]) -> bool:
        """Carry jobs out in one transaction; return whether one could begin.

        Where it is lost as a whole, each is carried out in one of its own: nobody was told of it,
        so nothing is done twice.
        """
        try:
            connection = self._handle.begin(durable=any(job.durable for job in jobs))
        except PostpressError as error:
            _fail(jobs, error)
            return False
        try:
            if len(jobs) == 1:
                jobs[0].result = jobs[0].work(connection)
            else:
                for job in jobs:
                    _carry_out(connection, job)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            self._handle.rollback()
            if len(jobs) == 1:
                _fail(jobs, self._handle.explained(error))
            else:
                self._one_by_one(jobs)
            return True
        for job in jobs:
            if job.error is not None:
                job.error = self._handle.explained(job.error)
        return True

    def _one_by_one(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.result, job.error = None, None
        for place, job in enumerate(jobs):
            if not self._transact([job]) and job.error is not None:
                _fail(jobs[place + 1 :], job.error)  # rather than wait for a lock once each
                return


def _carry_out(connection: Connection, job: Job) -> None:
    """Run one work so that it fails alone."""
    connection.execute("SAVEPOINT work")
    try:
        job.result = job.work(connection)
    except BaseException as error:
        job.error = error
        if not connection.in_transaction:  # SQLite has undone everything, as on a full disk
            raise
        connection.execute("ROLLBACK TO work")
    connection.execute("RELEASE work")


def _fail(jobs: Iterable[Job], error: BaseException) -> None:
    for job in jobs:  # a copy each: every raise adds to a traceback
        job.error = copy.copy(error) if isinstance(error, PostpressError) else error


def _tell(jobs: list[Job]) -> None:
    """Hand the jobs back to their loops, at one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, its in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, its)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _tell_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.tell()


_alive: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for writer in list(_alive):
        writer.join()
