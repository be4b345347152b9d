"""What an outbox holds as a whole: how much waits, since when, and which lanes rest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox.rows import Backlog, Overview, Resting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.counting import Counted
    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import State

__all__ = ["backlog", "going", "overview", "pools", "reopen", "resting", "states"]

# What a claim could take, were there room: heads of threads, and what no thread knows of yet.
_WAITING: Final = (
    "SELECT {now}, (SELECT min(due_at) FROM {threads} WHERE place = 'runnable'), "
    "(SELECT min(due_at) FROM {items} WHERE fresh AND state = 'queued' AND due_at <= {now}), "
    "(SELECT count(*) FROM {lanes} WHERE shut AND ready_at > {now})"
)
# A question for each index, so that none of them walks along all that there ever was.
_FREE: Final = (
    "q.state = 'queued' AND NOT EXISTS (SELECT 1 FROM {items} d WHERE d.thread = q.thread "
    "AND d.busy AND d.state = 'unknown' AND d.needs_decision)"
)
_GOING: Final = (
    "SELECT EXISTS (SELECT 1 FROM {items} q "
    "WHERE q.busy AND NOT (q.state = 'unknown' AND q.needs_decision)%) "
    f"OR EXISTS (SELECT 1 FROM {{items}} q WHERE q.fresh AND {_FREE}%) "
    f"OR EXISTS (SELECT 1 FROM {{items}} q WHERE NOT q.fresh AND {_FREE}%)"
)
_RESTING: Final = (
    "SELECT account_id, action, ready_at, {now} FROM {lanes} WHERE shut AND ready_at > {now} "
    "AND account_id IN :accounts[] ORDER BY ready_at"
)
_ALL_RESTING: Final = (
    "SELECT account_id, action, ready_at, {now} FROM {lanes} WHERE shut AND ready_at > {now} "
    "ORDER BY ready_at LIMIT :n"
)
# Only as it was looked at: what a refusal has shut since then stays shut.
_REOPEN: Final = (
    "UPDATE {lanes} SET ready_at = :at, shut = CAST(:at AS float8) > {now} "
    "WHERE account_id = :account_id AND action = :action AND shut AND ready_at = :was "
    "AND ready_at > CAST(:at AS float8) RETURNING {tell}"
)
_POOL: Final = "substr(account_id, 1, 5) = 'pool:'"
_POOLS: Final = (
    f"SELECT account_id FROM {{lanes}} WHERE {_POOL} "
    f"UNION SELECT account_id FROM {{items}} WHERE fresh AND {_POOL}"
)
_ALL_POOLS: Final = (
    "SELECT DISTINCT account_id FROM {items} "
    f"WHERE state IN ('queued', 'claimed', 'sending', 'unknown') AND {_POOL}"
)


def states(counted: Counted) -> dict[State, int]:
    """Return how many are in which state."""
    counts: Counter[State] = Counter()
    for (state, _), (count, _) in counted.items():
        counts[state] += count
    return dict(counts)


def overview(counted: Counted) -> Steps[Overview]:
    """Look at all that is not counted, beside what was."""
    undecided, doubted = 0, None
    for (state, needs_decision), (count, deadline) in counted.items():
        if state == "unknown":
            undecided += count if needs_decision else 0
            known = [at for at in (doubted, deadline) if at is not None]
            doubted = min(known, default=None)
    now, runnable, fresh, shut = (yield _WAITING, {})[0]
    return Overview(
        now=now,
        counts=states(counted),
        undecided=undecided,
        due_since=min((at for at in (runnable, fresh) if at is not None), default=None),
        doubted_since=doubted,
        resting=shut,
    )


def backlog(counted: Counted) -> list[Backlog]:
    """Return what of the counted waits, by lane."""
    return [
        Backlog(account_id=account_id, action=action, count=count, last_due=last)
        for (account_id, action, waits), (count, last) in counted.items()
        if waits and last is not None
    ]


def going(accounts: Sequence[str] | None) -> Steps[bool]:
    """Tell whether something is out, or may go by itself: at one instant, so nothing slips by."""
    some = "" if accounts is None else " AND q.account_id IN :accounts[]"
    rows = yield _GOING.replace("%", some), {} if accounts is None else {"accounts": list(accounts)}
    return bool(rows[0][0])


def resting(accounts: Sequence[str] | None, *, most: int) -> Steps[list[Resting]]:
    """Return lanes of which nothing is claimed for now, those of some accounts or any."""
    if accounts is None:
        rows = yield _ALL_RESTING, {"n": most}
    else:
        rows = yield _RESTING, {"accounts": list(accounts)}
    return [
        Resting(account_id=one, action=action, until=at, now=now) for one, action, at, now in rows
    ]


def reopen(lane: Resting, *, at: float) -> Steps[bool]:
    """Let a lane be claimed from sooner; return whether it was still as it was looked at."""
    values = {"account_id": lane.account_id, "action": lane.action, "was": lane.until, "at": at}
    rows = yield _REOPEN, values
    return bool(rows)


def pools(*, all_of_them: bool) -> Steps[list[str]]:
    """Return the names of pools that have or had something to go; or of all that have."""
    rows = yield _ALL_POOLS if all_of_them else _POOLS, {}
    return sorted(row[0] for row in rows)
