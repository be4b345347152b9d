"""What a lane looks like at a moment, as values."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import msgspec

from . import furnishing
from .trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lane import Lane
    from .trouble import Closure


class LimitUse(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how far one limit is used, calls under way included.

    Attributes:
        limit: the limit in words.
        used: what counts in the window now.
        left: what may still go.
        amount: what the window holds.
        per: its length in seconds.
    """

    limit: str
    used: int
    left: int
    amount: int
    per: float


class LaneSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how an account stands.

    Attributes:
        account_id: whose lane it is; None for calls that concern no account.
        provider: the wire word, None while it is unknown.
        tier: free, premium, sales_navigator or recruiter; None while it is unknown.
        limits: each limit that holds for the account, used or not.
        queued: how many calls wait, by action.
        in_flight: how many are under way.
        cooling_until: end of the cool-down after a 429 in seconds since the epoch, else None.
        paused: why the lane is closed, None while it is open.
        closed_actions: why single actions are closed.
        paused_until: when the lane opens by itself in seconds since the epoch; None where it does
            not, or is open.
        closed_actions_until: the same of single actions, as far as they open by themselves.
        rate: calls a second that refusals taught, None where they taught none.
        warnings: what the service said of the account besides, the newest last.
    """

    account_id: str | None
    provider: str | None
    tier: str | None
    limits: tuple[LimitUse, ...]
    queued: dict[str, int]
    in_flight: int
    cooling_until: float | None
    paused: str | None
    closed_actions: dict[str, str] = {}
    rate: float | None = None
    warnings: tuple[str, ...] = ()
    paused_until: float | None = None
    closed_actions_until: dict[str, float] = {}


def snapshot_of(lane: Lane, now: float, epoch: float) -> LaneSnapshot:
    """Look at a lane."""
    trouble = lane.trouble or Trouble()
    closures = [one for one in trouble.closures if one.until > now]
    whole = max((one for one in closures if one.action is None), key=_until, default=None)
    ordered = sorted(closures, key=_until)  # of several, the one that ends last is told
    single = {one.action: one for one in ordered if one.action is not None}
    cooling = trouble.cooling_until > now
    return LaneSnapshot(
        account_id=lane.account_id,
        provider=lane.provider,
        tier=lane.tier,
        limits=tuple(_limits(lane, now)),
        queued={name: tally.waiting for name, tally in lane.tallies.items() if tally.waiting},
        in_flight=lane.in_flight,
        cooling_until=epoch + trouble.cooling_until - now if cooling else None,
        paused=None if whole is None else whole.reason,
        closed_actions={action: one.reason for action, one in single.items()},
        rate=None if trouble.rate is None else trouble.rate.rate,
        warnings=lane.warnings,
        paused_until=None if whole is None or whole.until == inf else epoch + whole.until - now,
        closed_actions_until={
            action: epoch + one.until - now for action, one in single.items() if one.until != inf
        },
    )


def _until(closure: Closure) -> float:
    return closure.until


def _limits(lane: Lane, now: float) -> Iterator[LimitUse]:
    """Yield each limit that holds for an account, with what counts against it now."""
    if lane.account_id is None:
        return
    if now >= lane.stale_at:
        furnishing.refresh(lane, now)
    made = {window.cap.window_key: window for t in lane.tallies.values() for window in t.windows}
    for cap in lane.rules.all_caps():
        window = made.get(cap.window_key)
        amount = cap.amounts(lane.age(now))[0] if window is None else window.amount
        used = 0 if window is None else window.used(now)
        yield LimitUse(
            limit=cap.name, used=used, left=max(amount - used, 0), amount=amount, per=cap.per
        )
