"""Sharing: lanes whose counts live in a store, asked for and given back from this process.

Who waits, and in which order, is this process's; whether somebody may go is decided in the store,
in one step for all that a lane has to say: calls that are over, changes, calls that want to go. One
step a lane is under way; whatever comes meanwhile rides in the next.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.errors import StateUnavailableError
from postpress_async.limits import REFUND

from .blockers import Blocked
from .courier import RETRY, Courier
from .desks import Desk, Ranks
from .everyone import EVERYONE
from .granting import Granter, failure
from .leases import LEASE, Leases
from .line import LOOK_EVERY, returns
from .news import BUDGETS, Listener
from .timer import EARLY, Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.limits import Verdict

    from .alone import Alone
    from .asking import Asked
    from .book import Book
    from .brake import Brake
    from .clock import Clock
    from .everyone import Everyone
    from .lane import Lane
    from .own import OwnCalls
    from .queue import Waiter
    from .shelf import Shelf
    from .steps import Change, Outcome, SharedState
    from .tally import Slot
    from .trouble import Closure
    from .windows import Ring

USE_WITHIN: Final = 30.0  # a grant that was not used by then is given back
ANSWER_WITHIN: Final = 1.0  # seconds that a store has to answer even those who would not wait
_FLUSH: Final = 5.0


class Sharer:
    """Grant whoever may go, as the store decides; what `Waker` is for counts in memory.

    Attributes:
        closed: whether nobody is woken any more.
        hungry: lanes that wait for a place, in turn.
    """

    def __init__(
        self,
        state: SharedState,
        shelf: Shelf,
        *,
        clock: Clock,
        brake: Brake,
        places: int,
        own: OwnCalls,
        told: Callable[[Lane, Outcome], None],
        alone: Shelf | None = None,
    ) -> None:
        self.closed: bool = False
        self.hungry: dict[Lane, None] = {}
        self.turns: dict[object, None] = {}  # windows of all accounts are the store's
        self._clock = clock
        self._brake = brake
        self._told = told
        self._courier = Courier(state, shelf, clock=clock, own=own, alone=alone)
        self._granter = Granter(clock, brake, places)
        self._leases = Leases(clock, self._renew)
        self._woken = 0  # tasks that will ask in the next tick
        self._desks: dict[Lane, Desk] = {}
        self._braked: dict[Lane, None] = {}
        self._sharers: dict[Lane, None] = {}  # that may wait for a budget of all accounts
        self._ranks = Ranks()
        self._brake_timer = Timer(clock, self.release)
        self._listener = Listener(state, waits=self._anybody_waits, tell=self._heard)

    @property
    def places(self) -> int:
        """How many more requests may be under way."""
        return self._granter.places

    @places.setter
    def places(self, places: int) -> None:
        self._granter.places = places

    @property
    def out(self) -> int:
        """How many slots were granted and not given back."""
        return self._granter.out

    @out.setter
    def out(self, out: int) -> None:
        self._granter.out = out

    # -- what the scheduler asks of a waker ----------------------------------------------------

    def wake(self, lane: Lane) -> int:
        """Ask the store for whoever waits in a lane. Grants come later, by their tickets."""
        queues, now = lane.queues, self._clock.monotonic()
        if queues is None or not queues.waiting or self.closed:
            self._forget(lane)
        else:
            for waiter in queues.expired(now):
                self._granter.expire(lane, waiter, lost=self._is_alone)
            self._granter.free_ones(lane, queues, now)
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
            self._granter.fail_all(lane, why)
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
        self._courier.give_back(lane, self._desk(lane), slot, verdict)
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
        await self._courier.for_everyone(change)

    async def look(self, lane: Lane, change: Change) -> None:
        """Change, or look at, what the store knows of an account, now.

        Raises:
            StateUnavailableError: the store cannot be asked.
        """
        began, alone = self._clock.monotonic(), self._courier.alone
        waited = alone is not None and not alone.lost and alone.until <= began
        await self._courier.look(lane, self._desk(lane), change)
        self._found()
        if alone is not None and waited:
            alone.saw(lane.account_id or "")
        if lane.queues is None:
            self._forget(lane)

    async def flush(self) -> None:
        """Give back what was not given back yet, for a bounded time, and let go of the store.

        What cannot be given back counts when its lease ends, or when the process is known dead.
        """
        for lane, desk in list(self._desks.items()):
            desk.timer.set(inf)
            if desk.full or desk.stands:
                self._pump(lane)
        tasks = {desk.task for desk in self._desks.values() if desk.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=_FLUSH)
        for desk in self._desks.values():
            desk.timer.set(inf)
            if desk.task is not None:
                desk.task.cancel()
        await self._courier.aclose()

    # -- inside -------------------------------------------------------------------------------

    def _room(self, now: float) -> int:
        return self._granter.room(now)

    @property
    def _is_alone(self) -> bool:
        """Whether the store is lost, or was a moment ago, and one goes on without it."""
        alone = self._courier.alone
        return alone is not None and alone.until > -inf

    def _queue_up(self, lane: Lane, now: float) -> None:
        """Give a lane its turn for what all lanes wait for."""
        turn = self._braked if self._brake.room(now) <= 1 else self.hungry
        turn.setdefault(lane)
        if lane.queues is not None:
            self._desk(lane).timer.set(lane.queues.next_deadline())

    def _desk(self, lane: Lane) -> Desk:
        desk = self._desks.get(lane)
        if desk is None:
            desk = self._desks[lane] = Desk(Timer(self._clock, lambda: self._ring(lane)))
        return desk

    def _ring(self, lane: Lane) -> None:
        desk = self._desk(lane)
        if desk.full and not self.closed:
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

    async def _run(self, lane: Lane, desk: Desk) -> None:
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

    async def _once(self, lane: Lane, desk: Desk) -> bool:
        """Carry out one step; return whether another follows at once."""
        desk.again = False
        began = self._clock.monotonic()
        room, alone = self._room(began), self._courier.alone
        on_its_own = alone is not None and began + EARLY < alone.until
        tries = self._is_alone and self._courier.lost
        tells = tries  # and asks nothing: that is decided alone until all have told
        if alone is not None and not (tries or on_its_own):
            alone.end()
        if alone is not None and on_its_own:
            if tries or not desk.full:
                return self._once_alone(alone, lane, desk, room)
            tells = True
        reports, changes = desk.take()
        asked = {} if tells or self.closed else self._courier.asks(lane, desk, room)
        if not (reports or changes or asked or tries or desk.stands):
            return False
        heads = [name for name, (_, ask) in asked.items() if ask.head]
        try:
            with self._granter.keeping(min(room, len(heads))):
                outcome = await self._courier.carry(lane, asked, reports, changes, room)
        except BaseException as error:
            # A grant that nobody heard of is given back.
            desk.put_back(reports + [(name, REFUND) for name in heads], changes)
            if not isinstance(error, Exception):
                desk.stands = False  # cancelled, or the loop is gone: nothing is begun anew
                raise
            return self._lost(lane, desk, asked, error)
        self._found()
        if alone is not None and not tells:
            alone.saw(lane.account_id or "")
        more = self._apply(lane, desk, asked, outcome, began)
        if reports:  # perhaps of a budget that others here wait for as well
            self._serve(self._sharers, but=lane)
        more = more or desk.full or (tells and lane.waiting > 0)
        return more or (room <= 0 < self._room(self._clock.monotonic()) and lane.waiting > 0)

    def _once_alone(self, alone: Alone, lane: Lane, desk: Desk, room: int) -> bool:
        """Decide without the store; what is to be told to it waits until it is tried again."""
        began = self._clock.monotonic()
        asked: Asked = {}
        if self._courier.lost and not self.closed:  # else others may have gone back to the store
            asked = self._courier.asks(lane, desk, room, alone=True)
        more = False
        if asked:
            outcome = self._courier.decide(alone, lane, asked, room)
            more = self._apply(lane, desk, asked, outcome, began)
        desk.stands = False  # there is nobody to tell: whoever does not come is passed over
        if desk.full or lane.waiting:
            desk.timer.set(min(desk.timer.at, alone.until))
        return more and lane.waiting > 0

    def _found(self) -> None:
        """Tell a store that is back what it does not know."""
        told = self._courier.found()
        if told is None:
            return
        lanes = {lane for lane, desk in self._desks.items() if desk.full}
        for lane in self._leases.lanes():
            if changes := told.pop(lane.account_id or "", None):
                self._desk(lane).changes += changes
                lanes.add(lane)
        for lane in lanes:
            self._pump(lane)

    def _anybody_waits(self) -> bool:
        return not self._courier.lost and any(lane.waiting for lane in self._desks)

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

    def _settle(self, lane: Lane, desk: Desk) -> None:
        """See to those who wait, after a step: for places, for the brake, for another step."""
        now = self._clock.monotonic()
        for turn in (self.hungry, self._braked):
            self._serve(turn, but=lane)
        queues = lane.queues
        if queues is not None and queues.waiting and not self.closed:
            self._granter.free_ones(lane, queues, now)
            if self._room(now) <= 0:
                self._queue_up(lane, now)
            if not desk.timer.pending:
                desk.timer.set(min(queues.next_deadline(), now + LOOK_EVERY))
        elif not desk.full:
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
        desk: Desk,
        asked: Asked,
        outcome: Outcome,
        began: float,
    ) -> bool:
        """Let those go that were granted, fail those who wait in vain; return whether to go on."""
        now = self._clock.monotonic()
        for name in outcome.granted:
            waiter, probe = asked[name][0], name in outcome.probes
            if self._granter.grant(lane, waiter, name, probe=probe, began=began):
                self._leases.begin(lane, name)
            else:  # it left, or nobody may go any more
                self._courier.refund(lane, desk, name)
        for name, refusal in outcome.refused.items():
            waiter, lost = asked[name][0], self._courier.lost
            self._granter.refuse(lane, waiter, refusal, outcome.now, lost=lost)
        for waiter, ask in asked.values():
            waiter.let_in = waiter.let_in or ask.fresh
            ended = waiter.let_in and waiter.asked + waiter.patience <= now < waiter.deadline
            if ended and not waiter.gone and lane.queues is not None:  # it only wanted an answer
                lane.queues.leave(waiter)
                self._granter.expire(lane, waiter, lost=self._is_alone)
        self._told(lane, outcome)
        desk.stands = outcome.stands
        waiting = 0 if lane.queues is None else lane.queues.waiting
        if waiting and lane.queues is not None:
            half = (now - began) / 2  # of the way: the next question takes as long to get there
            again = now - half + returns(outcome.again, outcome.now) - outcome.now
            if any(head.tally.shared for head in lane.queues.heads()):
                self._sharers.setdefault(lane)
                again += self._ranks.delay(lane, served=bool(outcome.granted))
            desk.timer.set(min(again, lane.queues.next_deadline()))
            self._listener.listen()
        elif lane.queues is not None:
            lane.queues = None
        moved = outcome.granted or outcome.refused
        return bool(desk.again or (moved and waiting))

    def _lost(self, lane: Lane, desk: Desk, asked: Asked, error: Exception) -> bool:
        """Go on alone, or turn those away who would need the counts; return whether to go on."""
        said, now = failure(error, lane), self._clock.monotonic()
        desk.stands = False  # whoever does not come is passed over
        if self._courier.alone is not None and isinstance(said, StateUnavailableError):
            self._courier.alone.begin(now, said)
            desk.fresh = [one for one, _ in asked.values() if not one.let_in] + desk.fresh
            return True
        self._granter.fail_all(lane, said, who_needs_store=True)
        if desk.full:
            desk.timer.set(now + RETRY)
        return False

    def _forget(self, lane: Lane) -> None:
        """Let go of a lane in which nobody waits."""
        self.hungry.pop(lane, None)
        self._braked.pop(lane, None)
        self._sharers.pop(lane, None)
        self._ranks.forget(lane)
        if lane.queues is not None and not lane.queues.waiting:
            lane.queues = None
        desk = self._desks.get(lane)
        if desk is None or desk.task is not None:
            return
        if desk.stands and not self.closed:
            self._pump(lane)  # to leave the line, so that nobody waits for this process
        elif not desk.full:
            desk.timer.set(inf)
            del self._desks[lane]
