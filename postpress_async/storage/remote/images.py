"""Optimistic steps: decided here on what was seen last, carried out there if it still is so.

One round trip a batch where nobody else has written since, one more where somebody has. What was
seen last is also what a server is given back that has lost it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import struct
import time
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
from postpress_async.storage.images import changes
from postpress_async.storage.remote.swaps import KEPT, STAMP, Swap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from postpress_async.storage.images import Mend, Work
    from postpress_async.storage.remote.swaps import Answer, Server

__all__ = ["PATIENCE", "RemoteImages"]

T = TypeVar("T")
_log = logging.getLogger("postpress_async.storage")

PATIENCE: Final = 4.5  # seconds until a server counts as lost; less than `LATE`
_LITTLE: Final = 0.5  # the same while it already does
_MOST: Final = 128  # works in one round trip
_KNOWN_MOST: Final = 10_000  # images kept in mind
_URGENT: Final = 4  # refusals after which a work asks for its turn
_DRIFT: Final = 1e-4  # seconds a second by which two clocks may part
_HEAD: Final = struct.Struct(">d")
_NO_STAMP: Final = b"\0" * STAMP  # nobody's: asks to be told what there is


class _Job:
    """One work, and whom to tell."""

    __slots__ = ("future", "result", "work")

    def __init__(self, work: Work[object], future: asyncio.Future[object]) -> None:
        self.work: Work[object] = work
        self.future: asyncio.Future[object] = future
        self.result: object = None


class _Seen:
    """Be a value as it was seen: its stamp, the time of its writing, the image."""

    __slots__ = ("at", "image", "stamp")

    def __init__(self, value: bytes | None) -> None:
        if value is None:
            self.stamp: bytes = b""
            self.at: float = -math.inf
            self.image: bytes | None = None
        else:
            self.stamp = value[:STAMP]
            (self.at,) = _HEAD.unpack_from(value, STAMP)
            self.image = value[STAMP + _HEAD.size :]


class RemoteImages:
    """Keep images on a server.

    Its time is the server's: works are decided a moment before the server sees them, at a time
    that is never ahead of the server's own by more than a millisecond, and never behind the true
    one of their decision, so that neither who grants nor who gives back errs to the wrong side.

    Args:
        server: where they are kept.
        clock: tells the time in place of the server.
        mend: what is known when a server has lost what it had told.
        monotonic, draw: as in `time` and `random`.
    """

    def __init__(
        self,
        server: Server,
        *,
        mend: Mend,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._server = server
        self._mend = mend
        self._clock = clock
        self._monotonic = monotonic
        self._draw = draw
        self._asked: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._process = -1
        self._who = ""
        self._serial = 0
        self._known: dict[str, _Seen] = {}
        self._lost: dict[str, _Seen] = {}  # what a server told, and may not know any more
        self._identity = ""
        self._ahead: float | None = None  # of the monotonic clock
        self._sampled = -math.inf
        self._down = False

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
        future: asyncio.Future[object] = loop.create_future()
        self._asked.append(_Job(cast("Work[object]", work), future))
        if self._task is None:
            # In the next tick of the loop: all that this one asks for goes together.
            self._task = loop.create_task(self._serve(), context=Context())
        try:
            return cast("T", await future)
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                future.exception()
            raise

    async def aclose(self) -> None:
        """Finish what was asked for, for a bounded time, and let go of the server."""
        self._closed = True
        if self._process not in {-1, os.getpid()}:
            return
        if (task := self._task) is not None:
            await asyncio.wait({task}, timeout=PATIENCE + _LITTLE)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._server.aclose()

    def _begin(self) -> None:
        if self._process == -1:
            self._process = os.getpid()
            self._who = os.urandom(4).hex()
        elif self._process != os.getpid():
            raise ConfigurationError(
                f"{self._server.where} was opened before this process was forked: open it anew "
                "in each process"
            )

    # -- batches -------------------------------------------------------------------------------

    async def _serve(self) -> None:
        jobs: list[_Job] = []
        try:
            while self._asked:
                jobs = [self._asked.popleft() for _ in range(min(len(self._asked), _MOST))]
                jobs = [job for job in jobs if not job.future.done()]
                await self._carry_out(jobs)
        except BaseException as error:
            _fail([*jobs, *self._asked], error)
            self._asked.clear()
            if not isinstance(error, Exception):
                raise
        finally:
            self._task = None

    async def _carry_out(self, jobs: list[_Job]) -> None:
        """Try until all are done, or the server counts as lost."""
        began = self._monotonic()
        until = began + (_LITTLE if self._down else PATIENCE)
        tries, pause = 0, 0.01
        while jobs:
            try:
                async with asyncio.timeout(until - self._monotonic()):
                    jobs, waits = await self._attempt(jobs, urgent=tries >= _URGENT)
            except TimeoutError:
                said = f"{self._server.where} does not answer: look whether it is frozen or busy"
                return self._gone(jobs, StateUnavailableError(f"{said}; the next call tries again"))
            except StateUnavailableError as error:
                if self._monotonic() + pause >= until:
                    return self._gone(jobs, error)
                await asyncio.sleep(pause * (0.5 + self._draw()))
                pause = min(pause * 2, 0.25)
                continue
            except PostpressError as error:
                return _fail(jobs, error)
            self._back()
            tries += 1
            if waits:
                await asyncio.sleep(0.001 + 0.004 * self._draw())
        return None

    def _gone(self, jobs: list[_Job], error: StateUnavailableError) -> None:
        if not self._down:
            self._down = True
            _log.warning("counts are out of reach: %s", error)
        _fail(jobs, error)

    def _back(self) -> None:
        if self._down:
            self._down = False
            _log.warning("counts are within reach again: %s", self._server.where)

    async def _attempt(self, jobs: list[_Job], *, urgent: bool) -> tuple[list[_Job], bool]:
        """Carry jobs out as far as nobody comes between; return the others, and whether to wait."""
        await self._look_up({key for job in jobs for key in job.work.keys})
        view = dict[str, _Seen]()
        swaps: list[Swap] = []
        asked: list[_Job] = []
        for job in jobs:
            try:
                swap = self._decide(job, view, urgent=urgent)
            except Exception as error:  # noqa: BLE001 - whoever asked is told; others go on
                _fail([job], error)
            else:
                swaps.append(swap)
                asked.append(job)
        if not swaps:
            return [], False
        answer = await self._ask(swaps)
        again: list[_Job] = []
        for job, swap, fate in zip(asked, swaps, answer.fates, strict=True):
            if fate != "done":
                again.append(job)
                continue
            for key, value in swap.writes:
                self._keep(key, value)
            for key, _ in swap.seen:
                self._lost.pop(key, None)
            if not job.future.done():
                job.future.set_result(job.result)
        self._note(answer)
        return again, "turn" in answer.fates

    async def _look_up(self, keys: set[str]) -> None:
        """Learn what is not known, and the time."""
        missing = sorted(keys - self._known.keys())
        if not missing and self._ahead is not None:
            return
        ask = tuple((key, _NO_STAMP) for key in missing)
        self._note(await self._ask([Swap(seen=ask, writes=(), now=0.0)] if ask else []))

    def _decide(self, job: _Job, view: dict[str, _Seen], *, urgent: bool) -> Swap:
        """Run a work on what is known, and return what to write if that is still so."""
        seen = {key: view.get(key) or self._known[key] for key in job.work.keys}
        now = max(self._now(), *(one.at for one in seen.values()))
        images = {key: one.image for key, one in seen.items()}
        before: Mapping[str, bytes | None] = images
        lost = (self._lost.keys() & images.keys()) - view.keys() if self._lost else ()
        for key in lost:
            mine, theirs = self._lost[key], seen[key]
            if mine.image is not None:
                behind = theirs.at < mine.at
                images = {**images, key: self._mend(key, mine.image, theirs.image, behind)}
        after, job.result = job.work.run(images, now)
        writes: list[tuple[str, bytes | None]] = []
        for key, image in changes(before, {**images, **after}):
            self._serial += 1
            stamp = bytes.fromhex(self._who) + (self._serial % 2**32).to_bytes(4, "big")
            value = None if image is None else b"".join((stamp, _HEAD.pack(now), image))
            writes.append((key, value))
            view[key] = _Seen(value)
        return Swap(
            seen=tuple((key, one.stamp) for key, one in seen.items()),
            writes=tuple(writes),
            now=now,
            urgent=urgent,
        )

    async def _ask(self, swaps: Sequence[Swap]) -> Answer:
        sent = self._monotonic()
        answer = await self._server.swap(swaps, who=self._who)
        self._learn_time(answer, sent, off="time" in answer.fates)
        if answer.identity != self._identity:
            if self._identity:
                _log.warning(
                    "%s was restarted or replaced: what this process knows is compared with what "
                    "it still has",
                    self._server.where,
                )
                self._lost |= {k: one for k, one in self._known.items() if one.image is not None}
            self._identity = answer.identity
        return answer

    def _note(self, answer: Answer) -> None:
        for key, value in answer.values.items():
            known = self._known.get(key)
            if (
                value is None
                and known is not None
                and known.image is not None
                and answer.now - known.at < KEPT / 2
            ):
                self._lost.setdefault(key, known)  # flushed, evicted or deleted by hand
                _log.warning("%s has lost the counts of %s", self._server.where, key)
            self._keep(key, value)

    def _keep(self, key: str, value: bytes | None) -> None:
        if len(self._known) >= _KNOWN_MOST and key not in self._known:
            for old in list(self._known)[: _KNOWN_MOST // 10]:
                del self._known[old]
        self._known[key] = _Seen(value)

    # -- time ----------------------------------------------------------------------------------

    def _now(self) -> float:
        if self._clock is not None:
            return self._clock()
        return self._monotonic() + (self._ahead or 0.0)

    def _learn_time(self, answer: Answer, sent: float, *, off: bool) -> None:
        """Follow the server's clock: the least of (its time - the time of sending) is the best."""
        sample = answer.now - sent
        if self._ahead is None or off:
            self._ahead = sample
        else:
            grown = self._ahead + _DRIFT * (sent - self._sampled)
            self._ahead = min(sample, grown)
        self._sampled = sent


def _fail(jobs: Sequence[_Job], error: BaseException) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if isinstance(error, asyncio.CancelledError):
            job.future.cancel()
        elif isinstance(error, StopIteration):
            job.future.set_exception(RuntimeError(f"a work raised {error!r}"))
        else:  # a copy each: every raise adds to a traceback
            job.future.set_exception(copy(error) if isinstance(error, PostpressError) else error)
