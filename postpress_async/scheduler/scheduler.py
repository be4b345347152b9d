"""The shell around the lanes: futures, timers, places on the wire, and what users may ask.

A grant takes every limit of the lane and one of the client's connection places in one synchronous
step. Whoever cannot go waits in the lane; one timer a lane wakes it at its earliest ready time.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING

from postpress_async.errors import (
    ClientClosedError,
    ConfigurationError,
    QueueFullError,
    SchedulerError,
)
from postpress_async.limits import ACTIONS, DONE, REFUND
from postpress_async.options import whole

from .lane import Lane
from .queue import Queue, Slot, Waiter
from .refusals import lane_closed, too_long
from .snapshot import LaneSnapshot, snapshot_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from postpress_async.limits import Limits, Verdict

    from .clock import Cancellable, Clock

_log = logging.getLogger("postpress_async.scheduler")
_LONG_WAIT = 5.0
_KEY_COOL_DOWN = 1.0  # without a Retry-After the key's bucket refills within about a second


class Scheduler:
    """Say when a call of an account may go, and learn from its answer.

    Reached as `client.scheduler`; shared by all clients made with `with_options` and `account`.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Clock,
        random: Callable[[], float],
        max_queue: int,
        places: int,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._random = random
        self._max_queue = max_queue
        self._places = places
        self._lanes: dict[str | None, Lane] = {}
        self._timers: dict[Lane, tuple[float, Cancellable]] = {}
        self._hungry: dict[Lane, None] = {}  # lanes whose head waits for a place, in turn
        self._key_until = -inf
        self._out = 0  # slots that were granted and not reported yet
        self._idle: asyncio.Future[None] | None = None
        self._closed = False

    # -- taking a slot ------------------------------------------------------------------------

    def try_take(self, account_id: str | None, action: str, cost: int = 1) -> Slot | None:
        """Take a slot if that needs no waiting; the fast path of every call."""
        lane = self._lanes.get(account_id)
        if lane is None:
            lane = self.lane(account_id)
        now = self._clock.monotonic()
        if self._places <= 0 or self._closed or now < self._key_until:
            return None
        queue = lane.queues.get(action) or self._queue(lane, action)
        if queue.unsure:
            return None
        slot = lane.try_take(queue, cost, now)
        if slot is not None:
            self._places -= 1
            self._out += 1
        return slot

    async def take(
        self,
        account_id: str | None,
        action: str,
        *,
        cost: int = 1,
        priority: int = 0,
        max_wait: float = 30.0,
    ) -> Slot:
        """Wait for a slot.

        Raises:
            WaitTooLongError: at once where the forecast exceeds `max_wait`, or when it has passed.
            QueueFullError: `max_queue` calls wait for this account.
            LaneClosedError: the account cannot be used, with the reason.
            ClientClosedError: the client was closed meanwhile.
        """
        whole("cost", cost, least=1)
        lane = self.lane(account_id)
        queue = self._queue(lane, action)
        now = self._clock.monotonic()
        self._refuse(lane, queue, cost, priority=priority, max_wait=max_wait)
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        waiter = Waiter(future, cost, priority, now)
        lane.enqueue(queue, waiter)
        deadline = None
        if max_wait < inf:
            deadline = self._clock.call_at(
                now + max_wait, lambda: self._expire(lane, queue, waiter, max_wait)
            )
        try:
            self._wake(lane)
            return await future
        except BaseException:
            # Cancelled, expired or closed: a slot granted in this very tick must not be lost.
            lane.leave(queue, waiter)
            if waiter.slot is not None:
                self.report(waiter.slot, REFUND)
            else:
                self._wake(lane)
            raise
        finally:
            if deadline is not None:
                deadline.cancel()
            self._tell_long_wait(lane, action, self._clock.monotonic() - now)

    @asynccontextmanager
    async def slot(
        self,
        account_id: str,
        action: str,
        *,
        cost: int = 1,
        priority: int = 0,
        max_wait: float = 30.0,
    ) -> AsyncGenerator[Slot]:
        """Keep the account's limits around anything else that touches it.

        Leaving the block counts the action as done, also by an exception.
        """
        slot = await self.take(account_id, action, cost=cost, priority=priority, max_wait=max_wait)
        try:
            yield slot
        finally:
            self.report(slot, DONE)

    def holds(self, slot: Slot) -> bool:
        """Tell whether a slot that was granted a while ago may still go."""
        lane, now = slot.lane, self._clock.monotonic()
        if lane is None or self._closed or now < self._key_until:
            return False
        return lane.holds(slot, now)

    def report(self, slot: Slot, verdict: Verdict) -> None:
        """Give a slot back with what its answer means. A second report of a slot does nothing."""
        lane = slot.lane
        if lane is None:
            return
        slot.lane = None
        now = self._clock.monotonic()
        self._places += 1
        self._out -= 1
        if self._idle is not None and not self._out and not self._idle.done():
            self._idle.set_result(None)
        lane.report(slot, verdict, now)
        if verdict.effect == "cool_key":
            wait = max(_KEY_COOL_DOWN, verdict.retry_after or 0.0)
            self._key_until = max(self._key_until, now + wait)
        elif verdict.effect in {"close", "restrict"}:
            self._turn_away(lane)
        if self._hungry:  # a place came free: in turn, and this lane behind those who waited for it
            if lane.waiting:
                self._hungry.setdefault(lane)
            while self._hungry and self._places > 0:
                self._wake(next(iter(self._hungry)))
        elif lane.waiting:
            self._wake(lane)

    # -- lanes --------------------------------------------------------------------------------

    def lane(self, account_id: str | None) -> Lane:
        """Return an account's lane, made at its first call."""
        lane = self._lanes.get(account_id)
        if lane is None:
            lane = self._lanes[account_id] = Lane(account_id, self._limits, self._random)
        return lane

    def unsure(self, account_id: str, action: str) -> bool:
        """Tell whether an account's provider makes a difference to an action and is not known."""
        return self._queue(self.lane(account_id), action).unsure

    def resign(self, account_id: str) -> None:
        """Give up asking for an account's provider: the strictest limits hold until it is told."""
        self.lane(account_id).resign()

    def learn(self, account_id: str | None, provider: str | None) -> None:
        """Learn an account's provider from an answer that names it, if it is not known yet."""
        if account_id is not None and provider is not None:
            lane = self.lane(account_id)
            if lane.provider is None:
                self.describe(account_id, provider, ok=None)

    def describe(
        self, account_id: str, provider: str | None, *, tier: str | None = None, ok: bool | None
    ) -> None:
        """Learn what an account is; one seen in order again opens a lane that lost credentials."""
        lane = self.lane(account_id)
        if provider is not None:
            lane.describe(provider, tier if tier is not None else lane.tier)
        if ok and lane.closed is not None and not lane.restricted:
            _log.info("account %s is in order again: its lane opens", account_id)
            lane.open()
        if lane.waiting:
            self._wake(lane)

    async def resume(self, account_id: str) -> None:
        """Open an account's closed lane again, as a person who has looked after the account.

        A lane that lost its credentials opens by itself when the account is seen in order; one
        whose account was restricted opens only by this.
        """
        lane = self.lane(account_id)
        if lane.closed is not None:
            _log.info("lane of account %s is opened by hand", account_id)
            lane.open()
            self._wake(lane)

    async def snapshot(self, account_id: str | None = None) -> list[LaneSnapshot]:
        """Return what each lane has used, what it waits for and why; or one account's alone.

        An account that nothing was asked of yet has no lane, and is not in the list.
        """
        now, epoch = self._clock.monotonic(), self._clock.time()
        lanes = list(self._lanes.values())
        if account_id is not None:
            lanes = [lane for lane in lanes if lane.account_id == account_id]
        return [snapshot_of(lane, now, epoch) for lane in lanes]

    def close(self) -> None:
        """Turn every waiter away with ClientClosedError; later calls meet the same."""
        self._closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for lane in self._lanes.values():
            for queue in lane.queues.values():
                for waiter in list(queue.all()):
                    _fail(waiter, ClientClosedError("the client was closed while this call waited"))

    async def drain(self, seconds: float) -> None:
        """Wait until no call is under way, for a bounded time."""
        if self._out:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._idle}, timeout=seconds)

    # -- inside -------------------------------------------------------------------------------

    def _queue(self, lane: Lane, action: str) -> Queue:
        if action not in ACTIONS:
            msg = f"action {action!r} is not one of {', '.join(sorted(ACTIONS))}"
            raise ConfigurationError(msg)
        return lane.queue(action)

    def _refuse(
        self, lane: Lane, queue: Queue, cost: int, *, priority: int, max_wait: float
    ) -> None:
        """Turn a call away at the door where waiting is known to be in vain."""
        now = self._clock.monotonic()
        if self._closed:
            msg = "the client is closed: make a new one"
            raise ClientClosedError(msg)
        if lane.closed is not None and queue.gated:
            raise lane_closed(lane, queue.action)
        if lane.waiting >= self._max_queue:
            msg = (
                f"{lane.waiting} calls wait for account {lane.account_id} already (max_queue): "
                "send less, or raise max_queue"
            )
            raise QueueFullError(msg, account_id=lane.account_id, action=queue.action)
        ready, name = lane.forecast(queue, cost, priority, now)
        if self._key_until > ready:
            ready, name = self._key_until, "cool-down of the API key"
        if ready - now > max_wait:
            too_long(lane, queue.action, name, max_wait, ready - now)

    def _expire(self, lane: Lane, queue: Queue, waiter: Waiter, max_wait: float) -> None:
        if waiter.gone:
            return
        now = self._clock.monotonic()
        lane.leave(queue, waiter)  # first, or it would count itself among those ahead
        ready, name = lane.forecast(queue, waiter.cost, waiter.priority, now)
        try:
            too_long(lane, queue.action, name, max_wait, ready - now)
        except SchedulerError as error:
            _fail(waiter, error)

    def _turn_away(self, lane: Lane) -> None:
        _log.warning("lane of account %s closes: %s", lane.account_id, lane.closed)
        for queue in lane.queues.values():
            if queue.gated:
                for waiter in list(queue.all()):
                    lane.leave(queue, waiter)
                    _fail(waiter, lane_closed(lane, queue.action))

    def _wake(self, lane: Lane) -> None:
        """Grant what may go, and set the lane's one timer for what may go next."""
        now = self._clock.monotonic()
        if not lane.waiting or self._closed:
            self._hungry.pop(lane, None)
            self._set_timer(lane, inf)
            return
        if now < self._key_until:
            self._hungry.pop(lane, None)
            self._set_timer(lane, self._key_until)
            return
        granted, again = lane.wake(now, self._places)
        self._places -= len(granted)
        self._out += len(granted)
        for waiter in granted:
            if waiter.slot is not None and not waiter.ticket.done():
                waiter.ticket.set_result(waiter.slot)
        if granted or not lane.waiting or self._places > 0:
            self._hungry.pop(lane, None)  # it had its turn; one that had none keeps its place
        if lane.waiting and self._places <= 0:
            self._hungry.setdefault(lane)
        self._set_timer(lane, again)

    def _set_timer(self, lane: Lane, when: float) -> None:
        had = self._timers.get(lane)
        if had is not None:
            if had[0] == when:
                return
            had[1].cancel()
            del self._timers[lane]
        if when < inf:
            self._timers[lane] = (when, self._clock.call_at(when, lambda: self._ring(lane)))

    def _ring(self, lane: Lane) -> None:
        self._timers.pop(lane, None)
        self._wake(lane)

    def _tell_long_wait(self, lane: Lane, action: str, seconds: float) -> None:
        if seconds > _LONG_WAIT:
            _log.info("a %s of account %s waited %.1f s", action, lane.account_id, seconds)


def _fail(waiter: Waiter, error: BaseException) -> None:
    if not waiter.ticket.done():
        waiter.ticket.set_exception(error)
