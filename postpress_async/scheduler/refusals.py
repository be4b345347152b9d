"""Why a call is turned away at a lane, in words that tell the next step."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from postpress_async.errors import (
    LaneClosedError,
    QueueFullError,
    StateUnavailableError,
    WaitTooLongError,
)

from .blockers import forecast, kind_of, next_step

if TYPE_CHECKING:
    from .brake import Brake
    from .lane import Lane
    from .tally import Tally
    from .trouble import Closure


def lane_closed(lane: Lane, action: str, closure: Closure, now: float) -> LaneClosedError:
    """Return the error of a call whose lane, or whose action, is closed."""
    what = f"the lane of account {lane.account_id}"
    if closure.action is not None:
        what = f"{closure.action} of account {lane.account_id}"
    wait = None if closure.until == inf else max(closure.until - now, 0.0)
    when = "" if wait is None else f" for another {wait:.1f} s"
    word = "paused" if closure.kind in {"paused", "paused_all"} else "closed"
    step = next_step(kind_of(closure.kind))
    if closure.kind == "paused_all":
        step = "call scheduler.resume('*') when accounts may go on"
    msg = f"{what} is {word}{when}: {closure.reason}; {step}"
    return LaneClosedError(
        msg, account_id=lane.account_id, action=action, limit=closure.reason, retry_after=wait
    )


def too_long(
    lane: Lane, action: str, name: str, *, max_wait: float, wait: float
) -> WaitTooLongError:
    """Return the error of a call that would wait longer than it may."""
    retry_after = None if wait == inf else max(wait, 0.0)
    when = "nobody knows when it may go" if retry_after is None else f"try in {retry_after:.1f} s"
    why = f"limit: {name}" if name else "other calls are before it"
    article = "an" if action[0] in "aeiou" else "a"
    msg = (
        f"{article} {action} of account {lane.account_id} would wait longer than "
        f"max_wait={max_wait:.3g} s ({why}): {when}, or raise max_wait"
    )
    return WaitTooLongError(
        msg,
        account_id=lane.account_id,
        action=action,
        limit=name or None,
        retry_after=retry_after,
    )


def no_answer(lane: Lane, action: str, said: str, *, retry_after: float) -> StateUnavailableError:
    """Return the error of a call whose patience ended before the store of counts answered.

    Args:
        lane: whose.
        action: what it wanted.
        said: what the store is known to fail with; empty where it is only silent.
        retry_after: seconds.
    """
    why = said or "look whether it runs, and whether others hold it; the next call asks again"
    return StateUnavailableError(
        f"account {lane.account_id}, {action}: the store of counts has not answered yet: {why}",
        account_id=lane.account_id, action=action, retry_after=retry_after,
    )  # fmt: skip


def queue_full(lane: Lane, action: str) -> QueueFullError:
    """Return the error of a call that is one too many."""
    msg = (
        f"{lane.waiting} calls wait for account {lane.account_id} already (max_queue): "
        "send less, or raise max_queue"
    )
    return QueueFullError(msg, account_id=lane.account_id, action=action)


class Door:
    """Turn a call away where waiting is known to be in vain."""

    def __init__(
        self, lane: Lane, tally: Tally, now: float, *, max_wait: float, max_queue: int
    ) -> None:
        self._lane = lane
        self._tally = tally
        self._now = now
        self._max_wait = max_wait
        self._max_queue = max_queue

    def check(self, cost: int, priority: int, since: float, brake: Brake, *, counts: bool) -> None:
        """Let a call in; where the counts are elsewhere, a store forecasts it.

        Raises:
            LaneClosedError, QueueFullError, WaitTooLongError: or do not.
        """
        lane, tally, now, max_wait = self._lane, self._tally, self._now, self._max_wait
        closure = lane.closed(tally, now)
        if closure is not None and closure.kind != "service":
            wait = closure.until - now
            if wait > max_wait or closure.until == inf:
                raise lane_closed(lane, tally.action, closure, now)
        if lane.waiting >= self._max_queue:
            raise queue_full(lane, tally.action)
        ahead = 0 if lane.queues is None else lane.queues.cost_ahead(tally, priority, since)
        ready, name = now, ""
        if counts:
            ready, name = forecast(lane, tally, cost, now, reply=priority < 0, ahead=ahead)
        if brake.until > ready:
            ready, name = brake.until, brake.reason
        if ready == inf or ready - now > max_wait:
            raise too_long(lane, tally.action, name, max_wait=max_wait, wait=ready - now)
