"""Lanes that rest because of our own limits, and are looked at again when those have changed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from postpress_async.errors import (
    ConfigurationError,
    PostpressError,
    SchedulerError,
    StateUnavailableError,
)

from .results import Later, of_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.scheduler.clock import Clock
    from postpress_async.scheduler.scheduler import Scheduler
    from postpress_async.storage.outbox.rows import Resting, Row
    from postpress_async.storage.outbox.store import Store

    from .results import Result
    from .turn import Sender, Turn

__all__ = ["Watcher"]

log: Final = logging.getLogger("postpress_async.outbox")
_EVERY: Final = 15.0
_MOST: Final = 50
"""Lanes that are looked at in one go: of ten thousand, each has its turn within the hour."""
_AT_START: Final = 1_000
_SOONER: Final = 1.0
_LATE: Final = 5.0
"""Seconds by which a lane may rest longer than we have told it to, and still rest because of us."""
_LONG: Final = 3600.0
_TOLD_MOST: Final = 100  # instants of a lane, the latest
_MISSES: Final = 8
"""Looks that must find a lane open: what was told before it opened may shut it again."""

_told = False


class Watcher:
    """Send by another sender, remember which lanes our own limits have shut, and open them sooner.

    A lane rests until an instant that was right when it was told. Then somebody lifts a limit,
    resumes an account, or connects it again: so lanes are looked at again from time to time. Those
    that the service has shut stay shut, as long as it said.

    Args:
        sender: what sends.
        store: where the lanes are.
        scheduler: the limits.
        clock: the client's.
        shared: whether counts survive this process: only then all that was learned before it began
            is known, so that what rested before may be looked at, too.
        pool_of: the accounts of a lane's name.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        store: Store,
        scheduler: Scheduler,
        clock: Clock,
        shared: bool,
        pool_of: Callable[[Row], Sequence[str]],
    ) -> None:
        self._sender = sender
        self._store = store
        self._scheduler = scheduler
        self._clock = clock
        self._shared = shared
        self._pool_of = pool_of
        self._resting: dict[tuple[str, str], tuple[tuple[float, ...], Sequence[str]]] = {}
        self._misses: dict[tuple[str, str], int] = {}  # how often each was found open since
        self._some = asyncio.Event()

    async def send(self, row: Row, /, *, granted: Turn) -> Result:
        """Go once at an item; see `turn.Sender`."""
        if not self._shared:
            self._warn(row)
        try:
            result = await self._sender.send(row, granted=granted)
        except SchedulerError as error:
            if error.limit != "outbox":
                self._note(row, granted, of_error(error, kind=row.kind))
            raise
        self._note(row, granted, result)
        return result

    def _note(self, row: Row, granted: Turn, result: Result) -> None:
        """Remember a lane that is shut now, unless something was asked of the service."""
        if isinstance(result, Later) and result.lane and not result.attempted:
            until = granted.now() + (result.seconds or 0.0)
            self._remember(row.account_id, row.action, until, self._pool_of(row))

    def _remember(self, account_id: str, action: str, until: float, pool: Sequence[str]) -> None:
        """Remember an instant: several items may be told at once, and come in in any order."""
        before, _ = self._resting.get((account_id, action), ((), ()))
        instants = sorted({*before, until})[-_TOLD_MOST:]
        self._resting[account_id, action] = tuple(instants), pool
        self._some.set()

    # -- looking again -----------------------------------------------------------------------

    async def keep_looking(self) -> None:
        """Look at lanes again from time to time, for ever."""
        if self._shared:
            await self._what_rested_before()
        while True:
            await self._some.wait()
            await self._clock.sleep(_EVERY)
            try:
                await self._look()
            except StateUnavailableError:
                continue  # the worker says so, and loudly

    async def _what_rested_before(self) -> None:
        while True:
            try:
                lanes = await self._store.resting(most=_AT_START)
                break
            except StateUnavailableError:  # the worker says so, and loudly
                await self._clock.sleep(_EVERY)
        for lane in lanes:
            if not lane.account_id.startswith("pool:"):  # whose it is, its items tell
                self._remember(lane.account_id, lane.action, lane.until, (lane.account_id,))

    async def _look(self) -> None:
        """Look at those whose turn it is; the others come next."""
        some = list(self._resting.items())[:_MOST]
        names = sorted({account_id for (account_id, _), _ in some})
        found = {(one.account_id, one.action): one for one in await self._store.resting(names)}
        for name, before in some:
            keeps = await self._keeps(name, found.get(name), *before)
            now = self._resting.pop(name)  # only here: what fails, or is told meanwhile, stays
            if keeps or now is not before:
                self._resting[name] = now
        if not self._resting:
            self._some.clear()

    async def _keeps(
        self,
        name: tuple[str, str],
        lane: Resting | None,
        instants: Sequence[float],
        pool: Sequence[str],
    ) -> bool:
        """Open a lane that rests because of us and has room; return whether to look at it again."""
        if lane is None:
            return self._missed(name)
        # Of all instants that a lane is told, it keeps the latest, and that must be one of ours.
        if not any(abs(lane.until - until) <= _LATE for until in instants):
            self._misses.pop(name, None)
            return False
        if await self._opened(lane, pool):
            return self._missed(name)
        self._misses.pop(name, None)
        return True

    def _missed(self, name: tuple[str, str]) -> bool:
        """Count that a lane is open; return whether to look again."""
        misses = self._misses.pop(name, 0) + 1
        if misses < _MISSES:
            self._misses[name] = misses
        return misses < _MISSES

    async def _opened(self, lane: Resting, pool: Sequence[str]) -> bool:
        """Open a lane that may go sooner than it was told; return whether it may go now."""
        seconds = float("inf")
        for account_id in pool:
            try:
                found = await self._scheduler.estimate(account_id, lane.action)
            except PostpressError as error:
                log.debug("account %s cannot be looked at again: %s", account_id, error)
            else:
                seconds = min(seconds, found.seconds)
        at = lane.now + seconds
        if at >= lane.until - _SOONER:
            return False
        if seconds > 0.0:  # it rests because of us until then
            self._remember(lane.account_id, lane.action, at, pool)
        await self._store.reopen(lane, at=at)
        return seconds <= 0.0

    # -- counts that nobody else knows ---------------------------------------------------------

    def _warn(self, row: Row) -> None:
        """Say, once a process, that limits of long windows are not shared and not remembered."""
        global _told  # noqa: PLW0603 - what is not shared is the process's
        if _told:
            return
        for account_id in self._pool_of(row):
            try:
                lane = self._scheduler.lane(account_id)
            except ConfigurationError:
                continue  # it has no limits that can be told: who sends finds out
            tally = lane.tally(row.action, self._clock.monotonic())
            if any(window.cap.per >= _LONG for window in tally.windows):
                _told = True
                log.warning(
                    "this outbox outlives its process, but what accounts have used of their limits "
                    "does not (state='memory:'): another worker, or this one after a restart, "
                    "counts from zero: give Postpress(state='sqlite:///counts.db'), or a "
                    "postgresql:// or redis:// for several machines"
                )
                return
