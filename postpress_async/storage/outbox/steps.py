"""What happens to an item from its claim to its end: each a transaction without a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.clearing import CHUNK
from postpress_async.storage.outbox.erasing import scrubbed
from postpress_async.storage.outbox.heads import locked, refreshed
from postpress_async.storage.outbox.reading import row_of, where
from postpress_async.storage.outbox.rows import OPEN, Attempt, Claimed, Nothing
from postpress_async.storage.outbox.told import kept_result, kept_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import Filter, Finish, New, Reach, Row, State

__all__ = [
    "FEW",
    "LANES",
    "alter",
    "cancel",
    "claim",
    "doubtful",
    "finish",
    "mark",
    "nothing",
    "probe",
    "said",
]

FEW: Final = 100  # accounts, that are looked up rather than met on the way along all lanes
LANES: Final = 32  # lanes that a claim looks into
_AGAIN: Final = 0.01  # seconds until more of what is new is taken in, where nothing may go yet
_SELDOM: Final = 1.0  # seconds between claims while others' upkeep does not end
_SOON: Final = 0.05  # seconds until who found only what others hold should look again


def probe() -> Steps[bool]:
    """Tell whether there is upkeep to do."""
    rows = yield sql.PROBE, {}
    return any(rows[0][1:])


def claim(
    owner: str, *, lease: float, accounts: Sequence[str] | None, turn: float
) -> Steps[Claimed | None]:
    """Take the head of the best thread of the lane whose turn it is."""
    for _ in range(LANES):
        lanes = yield _lane(accounts)
        if not lanes:
            return None
        lane, account_id, action, hint = lanes[0]
        its = {"account_id": account_id, "action": action}
        threads = yield sql.TAKE, its
        taken = None
        if threads and threads[0][1] > hint:
            # The best of this lane has gone since: another lane may have a better one.
            yield from refreshed([threads[0][0]])
        elif threads:
            thread = threads[0][0]
            rows = yield sql.CLAIM, {"thread": thread, "owner": owner, "lease": lease}
            if rows and rows[0][16] == "claimed":
                taken = Claimed(row=row_of(rows[0]), now=rows[0][-1])
            else:  # it is over since now
                yield from refreshed([thread])
        yield sql.TURN, {"lane": lane, "turn": turn, **its}
        if taken is not None:
            return taken
        turn += 1e-6
    return None


def _lane(accounts: Sequence[str] | None, *, skip: bool = True) -> tuple[str, dict[str, object]]:
    """Return the question for the lane whose turn it is, among those of some accounts."""
    text = sql.LANE
    values: dict[str, object] = {}
    if accounts is not None:
        text = sql.LANE_OF_FEW if len(accounts) <= FEW else sql.LANE_OF
        values = {"accounts": list(accounts)}
    return text if skip else text.replace(" {skip}", ""), values


def nothing(accounts: Sequence[str] | None = None, *, left: int = 0) -> Steps[Nothing]:
    """Say when something may be claimed.

    Args:
        accounts: of which.
        left: how often in a row upkeep was left to somebody else, who may have been stopped in the
            midst of it: what is due waits for it, and who claims tells when it has ended.
    """
    lanes = yield _lane(accounts, skip=False)
    rows = yield sql.NEXT, {"soon": _AGAIN}
    now, *instants = rows[0]
    if lanes:  # others are at it
        instants.append(now + _SOON)
    at = min((at for at in instants if at is not None), default=None)
    if left and at is not None:
        at = max(at, now + min(_AGAIN * 2.0 ** min(left, 10), _SELDOM))
    return Nothing(now=now, at=at)


def mark(
    item: str,
    fence: int,
    *,
    seconds: float,
    reach: Reach,
    edit: New | None = None,
    owner: str | None = None,
) -> Steps[Attempt | None]:
    """Begin an attempt, if the item is still claimed with this fence, by its owner."""
    lasts = {"total": reach.total, "held": reach.held}
    its = {"id": item, "fence": fence, "owner": owner}
    rows = yield sql.MARK, {**its, "seconds": seconds, **lasts}
    if not rows:
        return None
    serial, number, began, deadline = rows[0]
    if edit is not None:
        said = {"body": edit.body, "text_digest": edit.text_digest}
        yield sql.REWRITE, {**said, "loose_digest": edit.loose_digest, "serial": serial}
    yield (
        sql.ATTEMPT,
        {
            "item": serial,
            "fence": fence,
            "number": number,
            "started_at": began,
            "deadline": deadline,
            "hold": reach.hold,
            **lasts,
        },
    )
    return Attempt(
        item=item, number=number, fence=fence, started_at=began, deadline=deadline, reach=reach
    )


def finish(item: str, fence: int, to: Finish, *, owner: str | None = None) -> Steps[Row | None]:
    """Say what became of an item, if this is still its fence; where nobody else writes meanwhile.

    Where others do, its thread would have to be locked first, as the function on a server does.
    """
    values = said(to) | {"id": item, "fence": fence, "uncount": 0 if to.keep_attempt else 1}
    rows = yield sql.FINISH, {**values, "owner": owner}
    if not rows:
        return None
    row = row_of(rows[0])
    if rows[0][-1] is not None:  # there was an attempt
        outcome = to.outcome or (None if to.keep_attempt else "not sent")
        yield sql.OUTCOME, {"item": row.serial, "outcome": outcome, "state": to.state}
    yield from scrubbed(row)
    yield from refreshed([row.thread])
    yield from _shut(row, to)
    return row


def _thread_of(item: str) -> Steps[list[str]]:
    """Lock the thread of an item."""
    rows = yield sql.LOCK_OF, {"id": item}
    if rows:
        return [rows[0][0]]
    rows = yield sql.THREAD_OF, {"id": item}
    return (yield from locked(row[0] for row in rows))


def said(to: Finish) -> dict[str, object]:
    """Return the values of an end, by name."""
    return {
        "state": to.state,
        "retry_at": to.retry_at if to.state == "queued" else None,
        "due_at": to.due_at if to.state == "queued" else None,
        "look_at": to.look_at,
        "looks": to.looks,
        "needs_decision": to.needs_decision,
        "result_id": None if to.result_id is None else kept_result(to.result_id),
        "error": None if to.error is None else kept_text(to.error),
        "body": to.body,
    }


def _shut(row: Row, to: Finish) -> Steps[None]:
    if to.lane_ready_at is not None:
        yield (
            sql.SHUT,
            {"account_id": row.account_id, "action": row.action, "ready_at": to.lane_ready_at},
        )


def alter(
    item: str, *, fence: int, states: Sequence[State], to: Finish | None, edit: New | None
) -> Steps[Row | None]:
    """Change an item by hand, if it is still what was looked at."""
    threads = yield from _thread_of(item)
    row: Row | None = None
    if edit is not None:
        values = {
            "body": edit.body,
            "digest": edit.digest,
            "action": edit.action,
            "text_digest": edit.text_digest,
            "loose_digest": edit.loose_digest,
            "priority": edit.priority,
            "due_at": edit.due_at,
            "expires_at": edit.expires_at,
        }
        rows = yield sql.EDIT, {**values, "id": item, "fence": fence, "states": list(states)}
        if not rows:
            return None
        row = row_of(rows[0])
        states, fence = [row.state], row.fence
    if to is not None:
        if not (yield from _may_open(item, to)):
            return None
        rows = yield sql.ALTER, {**said(to), "id": item, "fence": fence, "states": list(states)}
        if not rows:
            return None
        row = row_of(rows[0])
        # What its last attempt came to stays, unless that is what a person has seen.
        if rows[0][-1] is not None and to.outcome is not None:
            outcome = {"item": row.serial, "outcome": to.outcome, "state": to.state}
            yield sql.OUTCOME, outcome
        yield from _shut(row, to)
        yield from scrubbed(row)
    yield from refreshed(threads)
    return row


def _may_open(item: str, to: Finish) -> Steps[bool]:
    """Tell whether no other open invitation stands against opening this one again."""
    rows = yield sql.UNDER, {"id": item}
    if not rows:
        return False
    state, kind, account_id, thread = rows[0]
    if kind != "invite" or to.state not in OPEN or state in OPEN:
        return True
    found = yield sql.INVITED, {"account_id": account_id, "thread": thread}
    return not found


def doubtful(
    owner: str, *, lease: float, accounts: Sequence[str] | None = None, but: Sequence[str] = ()
) -> Steps[Row | None]:
    """Take an unknown item to look for it, one of some accounts or any, but none of others."""
    values: dict[str, object] = {"owner": owner, "lease": lease}
    text = sql.DOUBTFUL_BUT if but else sql.DOUBTFUL
    if accounts is not None:
        text = sql.DOUBTFUL_OF_BUT if but else sql.DOUBTFUL_OF
        values["accounts"] = list(accounts)
    if but:
        values["but"] = list(but)
    rows = yield text, values
    return row_of(rows[0]) if rows else None


def cancel(wanted: Filter, *, reason: str, after: int) -> Steps[tuple[int, int | None]]:
    """Cancel some; return how many, and behind which to go on: None where there are no more."""
    conditions, values = where(wanted)
    text = sql.cancellable(f"{conditions} AND serial > :after")
    found = yield text, {**values, "after": after, "n": CHUNK}
    if not found:
        return 0, None
    threads = yield from locked(row[1] for row in found)
    rows = yield sql.CANCEL, {"serials": [row[0] for row in found], "error": reason}
    yield from refreshed(threads)
    return len(rows), found[-1][0]
