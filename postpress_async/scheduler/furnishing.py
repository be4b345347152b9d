"""Furnishing: give a lane the windows of its rules, and let counts carry over when rules change."""

from __future__ import annotations

from heapq import merge
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Final, cast

from .windows import Burst, Gap, Ring, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postpress_async.limits import Spacing

    from .lane import Lane
    from .rules import ActionRules, Cap, Rules
    from .tally import Slot, Tally


_ANSWER: Final = 60.0


def furnish(lane: Lane, tally: Tally, now: float, *, was: Gap | None = None) -> None:
    """Give an action its windows and distances, sharing those that the lane has.

    `was` is the distance between any two actions that held before, if that is over.
    """
    rules = lane.rules.of(tally.action)
    if lane.account_id is None or not rules.gated:
        return
    depends = rules.depends or lane.setting.asks
    tally.unsure = depends and lane.provider is None and not lane.resigned
    rings = {ring.key: ring for ring in lane.kept}
    rings |= {ring.key: ring for other in lane.tallies.values() for ring in other.rings}
    tally.windows = windows = tuple(_window(lane, cap, rings) for cap in rules.caps)
    tally.rings = tuple(dict.fromkeys(window.ring for window in windows))
    if len(tally.rings) == 1 and len(windows) == len(windows[0].ring.windows):
        tally.windows = windows[0].ring.windows  # the same ones, and one tuple less
    tally.shared = any(cap.shared for cap in rules.caps)
    lane.gap = _gap(lane.gap, lane.rules.spacing)
    tally.paces = tuple(_paces(lane, tally, rules, was))
    tally.plain = not tally.paces and not lane.rules.hours
    _set_amounts(lane, windows, now)


def refresh(lane: Lane, now: float) -> None:
    """Look at amounts again: the account has grown older, or what was learned is over."""
    lane.stale_at = inf
    learned = lane.learned or {}
    for key in [key for key, one in learned.items() if one.until <= now]:
        del learned[key]
    for tally in lane.tallies.values():
        _set_amounts(lane, tally.windows, now)


def change(lane: Lane, rules: Rules, now: float) -> None:
    """Let other rules hold for a lane; what was counted stays counted."""
    now_held = dict.fromkeys(ring for tally in lane.tallies.values() for ring in tally.rings)
    old = [ring for ring in now_held if ring not in lane.setting.shared.values()]
    # What was kept comes back as it was only if nobody else has counted its actions since.
    known = set[str]().union(*map(_names, old))
    mixed = [ring for ring in lane.kept if _names(ring) & known]
    lane.kept = tuple(ring for ring in lane.kept if ring not in mixed)
    had = {ring.key for ring in (*old, *lane.kept)}
    gap, lane.rules, lane.stale_at = lane.gap, rules, inf
    for tally in lane.tallies.values():
        furnish(lane, tally, now, was=gap if rules.spacing is None else None)
    used = {window for tally in lane.tallies.values() for window in tally.windows}
    rings = [
        ring
        for ring in dict.fromkeys(window.ring for window in used)
        if ring.key not in lane.setting.shared
    ]
    for ring in rings:
        ring.windows = tuple(window for window in ring.windows if window in used)
        if ring.key not in had:
            _seed(ring, [*old, *mixed], now)
    counted = set[str]().union(*map(_names, rings))
    lane.kept = tuple(
        ring
        for ring in (*old, *lane.kept, *mixed)
        if ring not in rings and not _names(ring) <= counted and not ring.empty(now)
    )


def carry_over(slot: Slot, at: float) -> None:
    """Count an answer also in windows that came after its call was granted."""
    for ring in slot.tally.rings:
        if ring not in slot.rings:
            ring.add(slot.cost, at)


def _window(lane: Lane, cap: Cap, rings: dict[tuple[object, ...], Ring]) -> Window:
    """Return the lane's window for a cap; windows of one budget share its ring."""
    known = lane.setting.shared if cap.shared else rings
    ring = known.get(cap.key)
    if ring is None:
        ring = known[cap.key] = Ring(cap.key)
    for window in ring.windows:
        # Of a budget of all accounts, each account has windows of its own limits' amounts.
        if window.cap == cap or (window.cap.window_key == cap.window_key and not cap.shared):
            window.cap = cap
            return window
    return Window(ring, cap)


def _set_amounts(lane: Lane, windows: Iterable[Window], now: float) -> None:
    if lane.queues is not None:
        lane.queues.changed = True
    for window in windows:
        if window.cap.shared:
            window.amount, window.room = window.cap.amount, window.cap.room
            continue
        age = lane.age(now)
        window.amount, window.room = window.cap.amounts(age)
        for warm_up in window.cap.warm_ups:
            # Never now: a lane that is asked at that very instant must find it changed.
            changes = max(now + warm_up.changes_at(age) - age, now + 1e-6)
            lane.stale_at = min(lane.stale_at, changes)
        learned = (lane.learned or {}).get(window.cap.window_key)
        if learned is not None:
            whole, kept = window.amount, window.amount - window.room
            window.amount = min(whole, learned.amount)
            if window.amount < whole:  # what is kept for replies shrinks alike
                window.room = window.amount - kept * window.amount // whole
            lane.stale_at = min(lane.stale_at, learned.until)


def _paces(lane: Lane, tally: Tally, rules: ActionRules, was: Gap | None) -> Iterable[Gap | Burst]:
    """Yield what spaces an action: the lane's gap, its own, and the bursts of its caps."""
    if lane.gap is not None:
        yield lane.gap
    others_gaps = {lane.gap, was}
    mine = (pace for pace in tally.paces if isinstance(pace, Gap) and pace not in others_gaps)
    own = _gap(next(mine, None), rules.spacing)
    if own is not None:
        if was is not None:
            own.next_at = max(own.next_at, was.next_at)
        yield own
    others = chain.from_iterable(other.paces for other in lane.tallies.values())
    bursts = {pace.name: pace for pace in others if isinstance(pace, Burst)}
    for cap in rules.caps:
        if cap.burst is not None and cap.amount:
            known = lane.setting.bursts if cap.shared else bursts
            if cap.name not in known:
                known[cap.name] = Burst(cap.per / cap.amount, cap.burst, cap.name)
            yield known[cap.name]


def _gap(had: Gap | None, spacing: Spacing | None) -> Gap | None:
    if spacing is None:
        return None
    name = f"spacing of {spacing.least:g}-{spacing.most:g} s"
    if had is None:
        return Gap(spacing.least, spacing.most, name)
    had.least, had.most, had.name = spacing.least, spacing.most, name  # what it keeps apart stays
    return had


def _seed(ring: Ring, old: list[Ring], now: float) -> None:
    """Fill a new ring from those that counted the same actions; rather too much than too little."""
    names = _names(ring)
    sources = [one for one in old if _names(one) & names]
    inside = [one for one in sources if _names(one) <= names]
    around = [one for one in sources if _names(one) >= names]
    if around:
        sources = [min(around, key=lambda one: len(one.at or ()))]
    elif names == set().union(*(_names(one) for one in inside)):
        sources = inside
    for at, cost in merge(*(one.events() for one in sources)):
        ring.add(cost, at)
    for held in (one.held for one in sources if one.held):
        # Under way: counted for as long as an answer may take, and once more when it comes.
        ring.add(held, now + _ANSWER)
    for window in ring.windows:
        window.recount(now)


def _names(ring: Ring) -> set[str]:
    return set(cast("tuple[str, ...]", ring.key[1]))
