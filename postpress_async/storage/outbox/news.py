"""What has changed in an outbox since it was looked at, whoever did it.

Whoever listens asks again and again. Nothing is written for him: a change is known by its item's
`changed_at`, a new item by its serial. Both are given before they are committed, so each question
goes back to where the transactions began that were open at the one before (`Horizon.writers`), and
a little further; who listens knows what he has met already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.rows import Horizon, Stamp

if TYPE_CHECKING:
    from postpress_async.storage.outbox.dialect import Steps, Values

__all__ = ["added", "changed", "horizon"]

_MOMENT: Final = "SELECT {now}, coalesce((SELECT max(serial) FROM {items}), 0)"
_WRITERS: Final = "SELECT {writers}"
_STAMP: Final = "SELECT serial, fence, state, changed_at, owner IS NOT NULL AS taken FROM {items}"
_ADDED: Final = f"{_STAMP} WHERE serial > :after ORDER BY serial LIMIT :n"
# Each has an index: few are out at once, `outbox_items_full` has what is over, `outbox_items_back`
# what went back into its queue, or was emptied. What is new goes by its serial.
_PLACES: Final = (
    "busy",
    f"{sql.OVER} AND length(body) > 0",
    "((fence > 0 AND state IN ('held', 'queued')) OR length(body) = 0)",
)
_LATER: Final = (
    "changed_at >= CAST(:since AS float8) "
    "AND (changed_at > CAST(:since AS float8) OR serial > :behind)"
)
_CHANGED: Final = (
    "SELECT * FROM ("
    + " UNION ALL ".join(f"{_STAMP} WHERE {place} AND {_LATER}" for place in _PLACES)
    + ") AS changed ORDER BY changed_at, serial LIMIT :n"
)


def horizon() -> Steps[Horizon]:
    """Return the moment, and who writes now: in this order, so that nobody is in neither."""
    now, serial = (yield _MOMENT, {})[0]
    (writers,) = (yield _WRITERS, {})[0]
    return Horizon(now=now, serial=serial, writers=frozenset(writers.split()))


def added(*, after: int, limit: int) -> Steps[list[Stamp]]:
    """Return what stands behind a serial."""
    rows = yield _ADDED, {"after": after, "n": limit}
    return [_stamp(row) for row in rows]


def changed(*, since: float, behind: int, limit: int) -> Steps[list[Stamp]]:
    """Return what has changed since an instant, of that instant only what is behind a serial."""
    rows = yield _CHANGED, {"since": since, "behind": behind, "n": limit}
    return [_stamp(row) for row in rows]


def _stamp(values: Values) -> Stamp:
    serial, fence, state, changed_at, taken = values
    return Stamp(serial=serial, fence=fence, state=state, changed_at=changed_at, taken=bool(taken))
