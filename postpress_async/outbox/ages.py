"""How long ago something was that the store has dated, by clocks that nobody sets.

A store's clock never goes back, but may be set forward: an hour in a second. What it dated a minute
ago is then an hour old, for all that it says. Its own dates are in order, though: whatever it dated
before we heard the time from it had happened when we heard it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.scheduler.clock import Clock

__all__ = ["Ages"]

_APART: Final = 5.0
_UNEVEN: Final = 1.0  # seconds by which the times of a store's processes may be out of order
_PART: Final = 20.0
"""Of its age by which what is remembered may lie apart: 300 answers are weeks of traffic."""


class Ages:
    """Remember when the store said what time it was.

    Args:
        clock: the client's.
        boot: seconds since the machine started, those included in which it was suspended.
    """

    def __init__(self, clock: Clock, *, boot: Callable[[], float]) -> None:
        self._clock = clock
        self._boot = boot
        self._heard: list[tuple[float, float, float]] = []

    def __len__(self) -> int:
        """Return how much is remembered."""
        return len(self._heard)

    def saw(self, instant: float) -> None:
        """Take in the store's time, right after it was heard."""
        now = self._clock.monotonic()
        if self._heard and now - self._heard[-1][1] < _APART:
            return
        self._heard.append((instant, now, self._boot()))
        self._thin_out(now)

    def _thin_out(self, now: float) -> None:
        """Forget what lies between two that are close for their age; never the first and last."""
        heard = self._heard
        kept = heard[:1]
        for one, after in pairwise(heard[1:]):
            if after[1] - kept[-1][1] > (now - one[1]) / _PART:
                kept.append(one)
        self._heard = [*kept, *heard[1:][-1:]]

    def of(self, instant: float) -> float:
        """Return how many seconds at least have passed since the store dated something so."""
        for told, clock, boot in self._heard:
            if told >= instant + _UNEVEN:
                return max(self._clock.monotonic() - clock, self._boot() - boot)
        return 0.0
