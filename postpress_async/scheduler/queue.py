"""Who waits in a lane: one queue an action, strict priority with ageing, first come first served.

A waiter gains one priority every `AGE_AFTER` seconds. That needs no work while time passes: the
order of two waiters never changes, so that `since + priority * AGE_AFTER` is their place for good.

Queues are linked through the waiters themselves: to join, to leave and to be next cost the same
with ten waiters and with a hundred thousand, and an empty queue holds nothing.
"""

from __future__ import annotations

from math import inf
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from .deadlines import Deadlines
from .timer import EARLY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .lane import Lane
    from .tally import Slot, Tally
    from .windows import Window

AGE_AFTER: Final = 3600.0
_NONE: Final[Mapping[Window, float]] = MappingProxyType({})


class Ticket(Protocol):
    """Be what the shell resolves for a waiter: a future, which the lane itself never touches."""

    def done(self) -> bool:
        """Tell whether it was resolved or cancelled."""
        ...

    def set_result(self, slot: Slot, /) -> None:
        """Resolve it."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """Fail it."""
        ...


class Waiter:
    """Stand for one call that waits its turn.

    Attributes:
        tally: the action that it waits for.
        ticket: how it is told.
        cost, priority: what it asks for; lower goes first, below 0 are replies.
        since: when its call first asked; a call that was rejected keeps its place by it.
        asked: when this asking began.
        patience: seconds that it may wait.
        deadline: when it is turned away, at the end of its patience or a little later.
        slot: what it was granted.
        gone: whether it waits no more.
        let_in: whether a store has forecast its wait.
    """

    __slots__ = (
        "after", "asked", "before", "cost", "deadline", "gone", "let_in", "patience", "place",
        "priority", "since", "slot", "tally", "ticket",
    )  # fmt: skip

    def __init__(
        self,
        tally: Tally,
        ticket: Ticket,
        *,
        since: float,
        asked: float | None = None,
        cost: int = 1,
        priority: int = 0,
        deadline: float = inf,
        patience: float | None = None,
    ) -> None:
        self.tally: Tally = tally
        self.ticket: Ticket = ticket
        self.cost: int = cost
        self.priority: int = priority
        self.since: float = since
        self.asked: float = since if asked is None else asked
        self.deadline: float = deadline
        self.patience: float = deadline - self.asked if patience is None else patience
        self.place: float = since + priority * AGE_AFTER
        self.slot: Slot | None = None
        self.gone: bool = False
        self.let_in: bool = False
        self.before: Waiter | None = None
        self.after: Waiter | None = None

    @property
    def reply(self) -> bool:
        """Whether it may use what is kept for replies; ageing never gains that."""
        return self.priority < 0


class _Level:
    """Hold the waiters of one priority, in order of arrival."""

    __slots__ = ("cost", "first", "last", "priority")

    def __init__(self, priority: int) -> None:
        self.priority: int = priority
        self.first: Waiter | None = None
        self.last: Waiter | None = None
        self.cost: int = 0

    def push(self, waiter: Waiter) -> None:
        """Queue behind those who asked no later; a call that was rejected may go to the head."""
        before, after = self.last, None
        if before is not None and before.since > waiter.since:
            before, after = None, self.first
            while after is not None and after.since <= waiter.since:
                before, after = after, after.after
        waiter.before, waiter.after = before, after
        if before is None:
            self.first = waiter
        else:
            before.after = waiter
        if after is None:
            self.last = waiter
        else:
            after.before = waiter
        self.cost += waiter.cost

    def remove(self, waiter: Waiter) -> None:
        before, after = waiter.before, waiter.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before
        waiter.before = waiter.after = None
        self.cost -= waiter.cost

    def cost_until(self, since: float) -> int:
        """Return the cost of those who asked no later than an instant."""
        if self.last is None or self.last.since <= since:
            return self.cost
        cost, waiter = 0, self.first
        while waiter is not None and waiter.since <= since:
            cost, waiter = cost + waiter.cost, waiter.after
        return cost


class Queue:
    """Hold those who wait for one action."""

    __slots__ = ("_levels", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally: Tally = tally
        self._levels: tuple[_Level, ...] = ()  # few; a dict of one is four times as large

    def push(self, waiter: Waiter) -> None:
        """Queue a waiter by its priority and the instant of its first asking."""
        level = self._level(waiter.priority)
        if level is None:
            level = _Level(waiter.priority)
            self._levels = (*self._levels, level)
        level.push(waiter)
        self.tally.waiting += 1

    def remove(self, waiter: Waiter) -> None:
        """Take a waiter out, granted or not."""
        level = self._level(waiter.priority)
        if level is None:
            return
        level.remove(waiter)
        if level.first is None:
            self._levels = tuple(one for one in self._levels if one is not level)
        self.tally.waiting -= 1

    def heads(self) -> Iterator[Waiter]:
        """Yield who is next; then who is next among replies, if that is somebody else.

        What is kept for replies must not be blocked by an aged waiter who may not use it.
        """
        if len(self._levels) == 1:
            (level,) = self._levels
            if level.first is not None:
                yield level.first
            return
        heads = [level.first for level in self._levels if level.first is not None]
        if not heads:
            return
        best = min(heads, key=_place)
        yield best
        if not best.reply:
            reply = min((head for head in heads if head.reply), key=_place, default=None)
            if reply is not None:
                yield reply

    def cost_ahead(self, priority: int, since: float) -> int:
        """Return the cost of those who wait and certainly go before one who comes now."""
        return sum(
            level.cost_until(since + (priority - level.priority) * AGE_AFTER)
            for level in self._levels
            if level.priority <= priority
        )

    def first(self, count: int) -> Iterator[Waiter]:
        """Yield the first waiters of each priority, at most so many of each."""
        for level in self._levels:
            waiter, left = level.first, count
            while waiter is not None and left:
                yield waiter
                waiter, left = waiter.after, left - 1

    def all(self) -> Iterator[Waiter]:
        """Yield everybody who waits, in order within a priority."""
        for level in self._levels:
            waiter = level.first
            while waiter is not None:
                after = waiter.after
                yield waiter
                waiter = after

    def _level(self, priority: int) -> _Level | None:
        for level in self._levels:
            if level.priority == priority:
                return level
        return None


def _place(waiter: Waiter) -> float:
    return waiter.place


class Queues:
    """Hold everybody who waits in one lane; made for the first who does.

    Attributes:
        waiting: how many.
        shared: windows of all accounts together that held somebody back when last asked.
        changed: whether amounts did since it was last seen to that nobody waits in vain.
    """

    __slots__ = ("_deadlines", "_queues", "changed", "shared", "waiting")

    def __init__(self) -> None:
        self.waiting: int = 0
        self.changed: bool = False
        self.shared: Mapping[Window, float] = _NONE
        self._queues: tuple[Queue, ...] = ()
        self._deadlines: Deadlines | None = None

    def push(self, waiter: Waiter) -> None:
        """Let a waiter wait."""
        self._of(waiter.tally).push(waiter)
        self.waiting += 1
        if waiter.deadline < inf:
            if self._deadlines is None:
                self._deadlines = Deadlines(waiter)
            else:
                self._deadlines.push(waiter)

    def leave(self, waiter: Waiter) -> None:
        """Let a waiter go, granted or not; a second time does nothing."""
        if waiter.gone:
            return
        waiter.gone = True
        self.waiting -= 1
        self._of(waiter.tally).remove(waiter)
        if self._deadlines is not None:
            self._deadlines.tidy(self.waiting)

    def first_ready(self, lane: Lane, now: float) -> tuple[Waiter | None, float]:
        """Return who goes next of all actions, else nobody and when to ask again."""
        best: Waiter | None = None
        again = inf
        if self.shared:
            self.shared = _NONE
        for queue in self._queues:
            for head in queue.heads() if queue.tally.waiting else ():
                at = lane.ready_at(queue.tally, head.cost, now, reply=head.reply)
                window = lane.shared_block(head, now) if queue.tally.shared else None
                if at > now or window is not None:
                    if window is None:
                        again = min(again, at)
                    else:
                        # Where only its turn is missing, no instant tells when that comes.
                        ready = window.ready_at(head.cost, now, reply=head.reply)
                        ready = min(self.shared.get(window, inf), ready if ready > now else inf)
                        self.shared = {**self.shared, window: ready}
                    continue
                if best is None or head.place < best.place:
                    best = head
                break
        return best, again

    def heads(self) -> Iterator[Waiter]:
        """Yield who is next in each action's queue."""
        for queue in self._queues:
            yield from queue.heads()

    def first(self, count: int) -> Iterator[Waiter]:
        """Yield the first waiters of each action and priority, at most so many of each."""
        for queue in self._queues:
            yield from queue.first(count)

    def cost_ahead(self, tally: Tally, priority: int, since: float = inf) -> int:
        """Return the cost of those who wait for an action and certainly go before a newcomer.

        One that asked first at `since`, and was rejected, goes before those who came later.
        """
        return self._of(tally).cost_ahead(priority, since) if tally.waiting else 0

    def expired(self, now: float) -> list[Waiter]:
        """Return those whose patience has ended, and let go of them."""
        found: list[Waiter] = []
        first = None if self._deadlines is None else self._deadlines.first()
        while self._deadlines is not None and first is not None and first.deadline <= now + EARLY:
            self.leave(first)
            found.append(first)
            first = self._deadlines.first()
        return found

    def next_deadline(self) -> float:
        """Return when the next one's patience ends."""
        first = None if self._deadlines is None else self._deadlines.first()
        return inf if first is None else first.deadline

    def all(self) -> list[Waiter]:
        """Return everybody who waits."""
        return [waiter for queue in self._queues for waiter in queue.all()]

    def _of(self, tally: Tally) -> Queue:
        for queue in self._queues:
            if queue.tally is tally:
                return queue
        queue = Queue(tally)
        self._queues = (*self._queues, queue)
        return queue
