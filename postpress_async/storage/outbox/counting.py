"""What is counted walks along all items, so it is done some thousand at a time.

In a file whoever reads holds back whoever writes, in all processes: claims get in between two
parts. Each item is counted once, as it was when its part was.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.reading import place_of, where
from postpress_async.storage.outbox.rows import Filter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values

__all__ = ["BY_LANE", "BY_STATE", "CHUNK", "Count", "Counted", "counted", "part"]

CHUNK: Final = 10_000

Counted: TypeAlias = dict[tuple[Any, ...], tuple[int, float | None]]
"""How many there are of each, and the best of what is wanted of them."""

Part: TypeAlias = tuple["Sequence[Values]", int | None]
"""Counts, and the serial behind which to go on."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Be what is counted.

    Attributes:
        by: expressions that tell items apart.
        of: what is wanted of them besides.
        best: which of it.
    """

    by: tuple[str, ...]
    of: str
    best: Literal["min", "max"]


BY_STATE: Final = Count(by=("state", "needs_decision"), of="deadline", best="min")
"""With the first instant after which none of a request's bytes may leave."""
BY_LANE: Final = Count(
    by=("account_id", "action", "(state = 'queued' OR state = 'claimed')"), of="due_at", best="max"
)
"""Those that wait and the others; with the last instant that one is due at."""
_ALL: Final = Filter()


async def counted(
    run: Callable[[Callable[[], Steps[Part]]], Awaitable[Part]], what: Count, wanted: Filter = _ALL
) -> Counted:
    """Count part by part, each in a transaction of its own."""
    found: Counted = {}
    best = min if what.best == "min" else max
    after: int | None = 0
    while after is not None:
        rows, after = await run(partial(part, what, wanted, after=after))
        for *by, its, count, _ in rows:
            before, known = found.get(tuple(by), (0, None))
            told = [one for one in (known, its) if one is not None]
            found[tuple(by)] = before + count, best(told, default=None)
    return found


def part(what: Count, wanted: Filter, *, after: int) -> Steps[Part]:
    """Count some behind a serial; behind the last part there is nothing."""
    conditions, values = where(wanted)
    text = sql.part_of(conditions, place=place_of(wanted), by=what.by, of=what.of, best=what.best)
    rows = yield text, {**values, "after": after, "n": CHUNK}
    some = sum(row[-2] for row in rows)
    return rows, max(row[-1] for row in rows) if some == CHUNK else None
