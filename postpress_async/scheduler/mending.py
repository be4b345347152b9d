"""Mending: what a store has lost, put back from what this process saw of it.

A store that comes back without its last minutes, or without anything, would let every account begin
anew. Each process that saw an image before still knows it; the union of both errs to the safe side.
"""

from __future__ import annotations

from collections import Counter
from math import ceil, inf
from typing import TYPE_CHECKING, TypeVar

from . import image
from .book import Log
from .everyone import EVERYONE
from .news import NEWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .trouble import Closure

__all__ = ["mend"]

T = TypeVar("T")


def mend(
    key: str,
    mine: bytes,
    theirs: bytes | None,
    seen: float,
    written: float,
    *,
    lasts: Callable[[str], bool | None] = lambda _: None,
) -> bytes | None:
    """Return an image that knows what both know.

    What was done is always put together. Calls under way of other processes, and closings, may be
    over since this process saw them: they come back only where the store has lost something. What
    this process has under way itself comes back in any case, and what is over never does.

    Args:
        key: an account, or `EVERYONE`.
        mine: the image as this process saw it last.
        theirs: as the store has it now; None where it has none.
        seen: when mine was written, by the store's time.
        written: when theirs was; earlier than mine only where the store has lost something.
        lasts: tells of a reservation whether its call is under way; None where only others know.

    Raises:
        ConfigurationError: one of them cannot be read, or was written by a newer version.
    """
    if theirs is None or mine == theirs:
        return mine
    if key == NEWS:
        return theirs  # what was lost of them, those who wait find out by themselves
    with image.reading(key):
        if key == EVERYONE:
            return _everyone(mine, theirs, seen, written, lasts)
        ours, found = image.parse(mine, key), image.parse(theirs, key)
        both = _account(ours, found, seen, written, lasts)
        return theirs if both is None else image.write(both)


def _account(
    ours: image.AccountImage,
    found: image.AccountImage,
    seen: float,
    written: float,
    lasts: Callable[[str], bool | None],
) -> image.AccountImage | None:
    """Return what both know of an account; None where nothing was lost of it."""
    lost = written < seen or found.born > ours.born
    newer, older = (ours, found) if written < seen else (found, ours)
    since = written - found.longest  # what is older it may have dropped itself
    for action, events in older.events.items():
        log = image.unpacked(newer.events[action]) if action in newer.events else Log()
        lost |= union(log, image.unpacked(events)) > since
        newer.events[action] = image.packed(log)
    held = _under_way(older.held, newer.held, lasts, lost=lost)
    if not lost and held.keys() == newer.held.keys():
        return None  # what was seen here, and what came after it
    newer.held = held
    newer.gaps = _later(older.gaps, newer.gaps)
    newer.bursts = _later(older.bursts, newer.bursts)
    newer.longest = max(older.longest, newer.longest)
    newer.born = min(older.born, newer.born)
    if lost:
        _put_back_the_rest(older, newer)
    return newer


def _put_back_the_rest(older: image.AccountImage, newer: image.AccountImage) -> None:
    """Put back what was known beside the counts."""
    newer.trouble = _trouble(older.trouble, newer.trouble)
    newer.learned = {**older.learned, **newer.learned}
    newer.provider = newer.provider or older.provider
    newer.tier = newer.tier or older.tier
    newer.connected_at = newer.connected_at or older.connected_at
    newer.limits = newer.limits if newer.limits is not None else older.limits


def _everyone(
    mine: bytes, theirs: bytes, seen: float, written: float, lasts: Callable[[str], bool | None]
) -> bytes | None:
    ours, found = image.load_everyone(mine), image.load_everyone(theirs)
    lost = written < seen or found.born > ours.born
    newer, older = (ours, found) if written < seen else (found, ours)
    since = written - found.longest
    for name, log in older.logs.items():
        lost |= union(newer.logs.setdefault(name, Log()), log) > since
    held = _under_way(older.held, newer.held, lasts, lost=lost)
    if not lost and held.keys() == newer.held.keys():
        return theirs
    newer.held = held
    if lost:
        newer.paused = _closures(older.paused, newer.paused)
    newer.bursts = _later(older.bursts, newer.bursts)
    newer.longest = max(older.longest, newer.longest)
    newer.born = min(older.born, newer.born)
    return image.dump_everyone(newer, -inf)


def _under_way(
    older: dict[str, T], newer: dict[str, T], lasts: Callable[[str], bool | None], *, lost: bool
) -> dict[str, T]:
    """Return who is under way by both; the older one knows of others only what may be over."""
    back = {one: older[one] for one in older.keys() - newer.keys() if lost or lasts(one)}
    held = {**back, **newer}
    return {one: held[one] for one in held if lasts(one) is not False}


def union(log: Log, other: Log) -> float:
    """Add the events of another log, and return the latest that was lacking; -inf for none.

    What both may know is counted once: the same event may stand in one to the microsecond, and in
    the other rounded up to a second.
    """
    known: Counter[float] = Counter()
    for at, cost in log.events():
        known[at] += cost
    left = [(at, cost - _taken(known, at, cost)) for at, cost in other.events()]
    rounded: Counter[float] = Counter()
    precise: Counter[float] = Counter()
    for at, cost in known.items():
        (rounded if at == ceil(at) else precise)[ceil(at)] += cost
    lacking = -inf
    for at, cost in reversed(left):  # the last ones of a second, which stay longer
        same = precise if at == ceil(at) else rounded
        new = cost - _taken(same, ceil(at), cost)
        if new:
            log.add(new, at)
            lacking = max(lacking, at)
    return lacking


def _taken(known: Counter[float], at: float, cost: int) -> int:
    both = min(known[at], cost)
    known[at] -= both
    return both


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
