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

from postpress_async.limits import REFUND

from .asking import needs_store
from .courier import RETRY, Courier
from .desks import Desk
from .everyone import EVERYONE
from .granting import Granter, failure, is_lost
from .leases import LEASE, Leases
from .line import returns
from .news import BUDGETS, Listener
from .shares import Share
from .timer import EARLY, Timer
from .usher import Usher

if TYPE_CHECKING:
    from collections.abc import Callable

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

USE_WITHIN: Final = 30.0  # a grant that was not used by then is given back
ANSWER_WITHIN: Final = 1.0  # seconds that a store has to answer even those who would not wait
_FLUSH: Final = 5.0
_LET_GO: Final = 1.0  # seconds that a step which was called off has to end


class Sharer:
    """Carry out steps for lanes: what they ask of the store, and what it must hear of them.

    Attributes:
        closed: whether nothing is asked any more; what is to be told still is.
        only_looks: whether nothing is written to the store, so that nobody may go.
        usher: says when a lane asks.
    """

    def __init__(
        self,
        state: SharedState,
        shelf: Shelf,
        *,
        clock: Clock,
        brake: Brake,
        places: int,
        boot: Callable[[], float],
        own: OwnCalls,
        told: Callable[[Lane, Outcome], None],
        alone: Shelf | None = None,
        share: Share | None = None,
    ) -> None:
        self.closed: bool = False
        self.only_looks: bool = False
        self._clock = clock
        self._boot = boot
        self._told = told
        self._courier = Courier(
            state, shelf, clock=clock, own=own, alone=alone, share=share or Share()
        )
        self._granter = Granter(clock, brake, places)
        self._room = self._granter.room
        self.usher: Usher = Usher(self, self._granter, clock, brake)
        self._leases = Leases(clock, self._renew)
        self._woken = 0  # tasks that will ask in the next tick
        self._desks: dict[Lane, Desk] = {}
        self._flushing = False
        self._listener = Listener(state, waits=self._anybody_waits, tell=self._heard)

    # -- what lanes have to say ----------------------------------------------------------------

    def newcomer(self, lane: Lane, waiter: Waiter) -> None:
        """Note who came, so that its forecast is asked for."""
        self.desk(lane).fresh.append(waiter)

    def give_back(self, lane: Lane, slot: Slot, verdict: Verdict) -> None:
        """Give a slot back with the next step."""
        lane.in_flight -= 1
        self._leases.end(slot.reservation)
        self._courier.give_back(lane, self.desk(lane), slot, verdict)
        self.pump(lane)

    def change(self, lane: Lane, change: Change) -> None:
        """Change what the store knows of an account, with the next step."""
        self.desk(lane).changes.append(change)
        with suppress(RuntimeError):  # before the loop runs: it rides in the first step
            self.pump(lane)

    async def for_everyone(self, change: Callable[[Everyone, float], None]) -> None:
        """Change what holds for all accounts together, given the seconds from there to the epoch.

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
        await self._courier.look(lane, self.desk(lane), change)
        self._found()
        if alone is not None and waited:
            alone.saw(lane.account_id or "", self._clock.monotonic())
        if lane.queues is None:
            self.usher.forget(lane)

    def only_look(self) -> None:
        """Write nothing to the store from now on; what is changed is seen here alone."""
        if not self.only_looks:
            self.only_looks = True
            self._courier.only_look()

    def close(self) -> None:
        """Ask for nothing any more; what was not given back yet still is, see `flush`."""
        self.closed = True
        self._leases.close()
        self._listener.close()
        for desk in self._desks.values():
            desk.timer.set(inf)

    async def flush(self) -> None:
        """Give back what was not given back yet, for a bounded time, and let go of the store.

        What cannot be given back counts when its lease ends, or when the process is known dead. A
        store that is lost is tried once more: it knows nothing of what went without it.
        """
        self._flushing = True
        self._courier.give_up()
        for lane, desk in list(self._desks.items()):
            desk.timer.set(inf)
            if desk.full or desk.stands:
                self.pump(lane)
        try:
            await self._end_steps()
            await self._courier.tell_for_others(_FLUSH)
        finally:
            self._courier.leave(self._desks)
        await self._courier.aclose()

    async def _end_steps(self) -> None:
        """Wait for steps under way; those that take too long put back what they took along."""
        tasks = {desk.task for desk in self._desks.values() if desk.task is not None}
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=_FLUSH)
        finally:
            for desk in self._desks.values():
                desk.timer.set(inf)
            tasks = {desk.task for desk in self._desks.values() if desk.task is not None}
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_LET_GO)

    # -- what the usher asks of it --------------------------------------------------------------

    @property
    def is_alone(self) -> bool:
        """Whether the store is lost, or was a moment ago, and one goes on without it."""
        alone = self._courier.alone
        return alone is not None and alone.until > -inf

    @property
    def woken(self) -> int:
        """How many tasks will ask in the next tick."""
        return self._woken

    def silence(self, lane: Lane, waiter: Waiter, now: float) -> str | None:
        """Say why the store has not answered a waiter, as far as it is known; None if it has."""
        desk = self.desk(lane)
        late = now - desk.began > ANSWER_WITHIN - EARLY
        asked = desk.began < inf and not waiter.let_in
        waits = (late or asked) and needs_store(lane, waiter.tally) and not self.is_alone
        return self._courier.trouble if waits else None

    def desk(self, lane: Lane) -> Desk:
        """Return a lane's desk, made where it has none."""
        desk = self._desks.get(lane)
        if desk is None:
            desk = self._desks[lane] = Desk(Timer(self._clock, lambda: self._ring(lane)))
        return desk

    def pump(self, lane: Lane) -> None:
        """Have a step carried out: now, or after the one under way."""
        desk = self.desk(lane)
        if desk.task is None:
            desk.task = asyncio.get_running_loop().create_task(
                self._run(lane, desk), context=Context()
            )
            self._woken += 1
        else:
            desk.again = True

    def clear(self, lane: Lane) -> None:
        """Clear the desk of a lane in which nobody waits, if nothing is left to say."""
        desk = self._desks.get(lane)
        if desk is None or desk.task is not None or desk.looks:
            return
        if desk.stands and not self.closed:
            self.pump(lane)  # to leave the line, so that nobody waits for this process
        elif not desk.full:
            desk.timer.set(inf)
            del self._desks[lane]

    # -- inside -------------------------------------------------------------------------------

    def _ring(self, lane: Lane) -> None:
        desk = self.desk(lane)
        if desk.full and not self.closed:
            self.pump(lane)
        self.usher.wake(lane)

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
                self.usher.settle(lane, desk)

    async def _once(self, lane: Lane, desk: Desk) -> bool:
        """Carry out one step; return whether another follows at once."""
        desk.again = False
        began, desk.boot = self._clock.monotonic(), self._boot()
        room, alone = self._room(began), self._courier.alone
        on_its_own = alone is not None and began + EARLY < alone.until and not self._flushing
        tries = self.is_alone and self._courier.lost
        tells = tries  # and asks nothing: that is decided alone until all have told
        if alone is not None and not (tries or on_its_own):
            alone.end()
        if alone is not None and on_its_own:
            if tries or not desk.full:
                return self._once_alone(alone, lane, desk, room)
            tells = True
        reports, changes = self._courier.take(lane, desk)
        asked = {} if tells or self.closed else self._courier.asks(lane, desk, room)
        if not (reports or changes or asked or tries or desk.stands):
            return False
        heads = [name for name, (_, ask) in asked.items() if ask.head]
        desk.began = began
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
        finally:
            desk.began = inf
        self._found()
        if alone is not None and not tells:
            alone.saw(lane.account_id or "", self._clock.monotonic())
        more = self._apply(lane, desk, asked, outcome, began)
        if reports:  # perhaps of a budget that others here wait for as well
            self.usher.go_on(self.usher.budgets, but=lane)
        more = more or desk.full or (tells and lane.waiting > 0)
        return more or (room <= 0 < self._room(self._clock.monotonic()) and lane.waiting > 0)

    def _once_alone(self, alone: Alone, lane: Lane, desk: Desk, room: int) -> bool:
        """Decide without the store; what is to be told to it waits until it is tried again."""
        began = self._clock.monotonic()
        asked: Asked = {}
        self._courier.hear(alone, lane, desk)
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
                self.desk(lane).changes += changes
                lanes.add(lane)
        for lane in lanes:
            self.pump(lane)

    def _anybody_waits(self) -> bool:
        return not self._courier.lost and any(lane.waiting for lane in self._desks)

    def _heard(self, names: set[str]) -> None:
        """Look at once at what others have changed."""
        for lane in list(self._desks):
            if lane.waiting and (lane.account_id in names or EVERYONE in names):
                self.usher.wake(lane)
        if BUDGETS in names:
            self.usher.go_on(self.usher.budgets)

    def _renew(self, lane: Lane, reservation: str) -> None:
        def renew(book: Book, everyone: Everyone, now: float) -> None:
            book.renew(reservation, now + LEASE)
            everyone.renew(reservation, now + LEASE)

        self.change(lane, renew)

    def _apply(self, lane: Lane, desk: Desk, asked: Asked, outcome: Outcome, began: float) -> bool:
        """Do what the store has decided; return whether to go on at once."""
        now = self._clock.monotonic()
        self._answer(lane, desk, asked, outcome, began=began, now=now)
        self._told(lane, outcome)
        desk.stands = outcome.stands
        waiting = 0 if lane.queues is None else lane.queues.waiting
        if waiting and lane.queues is not None:
            half = (now - began) / 2  # of the way: the next question takes as long to get there
            again = now - half + returns(outcome.again, outcome.now) - outcome.now
            if any(head.tally.shared for head in lane.queues.heads()):
                again += self.usher.queue_for_budget(lane, served=bool(outcome.granted))
            desk.timer.set(min(again, lane.queues.next_deadline()))
            self._listener.listen()
        elif lane.queues is not None:
            lane.queues = None
        moved = outcome.granted or outcome.refused
        return bool(desk.again or (moved and waiting))

    def _answer(
        self, lane: Lane, desk: Desk, asked: Asked, outcome: Outcome, *, began: float, now: float
    ) -> None:
        """Let those go that were granted, and fail those who wait in vain."""
        for name in outcome.granted:
            waiter, probe = asked[name][0], name in outcome.probes
            if self._granter.grant(lane, waiter, name, probe=probe, began=began, boot=desk.boot):
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
                self._granter.expire(lane, waiter, lost=self.is_alone)

    def _lost(self, lane: Lane, desk: Desk, asked: Asked, error: Exception) -> bool:
        """Go on alone, or turn those away who would need the counts; return whether to go on."""
        said, now = failure(error, lane), self._clock.monotonic()
        desk.stands = False  # whoever does not come is passed over
        if self._courier.alone is not None and is_lost(said, lane):
            self._courier.alone.begin(now, said)
            if self._flushing:
                return False  # nobody waits, and it was tried
            desk.fresh = [one for one, _ in asked.values() if not one.let_in] + desk.fresh
            return True
        self._granter.fail_all(lane, said, who_needs_store=True)
        if desk.full:
            desk.timer.set(now + RETRY)
        return False
