"""What a lane looks like at a moment, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from .lane import Lane


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
    """

    account_id: str | None
    provider: str | None
    tier: str | None
    limits: tuple[LimitUse, ...]
    queued: dict[str, int]
    in_flight: int
    cooling_until: float | None
    paused: str | None


def snapshot_of(lane: Lane, now: float, epoch: float) -> LaneSnapshot:
    """Look at a lane."""
    cooling = lane.cooling_until > now
    return LaneSnapshot(
        account_id=lane.account_id,
        provider=lane.provider,
        tier=lane.tier,
        limits=tuple(
            LimitUse(
                limit=str(row),
                used=used,
                left=max(row.amount - used, 0),
                amount=row.amount,
                per=row.seconds,
            )
            for row, used in lane.used(now)
        ),
        queued={name: queue.waiting for name, queue in lane.queues.items() if queue.waiting},
        in_flight=lane.in_flight,
        cooling_until=epoch + lane.cooling_until - now if cooling else None,
        paused=lane.closed,
    )
