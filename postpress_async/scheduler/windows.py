"""Windows: exact counts in rolling time, as arithmetic without a clock.

A call is *held* from its grant to its answer and *done* at its answer. The provider counts an
arrival, which lies somewhere between the two; so a call may go only while held and done together
leave room. Counting from the grant let about half of all calls over a cap of 10/s when latency
jittered by 10-150 ms; counting from the answer let none.

Done instants never go back, so that the oldest is always at the head: every question is O(1).
"""

from __future__ import annotations

from array import array
from math import inf

_COMPACT_FROM = 64  # forgotten events that may stay before the ring is cut


class Window:
    """Allow at most `amount` in any `per` seconds. Nine bytes an event, exact.

    Attributes:
        amount: the most at once; may change while the window lives, and the counts stay.
        per: the length in seconds.
        name: the limit in words, for errors and snapshots.
        held: cost of the calls that are under way.
    """

    __slots__ = ("_at", "_cost", "_done", "_head", "amount", "held", "name", "per")

    def __init__(self, amount: int, per: float, name: str = "") -> None:
        self.amount: int = amount
        self.per: float = per
        self.name: str = name
        self.held: int = 0
        self._at: array[float] | None = None
        self._cost: array[int] | None = None  # only once an event has cost more than 1
        self._head = 0
        self._done = 0

    def used(self, now: float) -> int:
        """Return what counts at this moment, calls under way included."""
        self._forget(now)
        return self.held + self._done

    def ready_at(self, cost: int, now: float) -> float:
        """Tell when `cost` may go: `now`, a later instant, or inf where only an answer can tell."""
        if self.held + self._done + cost <= self.amount:
            return now
        self._forget(now)
        missing = self.held + self._done + cost - self.amount
        if missing <= 0:
            return now
        return self._leaves(missing)

    def forecast(self, cost: int, now: float) -> float:
        """Return a lower bound of when `cost` can have gone, calls ahead of it included in it."""
        if self.amount <= 0:
            return inf
        rounds, last = divmod(max(cost, 1) - 1, self.amount)
        ready = self.ready_at(last + 1, now)
        if ready == inf:  # held calls block it; none of them can leave before a whole window
            ready = now + self.per if self.held + last + 1 > self.amount else now
        return ready + rounds * self.per

    def hold(self, cost: int) -> None:
        """Count a call from now until its answer."""
        self.held += cost

    def done(self, cost: int, at: float) -> None:
        """Count a held call as done at an instant."""
        self.held -= cost
        ring = self._at
        if ring and cost == 1 and self._cost is None and at >= ring[-1]:
            ring.append(at)  # the common case of `add`, without its questions
            self._done += 1
        else:
            self.add(cost, at)

    def refund(self, cost: int) -> None:
        """Take back a held call that the provider cannot have seen."""
        self.held -= cost

    def add(self, cost: int, at: float) -> None:
        """Count something that was done at an instant without having been held."""
        if self._at is None:
            self._at = array("d")
        ring = self._at
        if len(ring) > self._head and at < ring[-1]:
            at = ring[-1]  # monotone: a bound in the past may only be late, never early
        if cost != 1 and self._cost is None:
            self._cost = array("I", [1]) * len(ring)
        ring.append(at)
        if self._cost is not None:
            self._cost.append(cost)
        self._done += cost

    @property
    def empty(self) -> bool:
        """Tell whether nothing was counted that has not been forgotten."""
        return not self.held and not self._done

    def _forget(self, now: float) -> None:
        ring, head = self._at, self._head
        if ring is None:
            return
        costs, end, per = self._cost, len(ring), self.per
        while head < end and ring[head] + per <= now:
            self._done -= 1 if costs is None else costs[head]
            head += 1
        self._head = head
        if head == end:
            self._at, self._cost, self._head = None, None, 0
        elif head > _COMPACT_FROM and head * 2 > end:
            self._compact()

    def _leaves(self, missing: int) -> float:
        """Return when enough of the oldest events will have left."""
        ring, costs = self._at, self._cost
        if ring is None or missing > self._done:
            return inf
        if costs is None:
            return ring[self._head + missing - 1] + self.per
        for index in range(self._head, len(ring)):
            missing -= costs[index]
            if missing <= 0:
                return ring[index] + self.per
        return inf

    def _compact(self) -> None:
        if self._at is not None:
            del self._at[: self._head]
        if self._cost is not None:
            del self._cost[: self._head]
        self._head = 0


class Gap:
    """Keep a random distance between one call's answer and the next call.

    Calls that it guards go one at a time: a distance to a call under way cannot be known.
    """

    __slots__ = ("_next", "held", "least", "most", "name")

    def __init__(self, least: float, most: float, name: str = "") -> None:
        self.least: float = least
        self.most: float = most
        self.name: str = name
        self.held: int = 0
        self._next = -inf

    def ready_at(self, now: float) -> float:
        """Tell when the next may go."""
        if self.held:
            return inf
        return max(now, self._next)

    def hold(self) -> None:
        """Let nobody else go until the answer."""
        self.held += 1

    def done(self, at: float, jitter: float) -> None:
        """Start the distance at an answer; `jitter` in [0, 1) chooses its length."""
        self.held -= 1
        self._next = at + self.least + (self.most - self.least) * jitter

    def refund(self) -> None:
        """Take back a call that nobody saw."""
        self.held -= 1

    def idle(self, now: float) -> bool:
        """Tell whether it holds nobody back."""
        return not self.held and self._next <= now
