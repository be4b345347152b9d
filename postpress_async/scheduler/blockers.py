"""What holds a call back, one by one, in words: for forecasts, errors and `explain`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from . import furnishing
from .trouble import PROBE_OUT
from .windows import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lane import Lane
    from .tally import Tally
    from .trouble import Closure, ClosureKind, Trouble
    from .windows import Window

BlockerKind: TypeAlias = Literal[
    "paused", "credentials", "restricted", "service", "cool_down", "probe", "rate", "hours",
    "spacing", "burst", "limit", "warm_up", "key", "circuit", "connections",
]  # fmt: skip

_NEXT: Final[dict[BlockerKind, str]] = {
    "paused": "call scheduler.resume() when it may go on",
    "credentials": "reconnect the account, then read it once with accounts.get to open the lane",
    "restricted": (
        "look after the account at its provider, then call scheduler.resume(account_id)"
    ),
    "service": "let the action rest; it opens by itself",
    "cool_down": "wait; one call goes alone after it, then the rest",
    "probe": "wait for the answer of the call that goes alone after a cool-down",
    "rate": "wait; the service's refusals taught this rate",
    "hours": "wait for the working hours, or change WorkingHours",
    "spacing": "wait; or narrow the Spacing",
    "burst": "wait; or raise Limit.burst",
    "limit": "wait, or raise the limit if the provider lets you",
    "warm_up": "wait until the account is older, or change its WarmUp",
    "key": "send less at once, or ask for a higher tier of the API key",
    "circuit": "wait; one call goes alone to see whether the service is back",
    "connections": "wait for a call to end, or raise Http.connections",
}


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """Say one thing that holds an account back.

    Attributes:
        kind: what it is, such as `limit`, `cool_down`, `paused` or `hours`.
        until: when it ends at the earliest, in seconds since the epoch; None where nobody knows.
        limit: its name, as in `WaitTooLongError.limit`.
        reason: why, in words.
        next_step: what to do about it.
    """

    kind: BlockerKind
    until: float | None
    limit: str | None
    reason: str
    next_step: str


class Blocked(msgspec.Struct, frozen=True, gc=False):
    """Hold one reason on the lanes' own clock; `at` is inf where only somebody else can tell."""

    kind: BlockerKind
    at: float
    name: str
    reason: str = ""


def next_step(kind: BlockerKind) -> str:
    """Return what to do about a blocker."""
    return _NEXT[kind]


def kind_of(kind: ClosureKind) -> BlockerKind:
    """Return what a closure is called for users."""
    return "paused" if kind == "paused_all" else kind


def blockers(
    lane: Lane, tally: Tally, cost: int, now: float, *, reply: bool = False, ahead: int = 0
) -> Iterator[Blocked]:
    """Yield all that holds a call back now, each with a lower bound of its end."""
    if now >= lane.stale_at:
        furnishing.refresh(lane, now)
    if lane.trouble is not None:
        yield from _of_trouble(lane.trouble, tally, now)
    if tally.gated and lane.rules.hours:
        yield Blocked("hours", lane.opens_at(now), "working hours")
    for pace in tally.paces:
        kind: BlockerKind = "spacing" if isinstance(pace, Gap) else "burst"
        yield Blocked(kind, pace.ready_at(cost, now), pace.name)
    for window in tally.windows:
        at = window.forecast(cost, ahead, now, reply=reply)
        if at > lane.stale_at > now and cost <= window.cap.amount:
            at = lane.stale_at  # amounts are looked at again then
        yield _of_window(lane, window, at)


def _of_window(lane: Lane, window: Window, at: float) -> Blocked:
    learned = (lane.learned or {}).get(window.cap.window_key)
    if learned is not None and window.amount == learned.amount:
        reason = f"the provider refused more than {learned.amount} of: {window.cap.name}"
        return Blocked("limit", at, window.cap.name, reason)
    if window.amount < window.cap.amount:
        return Blocked("warm_up", at, f"warm-up of {window.cap.name}")
    return Blocked("limit", at, window.cap.name)


def _of_trouble(trouble: Trouble, tally: Tally, now: float) -> Iterator[Blocked]:
    for closure in trouble.closures:
        if closure.until > now and closure.concerns(tally):
            yield _closed(closure)
    if tally.gated:
        if trouble.probing == PROBE_OUT:
            yield Blocked("probe", inf, "cool-down after a 429", "one call went alone, to see")
        yield Blocked("cool_down", trouble.cooling_until, "cool-down after a 429")
        if trouble.rate is not None:
            yield Blocked("rate", trouble.rate.ready_at(now), "rate learned from 429s")


def _closed(closure: Closure) -> Blocked:
    return Blocked(kind_of(closure.kind), closure.until, closure.reason, closure.reason)


def forecast(
    lane: Lane, tally: Tally, cost: int, now: float, *, reply: bool, ahead: int
) -> tuple[float, str]:
    """Return a lower bound of when a new call could go, and the limit that says so.

    What only an answer can tell does not count; a limit that can never let it go is inf.
    """
    latest, name = now, ""
    for blocked in blockers(lane, tally, cost, now, reply=reply, ahead=ahead):
        unsure = blocked.at == inf and blocked.kind in {"probe", "spacing"}
        if blocked.at > latest and not unsure:
            latest, name = blocked.at, blocked.name
    return latest, name


def never(lane: Lane, tally: Tally, cost: int, now: float, *, reply: bool) -> str | None:
    """Return the limit that can never let a call go, of those that wait; None where none is so."""
    if all(cost <= (one.amount if reply else one.room) for one in tally.windows):
        return None
    at, name = forecast(lane, tally, cost, now, reply=reply, ahead=0)
    return name if at == inf else None


def explained(blocked: Blocked, now: float, epoch: float) -> Blocker:
    """Return a blocker for users."""
    reason = blocked.reason or _REASONS.get(blocked.kind, "{}").format(blocked.name)
    return Blocker(
        kind=blocked.kind,
        until=None if blocked.at == inf else epoch + blocked.at - now,
        limit=blocked.name or None,
        reason=reason,
        next_step=next_step(blocked.kind),
    )


_REASONS: Final[dict[BlockerKind, str]] = {
    "cool_down": "the account cools down: the provider refused more (429)",
    "rate": "the account goes at the rate that refusals taught",
    "hours": "outside the account's working hours",
    "spacing": "{}",
    "burst": "evenly spread: {}",
    "limit": "used up: {}",
    "warm_up": "the account is new: {}",
    "key": "the API key's own rate is used up",
    "circuit": "the service fails for many accounts",
    "connections": "all connections are in use",
}
