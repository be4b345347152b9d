"""A lane: one account's turn-taking, without a clock, a loop or a network.

`now` comes in with every question; grants and a time to ask again go out. One queue an action, so
that a blocked `invite` never blocks `message`; one gate a lane, for what concerns the account as a
whole: its cool-down, its spacing, its closing. `read` passes the gate, because it touches the
service alone.

Nothing is taken ahead of time. A waiter holds no slot in the future: when the lane's earliest
ready time comes, it is asked again and takes every limit in one step. A cancelled waiter therefore
leaves no hole.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from .queue import Queue, Slot, Waiter
from .windows import Gap, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.limits import Limit, Limits, Verdict

COOL_DOWN_BASE: Final = 60.0
COOL_DOWN_MOST: Final = 6 * 3600.0
_TRUSTED_STRIKES: Final = 3  # 429s in a row whose Retry-After is believed, however short
_PROBE_DUE: Final = 1  # the next call goes alone, to see whether the cool-down was enough
_PROBE_OUT: Final = 2  # it is under way: nobody else goes


class Lane:
    """Decide who of one account may go, and when, from what the answers taught.

    Attributes:
        account_id: whose lane it is; None for calls that concern no account.
        provider, tier: what is known of the account; the strictest limits hold until they are.
        cooling_until: the end of the cool-down, on the clock that `now` comes from.
        closed: why the lane is closed, None while it is open.
        restricted: whether only a person may open it.
        waiting: how many calls wait in all its queues.
    """

    __slots__ = (
        "_gap",
        "_probing",
        "_random",
        "_resigned",
        "_strikes",
        "_windows",
        "account_id",
        "closed",
        "cooling_until",
        "in_flight",
        "limits",
        "provider",
        "queues",
        "restricted",
        "tier",
        "waiting",
    )

    def __init__(self, account_id: str | None, limits: Limits, random: Callable[[], float]) -> None:
        self.account_id: str | None = account_id
        self.limits: Limits = limits
        self.provider: str | None = None
        self.tier: str | None = None
        self.cooling_until: float = -inf
        self.closed: str | None = None
        self.restricted: bool = False
        self.queues: dict[str, Queue] = {}
        self.waiting: int = 0
        self.in_flight: int = 0
        self._random = random
        self._windows: dict[object, Window] = {}
        self._gap: Gap | None = None
        self._strikes = 0
        self._resigned = False
        self._probing = 0

    # -- asking -------------------------------------------------------------------------------

    def queue(self, action: str) -> Queue:
        """Return an action's queue, made at its first call."""
        queue = self.queues.get(action)
        if queue is None:
            queue = self.queues[action] = Queue(action)
            self._furnish(queue)
        return queue

    def try_take(self, queue: Queue, cost: int, now: float) -> Slot | None:
        """Grant a call at once if nobody waits before it and every limit has room."""
        if queue.waiting or self.ready_at(queue, cost, now) > now:
            return None
        return self._grant(queue, cost, now)

    def ready_at(self, queue: Queue, cost: int, now: float) -> float:
        """Tell when a call may go; inf where only an answer, or a person, can tell."""
        ready = now
        if queue.gated:
            if self.closed is not None or self._probing == _PROBE_OUT:
                return inf
            if self.cooling_until > ready:  # noqa: PLR1730 - max() costs twice, on every call
                ready = self.cooling_until
        if queue.gap is not None or self._gap is not None:
            for gap in self._gaps(queue):
                ready = max(ready, gap.ready_at(now))
        for window in queue.windows:
            at = window.ready_at(cost, now)
            if at > ready:  # noqa: PLR1730 - as above
                ready = at
        return ready

    def _gaps(self, queue: Queue) -> Iterator[Gap]:
        if queue.gated and self._gap is not None:
            yield self._gap
        if queue.gap is not None:
            yield queue.gap

    def forecast(self, queue: Queue, cost: int, priority: int, now: float) -> tuple[float, str]:
        """Return a lower bound of when a new call could go, and the limit that says so."""
        ahead = queue.cost_ahead(priority)
        latest, name = now, ""
        if queue.gated and self.cooling_until > latest:
            latest, name = self.cooling_until, "cool-down after a 429"
        for gap in self._gaps(queue):
            at = gap.ready_at(now)
            if latest < at < inf:
                latest, name = at, gap.name
        for window in queue.windows:
            never = cost > window.amount
            at = inf if never else window.forecast(cost + ahead, now)
            if at > latest:
                latest, name = at, window.name
        return latest, name

    def enqueue(self, queue: Queue, waiter: Waiter) -> None:
        """Let a waiter wait."""
        queue.push(waiter)
        self.waiting += 1

    def leave(self, queue: Queue, waiter: Waiter) -> None:
        """Forget a waiter that gave up."""
        if not waiter.gone:
            self.waiting -= 1
            queue.leave(waiter)

    def wake(self, now: float, room: float) -> tuple[list[Waiter], float]:
        """Grant whoever may go now, at most `room` of them; return them and when to ask again."""
        granted: list[Waiter] = []
        while True:
            best, best_queue, again = self._first_ready(now)
            if best is None or best_queue is None or len(granted) >= room:
                return granted, again
            self.leave(best_queue, best)
            best.slot = self._grant(best_queue, best.cost, now)
            granted.append(best)

    def _first_ready(self, now: float) -> tuple[Waiter | None, Queue | None, float]:
        best: Waiter | None = None
        best_queue: Queue | None = None
        again = inf
        for queue in self.queues.values():
            head = queue.head() if queue.waiting else None
            if head is None:
                continue
            at = self.ready_at(queue, head.cost, now)
            if at > now:
                again = min(again, at)
            elif best is None or (head.priority, head.since) < (best.priority, best.since):
                best, best_queue = head, queue
        return best, best_queue, again

    def _grant(self, queue: Queue, cost: int, now: float) -> Slot:
        for window in queue.windows:
            window.held += cost
        probe = queue.gated and self._probing == _PROBE_DUE
        if probe:
            self._probing = _PROBE_OUT
        self.in_flight += 1
        slot = Slot(self, queue, cost, now, probe, queue.windows)
        if queue.gap is not None or self._gap is not None:
            slot.gaps = tuple(self._gaps(queue))
            for gap in slot.gaps:
                gap.hold()
        return slot

    # -- learning -----------------------------------------------------------------------------

    def report(self, slot: Slot, verdict: Verdict, now: float) -> None:
        """Give a slot back, and do what its answer asks for."""
        self.in_flight -= 1
        self._settle(slot, now + verdict.settle, counts=verdict.counts)
        if slot.probe:
            # Only an answer of the provider's own, with no other refusal meanwhile, proves it.
            proved = verdict.effect != "no_answer" and self.cooling_until <= now
            self._probing = 0 if proved else _PROBE_DUE
        if verdict.effect == "none":
            if slot.queue.gated and slot.at >= self.cooling_until:
                self._strikes = 0
        elif verdict.effect == "cool_down":
            self._cool_down(slot, verdict.retry_after, now)
        elif verdict.effect in {"close", "restrict"}:
            self.closed = verdict.reason or "the account cannot be used"
            self.restricted = verdict.effect == "restrict"

    def _settle(self, slot: Slot, at: float, *, counts: bool) -> None:
        for window in slot.windows:
            if counts:
                window.done(slot.cost, at)
            else:
                window.refund(slot.cost)
        for gap in slot.gaps:
            if counts:
                gap.done(at, self._random())
            else:
                gap.refund()

    def _cool_down(self, slot: Slot, retry_after: float | None, now: float) -> None:
        fresh = slot.at >= self.cooling_until  # calls already under way count as one strike
        if retry_after is not None:
            # A service that says «at once» again and again is not taken at its word for ever.
            doubt = self._strikes - _TRUSTED_STRIKES
            least = min(2.0**doubt, COOL_DOWN_BASE) if doubt >= 0 else 0.0
            until = now + max(retry_after, least) * (1 + 0.05 * self._random())
        elif fresh or self.cooling_until <= now:
            base = min(COOL_DOWN_BASE * 2.0**self._strikes, COOL_DOWN_MOST)
            until = now + base * (0.5 + 0.5 * self._random())
        else:
            until = self.cooling_until
        self._strikes += fresh
        self.cooling_until = max(self.cooling_until, until)
        if self._probing != _PROBE_OUT:
            self._probing = _PROBE_DUE

    def holds(self, slot: Slot, now: float) -> bool:
        """Tell whether nothing has happened since a grant that would forbid it now."""
        if not slot.queue.gated:
            return True
        if self.closed is not None or self.cooling_until > now:
            return False
        return slot.probe or not self._probing

    def open(self) -> None:
        """Open a closed lane again."""
        self.closed, self.restricted = None, False

    def describe(self, provider: str | None, tier: str | None) -> None:
        """Learn what the account is; counts carry over to the limits that now hold."""
        provider = None if provider is None else provider.upper()
        if (provider, tier) == (self.provider, self.tier):
            return
        self.provider, self.tier = provider, tier
        for queue in self.queues.values():
            self._furnish(queue)

    def resign(self) -> None:
        """Stop asking for the provider."""
        self._resigned = True
        for queue in self.queues.values():
            queue.unsure = False

    # -- furniture ----------------------------------------------------------------------------

    def _furnish(self, queue: Queue) -> None:
        """Give a queue the windows and gaps of its action, sharing those that exist."""
        if self.account_id is None or not queue.gated:
            return
        queue.unsure = (
            self.provider is None and not self._resigned and self.limits.ask_provider(queue.action)
        )
        rows = self.limits.rows_for(self.provider, self.tier, queue.action)
        windows: list[Window] = []
        for row in rows:
            window = self._windows.get(row.key)
            if window is None:
                window = self._windows[row.key] = Window(row.amount, row.seconds)
            window.amount, window.name = row.amount, str(row)
            windows.append(window)
        queue.windows = tuple(windows)
        queue.gap = self._gap_of(queue.action, queue.gap)
        self._gap = self._gap_of(None, self._gap)

    def _gap_of(self, action: str | None, had: Gap | None) -> Gap | None:
        """Return the widest spacing of an action, or of the lane; the one it had, if it holds."""
        rows = [row for row in self.limits.spacings_for(self.provider) if row.action == action]
        if not rows:
            return None
        row = max(rows, key=lambda row: row.least)
        name = f"spacing of {row.least:g}-{row.most:g} s"
        if had is None:
            return Gap(row.least, row.most, name)
        had.least, had.most, had.name = row.least, row.most, name  # what it keeps apart stays so
        return had

    def used(self, now: float) -> Iterator[tuple[Limit, int]]:
        """Yield each limit that holds for the account, with what counts against it now."""
        if self.account_id is None:
            return
        for row in self.limits.rows_for_all(self.provider, self.tier):
            window = self._windows.get(row.key)
            yield row, 0 if window is None else window.used(now)
