"""From what a database returns to values, and from a filter to its conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.rows import PAGE_BYTES, Attempt, Filter, Reach, Row, State
from postpress_async.storage.outbox.told import kept_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values

__all__ = [
    "Found",
    "Page",
    "attempts",
    "bound",
    "find",
    "forgotten",
    "get",
    "inviting",
    "place_of",
    "row_of",
    "where",
]

_OUT: Final[frozenset[State]] = frozenset({"claimed", "sending", "unknown"})

Found: TypeAlias = tuple[list[Row], int | None]
"""Items, and the serial behind which there may be more; None where that is known."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Be a part of a list.

    Attributes:
        after: a serial.
        limit: how many at most.
        room: for so many bytes of bodies; the one that fills it is on the page.
        window: how far to walk along serials at once; None for all the way.
        bodies: whether they are read.
    """

    after: int
    limit: int
    room: int = PAGE_BYTES
    window: int | None = None
    bodies: bool = True


def row_of(values: Values) -> Row:
    """Return an item of its columns; what stands behind them is passed by."""
    return Row(
        id=values[0],
        serial=values[1],
        key=values[2],
        digest=values[3],
        kind=values[4],
        account_id=values[5],
        action=values[6],
        thread=values[7],
        body=values[8],
        group=values[9],
        recipient=values[10],
        text_digest=values[11],
        loose_digest=values[12],
        priority=values[13],
        due_at=values[14],
        expires_at=values[15],
        state=values[16],
        fence=values[17],
        attempts=values[18],
        retry_at=values[19],
        look_at=values[20],
        looks=values[21],
        needs_decision=bool(values[22]),
        owner=values[23],
        lease=values[24],
        result_id=values[25],
        error=values[26],
        idempotency_key=values[0],
        created_at=values[27],
        changed_at=values[28],
    )


def where(wanted: Filter) -> tuple[str, dict[str, object]]:
    """Return the conditions of a filter, and their values.

    What is out is few, and has an index; names are said there so that no index of theirs fits, for
    a database without statistics would rather walk along all of an account.
    """
    few = _is_out(wanted)
    conditions = ["busy"] if few else []
    values: dict[str, object] = {}
    if wanted.serials is not None:
        conditions.append("serial IN :serials[]")
        values["serials"] = list(wanted.serials)
    if wanted.keys is not None:
        conditions.append("key IN :keys[]")
        values["keys"] = list(wanted.keys)
    if wanted.states is not None:
        conditions.append("state IN :states[]")
        values["states"] = list(wanted.states)
    named = {
        "account_id": wanted.account_id,
        "team": wanted.group,
        "recipient": wanted.recipient,
        "thread": wanted.thread,
    }
    for name, value in named.items():
        if value is not None:
            said = f"coalesce({name}, '')" if few and name != "thread" else name
            conditions.append(f"{said} = :{name}")
            values[name] = value
    if wanted.needs_decision is not None:
        conditions.append("needs_decision" if wanted.needs_decision else "NOT needs_decision")
    return " AND ".join(conditions) or "true", values


def _is_out(wanted: Filter) -> bool:
    """Tell whether a filter chooses only what is claimed, sending or unknown."""
    if wanted.needs_decision:
        return True
    return wanted.states is not None and _OUT.issuperset(wanted.states)


def _is_short(wanted: Filter) -> bool:
    """Tell whether the way to what a filter chooses is short: by an index, or all that there is."""
    if _is_out(wanted) or wanted.keys is not None or wanted.serials is not None:
        return True
    names = [wanted.account_id, wanted.group, wanted.recipient]
    others = [wanted.states, wanted.thread, wanted.needs_decision]
    return names.count(None) >= len(names) - 1 and others.count(None) == len(others)


def place_of(wanted: Filter) -> str:
    """Return the serial, said so that a list of few is not walked along in the order of all."""
    return "+serial" if _is_out(wanted) else "serial"


def get(item: str) -> Steps[Row | None]:
    """Return an item by id, or else by key."""
    rows = yield sql.GET, {"item": item}
    return row_of(rows[0]) if rows else None


def find(wanted: Filter, page: Page) -> Steps[Found]:
    """Return items of a page, no more of them than there is room for."""
    conditions, values = where(wanted)
    end = yield from _end(wanted, page)
    values |= {"after": page.after, "end": end, "n": page.limit}
    conditions += " AND serial <= :end" if end is not None else ""
    place = place_of(wanted)
    if page.bodies:
        rows = yield sql.of_filter(conditions, place=place), {**values, "most": page.room}
    else:
        rows = yield sql.bare_of(conditions, place=place), {**values, "unread": b"\0", "empty": b""}
    return sorted((row_of(row) for row in rows), key=lambda row: row.serial), end


def _end(wanted: Filter, page: Page) -> Steps[int | None]:
    """Return where to end for now, in a walk that may be long; None where nothing is behind."""
    if page.window is None or _is_short(wanted):
        return None
    first, last = (yield sql.ENDS, {"after": page.after})[0]
    end = None if first is None else first + page.window - 1
    return end if end is not None and end < last else None


def attempts(item: str) -> Steps[list[Attempt]]:
    """Return the attempts of an item."""
    rows = yield sql.ATTEMPTS, {"item": item}
    return [
        Attempt(
            item=i,
            number=n,
            fence=fence,
            started_at=began,
            deadline=end,
            outcome=outcome,
            reach=Reach(total=total, held=held, hold=bool(hold)),
        )
        for i, n, fence, began, end, outcome, total, held, hold in rows
    ]


def bound(account_id: str, results: Sequence[str]) -> Steps[frozenset[str]]:
    """Return which results belong to items."""
    if not results:
        return frozenset()
    kept = {one: kept_result(one) for one in results}
    rows = yield sql.BOUND, {"account_id": account_id, "results": list(kept.values())}
    found = {row[0] for row in rows}
    return frozenset(one for one in kept if kept[one] in found)


def inviting(account_id: str, threads: Sequence[str]) -> Steps[dict[str, str]]:
    """Return the open invitations in some threads: their ids, by thread."""
    if not threads:
        return {}
    rows = yield sql.INVITING, {"account_id": account_id, "threads": list(threads)}
    return dict(rows)


def forgotten(tombstones: Sequence[bytes]) -> Steps[frozenset[bytes]]:
    """Return which tombstones stand."""
    if not tombstones:
        return frozenset()
    marks = {mark.hex() for mark in tombstones}
    rows = yield sql.ENTOMBED, {"tombstones": sorted(marks)}
    return frozenset(bytes.fromhex(row[0]) for row in rows)
