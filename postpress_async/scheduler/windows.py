"""Windows: exact counts in rolling time, as arithmetic without a clock.

A call is *held* from its grant to its answer and *done* at its answer. The provider counts an
arrival, which lies somewhere between the two; so a call may go only while held and done together
leave room. Counting from the grant let about half of all calls over a cap of 10/s when latency
jittered by 10-150 ms; counting from the answer let none.

Done instants never go back, so that the oldest is always at the head: every question is O(1). All
windows of one budget share its ring of instants, so that a week beside a day costs no second copy.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from math import ceil, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .rules import Cap

_COMPACT_FROM = 64  # forgotten events that may stay before the ring is cut
_MOST_COST = 2**32 - 1
_NOISE = 1e-9  # what sums of intervals err by
_MOST_SETTLE = 2.0  # an event may be counted so far ahead of now
_COMPACT_PART = 16  # and what part of the ring they may be: 9 bytes an event, all in all


class Ring:
    """Keep the instants at which one budget was used, for all of its windows.

    Attributes:
        key: which budget: provider, actions and scope.
        held: cost of the calls that are under way.
        windows: those that count here, the longest first.
    """

    __slots__ = ("at", "costs", "held", "key", "windows")

    def __init__(self, key: tuple[object, ...] = ()) -> None:
        self.key: tuple[object, ...] = key
        self.held: int = 0
        self.at: array[float] | None = None
        self.costs: array[int] | None = None  # only once an event has cost more than 1
        self.windows: tuple[Window, ...] = ()

    def done(self, cost: int, at: float) -> None:
        """Count a held call as done at an instant."""
        self.held -= cost
        self.add(cost, at)

    def add(self, cost: int, at: float) -> None:
        """Count something that was done at an instant without having been held."""
        ring = self.at
        if ring is None:
            ring = self.at = array("d")
        elif ring and at < ring[-1]:
            at = ring[-1]  # monotone: a bound in the past may only be late, never early
        if cost != 1 and self.costs is None:
            self.costs = array("I", [1]) * len(ring)
        if self.costs is not None:
            self.costs.append(min(cost, _MOST_COST))
        ring.append(at)
        for window in self.windows:
            window.done += cost
        if not len(ring) % _COMPACT_FROM and self.windows:
            self.windows[0].forget(at - _MOST_SETTLE)  # one that is never full is never asked

    def insert(self, cost: int, at: float, now: float) -> None:
        """Count something that was done in the past, in its place among the others."""
        ring = self.at
        if not ring or at >= ring[-1]:
            self.add(cost, at)
            return
        place = bisect_right(ring, at)
        if cost != 1 and self.costs is None:
            self.costs = array("I", [1]) * len(ring)
        if self.costs is not None:
            self.costs.insert(place, min(cost, _MOST_COST))
        ring.insert(place, at)
        for window in self.windows:
            window.recount(now)

    def events(self) -> Iterable[tuple[float, int]]:
        """Yield the instants that are kept, and their costs."""
        return zip(self.at or (), self.costs or [1] * len(self.at or ()), strict=True)

    def trim(self, now: float) -> None:
        """Let go of what no window needs any more."""
        for window in self.windows:
            window.forget(now)
        head = min((window.head for window in self.windows), default=0)
        if not head or self.at is None:
            return
        if head == len(self.at):
            self.at = self.costs = None
        else:
            del self.at[:head]
            if self.costs is not None:
                del self.costs[:head]
        for window in self.windows:
            window.head -= head

    def empty(self, now: float) -> bool:
        """Tell whether nothing counts any more."""
        self.trim(now)
        return not self.held and self.at is None


class Window:
    """Allow at most `amount` in any `per` seconds of its ring. Exact.

    Attributes:
        ring: the instants.
        cap: the limit in words and seconds.
        amount: the most at once; may change while the window lives, and the counts stay.
        room: how much of that is for anybody; the rest is kept for replies.
        head: where in the ring it begins.
        done: cost of what has been done since.
    """

    __slots__ = ("amount", "cap", "done", "head", "ring", "room")

    def __init__(self, ring: Ring, cap: Cap) -> None:
        self.ring: Ring = ring
        self.cap: Cap = cap
        self.amount: int = cap.amount
        self.room: int = cap.room
        self.head: int = 0
        self.done: int = sum(cost for _, cost in ring.events())
        ring.windows = tuple(sorted((*ring.windows, self), key=lambda window: -window.cap.per))

    def used(self, now: float) -> int:
        """Return what counts at this moment, calls under way included."""
        self.forget(now)
        return self.ring.held + self.done

    def ready_at(self, cost: int, now: float, *, reply: bool = False) -> float:
        """Tell when `cost` may go: `now`, a later instant, or inf where only an answer can tell."""
        room = self.amount if reply else self.room
        held = self.ring.held
        if held + self.done + cost <= room:
            return now
        self.forget(now)
        missing = held + self.done + cost - room
        return now if missing <= 0 else self._leaves(missing)

    def forecast(self, cost: int, ahead: int, now: float, *, reply: bool = False) -> float:
        """Return a lower bound of when `cost` can go after `ahead`; inf where it never can."""
        room = self.amount if reply else self.room
        if cost > room:
            return inf
        # Each whole round is a window of its own: what is ahead can go no faster.
        rounds = max(ceil((cost + ahead - room) / self.amount), 0)
        first = cost + ahead - rounds * self.amount
        ready = self.ready_at(first, now, reply=reply or rounds > 0) if first > 0 else now
        if ready == inf:  # held calls block it; none of them can leave before a whole window
            limit = self.amount if rounds else room
            ready = now + self.cap.per if self.ring.held + first > limit else now
        return ready + rounds * self.cap.per

    def forget(self, now: float) -> None:
        """Stop counting what has left."""
        ring, costs, head, per = self.ring.at, self.ring.costs, self.head, self.cap.per
        if ring is None:
            return
        end = len(ring)
        while head < end and ring[head] + per <= now:
            self.done -= 1 if costs is None else costs[head]
            head += 1
        if head == self.head:
            return
        self.head = head
        if self.ring.windows[0] is self and (
            head == end or (head > _COMPACT_FROM and head * _COMPACT_PART > end)
        ):
            self.ring.trim(now)

    def leaves_at(self, share: float, now: float) -> float:
        """Return when a share of its events will have left: 0 the oldest, 1 all; now if empty."""
        self.forget(now)
        ring = self.ring.at
        if ring is None or self.head >= len(ring):
            return now
        last = len(ring) - 1
        return ring[self.head + int((last - self.head) * share)] + self.cap.per

    def since(self, instant: float) -> int:
        """Return the cost of what was done after an instant."""
        ring, costs = self.ring.at or (), self.ring.costs
        place = bisect_right(ring, instant)
        return len(ring) - place if costs is None else sum(costs[place:])

    def recount(self, now: float) -> None:
        """Count anew, after the past has changed."""
        self.head = 0
        ring = self.ring
        self.done = len(ring.at or ()) if ring.costs is None else sum(ring.costs)
        self.forget(now)

    def _leaves(self, missing: int) -> float:
        """Return when enough of the oldest events will have left."""
        ring, costs = self.ring.at, self.ring.costs
        if ring is None or missing > self.done:
            return inf
        if costs is None:
            return ring[self.head + missing - 1] + self.cap.per
        for index in range(self.head, len(ring)):
            missing -= costs[index]
            if missing <= 0:
                return ring[index] + self.cap.per
        return inf


class Gap:
    """Keep a random distance between one call's answer and the next call.

    Calls that it guards go one at a time: a distance to a call under way cannot be known.
    """

    __slots__ = ("held", "least", "most", "name", "next_at")

    def __init__(self, least: float, most: float, name: str = "") -> None:
        self.least: float = least
        self.most: float = most
        self.name: str = name
        self.held: int = 0
        self.next_at: float = -inf

    def ready_at(self, cost: int, now: float) -> float:  # noqa: ARG002 - the same question as Burst's
        """Tell when the next may go."""
        return inf if self.held else max(now, self.next_at)

    def hold(self, cost: int, now: float) -> None:  # noqa: ARG002 - as above
        """Let nobody else go until the answer."""
        self.held += 1

    def done(self, at: float, jitter: float) -> None:
        """Start the distance at an answer; `jitter` in [0, 1) chooses its length."""
        self.held -= 1
        self.next_at = max(self.next_at, at + self.least + (self.most - self.least) * jitter)

    def refund(self, cost: int, granted_at: float, now: float) -> None:  # noqa: ARG002 - as above
        """Take back a call that nobody saw."""
        self.held -= 1

    def empty(self, now: float) -> bool:
        """Tell whether it holds nobody back."""
        return not self.held and self.next_at <= now


class Burst:
    """Let at most `burst` go at once, then one every `interval` seconds: GCRA, for smoothness.

    It guards no cap: with a burst of B up to 2B-1 pass through one sliding window. A window stands
    beside it for that.
    """

    __slots__ = ("free_at", "interval", "name", "slack")

    def __init__(self, interval: float, burst: int, name: str = "") -> None:
        self.interval: float = interval
        self.slack: float = (burst - 1) * interval
        self.name: str = name
        self.free_at: float = -inf  # when all that went will have been paid for

    def ready_at(self, cost: int, now: float) -> float:
        """Tell when `cost` may go; what is more than a burst goes as one, and is paid for after."""
        if cost == 1:
            ready = self.free_at - self.slack
        else:
            ready = self.free_at + min((cost - 1) * self.interval, self.slack) - self.slack
        return ready if ready > now + _NOISE else now

    def hold(self, cost: int, now: float) -> None:
        """Pay for a call that goes now."""
        free = self.free_at
        start = free if free > now else now  # noqa: FURB136 - as above
        self.free_at = start + cost * self.interval

    def done(self, at: float, jitter: float) -> None:
        """Do nothing: what went was paid for."""

    def refund(self, cost: int, granted_at: float, now: float) -> None:
        """Pay back a call that nobody saw, unless its time has passed: then nobody waits for it."""
        if now < granted_at + cost * self.interval:
            self.free_at -= cost * self.interval

    def empty(self, now: float) -> bool:
        """Tell whether everything was paid for."""
        return self.free_at <= now
