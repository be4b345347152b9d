"""The time of a store, which never goes back."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StoreTime"]


def _still() -> float:
    return 0.0


class StoreTime:
    """Follow the machine's clock forwards only.

    Where the clock is set back, the time goes on from where it was, at the pace of the monotonic
    clock: a window of an hour still takes an hour. A clock that is handed in is followed alone,
    so that a time which moves by hand does not move by itself.

    Attributes:
        lead: by how much the time was ahead of the clock when it was last told.
    """

    __slots__ = ("_ahead", "_last", "_steady", "_wall", "lead")

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._wall = time.time if clock is None else clock
        self._steady = time.monotonic if clock is None else _still
        self._ahead = -math.inf
        self._last = -math.inf
        self.lead: float = 0.0

    def now(self, seen: float = -math.inf) -> float:
        """Return seconds since the epoch, never less than `seen` or than returned before."""
        wall = self._wall()
        steady = self._steady()  # second: a pause between the two must not put us ahead
        self._ahead = max(self._ahead, wall - steady, seen - steady)
        self._last = max(self._last, seen, steady + self._ahead)
        self.lead = self._last - wall
        return self._last
