"""Leases: calls that take longer than a lease say in time that they are still under way."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from .timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Clock
    from .lane import Lane

LEASE: Final = 180.0  # seconds after which a call counts as done, whatever became of its process
_RENEW_EVERY: Final = LEASE / 3


class Leases:
    """Remember which grants are out, and have those renewed that last."""

    def __init__(self, clock: Clock, renew: Callable[[Lane, str], None]) -> None:
        self._clock = clock
        self._renew = renew
        self._out: dict[str, tuple[Lane, float]] = {}  # in the order of their turns
        self._timer = Timer(clock, self._ring)

    def begin(self, lane: Lane, reservation: str) -> None:
        """Watch a grant."""
        due = self._clock.monotonic() + _RENEW_EVERY
        self._out[reservation] = (lane, due)
        if not self._timer.pending:
            self._timer.set(due)

    def end(self, reservation: str) -> None:
        """Watch it no more."""
        self._out.pop(reservation, None)

    def lanes(self) -> set[Lane]:
        """Return whose grants are out."""
        return {lane for lane, _ in self._out.values()}

    def close(self) -> None:
        """Renew nothing any more."""
        self._out.clear()
        self._timer.set(inf)

    def _ring(self) -> None:
        now = self._clock.monotonic()
        due = inf
        for reservation, (lane, at) in list(self._out.items()):
            if at > now:
                due = at
                break
            del self._out[reservation]
            self.begin(lane, reservation)
            self._renew(lane, reservation)
        self._timer.set(min(due, now + _RENEW_EVERY) if self._out else inf)
