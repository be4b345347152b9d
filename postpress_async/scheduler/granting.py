"""Granting: what becomes of those who wait, once a store has decided."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from copy import copy
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.errors import PostpressError, StateUnavailableError

from .asking import needs_store
from .courier import RETRY
from .refusals import lane_closed, no_answer, too_long
from .tally import Slot

if TYPE_CHECKING:
    from collections.abc import Generator

    from postpress_async.errors import SchedulerError

    from .brake import Brake
    from .clock import Clock
    from .lane import Lane
    from .queue import Queues, Waiter
    from .steps import Refusal

__all__ = ["Granter", "failure", "is_lost"]

_log = logging.getLogger("postpress_async.scheduler")
_AT_ONCE: Final = 16  # calls of a lane that one step may let go


class Granter:
    """Let waiters go, or turn them away.

    Attributes:
        places: how many more requests may be under way.
        out: how many slots were granted and not given back.
    """

    def __init__(self, clock: Clock, brake: Brake, places: int) -> None:
        self.places: int = places
        self.out: int = 0
        self._asked = 0  # calls for which a place is kept while the store is asked
        self._clock = clock
        self._brake = brake

    def room(self, now: float) -> int:
        """Return how many may be asked for: places that are free, and one for a brake's probe."""
        allowed = self._brake.room(now)
        if allowed == 1:
            allowed -= self._asked
        return int(max(min(allowed, self.places, _AT_ONCE), 0))

    @contextmanager
    def keeping(self, places: int) -> Generator[None]:
        """Keep places free until the store has answered."""
        self.places -= places
        self._asked += places
        try:
            yield
        finally:
            self.places += places
            self._asked -= places

    def free_ones(self, lane: Lane, queues: Queues, now: float) -> None:
        """Grant what no store needs to be asked about: it never stops for a store that is lost."""
        for waiter in list(queues.first(self.room(now))):
            if needs_store(lane, waiter.tally):
                continue
            room = self.room(now)
            if room <= 0:
                break
            self._go(lane, waiter, lane.grant(waiter.tally, waiter.cost, now))

    def grant(
        self,
        lane: Lane,
        waiter: Waiter,
        reservation: str,
        *,
        probe: bool,
        began: float,
        boot: float,
    ) -> bool:
        """Let a waiter go that the store lets go; return whether it is still there, and may.

        It was granted at the earliest when it was asked for (`began`, and `boot` by a clock that
        goes on while the machine is suspended): a process may sleep since.
        """
        now = self._clock.monotonic()
        late = waiter.gone or lane.queues is None or waiter.deadline < now
        if late or self._brake.room(now) <= 0:
            return False
        slot = Slot(lane, waiter.tally, waiter.cost, began, probe, (), (), reservation, boot=boot)
        lane.in_flight += 1
        self._go(lane, waiter, slot)
        return True

    def refuse(
        self, lane: Lane, waiter: Waiter, refusal: Refusal, now: float, *, lost: bool
    ) -> None:
        """Turn a waiter away that would wait in vain."""
        self.fail(lane, waiter, _refused(lane, waiter, refusal, now, lost=lost))

    def expire(self, lane: Lane, waiter: Waiter, *, lost: bool, silence: str | None = None) -> None:
        """Turn a waiter away whose patience has ended, perhaps before the store has answered."""
        name = self._brake.reason if self._brake.until > -inf else ""
        if not name and lost:
            name = "the store of counts is lost, or was a moment ago"
        error: SchedulerError
        if silence is None or name:
            error = too_long(lane, waiter.tally.action, name, max_wait=waiter.patience, wait=inf)
        else:
            error = no_answer(lane, waiter.tally.action, silence, retry_after=RETRY)
        if not waiter.ticket.done():
            waiter.ticket.set_exception(error)

    def fail_all(self, lane: Lane, error: BaseException, *, who_needs_store: bool = False) -> None:
        """Turn those away who wait in a lane, or those of them who cannot go without a store."""
        for waiter in lane.queues.all() if lane.queues is not None else ():
            if who_needs_store and not needs_store(lane, waiter.tally):
                continue
            told = copy(error)
            told.__cause__ = error.__cause__
            if who_needs_store and isinstance(told, StateUnavailableError):
                told.account_id, told.action = lane.account_id, waiter.tally.action
                told.retry_after = told.retry_after or RETRY
            self.fail(lane, waiter, told)

    def fail(self, lane: Lane, waiter: Waiter, error: BaseException) -> None:
        """Turn one away."""
        if lane.queues is not None:
            lane.queues.leave(waiter)
        if not waiter.ticket.done():
            waiter.ticket.set_exception(error)

    def _go(self, lane: Lane, waiter: Waiter, slot: Slot) -> None:
        if lane.queues is not None:
            lane.queues.leave(waiter)
        self.places -= 1
        self.out += 1
        waiter.slot = slot
        self._brake.went(slot)
        if not waiter.ticket.done():
            waiter.ticket.set_result(slot)


def failure(error: Exception, lane: Lane) -> PostpressError:
    """Return what a store failed with as an error of ours."""
    if isinstance(error, PostpressError):
        return error
    _log.error("the store of counts failed on account %s", lane.account_id, exc_info=error)
    said = f"the store of counts failed ({type(error).__name__}: {error}); see the log"
    return StateUnavailableError(said)


def is_lost(error: PostpressError, lane: Lane) -> bool:
    """Tell whether an error says that the store is lost, and not the counts of one account."""
    return isinstance(error, StateUnavailableError) and error.account_id != lane.account_id


def _refused(
    lane: Lane, waiter: Waiter, refusal: Refusal, now: float, *, lost: bool
) -> SchedulerError:
    """Say why a waiter is turned away."""
    action = waiter.tally.action
    if refusal.closure is not None:
        return lane_closed(lane, action, refusal.closure, now)
    if refusal.wait == inf and lost:
        return StateUnavailableError(
            f"account {lane.account_id}, {action}: the store of counts is lost, and one call "
            f"is more than a tenth of what {refusal.name} has left: bring the store back, or "
            "try again later",
            account_id=lane.account_id, action=action, limit=refusal.name, retry_after=RETRY,
        )  # fmt: skip
    return too_long(lane, action, refusal.name, max_wait=waiter.patience, wait=refusal.wait)
