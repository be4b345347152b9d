"""Why a call is turned away at a lane, in words that tell the next step."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NoReturn

from postpress_async.errors import LaneClosedError, WaitTooLongError

if TYPE_CHECKING:
    from .lane import Lane


def lane_closed(lane: Lane, action: str) -> LaneClosedError:
    """Return the error of a call whose lane is closed."""
    step = "reconnect the account, then read it once with accounts.get to open the lane"
    if lane.restricted:
        step = "look after the account at its provider, then call scheduler.resume(account_id)"
    msg = f"the lane of account {lane.account_id} is closed: {lane.closed}; {step}"
    return LaneClosedError(
        msg, account_id=lane.account_id, action=action, limit=lane.closed, retry_after=None
    )


def too_long(lane: Lane, action: str, name: str, max_wait: float, wait: float) -> NoReturn:
    """Refuse a call that would wait longer than it may."""
    retry_after = None if wait == inf else max(wait, 0.0)
    when = "nobody knows when it may go" if retry_after is None else f"try in {retry_after:.1f} s"
    why = f"limit: {name}" if name else "other calls are before it"
    msg = (
        f"a {action} of account {lane.account_id} would wait longer than max_wait={max_wait:.3g} s "
        f"({why}): {when}, or raise max_wait"
    )
    raise WaitTooLongError(
        msg,
        account_id=lane.account_id,
        action=action,
        limit=name or None,
        retry_after=retry_after,
    )
