"""Why an item has not gone yet, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from postpress_async.errors import StateUnavailableError
from postpress_async.options import Discreet
from postpress_async.storage.outbox.rows import Filter

from .items import item_of, moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from postpress_async.scheduler.scheduler import Scheduler
    from postpress_async.storage.outbox.rows import Row, State
    from postpress_async.storage.outbox.store import Store

__all__ = ["Reason", "ReasonKind", "explain"]

ReasonKind: TypeAlias = Literal[
    "held", "not_before", "retry", "unknown_ahead", "ahead", "limits", "resting", "sending",
    "looking", "decision", "over", "nothing",
]  # fmt: skip
"""What keeps an item: its own state, what stands before it in its chat, or its account.

`resting`: a worker met a limit or a refusal, and takes nothing more of this account and action for
a while; `limits` says which one, where counts are shared with that worker.
"""

_ACTIVE: Final[tuple[State, ...]] = ("claimed", "sending", "unknown")
_PAGE: Final = 1_000
_LONGER: Final = 60.0
"""Seconds by which a lane must rest longer than limits ask for, to be worth telling."""
PUT_OFF: Final = (
    "wait: workers go on then; where it was a limit of your own, soon after that is lifted, such "
    "as by scheduler.resume()"
)


class Reason(Discreet, frozen=True, kw_only=True):
    """Say one thing that keeps an item, or that nothing does.

    Attributes:
        kind: what it is.
        reason: in words.
        next_step: what to do about it.
        until: when it ends at the earliest; None where nobody knows.
        item: the other item that stands before this one.
        limit: the limit that binds, as `WaitTooLongError.limit` names it.
    """

    kind: ReasonKind
    reason: str
    next_step: str
    until: datetime | None = None
    item: str | None = None
    limit: str | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield all of it."""
        for name in self.__struct_fields__:
            yield name, getattr(self, name)


async def explain(
    row: Row, *, store: Store, scheduler: Scheduler, pool: Sequence[str], now: float
) -> list[Reason]:
    """Return what keeps an item, what binds longest first named first within its own state.

    Args:
        row: the item.
        store: where it is.
        scheduler: the account's limits.
        pool: the accounts that it may go through.
        now: seconds since the epoch.
    """
    if row.state not in {"queued", "claimed"}:
        return [_of_state(row)]
    found: list[Reason] = []
    if row.due_at > now and row.due_at != row.created_at:
        step = "wait; or edit(id, not_before=None) lets it go at once"
        found.append(_wait("not_before", "it is not to go before", step, row.due_at))
    if row.retry_at is not None and row.retry_at > now:
        why = f"it could not go: {row.error}" if row.error else "it could not go"
        found.append(_wait("retry", why, "wait: it is tried again by itself", row.retry_at))
    found += await _ahead(row, store)
    limits, resting = await _limits(row, scheduler, pool), await _resting(row, store)
    found += limits
    found += [one for one in resting if not limits or _end([one]) > _end(limits) + _LONGER]
    return found or [
        Reason(
            kind="nothing",
            reason="nothing keeps it: a worker takes it at its next turn",
            next_step="see that a worker runs: outbox.run(), or postpress outbox run",
        )
    ]


def _wait(kind: ReasonKind, reason: str, step: str, at: float) -> Reason:
    return Reason(kind=kind, reason=reason, next_step=step, until=moment(at))


def _of_state(row: Row) -> Reason:
    item = item_of(row)
    said = f": {item.error}" if item.error else ""
    todo = item.next_step or ""
    if row.state == "held":
        return Reason(kind="held", reason="it is held by wish", next_step=todo)
    if row.state == "sending":
        step = "wait; if its worker dies, it is looked for"
        return Reason(kind="sending", reason="its request is under way", next_step=step)
    if row.state == "unknown" and row.needs_decision:
        return Reason(kind="decision", reason=f"nobody can tell if it went{said}", next_step=todo)
    if row.state == "unknown":
        at = None if row.look_at is None else moment(row.look_at)
        step = "wait: workers look for it; resolve(id, sent=…) if you know"
        return Reason(kind="looking", reason=f"in doubt{said}", next_step=step, until=at)
    step = todo or "nothing is to be done"
    return Reason(kind="over", reason=f"it is {row.state}{said}", next_step=step)


async def _ahead(row: Row, store: Store) -> list[Reason]:
    """Return what stands before it in its chat, the undecided first."""
    active = await store.find(Filter(states=_ACTIVE, thread=row.thread), bodies=False)
    for other in active:
        if other.id == row.id:
            continue
        if other.state == "unknown":
            why = f"item {other.id} of the same chat or person is in doubt"
            step = f"it goes when that is settled: explain({other.id!r}) says how"
            return [Reason(kind="unknown_ahead", reason=why, next_step=step, item=other.id)]
        why = f"item {other.id} of the same chat or person goes right now"
        return [Reason(kind="ahead", reason=why, next_step="wait", item=other.id)]
    count, first = await _before(row, store)
    if first is None:
        return []
    why = f"item {first.id} of the same chat or person goes before it"
    if count > 1:
        why = f"{count:,} items of the same chat or person go before it, the first {first.id}"
    return [
        Reason(
            kind="ahead",
            reason=why,
            next_step=f"wait; or cancel(id={first.id!r})",
            item=first.id,
        )
    ]


async def _before(row: Row, store: Store) -> tuple[int, Row | None]:
    """Return how many wait in its chat with an earlier place, and the first of them."""
    wanted = Filter(states=("queued",), account_id=row.account_id, thread=row.thread)
    count, first, after = 0, None, 0
    # A store lists by `serial`, and the order of a chat is another one: all pages are looked at.
    while True:
        page = await store.find(wanted, after=after, limit=_PAGE, bodies=False)
        earlier = [other for other in page if _place(other) < _place(row)]
        count += len(earlier)
        first = min(earlier if first is None else [first, *earlier], key=_place, default=None)
        if len(page) < _PAGE:
            return count, first
        after = page[-1].serial


def _place(row: Row) -> tuple[float, int]:
    return row.due_at, row.serial


async def _resting(row: Row, store: Store) -> list[Reason]:
    """Return until when workers take nothing of its lane, where no limit that we know says so."""
    for lane in await store.resting([row.account_id]):
        if lane.action == row.action:
            said = f", the last time: {row.error}" if row.error else ""
            why = f"{row.action} of account {row.account_id} was refused or had no room{said}"
            return [_wait("resting", why, PUT_OFF, lane.until)]
    return []


async def _limits(row: Row, scheduler: Scheduler, pool: Sequence[str]) -> list[Reason]:
    """Return what holds its account back; of several, what holds the one that is free first."""
    best: list[Reason] | None = None
    for account_id in pool:
        try:
            blockers = await scheduler.explain(account_id, row.action)
        except StateUnavailableError as error:  # of the others it tells no more
            step = "see that the store of counts answers: items wait for it, too"
            return [
                Reason(kind="limits", reason=f"counts are out of reach: {error}", next_step=step)
            ]
        reasons = [
            Reason(
                kind="limits",
                reason=f"account {account_id}: {blocker.reason or blocker.kind}",
                next_step=blocker.next_step,
                until=None if blocker.until is None else moment(blocker.until),
                limit=blocker.limit,
            )
            for blocker in blockers
        ]
        if reasons and (why := scheduler.unlearned(account_id)):
            reasons.insert(0, _stranger(account_id, why))
        if not reasons:
            return []
        if best is None or _end(reasons) < _end(best):
            best = reasons
    return best or []


def _stranger(account_id: str, why: str) -> Reason:
    """Say that the limits of an account are the strictest because nobody knows what it is."""
    return Reason(
        kind="limits",
        reason=f"account {account_id}: the service does not tell what it is, so that the strictest "
        f"limits of any hold: {why}",
        next_step="look whether it is spelled right and connected; if not, cancel the item",
    )


def _end(reasons: Sequence[Reason]) -> float:
    ends = [None if one.until is None else one.until.timestamp() for one in reasons]
    return float("inf") if None in ends else max(end for end in ends if end is not None)
