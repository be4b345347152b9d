"""What an answer does to a lane: cool-downs, closings and the amounts that refusals teach."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from . import furnishing
from .adaptive import LONG, Adaptive
from .trouble import PROBE_DUE, Closure, Misses

if TYPE_CHECKING:
    from postpress_async.limits import Verdict

    from .lane import Lane
    from .tally import Slot, Tally
    from .trouble import ClosureKind, Trouble
    from .windows import Window

CLOSED_FIRST: Final = 3600.0  # an action whose windows do not explain a refusal; doubles
_CLOSED_MOST: Final = 31 * 86400.0
_ERRORS: Final = 2  # provider errors in a row that close an action
_TELLING: Final = 3  # successes from which a first refusal tells a rate
_NEAR: Final = 0.05  # how far a Retry-After may be from what our own window says
_SHARES: Final = (0.0, 0.5, 1.0)  # of a window that must leave, by refusals in a row
_REFUSALS: Final = 64  # of an account that are remembered
_DRIBBLE: Final = 3  # events since the refusal before, this one's included
_PEOPLE: Final = 3  # people in a row who were asked before
_PROVES_NOTHING: Final = frozenset({"no_answer", "unavailable", "key_refused", "cool_key"})


class Learned(msgspec.Struct):
    """Hold the amount that a refusal taught of one window.

    Attributes:
        amount: what the provider had let pass when it refused.
        at: when it was learned; calls that were already under way may still raise it.
        until: when it is forgotten: never, if the lane had seen the whole window; else once it has.
    """

    amount: int
    at: float
    until: float


def learn(lane: Lane, slot: Slot, verdict: Verdict, now: float) -> None:
    """Do what an answer asks for, beyond its counting."""
    effect, trouble = verdict.effect, lane.trouble
    if slot.probe and trouble is not None:
        # Only an answer of the provider's own, with no other refusal meanwhile, proves it.
        proved = effect not in _PROVES_NOTHING and trouble.cooling_until <= now
        trouble.probing = 0 if proved else PROBE_DUE
    if effect in _PROVES_NOTHING:
        if trouble is not None and trouble.rate is not None and not verdict.counts:
            trouble.rate.refund(now)
    elif effect in {"cool_down", "provider_error"}:
        _cool_down(lane, slot, verdict, now)
        if effect == "provider_error":
            _count_error(lane, slot.tally, verdict, now)
    elif effect == "close_action":
        _close_action(lane, slot.tally, verdict, now)
    elif effect == "same_again":
        _count_person(lane, slot.tally, verdict, now)
    elif effect in {"close", "restrict"}:
        _close(lane, "credentials" if effect == "close" else "restricted", verdict)
    elif trouble is not None:
        _succeed(lane, slot, trouble, now)


def _close(lane: Lane, kind: ClosureKind, verdict: Verdict) -> None:
    reason = verdict.reason or "the account cannot be used"
    lane.troubled().close(Closure(kind=kind, action=None, until=inf, reason=reason))


def _succeed(lane: Lane, slot: Slot, trouble: Trouble, now: float) -> None:
    if not slot.tally.gated:
        return
    if slot.at >= trouble.cooling_until:
        trouble.strikes = 0
    trouble.misses.pop(slot.tally.action, None)
    if trouble.rate is not None:
        trouble.rate.done(now)
    for window in slot.tally.windows:
        learned = (lane.learned or {}).get(window.cap.window_key)
        if learned is not None and slot.at < learned.at:
            learned.amount += slot.cost  # it had been let pass before the refusal, after all
            furnishing.refresh(lane, now)
    if trouble.calm(now):
        lane.trouble = None


# -- 429, and what is like it --------------------------------------------------------------------


def _cool_down(lane: Lane, slot: Slot, verdict: Verdict, now: float) -> None:
    trouble, wait, tally = lane.troubled(), verdict.retry_after, slot.tally
    again = wait is None and _refused_again(trouble, slot)
    long = again or (wait is not None and wait > LONG)
    rate, proposed = trouble.rate, None
    if verdict.effect == "cool_down" and not long:
        if rate is None and (lane.successes >= _TELLING or trouble.strikes):
            rate = trouble.rate = Adaptive(now, lane.successes, lane.since)
        short = _explaining(tally, LONG) is None
        if rate is not None and short and slot.at >= trouble.cooling_until:
            # With a daily cap in the table, trying soon again would only cost another refusal.
            proposed = rate.cool_down(now, wait)
    jitter = lane.setting.random()
    fresh = trouble.cool_down(slot.at, wait, now, jitter=jitter, proposed=proposed)
    trouble.refused = tally.action
    lane.refused = (*lane.refused, (now, tally.action, slot.cost))[-_REFUSALS:]
    if not long:
        if rate is not None:
            rate.refused(now, slot.at, wait, trouble.cooling_until)
    elif fresh:
        window = _explaining(tally, LONG) if wait is None else _told_by(lane, slot, wait, now)
        if window is not None:
            _learn_amount(lane, tally, window, now, least=slot.cost)
            _rest(lane, tally, window, now, wait or 0.0)
        lane.refused_at = now


def _refused_again(trouble: Trouble, slot: Slot) -> bool:
    """Tell whether a refusal that named no time must come from a window of more than a minute."""
    misses = trouble.misses.get(slot.tally.action)
    if misses is not None and misses.closings:
        return True
    same = trouble.strikes > 0 and trouble.refused == slot.tally.action
    return same and slot.probe and slot.at - trouble.refused_at >= LONG - 0.01


def _learn_amount(lane: Lane, tally: Tally, window: Window, now: float, *, least: int) -> None:
    """Take what has passed in a window for the provider's amount.

    There is no probing upward: each refusal of a daily cap counts against the account. But what was
    seen of a part of the window, or is far below the table, is forgotten once, a window later:
    somebody else may have used the account before.
    """
    per, refused = window.cap.per, 0
    for at, action, cost in lane.refused:
        refused += cost if action == tally.action and at > now - per else 0
    # Never less than one call asks for: it could not go again, however long it waited.
    passed = max(window.used(now) - window.ring.held - refused, least)
    sure = now - lane.born >= per and 2 * passed >= window.cap.amount
    lane.learned = {} if lane.learned is None else lane.learned
    lane.learned[window.cap.window_key] = Learned(
        amount=passed, at=now, until=inf if sure else now + per
    )
    furnishing.refresh(lane, now)


def _rest(lane: Lane, tally: Tally, window: Window, now: float, wait: float) -> None:
    """Close an action until its oldest event leaves, then half of them, then all."""
    trouble = lane.troubled()
    misses = trouble.misses.setdefault(tally.action, Misses())
    until = max(window.leaves_at(_SHARES[min(misses.closings, 2)], now), now + wait)
    misses.closings += 1
    reason = f"429: the provider refused more of: {window.cap.name}"
    trouble.close(Closure(kind="service", action=tally.action, until=until, reason=reason))


def _explaining(tally: Tally, wait: float) -> Window | None:
    """Return the shortest window of an action that is longer than a wait."""
    own = [one for one in tally.windows if not one.cap.shared and one.cap.per > LONG]
    return min((one for one in own if one.cap.per >= wait), key=_length, default=None)


def _told_by(lane: Lane, slot: Slot, wait: float, now: float) -> Window | None:
    """Return the window that a Retry-After speaks of; None where it is none of ours.

    It speaks of a window if that is when our oldest event leaves it; or if, soon after another
    such refusal, next to nothing has passed: then slots come free one by one, as somebody used them
    before us.
    """
    for window in slot.tally.windows:
        leaves = window.leaves_at(0.0, now) - now
        near = abs(leaves - wait) <= max(wait * _NEAR, LONG)
        if near and window.cap.per > LONG and not window.cap.shared:
            return window
    short = _explaining(slot.tally, wait)
    if short is None or lane.refused_at <= now - short.cap.per:
        return None
    return short if short.since(lane.refused_at) <= _DRIBBLE else None


def _length(window: Window) -> float:
    return window.cap.per


# -- actions that close --------------------------------------------------------------------------


def _count_error(lane: Lane, tally: Tally, verdict: Verdict, now: float) -> None:
    misses = lane.troubled().misses.setdefault(tally.action, Misses())
    misses.errors += 1
    if misses.errors >= _ERRORS:
        misses.errors = 0
        _close_action(lane, tally, verdict, now)


def _count_person(lane: Lane, tally: Tally, verdict: Verdict, now: float) -> None:
    misses = lane.troubled().misses.setdefault(tally.action, Misses())
    misses.subjects.add(object() if verdict.subject is None else verdict.subject)
    if len(misses.subjects) >= _PEOPLE:
        misses.subjects.clear()
        _close_action(lane, tally, verdict, now)


def _close_action(lane: Lane, tally: Tally, verdict: Verdict, now: float) -> None:
    """Close an action until the oldest event of its longest full window leaves, else an hour."""
    trouble = lane.troubled()
    misses = trouble.misses.setdefault(tally.action, Misses())
    full = [one for one in tally.windows if one.used(now) >= one.room]
    longest = max(full, key=lambda one: one.cap.per, default=None)
    until = inf if longest is None else longest.ready_at(1, now)
    if until == inf or until <= now:
        until = now + min(CLOSED_FIRST * 2.0**misses.closings, _CLOSED_MOST)
    misses.closings += 1
    reason = verdict.reason or "refused by the service"
    closure = Closure(kind="service", action=tally.action, until=until, reason=reason)
    trouble.close(closure)
