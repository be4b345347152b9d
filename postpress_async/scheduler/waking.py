"""Who is woken when: one timer a lane, and turns where lanes wait for something in common.

What lanes have in common are the places on the wire, the brake, and windows of all accounts
together. Whoever waits for one of those has a turn, so that a busy account cannot starve another.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from .blockers import Blocked, blockers, never
from .refusals import lane_closed, too_long
from .timer import Timer
from .trouble import Closure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .brake import Brake
    from .clock import Clock
    from .lane import Lane
    from .queue import Queues, Waiter
    from .windows import Ring, Window


class _Turn:
    """Hold the lanes that wait for a window of all accounts together, and when it has room."""

    __slots__ = ("lanes", "timer")

    def __init__(self, timer: Timer) -> None:
        self.lanes: dict[Lane, float] = {}
        self.timer: Timer = timer


class Waker:
    """Grant whoever may go, and see to it that everybody else is asked again in time.

    Attributes:
        places: how many more requests may be under way.
        out: how many slots were granted and not given back.
        closed: whether nobody is woken any more.
    """

    def __init__(self, clock: Clock, brake: Brake, places: int) -> None:
        self.places: int = places
        self.out: int = 0
        self.closed: bool = False
        self.hungry: dict[Lane, None] = {}  # those whose head waits for a place, in turn
        self._clock = clock
        self._brake = brake
        self._braked: dict[Lane, None] = {}
        self._brake_timer = Timer(clock, self.release)
        self.turns: dict[Window, _Turn] = {}
        self._timers: dict[Lane, Timer] = {}

    def wake(self, lane: Lane) -> int:
        """Grant what may go in a lane, and set its one timer for what may go next."""
        queues, now = lane.queues, self._clock.monotonic()
        if queues is None or not queues.waiting or self.closed:
            self._forget(lane)
            return 0
        if queues.changed:
            self._turn_away_in_vain(lane, queues, now)
        granted: list[Waiter] = []
        again = now
        room = min(self._brake.room(now), self.places)
        if room > 0:
            granted, again = lane.wake(now, room)
            for waiter in granted:
                self._go(waiter)
        else:
            queues.shared = {}  # whatever else it waits for, first it needs a place
        for waiter in queues.expired(now):
            self._expire(lane, waiter, now)
        if not queues.waiting:
            self._forget(lane)
            return len(granted)
        self._queue_up(lane, now, again, went=bool(granted))
        if again <= now:
            again = inf  # it was ready, and has its turn for whatever it waits for
        self._timer_of(lane).set(min(again, queues.next_deadline()))
        return len(granted)

    def freed(self, lane: Lane) -> None:
        """Wake those who wait for a place, in turn, and this lane behind them."""
        if self.hungry:
            if lane.queues is not None:
                self.hungry.setdefault(lane)
            while self.hungry and self.places > 0:
                self.wake(next(iter(self.hungry)))
        elif lane.queues is not None:
            self.wake(lane)

    def release(self) -> None:
        """Wake those whom the brake held: first those who can tell whether it was enough."""
        lanes, self._braked = self._braked, {}
        for lane in sorted(lanes, key=self._brake.suspected, reverse=True):
            self.wake(lane)
        if self._braked and self._brake.probe is None:
            # A timer may ring a little early: uvloop's counts whole milliseconds.
            self._brake_timer.set(self._brake.until)

    def braked(self) -> None:
        """See to it that the brake lets go in time."""
        now = self._clock.monotonic()
        until = self._brake.until
        self._brake_timer.set(until if now < until else inf)

    def serve(self, rings: Iterable[Ring]) -> None:
        """Wake those who wait for a window of all accounts together over one of some rings."""
        for ring in rings:
            for window in ring.windows:
                if window in self.turns:
                    self._serve(window)

    def turn_away(self, lane: Lane, why: Closure | BaseException) -> None:
        """Fail those who wait in a lane; of what was closed, those who cannot outwait it."""
        now = self._clock.monotonic()
        for waiter in lane.queues.all() if lane.queues is not None else ():
            error: BaseException
            if isinstance(why, Closure):
                in_vain = why.until == inf or waiter.deadline < why.until
                if not in_vain or not why.concerns(waiter.tally):
                    continue
                error = lane_closed(lane, waiter.tally.action, why, now)
            else:
                error = copy(why)
            if lane.queues is not None:
                lane.queues.leave(waiter)
            _fail(waiter, error)
        self.wake(lane)

    def blocked(self) -> list[Blocked]:
        """Return what holds all accounts back here."""
        return [] if self.places > 0 else [Blocked("connections", inf, "Http.connections")]

    def close(self) -> None:
        """Wake nobody any more."""
        self.closed = True
        for timer in (*self._timers.values(), *(turn.timer for turn in self.turns.values())):
            timer.set(inf)
        self._brake_timer.set(inf)

    # -- inside -------------------------------------------------------------------------------

    def _go(self, waiter: Waiter) -> None:
        self.places -= 1
        self.out += 1
        if waiter.slot is not None:
            self._brake.went(waiter.slot)
            if not waiter.ticket.done():
                waiter.ticket.set_result(waiter.slot)

    def _queue_up(self, lane: Lane, now: float, again: float, *, went: bool) -> None:
        """Give a lane its turn for what it waits for; one that went is last, others keep theirs."""
        ready, braked = again <= now, self._brake.room(now) <= 0
        if went or braked or not ready:
            self.hungry.pop(lane, None)
        if went or not braked or not ready:
            self._braked.pop(lane, None)
        if ready and braked:
            self._braked.setdefault(lane)
        elif ready:
            self.hungry.setdefault(lane)
        shared: Mapping[Window, float] = {} if lane.queues is None else lane.queues.shared
        self._leave_turns(lane, shared)
        for window, at in shared.items():
            turn = self.turns.get(window)
            if turn is None:
                timer = Timer(self._clock, partial(self._serve, window))
                turn = self.turns[window] = _Turn(timer)
            if went:
                turn.lanes.pop(lane, None)
            turn.lanes[lane] = at
            _settle(window, turn)

    def _leave_turns(self, lane: Lane, shared: Mapping[Window, float]) -> None:
        """Let a lane wait no more for windows that hold it back no more."""
        for window, turn in self.turns.items():
            if lane in turn.lanes and window not in shared:
                was_first = next(iter(turn.lanes)) is lane
                del turn.lanes[lane]
                lane.setting.turns.pop(window.ring, None)
                _settle(window, turn)
                if was_first and turn.lanes:
                    turn.timer.set(self._clock.monotonic())  # the next one may only lack its turn

    def _serve(self, window: Window) -> None:
        """Wake the lanes that wait for a window, in turn, until it is full again."""
        turn = self.turns[window]
        while turn.lanes:
            lane = next(iter(turn.lanes))
            queues = lane.queues
            granted = self.wake(lane)
            blocked = queues is not None and queues.waiting and window in queues.shared
            if not blocked:
                turn.lanes.pop(lane, None)
                lane.setting.turns.pop(window.ring, None)
                _settle(window, turn)
            elif not granted:
                break
        now = self._clock.monotonic()
        for lane in [one for one, at in turn.lanes.items() if at <= now]:
            self.wake(lane)  # replies need not wait for their turn
        _settle(window, turn)

    def _forget(self, lane: Lane) -> None:
        """Let go of a lane in which nobody waits."""
        self.hungry.pop(lane, None)
        self._braked.pop(lane, None)
        self._leave_turns(lane, {})
        if lane.queues is not None and not lane.queues.waiting:
            lane.queues = None
        timer = self._timers.pop(lane, None)
        if timer is not None:
            timer.set(inf)

    def _timer_of(self, lane: Lane) -> Timer:
        timer = self._timers.get(lane)
        if timer is None:
            timer = self._timers[lane] = Timer(self._clock, lambda: self.wake(lane))
        return timer

    def _turn_away_in_vain(self, lane: Lane, queues: Queues, now: float) -> None:
        """Fail those whom a limit can never let go, now that amounts are others."""
        queues.changed = False
        for waiter in queues.all():
            action, cost = waiter.tally.action, waiter.cost
            name = never(lane, waiter.tally, cost, now, reply=waiter.reply)
            if name is not None:
                queues.leave(waiter)
                _fail(waiter, too_long(lane, action, name, max_wait=waiter.patience, wait=inf))

    def _expire(self, lane: Lane, waiter: Waiter, now: float) -> None:
        tally, queues = waiter.tally, lane.queues
        ahead = 0 if queues is None else queues.cost_ahead(tally, waiter.priority)
        found = [*self._brake.blocked(now), *self.blocked()]
        found += blockers(lane, tally, waiter.cost, now, reply=waiter.reply, ahead=ahead)
        latest = max(found, key=lambda one: one.at, default=None)
        # Where nothing holds it back, those before it do, and nobody knows for how long.
        known = latest is not None and latest.at > now
        ready, name = (latest.at, latest.name) if latest is not None and known else (inf, "")
        max_wait = waiter.patience
        _fail(
            waiter,
            too_long(lane, waiter.tally.action, name, max_wait=max_wait, wait=ready - now),
        )


def _fail(waiter: Waiter, error: BaseException) -> None:
    """Tell a waiter that it waits in vain."""
    if not waiter.ticket.done():
        waiter.ticket.set_exception(error)


def _settle(window: Window, turn: _Turn) -> None:
    """Say whose turn it is at a shared window, and set the timer for whoever may go first."""
    first = next(iter(turn.lanes), None)
    if first is not None:
        first.setting.turns[window.ring] = first
    turn.timer.set(min(turn.lanes.values(), default=inf))
