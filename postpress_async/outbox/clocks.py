"""When an attempt began, by the service's clock: ours, and the store's, may be wrong for long.

Messages bear the service's time. Each of its answers says what time it is there, so that a clock
which stays wrong does not matter; one that was wrong only for a while is told by the store's pace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from postpress_async.wire import waits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.exchange.capture import Seen
    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Attempt, Row

__all__ = ["Began", "ServiceTime"]


class Began(msgspec.Struct, frozen=True, kw_only=True):
    """Be when an attempt began, in seconds since the epoch.

    Attributes:
        at: what the clocks say that deserve most trust.
        least: what the slowest of them says: nothing of the attempt is older.
    """

    at: float
    least: float


class ServiceTime:
    """Know by how much our clock is ahead of the service's, as its answers tell.

    Attributes:
        ahead: in seconds, None before the first answer that says what time it is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead: float | None = None

    def heard(self, seen: Sequence[Seen]) -> float | None:
        """Learn from answers that have just come; return what time it is by them, if they say."""
        dates = [waits.date_of(one.headers) for one in seen]
        # What an answer says is of the past by the time it is read, so the latest is nearest.
        told = max((date for date in dates if date is not None), default=None)
        if told is not None:
            self.ahead = self._clock.time() - told
        return told

    def now(self) -> float:
        """Return the service's time, as far as it is known."""
        return self._clock.time() - (self.ahead or 0.0)

    def began(self, row: Row, attempts: Sequence[Attempt], *, taken_at: float) -> Began:
        """Return when an item's last attempt began.

        Args:
            row: the item as it was taken.
            attempts: its attempts.
            taken_at: what our clock said then, when the store said `row.changed_at`.
        """
        marked = attempts[-1].started_at if attempts else row.created_at
        # A store's time never goes back. Once a clock that was wrong is set right, it stays ahead,
        # by days perhaps: then its pace alone is right.
        by_pace = taken_at - max(row.changed_at - marked, 0.0)
        at = min(marked, by_pace) if self.ahead is None else by_pace - self.ahead
        return Began(at=at, least=min(marked, by_pace, at))
