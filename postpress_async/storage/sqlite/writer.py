"""The thread that a file's works run in, as many in one transaction as wait at that moment."""

from __future__ import annotations

import atexit
import logging
import os
import queue
import threading
import time
import weakref
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from postpress_async.errors import ClientClosedError, ConfigurationError, PostpressError
from postpress_async.storage.sqlite.jobs import Job, fail, tell, wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from postpress_async.storage.sqlite.handle import Handle

_log = logging.getLogger("postpress_async.storage")

__all__ = ["Writer"]

_MOST = 128  # works in one transaction: other processes wait for its end

Order: TypeAlias = Job | None  # None: end


class Writer:
    """Run works in the order of asking, in a thread that starts with the first of them.

    The thread is a daemon, so that a forgotten `aclose` does not keep the interpreter from
    ending, and is joined at exit, so that what was asked for is still carried out.

    Args:
        handle: begins transactions.
        timeout, timeout_when_locked: as in `SqliteFile`.
    """

    def __init__(
        self, handle: Handle, *, timeout: float, timeout_when_locked: float | None
    ) -> None:
        self._handle = handle
        self._timeout = timeout
        self._little = timeout if timeout_when_locked is None else timeout_when_locked
        self._locked_at: float | None = None  # since when others are known to hold a lock
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
            job.asked = time.monotonic()
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

    def hurry(self) -> None:
        """Have little patience for locks from now on, also for one that is waited for."""
        self._handle.hurried = True

    def join(self) -> None:
        """Wait for the end, with little patience for locks."""
        self.hurry()
        if self.end() and (thread := self._thread) is not None:
            thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(
            target=self._run, name=f"postpress {self._handle.path}", daemon=True
        )
        self._thread.start()
        _alive.add(self)

    def _run(self) -> None:
        last = False
        while not last and (order := self._orders.get()) is not None:
            last = self._serve(order)
            del order  # or its result would live until the next
        self._handle.close()
        with self._lock:
            self._thread = None
            waiters, self._waiters = self._waiters, []
        tell(waiters)

    def _serve(self, first: Job) -> bool:
        """Carry out what waits by now; return whether nothing comes after it."""
        jobs = [first]
        last = self._gather(jobs)
        try:
            jobs = wanted(jobs)
            if jobs and self._handle.is_contended():
                _foresee(jobs)
            if jobs and (connection := self._begin(jobs)) is not None:
                # Who came while others held the lock need not wait for it once more.
                if not last and any(job.durable for job in jobs):
                    last = self._gather(jobs)
                    jobs = wanted(jobs)
                self._carry_out(connection, jobs)
        except BaseException as error:  # noqa: BLE001 - the thread outlives what it serves
            fail(jobs, error)
        tell(jobs)
        try:
            self._handle.tidy()
        except Exception:  # noqa: BLE001 - nobody is left to tell, and the thread outlives it
            _log.exception("the log of %s could not be carried over", self._handle.path)
        return last

    def _gather(self, jobs: list[Job]) -> bool:
        """Take on what waits; return whether nothing comes after it."""
        orders = self._orders
        for _ in range(min(orders.qsize(), _MOST - len(jobs))):
            if (order := orders.get()) is None:
                return True
            jobs.append(order)
        return False

    def _transact(self, jobs: list[Job]) -> bool:
        """Carry jobs out in one transaction; return whether one could begin."""
        connection = self._begin(jobs)
        if connection is not None:
            self._carry_out(connection, jobs)
        return connection is not None

    def _begin(self, jobs: list[Job]) -> Connection | None:
        """Begin a transaction; who cannot wait for it as long as others is told, and taken out."""
        now = time.monotonic()
        until = {job: self._until(job, now) for job in jobs}
        while True:
            durable = any(job.durable for job in jobs)
            try:
                connection = self._handle.begin(
                    durable=durable, until=min(until[job] for job in jobs)
                )
            except PostpressError as error:
                late = self._late(jobs, until)
                fail(late, error)
            else:
                self._locked_at = None
                return connection
            if not (rest := [job for job in wanted(jobs) if job.error is None]):
                return None
            tell(late)
            jobs[:] = rest

    def _until(self, job: Job, now: float) -> float:
        """Return until when a job waits for others' locks."""
        if self._locked_at is None:
            return now + self._timeout  # so far it waited for others of this process
        return min(job.asked + self._timeout, max(job.asked, self._locked_at) + self._little)

    def _late(self, jobs: list[Job], until: dict[Job, float]) -> list[Job]:
        """Return whom a failed begin fails: all, unless some may wait for others' locks yet."""
        if not self._handle.locked:
            return jobs
        now = time.monotonic()
        if self._locked_at is None:
            self._locked_at = now
        if self._handle.hurried:
            return jobs
        return [job for job in jobs if until[job] <= now] or jobs

    def _carry_out(self, connection: Connection, jobs: list[Job]) -> None:
        """Carry jobs out and commit.

        Where the transaction is lost as a whole, each is carried out in one of its own: nobody was
        told of it, so nothing is done twice.
        """
        try:
            committed = _done(connection, jobs)
            connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            self._handle.rollback()
            if len(jobs) == 1:
                fail(jobs, self._handle.explained(error))
            else:
                self._one_by_one(jobs)
            return
        for then in committed:
            then()
        for job in jobs:
            if job.error is not None:
                job.error = self._handle.explained(job.error)

    def _one_by_one(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.result, job.error = None, None
        for place, job in enumerate(jobs):
            if not self._transact([job]) and job.error is not None:
                fail(jobs[place + 1 :], job.error)  # rather than wait for a lock once each
                return


def _foresee(jobs: list[Job]) -> None:
    for together, alike in groupby(jobs, lambda job: job.together):
        if together is not None:
            together.foresee(list(alike))


def _done(connection: Connection, jobs: list[Job]) -> list[Callable[[], None]]:
    """Carry jobs out in their order; return what to do once that is committed."""
    committed: list[Callable[[], None]] = []
    for together, alike in groupby(jobs, lambda job: job.together):
        if together is not None:
            committed.append(together.carry_out(connection, list(alike)))
        elif len(jobs) == 1:
            jobs[0].result = jobs[0].call(connection)
        else:
            for job in alike:
                _by_itself(connection, job)
    return committed


def _by_itself(connection: Connection, job: Job) -> None:
    """Run one work so that it fails alone."""
    connection.execute("SAVEPOINT work")
    try:
        job.result = job.call(connection)
    except BaseException as error:
        job.error = error
        if not connection.in_transaction:  # SQLite has undone everything, as on a full disk
            raise
        connection.execute("ROLLBACK TO work")
    connection.execute("RELEASE work")


_alive: weakref.WeakSet[Writer] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for writer in list(_alive):
        writer.join()
