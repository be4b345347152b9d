"""Which thread may go on, and which lane: kept up to date in the transactions that change items.

Whatever changes the queue of a thread locks the thread first (`locked`), and lanes last: a claim,
which goes the other way, passes by what is locked, so that nobody ever waits in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.erasing import erased_late

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.storage.outbox.dialect import Steps

__all__ = ["bumped", "locked", "refreshed", "upkeep"]

_MOST: Final = 64  # of each kind, in one upkeep: what a claim may pay for


def locked(threads: Iterable[str]) -> Steps[list[str]]:
    """Lock threads, in an order that all have in common; what is read from then on is settled."""
    names = sorted(set(threads))
    while names:
        rows = yield sql.LOCK, {"threads": names}
        if len(rows) == len(names):
            break
        # One that is locked must be there; one that was dropped meanwhile is made again.
        yield sql.MAKE_THREADS, {"threads": names}
    return names


def refreshed(threads: list[str]) -> Steps[None]:
    """Find the heads of locked threads, and tell their lanes of those that may go."""
    if len(threads) == 1:
        yield from _refreshed_one(threads[0])
        return
    if not threads:
        return
    rows = yield sql.REFRESH, {"threads": threads}
    if len(rows) < len(threads):
        known = {row[0] for row in rows}
        rest = [thread for thread in threads if thread not in known]
        yield sql.DROP, {"threads": rest}
    if runnable := [thread for thread, place in rows if place == "runnable"]:
        yield from bumped(runnable)


def _refreshed_one(thread: str) -> Steps[None]:
    rows = yield sql.REFRESH_ONE, {"thread": thread}
    if not rows:
        yield sql.DROP_ONE, {"thread": thread}
    elif rows[0][1] == "runnable":
        yield sql.BUMP_ONE, {"thread": thread, "no": False}


def bumped(threads: list[str]) -> Steps[None]:
    """Tell the lanes of runnable threads, and those who wait."""
    yield sql.BUMP, {"threads": threads, "no": False}


def upkeep(*, most: int = _MOST) -> Steps[bool]:
    """Take in what is new, what has become due, what is over and which lanes have room again.

    Some of each: who claims does it before, so that no claim pays for all of it. Who has put in
    many, and need not hurry, takes in as many. False where another one is at it.
    """
    if not (yield sql.ALONE, {})[0][0]:
        return False
    fresh = yield sql.FRESH, {"n": most}
    overdue = yield sql.OVERDUE, {"n": most}
    ripe = yield sql.RIPE, {"n": most}
    names = [row[1] for row in (*fresh, *overdue)] + [row[0] for row in ripe]
    threads = yield from locked(names)
    if overdue:
        yield sql.EXPIRE, {"serials": [row[0] for row in overdue]}
    if fresh:
        yield from _sorted_in(fresh)
    yield from refreshed(threads)
    yield sql.OPEN_LANES, {"no": False, "n": most}
    return True


def _sorted_in(fresh: Sequence[tuple[int, str, str | None, str | None]]) -> Steps[None]:
    """Let threads know of new items; those of recipients who were forgotten meanwhile go."""
    marks = {mark for row in fresh for mark in row[2:] if mark is not None}
    if marks:
        gone = yield sql.ENTOMBED, {"tombstones": sorted(marks)}
        for row in gone:
            tombstone = str(row[0])
            theirs = [one[0] for one in fresh if tombstone in one[2:]]
            yield from erased_late(theirs, tombstone=tombstone)
    yield sql.SORTED, {"serials": [row[0] for row in fresh], "no": False}
