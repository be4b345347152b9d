"""How an outbox does: what waits, since when, and what this process has done of late."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import StateUnavailableError

from .by_hand import shown
from .items import ItemState, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postpress_async.scheduler.scheduler import Scheduler
    from postpress_async.storage.outbox.rows import Filter, Overview, Row, State
    from postpress_async.storage.outbox.store import Store

__all__ = ["Meter", "OutboxMetrics", "OutboxProgress", "metrics_of", "progress_of", "summed"]

_SPAN: Final = 60
"""Seconds over which rates are told."""
_OVER: Final = ("sent", "failed", "cancelled", "expired")
_MOST_PLANNED: Final = 100_000


class OutboxMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how an outbox does at a moment: numbers only, fit for a monitor.

    Attributes:
        counts: how many items are in each state, all eight of them.
        needs_decision: how many of the `unknown` only a person can decide.
        oldest_due_seconds: for how long the first of those is due that could go, were there room;
            0 where nothing is. It grows where no worker runs, or limits are too narrow.
        oldest_unknown_seconds: for how long the oldest doubt has stood, from the moment on until
            which its request was to be sent: some twenty seconds after the cut. 0 where there is
            none.
        resting: how many accounts' actions wait for room in their limits.
        workers: how many run in this process.
        sent, failed: how many became so by workers of this process since the outbox was opened.
        doubts: how often such a worker had to ask whether something had gone.
        attempts: how many requests they began.
        sent_per_second: by them, over the last minute.
        changes_dropped: what slow readers of `changes()` did not see.
    """

    counts: dict[ItemState, int]
    needs_decision: int = 0
    oldest_due_seconds: float = 0.0
    oldest_unknown_seconds: float = 0.0
    resting: int = 0
    workers: int = 0
    sent: int = 0
    failed: int = 0
    doubts: int = 0
    attempts: int = 0
    sent_per_second: float = 0.0
    changes_dropped: int = 0


class OutboxProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how far a group of items is, or all of them.

    Attributes:
        total: all of them.
        sent, failed, cancelled, expired: those that are over.
        left: those that are not.
        needs_decision: those of the left ones that wait for a person; held ones wait for one, too.
        share: of those that are over, from 0 to 1; 1 where there are none at all.
        done_at: when the last one could go at the earliest, as limits stand: a lower bound, as in
            `Scheduler.plan`. None where nothing is left, or what is left never goes by itself. What
            looks go through pools is left out.
        limit: the limit that binds the last one.
        unplanned: why nobody can tell `done_at` now: the store of counts cannot be used; else None.
    """

    total: int = 0
    sent: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    left: int = 0
    needs_decision: int = 0
    share: float = 1.0
    done_at: datetime | None = None
    limit: str | None = None
    unplanned: str | None = None


class Meter:
    """Count what changes in this process.

    Args:
        now: seconds, never back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.totals: Counter[str] = Counter()
        self._doubted: set[str] = set()
        self._sent: deque[list[int]] = deque()  # second, count: at most one for each of the span

    def tell(self, row: Row) -> None:
        """Take in a change."""
        if row.state == "unknown":
            if row.id not in self._doubted:
                self._doubted.add(row.id)
                self.totals["doubts"] += 1
            return
        self._doubted.discard(row.id)
        if row.state == "sending":
            self.totals["attempts"] += 1
        elif row.state in {"sent", "failed"}:
            self.totals[row.state] += 1
        if row.state == "sent":
            second = int(self._now())
            if self._sent and self._sent[-1][0] == second:
                self._sent[-1][1] += 1
            else:
                self._sent.append([second, 1])
            self._forget(second)

    def sent_per_second(self) -> float:
        """Return how many were sent in a second of the last minute."""
        self._forget(int(self._now()))
        return sum(count for _, count in self._sent) / _SPAN

    def _forget(self, second: int) -> None:
        while self._sent and self._sent[0][0] <= second - _SPAN:
            self._sent.popleft()


def summed(counts: Mapping[State, int]) -> dict[ItemState, int]:
    """Return counts by the states that users see; those that none is in are left out."""
    told: Counter[str] = Counter()
    for state, count in counts.items():
        if count:
            told[shown(state)] += count
    return msgspec.convert(dict(told), dict[ItemState, int])


def metrics_of(seen: Overview, meter: Meter, *, workers: int, dropped: int) -> OutboxMetrics:
    """Join what the store tells and what this process has counted."""
    counts: dict[ItemState, int] = dict.fromkeys(_ALL, 0)
    return OutboxMetrics(
        counts=counts | summed(seen.counts),
        needs_decision=seen.undecided,
        oldest_due_seconds=_since(seen.due_since, seen.now),
        oldest_unknown_seconds=_since(seen.doubted_since, seen.now),
        resting=seen.resting,
        workers=workers,
        sent=meter.totals["sent"],
        failed=meter.totals["failed"],
        doubts=meter.totals["doubts"],
        attempts=meter.totals["attempts"],
        sent_per_second=meter.sent_per_second(),
        changes_dropped=dropped,
    )


_ALL: Final[tuple[ItemState, ...]] = (
    "held", "queued", "sending", "sent", "unknown", "failed", "cancelled", "expired",
)  # fmt: skip


def _since(at: float | None, now: float) -> float:
    return 0.0 if at is None else max(now - at, 0.0)


async def progress_of(
    wanted: Filter, *, store: Store, scheduler: Scheduler, now: float
) -> OutboxProgress:
    """Count how far some items are, and play what is left on a copy of their accounts' lanes."""
    counts = summed(await store.counts(wanted))
    undecided = msgspec.structs.replace(wanted, states=("unknown",), needs_decision=True)
    waiting = sum((await store.counts(undecided)).values())
    total = sum(counts.values())
    over = {name: counts.get(name, 0) for name in _OVER}
    left = total - sum(over.values())
    done_at, limit, unplanned = None, None, None
    if left - waiting - counts.get("held", 0):
        plans, last_due = await _waiting(wanted, store, now)
        try:
            done_at, limit = await _end(plans, last_due, scheduler, now)
        except StateUnavailableError as error:  # that of counts: how far they are is known
            unplanned = str(error)
    return OutboxProgress(
        total=total,
        **over,
        left=left,
        needs_decision=waiting,
        share=(total - left) / total if total else 1.0,
        done_at=None if done_at is None else moment(done_at),
        limit=limit,
        unplanned=unplanned,
    )


async def _waiting(
    wanted: Filter, store: Store, now: float
) -> tuple[dict[str, dict[str, int]], float]:
    """Return how much of what waits, by account and action, and when the last of it is due."""
    plans: dict[str, dict[str, int]] = {}
    end = now
    for lane in await store.backlog(wanted):
        end = max(end, lane.last_due)
        if not lane.account_id.startswith("pool:"):
            plans.setdefault(lane.account_id, {})[lane.action] = min(lane.count, _MOST_PLANNED)
    return plans, end


async def _end(
    plans: Mapping[str, Mapping[str, int]], end: float, scheduler: Scheduler, now: float
) -> tuple[float | None, str | None]:
    """Return when the last of what waits could go, and what binds it; None for never."""
    limit = None
    for account_id, actions in plans.items():
        plan = await scheduler.plan(account_id, actions)
        if plan.seconds == float("inf"):
            return None, plan.limit
        if now + plan.seconds > end:
            end, limit = now + plan.seconds, plan.limit
    return end, limit
