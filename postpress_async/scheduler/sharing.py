"""Sharing: lanes whose counts live in a store, asked for and given back from this process.

Who waits, and in which order, is this process's; whether somebody may go is decided in the store,
in one step for all that a lane has to say: calls that are over, changes, calls that want to go. One
step a lane is under way; whatever comes meanwhile rides in the next.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import Context
from copy import copy
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.errors import PostpressError, SchedulerError, StateUnavailableError
from postpress_async.limits import REFUND

from .alone import WEIGHT, Alone
from .asking import Asker, needs_store
from .blockers import Blocked
from .everyone import EVERYONE
from .lane import Slot
from .leases import LEASE, Leases
from .line import LOOK_EVERY
from .news import BUDGETS, Listener
from .refusals import lane_closed, too_long
from .steps import ForEveryone, Step
from .timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.limits import Verdict

    from .asking import Asked
    from .book import Book
    from .brake import Brake
    from .clock import Clock
    from .everyone import Everyone
    from .lane import Lane
    from .queue import Queues, Waiter
    from .steps import Change, Outcome, Refusal, SharedState, Shelf
    from .trouble import Closure
    from .windows import Ring

_log = logging.getLogger("postpress_async.scheduler")
USE_WITHIN: Final = 30.0  # a grant that was not used by then is given back
_RETRY: Final = 1.0  # seconds until a lost store is tried again
_FLUSH: Final = 5.0
_APART: Final = 0.001  # seconds between two lanes of which one shall go before the other
_RANKS: Final = 20  # lanes of which one knows that
_AT_ONCE: Final = 16  # calls of a lane that one step may let go


class _Desk:
    """Hold what a lane has to say to the store.

    Attributes:
        reports, changes: what the next step carries.
        task: the step under way.
        fresh: who has come since.
        again: whether something came meanwhile.
        stands: whether this process has a place in the line for the account.
        timer: asks again when the store said so, or when somebody's patience ends.
    """

    __slots__ = ("again", "changes", "fresh", "reports", "stands", "task", "timer")

    def __init__(self, timer: Timer) -> None:
        self.fresh: list[Waiter] = []
        self.reports: list[tuple[str, Verdict]] = []
        self.changes: list[Change] = []
        self.task: asyncio.Task[None] | None = None
        self.again: bool = False
        self.stands: bool = False
        self.timer: Timer = timer


class Sharer:
    """Grant whoever may go, as the store decides; what `Waker` is for counts in memory.

    Attributes:
        places: how many more requests may be under way.
        out: how many slots were granted and not given back.
        closed: whether nobody is woken any more.
    """

    def __init__(
        self,
        state: SharedState,
        shelf: Shelf,
        *,
        clock: Clock,
        brake: Brake,
        places: int,
        name: Callable[[], str],
        told: Callable[[Lane, Outcome], None],
        alone: Shelf | None = None,
    ) -> None:
        self.places: int = places
        self.out: int = 0
        self.closed: bool = False
        self.hungry: dict[Lane, None] = {}
        self.turns: dict[object, None] = {}  # windows of all accounts are the store's
        self._state = state
        self._shelf = shelf
        self._clock = clock
        self._brake = brake
        self._asker = Asker(name)
        self._told = told
        self._leases = Leases(clock, self._renew)
        self._alone = None if alone is None else Alone(shelf, alone, lease=LEASE)
        self._ahead: float | None = None  # of the store's time
        self._woken = 0  # tasks that will ask in the next tick
        self._asked = 0  # calls for which a place is kept while the store is asked
        self._desks: dict[Lane, _Desk] = {}
        self._braked: dict[Lane, None] = {}
        self._sharers: dict[Lane, None] = {}  # that may wait for a budget of all accounts
        self._ranks: dict[Lane, None] = {}  # the same, who was served last at the end
        self._brake_timer = Timer(clock, self.release)
        self._listener = Listener(state, waits=self._anybody_waits, tell=self._heard)

    # -- what the scheduler asks of a waker ----------------------------------------------------

    def wake(self, lane: Lane) -> int:
        """Ask the store for whoever waits in a lane. Grants come later, by their tickets."""
        queues, now = lane.queues, self._clock.monotonic()
        if queues is None or not queues.waiting or self.closed:
            self._forget(lane)
        else:
            for waiter in queues.expired(now):
                self._expire(lane, waiter)
            self._let_free_ones_go(lane, queues, now)
            if not queues.waiting:
                self._forget(lane)
            elif self._room(now) > 0 or self._desk(lane).fresh:
                self._desk(lane).timer.set(queues.next_deadline())
                self._pump(lane)
            else:
                self._queue_up(lane, now)
        return 0

    def freed(self, lane: Lane) -> None:
        """Wake those who wait for a place, in turn, and this lane behind them."""
        if lane.queues is not None:
            self.hungry.setdefault(lane)
        self._serve(self.hungry)

    def release(self) -> None:
        """Wake those whom the brake held."""
        lanes, self._braked = self._braked, {}
        for lane in lanes:
            self.wake(lane)

    def braked(self) -> None:
        """See to it that the brake lets go in time."""
        until = self._brake.until
        self._brake_timer.set(until if self._clock.monotonic() < until else inf)

    def serve(self, rings: Iterable[Ring]) -> None:
        """Do nothing: windows of all accounts together are the store's."""

    def blocked(self) -> list[Blocked]:
        """Return what holds all accounts back here."""
        return [] if self.places > 0 else [Blocked("connections", inf, "Http.connections")]

    def turn_away(self, lane: Lane, why: Closure | BaseException) -> None:
        """Fail those who wait in a lane; whom a closure concerns, the store says at a step."""
        if isinstance(why, BaseException):
            for waiter in lane.queues.all() if lane.queues is not None else ():
                self._fail(lane, waiter, copy(why))
        self.wake(lane)

    def close(self) -> None:
        """Wake nobody any more; what was not given back yet still is, see `flush`."""
        self.closed = True
        self._brake_timer.set(inf)
        self._leases.close()
        self._listener.close()
        for desk in self._desks.values():
            desk.timer.set(inf)

    # -- what only a store needs ---------------------------------------------------------------

    def newcomer(self, lane: Lane, waiter: Waiter) -> None:
        """Note who came, so that its forecast is asked for."""
        self._desk(lane).fresh.append(waiter)

    def give_back(self, lane: Lane, slot: Slot, verdict: Verdict) -> None:
        """Give a slot back with the next step."""
        lane.in_flight -= 1
        self._leases.end(slot.reservation)
        desk = self._desk(lane)
        told = None
        if self._alone is not None:
            now = self._clock.monotonic()
            told = self._alone.give_back(
                lane.account_id or "", slot, verdict, self._store_time(),
                age=lambda: self._clock.monotonic() - now,
            )  # fmt: skip
        if told is None:
            desk.reports.append((slot.reservation, verdict))
        else:
            desk.changes.append(told)
        self._pump(lane)

    def change(self, lane: Lane, change: Change) -> None:
        """Change what the store knows of an account, with the next step."""
        self._desk(lane).changes.append(change)
        with suppress(RuntimeError):  # before the loop runs: it rides in the first step
            self._pump(lane)

    async def for_everyone(self, change: Callable[[Everyone], None]) -> None:
        """Change what holds for all accounts together.

        Raises:
            StateUnavailableError: the store cannot be asked.
        """
        await self._state.step(ForEveryone(self._shelf, change))

    async def look(self, lane: Lane, change: Change) -> None:
        """Change, or look at, what the store knows of an account, now.

        Raises:
            StateUnavailableError: the store cannot be asked.
        """
        desk = self._desk(lane)
        reports, desk.reports = desk.reports, []
        changes, desk.changes = desk.changes, []
        step = Step(
            self._shelf,
            lane.account_id or "",
            reports=reports,
            changes=[*changes, change],
            lease=LEASE,
            own=self._asker.own(),
        )
        try:
            self._found(await self._state.step(step))
        except BaseException:
            # Not known to have been done. A report that comes twice is one; a change is repeatable.
            desk.reports, desk.changes = reports + desk.reports, changes + desk.changes
            desk.timer.set(self._clock.monotonic() + _RETRY)
            raise
        if lane.queues is None:
            self._forget(lane)

    async def flush(self) -> None:
        """Give back what was not given back yet, for a bounded time, and let go of the store.

        What cannot be given back counts when its lease ends, or when the process is known dead.
        """
        for lane, desk in list(self._desks.items()):
            desk.timer.set(inf)
            if desk.reports or desk.changes or desk.stands:
                self._pump(lane)
        tasks = {desk.task for desk in self._desks.values() if desk.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=_FLUSH)
        for desk in self._desks.values():
            desk.timer.set(inf)
            if desk.task is not None:
                desk.task.cancel()
        await self._state.aclose()

    # -- inside -------------------------------------------------------------------------------

    def _room(self, now: float) -> int:
        """Return how many may be asked for: places that are free, and one for a brake's probe."""
        allowed = self._brake.room(now)
        if allowed == 1:
            allowed -= self._asked
        return int(max(min(allowed, self.places, _AT_ONCE), 0))

    def _let_free_ones_go(self, lane: Lane, queues: Queues, now: float) -> None:
        """Grant what no store needs to be asked about: it never stops for a store that is lost."""
        for waiter in list(queues.first(self._room(now))):
            if needs_store(lane, waiter.tally):
                continue
            room = self._room(now)
            if room <= 0:
                break
            self._go(lane, waiter, lane.grant(waiter.tally, waiter.cost, now))

    def _queue_up(self, lane: Lane, now: float) -> None:
        """Give a lane its turn for what all lanes wait for."""
        turn = self._braked if self._brake.room(now) <= 1 else self.hungry
        turn.setdefault(lane)
        if lane.queues is not None:
            self._desk(lane).timer.set(lane.queues.next_deadline())

    def _desk(self, lane: Lane) -> _Desk:
        desk = self._desks.get(lane)
        if desk is None:
            desk = self._desks[lane] = _Desk(Timer(self._clock, lambda: self._ring(lane)))
        return desk

    def _ring(self, lane: Lane) -> None:
        desk = self._desk(lane)
        if (desk.reports or desk.changes) and not self.closed:
            self._pump(lane)
        self.wake(lane)

    def _pump(self, lane: Lane) -> None:
        desk = self._desk(lane)
        if desk.task is None:
            desk.task = asyncio.get_running_loop().create_task(
                self._run(lane, desk), context=Context()
            )
            self._woken += 1
        else:
            desk.again = True

    async def _run(self, lane: Lane, desk: _Desk) -> None:
        """Carry out steps until there is nothing more to say."""
        ended = False
        self._woken -= 1
        try:
            while await self._once(lane, desk):
                pass
        except GeneratorExit:
            ended = True  # the loop is gone
            raise
        finally:
            desk.task = None
            if not ended:
                self._settle(lane, desk)

    async def _once(self, lane: Lane, desk: _Desk) -> bool:
        """Carry out one step; return whether another follows at once."""
        desk.again = False
        began = self._clock.monotonic()
        room, alone = self._room(began), self._alone
        tries = alone is not None and alone.until > -inf and alone.lost
        tells = tries  # and asks nothing: that is decided alone until all have told
        if alone is not None and began < alone.until:
            if tries or not (desk.reports or desk.changes):
                return self._once_alone(alone, lane, desk, room)
            tells = True
        elif alone is not None and not tries:
            alone.end()
        reports, desk.reports = desk.reports, []
        changes, desk.changes = desk.changes, []
        asked = {} if tells else self._asking(lane, desk, room)
        if not (reports or changes or asked or tries or desk.stands):
            return False
        kept = min(room, sum(ask.head for _, ask in asked.values()))
        self.places -= kept  # kept free until the store has answered
        self._asked += kept
        step = Step(
            self._shelf, lane.account_id or "", asks=[ask for _, ask in asked.values()],
            reports=reports, changes=changes, lease=LEASE, room=room, own=self._asker.own(),
            waits=True,
        )  # fmt: skip
        try:
            outcome = await self._state.step(step)
        except BaseException as error:
            # A grant that nobody heard of is given back; a report that comes twice is one.
            unheard = [(name, REFUND) for name, (_, ask) in asked.items() if ask.head]
            desk.reports = reports + unheard + desk.reports
            desk.changes = changes + desk.changes
            if not isinstance(error, Exception):
                raise  # cancelled, or the loop is gone
            return self._lost(lane, desk, asked, error)
        finally:
            self.places += kept
            self._asked -= kept
        self._found(outcome)
        more = self._apply(lane, desk, asked, outcome, began)
        if reports:  # perhaps of a budget that others here wait for as well
            self._serve(self._sharers, but=lane)
        more = more or bool(desk.reports or desk.changes) or (tells and lane.waiting > 0)
        return more or (room <= 0 < self._room(self._clock.monotonic()) and lane.waiting > 0)

    def _once_alone(self, alone: Alone, lane: Lane, desk: _Desk, room: int) -> bool:
        """Decide without the store; what is to be told to it waits until it is tried again."""
        began = self._clock.monotonic()
        asked = self._asking(lane, desk, room, weight=WEIGHT, forecast=alone.lost)
        more = False
        if asked:
            outcome = alone.decide(
                lane.account_id or "", [ask for _, ask in asked.values()], self._store_time(),
                room=room, own=self._asker.own(),
            )  # fmt: skip
            more = self._apply(lane, desk, asked, outcome, began)
        if desk.reports or desk.changes or lane.waiting:
            desk.timer.set(min(desk.timer.at, alone.until))
        return more and lane.waiting > 0

    def _asking(
        self, lane: Lane, desk: _Desk, room: int, *, weight: int = 1, forecast: bool = True
    ) -> Asked:
        fresh: list[Waiter] = []
        if forecast:
            fresh, desk.fresh = desk.fresh, fresh
        if self.closed:
            return {}
        return self._asker.asks(
            lane, fresh, self._clock.monotonic(), room=room, weight=weight, forecast=forecast
        )

    def _store_time(self) -> float:
        """Return the store's time, as far as it is known."""
        if self._ahead is None:
            return self._clock.time()
        return self._clock.monotonic() + self._ahead

    def _found(self, outcome: Outcome) -> None:
        """Note that the store is there, and its time."""
        now = self._clock.monotonic()
        self._ahead = outcome.now - now
        if self._alone is None or not self._alone.lost:
            return
        told = self._alone.back(now)
        lanes = {lane for lane, desk in self._desks.items() if desk.reports or desk.changes}
        for lane in self._leases.lanes():
            if changes := told.pop(lane.account_id or "", None):
                self._desk(lane).changes += changes
                lanes.add(lane)
        for lane in lanes:
            self._pump(lane)

    def _anybody_waits(self) -> bool:
        lost = self._alone is not None and self._alone.lost
        return not lost and any(lane.waiting for lane in self._desks)

    def _heard(self, names: set[str]) -> None:
        """Look at once at what others have changed."""
        for lane in list(self._desks):
            if lane.waiting and (lane.account_id in names or EVERYONE in names):
                self.wake(lane)
        if BUDGETS in names:
            self._serve(self._sharers)

    def _renew(self, lane: Lane, reservation: str) -> None:
        def renew(book: Book, everyone: Everyone, now: float) -> None:
            book.renew(reservation, now + LEASE)
            everyone.renew(reservation, now + LEASE)

        self.change(lane, renew)

    def _settle(self, lane: Lane, desk: _Desk) -> None:
        """See to those who wait, after a step: for places, for the brake, for another step."""
        now = self._clock.monotonic()
        for turn in (self.hungry, self._braked):
            self._serve(turn, but=lane)
        queues = lane.queues
        if queues is not None and queues.waiting and not self.closed:
            self._let_free_ones_go(lane, queues, now)
            if self._room(now) <= 0:
                self._queue_up(lane, now)
            if not desk.timer.pending:
                desk.timer.set(min(queues.next_deadline(), now + LOOK_EVERY))
        elif not desk.reports and not desk.changes:
            self._forget(lane)

    def _serve(self, turn: dict[Lane, None], but: Lane | None = None) -> None:
        """Wake as many lanes as there are places, in turn; each step that ends serves the next.

        Ten thousand may wait for a hundred places: to wake them all would take them all day.
        """
        room = self._room(self._clock.monotonic())
        for _ in range(len(turn)):
            if room <= self._woken or not turn:
                return
            lane = next(iter(turn))
            del turn[lane]
            if lane is but:
                turn[lane] = None
                continue
            self.wake(lane)

    def _apply(
        self,
        lane: Lane,
        desk: _Desk,
        asked: Asked,
        outcome: Outcome,
        began: float,
    ) -> bool:
        """Let those go that were granted, fail those who wait in vain; return whether to go on."""
        now = self._clock.monotonic()
        for reservation in outcome.granted:
            waiter = asked[reservation][0]
            late = waiter.gone or lane.queues is None or waiter.deadline < now
            if late or self._brake.room(now) <= 0:
                self._unused(lane, desk, reservation)  # it left, or nobody may go any more
            else:
                # Granted at the earliest when it was asked for: a process may sleep in between.
                probe = reservation in outcome.probes
                slot = Slot(lane, waiter.tally, waiter.cost, began, probe, (), (), reservation)
                lane.in_flight += 1
                self._leases.begin(lane, reservation)
                self._go(lane, waiter, slot)
        for reservation, refusal in outcome.refused.items():
            waiter = asked[reservation][0]
            self._fail(lane, waiter, self._refused(lane, waiter, refusal, outcome.now))
        for waiter, ask in asked.values():
            waiter.let_in = waiter.let_in or ask.fresh
        self._told(lane, outcome)
        desk.stands = outcome.stands
        waiting = 0 if lane.queues is None else lane.queues.waiting
        if waiting and lane.queues is not None:
            # Other processes may pause, resume or give back: nobody tells, so one looks.
            half = (now - began) / 2  # of the way: the next question takes as long to get there
            again = min(now - half + outcome.again - outcome.now, now + LOOK_EVERY)
            if any(head.tally.shared for head in lane.queues.heads()):
                self._sharers.setdefault(lane)
                again += self._rank(lane, served=bool(outcome.granted))
            desk.timer.set(min(again, lane.queues.next_deadline()))
            self._listener.listen()
        elif lane.queues is not None:
            lane.queues = None
        moved = outcome.granted or outcome.refused
        return bool(desk.again or (moved and waiting))

    def _rank(self, lane: Lane, *, served: bool) -> float:
        """Return the seconds by which a lane lets others go first that were served longer ago.

        In the line for a budget of all accounts they have one place together.
        """
        if served:
            self._ranks.pop(lane, None)
        self._ranks.setdefault(lane)
        first = enumerate(islice(self._ranks, _RANKS))
        return next((n for n, one in first if one is lane), _RANKS) * _APART

    def _unused(self, lane: Lane, desk: _Desk, reservation: str) -> None:
        """Give back what was granted in vain."""
        alone, account_id = self._alone, lane.account_id or ""
        if alone is None or not alone.refund(account_id, reservation, self._store_time()):
            desk.reports.append((reservation, REFUND))

    def _refused(self, lane: Lane, waiter: Waiter, refusal: Refusal, now: float) -> SchedulerError:
        """Say why a waiter is turned away."""
        action = waiter.tally.action
        if refusal.closure is not None:
            return lane_closed(lane, action, refusal.closure, now)
        if refusal.wait == inf and self._alone is not None and self._alone.lost:
            return StateUnavailableError(
                f"account {lane.account_id}, {action}: the store of counts is lost, and one call "
                f"is more than a tenth of what {refusal.name} has left: bring the store back, or "
                "try again later",
                account_id=lane.account_id, action=action, limit=refusal.name, retry_after=_RETRY,
            )  # fmt: skip
        most = waiter.deadline - waiter.asked
        return too_long(lane, action, refusal.name, max_wait=most, wait=refusal.wait)

    def _go(self, lane: Lane, waiter: Waiter, slot: Slot) -> None:
        if lane.queues is not None:
            lane.queues.leave(waiter)
        self.places -= 1
        self.out += 1
        waiter.slot = slot
        self._brake.went(slot)
        if not waiter.ticket.done():
            waiter.ticket.set_result(slot)

    def _lost(self, lane: Lane, desk: _Desk, asked: Asked, error: BaseException) -> bool:
        """Go on alone, or turn those away who would need the counts; return whether to go on."""
        if not isinstance(error, PostpressError):
            _log.error("the store of counts failed on account %s", lane.account_id, exc_info=error)
            said = f"the store of counts failed ({type(error).__name__}: {error}); see the log"
            error = StateUnavailableError(said)
        now = self._clock.monotonic()
        desk.stands = False  # whoever does not come is passed over
        if self._alone is not None and isinstance(error, StateUnavailableError):
            self._alone.begin(now, error)
            desk.fresh = [one for one, _ in asked.values() if not one.let_in] + desk.fresh
            return True
        for waiter in lane.queues.all() if lane.queues is not None else ():
            if needs_store(lane, waiter.tally):
                told = copy(error)
                told.__cause__ = error.__cause__
                if isinstance(told, StateUnavailableError):
                    told.account_id, told.action = lane.account_id, waiter.tally.action
                    told.retry_after = told.retry_after or _RETRY
                self._fail(lane, waiter, told)
        if desk.reports or desk.changes:
            desk.timer.set(now + _RETRY)
        return False

    def _expire(self, lane: Lane, waiter: Waiter) -> None:
        name = self._brake.reason if self._brake.until > -inf else ""
        if not name and self._alone is not None and self._alone.until > -inf:
            name = "the store of counts is lost, or was a moment ago"
        most = waiter.deadline - waiter.asked
        error = too_long(lane, waiter.tally.action, name, max_wait=most, wait=inf)
        if not waiter.ticket.done():
            waiter.ticket.set_exception(error)

    def _fail(self, lane: Lane, waiter: Waiter, error: BaseException) -> None:
        if lane.queues is not None:
            lane.queues.leave(waiter)
        if not waiter.ticket.done():
            waiter.ticket.set_exception(error)

    def _forget(self, lane: Lane) -> None:
        """Let go of a lane in which nobody waits."""
        self.hungry.pop(lane, None)
        self._braked.pop(lane, None)
        self._sharers.pop(lane, None)
        self._ranks.pop(lane, None)
        if lane.queues is not None and not lane.queues.waiting:
            lane.queues = None
        desk = self._desks.get(lane)
        if desk is None or desk.task is not None:
            return
        if desk.stands and not self.closed:
            self._pump(lane)  # to leave the line, so that nobody waits for this process
        elif not (desk.reports or desk.changes):
            desk.timer.set(inf)
            del self._desks[lane]
