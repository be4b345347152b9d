"""Who is woken when, where counts are in a store; what `Waker` is where they are in memory.

To wake a lane is to have the store asked. Ten thousand lanes may wait for a hundred places, so that
each has a turn for what it has in common with others: places on the wire, the brake, and budgets of
all accounts, of which the store alone knows whether they have room.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .blockers import Blocked
from .desks import Ranks
from .line import LOOK_EVERY
from .timer import Timer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .brake import Brake
    from .clock import Clock
    from .desks import Desk
    from .granting import Granter
    from .lane import Lane
    from .sharing import Sharer
    from .trouble import Closure
    from .windows import Ring


class Usher:
    """See to it that the store is asked, in time and in turn, for whoever waits.

    Attributes:
        closed: whether nobody is woken any more.
        hungry: lanes that wait for a place, in turn.
        budgets: lanes that may wait for a budget of all accounts, in turn.
    """

    def __init__(self, sharer: Sharer, granter: Granter, clock: Clock, brake: Brake) -> None:
        self.closed: bool = False
        self.hungry: dict[Lane, None] = {}
        self.budgets: dict[Lane, None] = {}
        self.turns: dict[object, None] = {}  # windows of all accounts are the store's
        self._sharer = sharer
        self._granter = granter
        self._room = granter.room
        self._clock = clock
        self._brake = brake
        self._braked: dict[Lane, None] = {}
        self._ranks = Ranks()
        self._brake_timer = Timer(clock, self.release)

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
            self.forget(lane)
        else:
            for waiter in queues.expired(now):
                silence = self._sharer.silence(lane, waiter, now)
                self._granter.expire(lane, waiter, lost=self._sharer.is_alone, silence=silence)
            self._granter.free_ones(lane, queues, now)
            if not queues.waiting:
                self.forget(lane)
            elif self._room(now) > 0 or self._sharer.desk(lane).fresh:
                self._sharer.desk(lane).timer.set(queues.next_deadline())
                self._sharer.pump(lane)
            else:
                self._queue_up(lane, now)
        return 0

    def freed(self, lane: Lane) -> None:
        """Wake those who wait for a place, in turn, and this lane behind them."""
        if lane.queues is not None:
            self.hungry.setdefault(lane)
        self.go_on(self.hungry)

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
        """Wake nobody any more; what was not given back yet still is, see `Sharer.flush`."""
        self.closed = True
        self._brake_timer.set(inf)
        self._sharer.close()

    # -- what the sharer asks of it -------------------------------------------------------------

    def settle(self, lane: Lane, desk: Desk) -> None:
        """See to those who wait, after a step: for places, for the brake, for another step."""
        now = self._clock.monotonic()
        for turn in (self.hungry, self._braked):
            self.go_on(turn, but=lane)
        queues = lane.queues
        if queues is not None and queues.waiting and not self.closed:
            self._granter.free_ones(lane, queues, now)
            if self._room(now) <= 0:
                self._queue_up(lane, now)
            if not desk.timer.pending:
                desk.timer.set(min(queues.next_deadline(), now + LOOK_EVERY))
        elif not desk.full:
            self.forget(lane)

    def go_on(self, turn: dict[Lane, None], but: Lane | None = None) -> None:
        """Wake as many lanes as there are places, in turn; each step that ends serves the next.

        Ten thousand may wait for a hundred places: to wake them all would take them all day.
        """
        room = self._room(self._clock.monotonic())
        for _ in range(len(turn)):
            if room <= self._sharer.woken or not turn:
                return
            lane = next(iter(turn))
            del turn[lane]
            if lane is but:
                turn[lane] = None
                continue
            self.wake(lane)

    def queue_for_budget(self, lane: Lane, *, served: bool) -> float:
        """Give a lane its turn for a budget; return the seconds by which it lets others go first.

        Those go first who were served longer ago.
        """
        self.budgets.setdefault(lane)
        return self._ranks.delay(lane, served=served)

    def forget(self, lane: Lane) -> None:
        """Let go of a lane in which nobody waits."""
        self.hungry.pop(lane, None)
        self._braked.pop(lane, None)
        self.budgets.pop(lane, None)
        self._ranks.forget(lane)
        if lane.queues is not None and not lane.queues.waiting:
            lane.queues = None
        self._sharer.clear(lane)

    def _queue_up(self, lane: Lane, now: float) -> None:
        """Give a lane its turn for what all lanes wait for."""
        turn = self._braked if self._brake.room(now) <= 1 else self.hungry
        turn.setdefault(lane)
        if lane.queues is not None:
            self._sharer.desk(lane).timer.set(lane.queues.next_deadline())
