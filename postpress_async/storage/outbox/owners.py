"""What workers that live, leave or die do to the items that they own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.heads import locked, refreshed
from postpress_async.storage.outbox.reading import row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values
    from postpress_async.storage.outbox.rows import Row

__all__ = ["beat", "late", "leave", "left_by", "owners"]


def beat(owner: str, *, lease: float, items: Sequence[str]) -> Steps[tuple[float, set[str]]]:
    """Prolong the leases of an owner's items; return the time, and which are still its own."""
    rows: Sequence[Values] = ()
    if items:
        rows = yield sql.BEAT, {"owner": owner, "lease": lease, "ids": list(items)}
    now = yield sql.NOW, {}
    return float(now[0][0]), {row[0] for row in rows}


def owners() -> Steps[list[str]]:
    """Return who owns items."""
    rows = yield sql.OWNERS, {}
    return [row[0] for row in rows]


def leave(owner: str) -> Steps[None]:
    """Queue again what was claimed and not marked; let go of what was only looked for."""
    values = {"owner": owner}
    yield from _taken_in(sql.LEFT_UNMARKED, sql.TAKE_IN_UNMARKED, values)
    yield sql.LET_GO, values


def left_by(dead: Sequence[str]) -> Steps[list[Row]]:
    """Take in all that the dead have left; return what became unknown."""
    return (yield from _taken_in(sql.LEFT, sql.TAKE_IN, {"owners": list(dead)}))


def late(*, of: Sequence[str] | None = None) -> Steps[list[Row]]:
    """Take in what is late; return what became unknown.

    Args:
        of: the owners whose attempts may be late, where the death of others is certain.
    """
    find, take = sql.LEFT_LEASED, sql.TAKE_IN_LEASED
    values: dict[str, object] = {}
    if of is not None:
        find, take = sql.LEFT_LEASED_OF, sql.TAKE_IN_LEASED_OF
        values["owners"] = list(of)
    return (yield from _taken_in(find, take, values))


def _taken_in(find: str, take: str, values: Mapping[str, object]) -> Steps[list[Row]]:
    found = yield find, values
    if not found:
        return []
    threads = yield from locked(row[1] for row in found)
    rows = yield take, {**values, "serials": [row[0] for row in found]}
    yield from refreshed(threads)
    sending = {row[0] for row in found if row[2] == "sending"}
    return [row for row in map(row_of, rows) if row.serial in sending]
