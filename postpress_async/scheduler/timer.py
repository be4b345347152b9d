"""A timer that rings at one instant: the one that was set last."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from .clock import Cancellable, Clock


EARLY: Final = 1e-6  # seconds by which a loop's timer may ring too soon: sums of floats are rounded


class Timer:
    """Call a function at the one instant that was set last.

    Attributes:
        at: that instant; inf for never.
    """

    __slots__ = ("_clock", "_handle", "_ring", "at")

    def __init__(self, clock: Clock, ring: Callable[[], object]) -> None:
        self._clock = clock
        self._ring = ring
        self.at: float = inf
        self._handle: Cancellable | None = None

    @property
    def pending(self) -> bool:
        """Whether it will ring."""
        return self.at < inf

    def set(self, at: float) -> None:
        """Ring at an instant instead; inf for never."""
        if at == self.at:
            return
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.at = at
        if at < inf:
            self._handle = self._clock.call_at(at, self._rings)

    def _rings(self) -> None:
        self.at, self._handle = inf, None
        self._ring()
