"""Optimistic steps: decided here on what was seen last, carried out there if it still is so.

One round trip a batch where nobody else has written since, one more where somebody has. What was
seen last is also what a server is given back that has lost it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections import deque
from contextlib import suppress
from contextvars import Context
from copy import copy
from typing import TYPE_CHECKING, Final, TypeVar, cast

from postpress_async.errors import (
    ClientClosedError,
    ConfigurationError,
    PostpressError,
    StateUnavailableError,
)
from postpress_async.machine import boot_time
from postpress_async.storage.remote.deciding import Decider
from postpress_async.storage.remote.jobs import Job
from postpress_async.storage.remote.swaps import TURN
from postpress_async.storage.remote.timing import Expectations, ServerTime
from postpress_async.storage.remote.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.remote.swaps import Fate, Server

__all__ = ["PATIENCE", "RemoteImages"]

T = TypeVar("T")
_log = logging.getLogger("postpress_async.storage")

PATIENCE: Final = 4.5  # seconds until a server counts as lost; less than `LATE`
_LITTLE: Final = 1.0  # the same while it already does
_ASLEEP: Final = 0.25  # seconds of lateness that are this process's own
_MOST: Final = 128  # works in one round trip
_URGENT: Final = 4  # refusals after which a work asks for its turn
_SHORT: Final = 0.0005  # seconds that a round trip takes at least
_PAUSE: Final = (0.01, 0.25)  # seconds between tries of a server that fails: at first, at most

_REFUSED: Final[dict[Fate, str]] = {
    "changed": "too many others write the same at once: the next call tries again",
    "turn": "too many others write the same at once: the next call tries again",
    "time": "its clock is behind the times that it has written itself: look at its clock",
}


class RemoteImages:
    """Keep images on a server.

    Its time is the server's: works are decided a moment before the server sees them, at a time
    that is never ahead of the server's own by more than a millisecond, and never behind the true
    one of their decision, so that neither who grants nor who gives back errs to the wrong side.

    Args:
        server: where they are kept.
        clock: tells the time in place of the server.
        mend: what is known when a server has lost what it had told.
        monotonic: tells seconds that never go back, and go on while the machine is suspended.
        draw: as in `random`.
        expectations: what this process knows of servers' times, by that same clock.
    """

    def __init__(
        self,
        server: Server,
        *,
        mend: Mend,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = boot_time,
        draw: Callable[[], float] = random.random,
        expectations: Expectations | None = None,
    ) -> None:
        self._server = server
        self._monotonic = monotonic
        self._draw = draw
        name = f"{server.where} {server.space}"
        times = ServerTime(monotonic, clock, expectations=expectations, server=name)
        self._times = times
        self._decider = Decider(server, mend=mend, times=times, monotonic=monotonic)
        self._asked: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._process = -1
        self._down = False
        self._answers = False  # whether it did when it was asked last
        self._watch = Watch()
        self._said = ""

    @property
    def lead(self) -> float:
        """By how many seconds its time is ahead of the clock by which hours are meant.

        That is the server's, or one that was handed in; negative where the time is behind it.
        """
        return self._times.lead

    @property
    def trouble(self) -> str:
        """What the server was found to fail with, while it is tried again; empty for nothing."""
        return self._said

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, all or nothing.

        It may run more than once. Whoever is cancelled before it began withdraws it.

        Raises:
            StateUnavailableError: the server cannot be reached; where that was found out after
                the work was sent, it may have been done.
            ConfigurationError: the server cannot be used, or was opened before a fork.
            ClientClosedError: it was closed.
        """
        if self._closed:
            raise ClientClosedError(f"{self._server.where} is closed: open it again")
        self._begin()
        loop = asyncio.get_running_loop()
        job = Job(cast("Work[object]", work), loop.create_future())
        job.until = self._monotonic() + (_LITTLE if self._down else PATIENCE)
        self._asked.append(job)
        if self._task is None or self._task.done():
            # In the next tick of the loop: all that this one asks for goes together.
            self._task = loop.create_task(self._serve(), context=Context())
        try:
            return cast("T", await job.future)
        except asyncio.CancelledError:
            if job.future.done() and not job.future.cancelled():
                job.future.exception()
            raise

    async def aclose(self) -> None:
        """Finish what was asked for, for a bounded time, and let go of the server."""
        self._closed = True
        if self._process not in {-1, os.getpid()}:
            return
        if (task := self._task) is not None and not task.done():
            await asyncio.wait({task}, timeout=PATIENCE + _LITTLE)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._server.aclose()

    def _begin(self) -> None:
        if self._process == -1:
            self._process = os.getpid()
        elif self._process != os.getpid():
            raise ConfigurationError(
                f"{self._server.where} was opened before this process was forked: open it anew "
                "in each process"
            )

    async def _serve(self) -> None:
        """Carry out what is asked for, until there is nothing more."""
        jobs: list[Job] = []
        try:
            while jobs or self._asked:
                answers, now = self._answers, self._monotonic()
                while self._asked and len(jobs) < _MOST:
                    job = self._asked.popleft()
                    if answers:  # it waited for others of this process, and for no server
                        job.until = max(job.until, now + PATIENCE)
                    jobs.append(job)
                jobs = [job for job in jobs if not job.future.done()]
                if jobs:
                    await self._try(jobs)
                    await asyncio.sleep(0)  # who was told something may ask for more: together
        except BaseException as error:
            cause: BaseException = error
            if isinstance(error, asyncio.CancelledError):  # those who wait were not
                said = f"{self._server.where} was let go of before it answered"
                cause = ClientClosedError(said) if self._closed else StateUnavailableError(said)
            _fail([*jobs, *self._asked], cause)
            self._asked.clear()
            if not isinstance(error, Exception):
                raise

    async def _try(self, jobs: list[Job]) -> None:
        """Try once; who has tried for too long is told so."""
        now, wait = self._monotonic(), 0.0
        self._begin_anew([job for job in jobs if job.until < now - _ASLEEP])
        until = max(min([job.until for job in jobs]), now + 0.01)
        try:
            self._answers = False
            with self._watch.within(until - now):
                await self._decider.attempt(jobs)
            self._answers, self._said = True, ""
        except TimeoutError:
            if self._monotonic() - until > _ASLEEP:
                self._begin_anew(jobs)
            said = f"{self._server.where} does not answer: look whether it is frozen or busy"
            self._give_up(jobs, StateUnavailableError(f"{said}; the next call tries again"))
        except StateUnavailableError as error:
            if self._monotonic() - until > _ASLEEP:  # as above: it was this machine that slept
                self._begin_anew(jobs)
            wait, self._said = _pause(jobs), str(error)
            for job in jobs:
                job.said = error
            self._give_up(jobs, error, soon=wait)
        except PostpressError as error:
            _fail(jobs, error)
        else:
            self._back()
            wait = self._refused(jobs, self._monotonic() - now)
        if wait and any(not job.future.done() for job in jobs):
            await asyncio.sleep(wait * (0.5 + self._draw()))

    def _refused(self, jobs: list[Job], trip: float) -> float:
        """See to those whose swap was refused; return how long to wait for the next try.

        A key is kept for another process until that has asked once more: a round trip or two, as
        long as ours took. If it is still kept then, that process is slower, or gone.
        """
        wait, now = 0.0, self._monotonic()
        for job in jobs:
            if job.future.done() or job.refused is None:
                continue
            job.tries += 1
            job.urgent = job.tries >= _URGENT
            if job.refused == "time" and job.tries == 1:
                self._begin_anew([job])  # it lay for longer than anybody waits
            if job.refused == "turn":
                wait = max(wait, min(max(trip, _SHORT) * 2.0**job.stays, TURN / 4))
                job.stays += 1
            elif job.refused == "time" and job.tries > 1:
                wait = max(wait, 0.02)
            if job.until <= now + wait:
                said = f"{self._server.where}: {_REFUSED[job.refused]}"
                # But for its clock, the server does all that others ask for.
                one = None if job.refused == "time" else job.work.keys[0]
                _fail([job], StateUnavailableError(said, account_id=one))
        return wait

    def _begin_anew(self, jobs: list[Job]) -> None:
        """Let them wait as if they came now: this process was stopped, or its loop was blocked."""
        until = self._monotonic() + PATIENCE
        for job in jobs:
            job.until = max(job.until, until)

    def _give_up(self, jobs: list[Job], error: StateUnavailableError, *, soon: float = 0) -> None:
        """Fail whoever cannot wait any longer."""
        now = self._monotonic()
        late = [job for job in (*jobs, *self._asked) if job.until <= now + soon]
        late = [job for job in late if not job.future.done()]
        if late and not self._down:
            self._down = True
            _log.warning("counts are out of reach: %s", late[0].said or error)
            for job in self._asked:
                job.until = min(job.until, now + _LITTLE)
        for job in late:  # what it said once tells more than its silence since
            _fail([job], job.said or error)

    def _back(self) -> None:
        if self._down:
            self._down = False
            _log.warning("counts are within reach again: %s", self._server.where)


def _pause(jobs: Sequence[Job]) -> float:
    """Return how long to wait for a server that failed: longer each time."""
    for job in jobs:
        job.failures += 1
    least, most = _PAUSE
    return min(least * 2.0 ** (min(job.failures for job in jobs) - 1), most)


def _fail(jobs: Sequence[Job], error: BaseException) -> None:
    for job in jobs:
        job.fail(_told(error) if isinstance(error, PostpressError) else error)


def _told(error: PostpressError) -> PostpressError:
    """Return an error for one who asked: whether anything was done is between us and the server."""
    if isinstance(error, StateUnavailableError):
        return StateUnavailableError(str(error), account_id=error.account_id)
    return copy(error)
