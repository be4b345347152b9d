"""Mending: what a store has lost, put back from what this process saw of it.

A store that comes back without its last minutes, or without anything, would let every account begin
anew. Each process that saw an image before still knows it; the union of both errs to the safe side.
"""

from __future__ import annotations

from collections import Counter
from math import ceil, inf
from typing import TYPE_CHECKING

from . import image
from .book import Log
from .everyone import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .trouble import Closure

__all__ = ["mend"]


def mend(key: str, mine: bytes, theirs: bytes | None, behind: bool) -> bytes | None:
    """Return an image that knows what both know.

    Args:
        key: an account, or `EVERYONE`.
        mine: the image as this process saw it last.
        theirs: as the store has it now; None where it has none.
        behind: whether the store's was written before mine, which no store does that lost nothing.
    """
    if theirs is None or mine == theirs:
        return mine
    if key == EVERYONE:
        return _everyone(mine, theirs, behind=behind)
    ours, found = image.parse(mine), image.parse(theirs)
    if found.born <= ours.born and not behind:
        return theirs  # what was seen here, and what came after it
    newer, older = (ours, found) if behind else (found, ours)
    for action, events in older.events.items():
        log = image.unpacked(newer.events[action]) if action in newer.events else Log()
        newer.events[action] = image.packed(union(log, image.unpacked(events)))
    newer.held = {**older.held, **newer.held}
    newer.gaps = _later(older.gaps, newer.gaps)
    newer.bursts = _later(older.bursts, newer.bursts)
    newer.trouble = _trouble(older.trouble, newer.trouble)
    newer.learned = {**older.learned, **newer.learned}
    newer.longest = max(older.longest, newer.longest)
    newer.born = min(older.born, newer.born)
    newer.provider = newer.provider or older.provider
    newer.tier = newer.tier or older.tier
    newer.connected_at = newer.connected_at or older.connected_at
    newer.limits = newer.limits if newer.limits is not None else older.limits
    return image.write(newer)


def _everyone(mine: bytes, theirs: bytes, *, behind: bool) -> bytes | None:
    ours, found = image.load_everyone(mine), image.load_everyone(theirs)
    if found.born <= ours.born and not behind:
        return theirs
    newer, older = (ours, found) if behind else (found, ours)
    for name, log in older.logs.items():
        newer.logs[name] = union(newer.logs.get(name, Log()), log)
    newer.held = {**older.held, **newer.held}
    newer.paused = _closures(older.paused, newer.paused)
    newer.longest = max(older.longest, newer.longest)
    newer.born = min(older.born, newer.born)
    return image.dump_everyone(newer, -inf)


def union(log: Log, other: Log) -> Log:
    """Return the events of two logs; what both may know is counted once.

    The same event may stand in one to the microsecond and in the other rounded up to a second, so
    both are compared by the second.
    """
    known: Counter[int] = Counter()
    for at, cost in log.events():
        known[ceil(at)] += cost
    for at, cost in reversed(list(other.events())):  # the last ones of a second, which stay longer
        second = ceil(at)
        both = min(known[second], cost)
        known[second] -= both
        if cost > both:
            log.add(cost - both, at)
    return log


def _later(older: dict[str, float], newer: dict[str, float]) -> dict[str, float]:
    return {name: max(older.get(name, 0.0), newer.get(name, 0.0)) for name in {**older, **newer}}


def _closures(older: Iterable[Closure], newer: Iterable[Closure]) -> tuple[Closure, ...]:
    there = list(newer)
    known = {(one.kind, one.action) for one in there}
    return (*(one for one in older if (one.kind, one.action) not in known), *there)


def _trouble(
    older: image.TroubleImage | None, newer: image.TroubleImage | None
) -> image.TroubleImage | None:
    if older is None or newer is None:
        return newer or older
    newer.cooling_until = max(older.cooling_until, newer.cooling_until)
    newer.strikes = max(older.strikes, newer.strikes)
    newer.probing = newer.probing or older.probing
    newer.rate = newer.rate or older.rate
    newer.closures = list(_closures(older.closures, newer.closures))
    newer.misses = {**older.misses, **newer.misses}
    return newer
