"""The rate a lane learns after its first 429, where no known limit explains the refusal.

Only for windows of a minute or less: a longer wait is a daily or weekly cap, of which the rate
knows nothing. No clock, no chance, no network: `now` comes in, instants go out.
"""

from __future__ import annotations

from math import inf
from typing import Final

LONG: Final = 60.0  # a wait above it is a window that no rate describes
_LEAST_ELAPSED: Final = 10.0
_SLOWEST: Final = 1 / 600
_FASTEST: Final = 1000.0


class Adaptive:
    """Space a lane's calls by a rate that refusals lower and successes raise.

    Attributes:
        rate: calls a second at present.
    """

    __slots__ = ("_grown_at", "_hold_until", "_next", "_open_from", "_refused_at", "_won", "rate")

    def __init__(self, now: float, successes: int, since: float) -> None:
        elapsed = max(now - since, _LEAST_ELAPSED)
        self.rate: float = min(max(successes / elapsed, _SLOWEST), _FASTEST)
        self._next = now
        self._refused_at = -inf
        self._open_from = now
        self._hold_until = inf
        self._grown_at = now
        self._won = 0.0

    def ready_at(self, now: float) -> float:
        """Tell when the next call may go: now, or a later instant."""
        at = self._next
        return at if at > now else now  # noqa: FURB136 - max() costs twice, on every call

    def hold(self, now: float) -> None:
        """Count a grant: the next call keeps its distance."""
        self._next = now + 1 / self.rate

    def refund(self, now: float) -> None:
        """Take back a grant that nobody saw."""
        self._next = now

    def done(self, now: float) -> None:
        """Count a success."""
        self._won += 1
        if now > self._hold_until and now > self._grown_at:
            slow = self._hold_until > self._refused_at
            pace = 0.0001 if slow else 0.003
            self.rate = min(self.rate * (1 + pace * (now - self._grown_at)), _FASTEST)
        self._grown_at = now

    def cool_down(self, now: float) -> float | None:  # noqa: ARG002 - the contract's
        """Propose the first cool-down after a refusal that named none; None for the lane's own."""
        return None

    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None:
        """Learn from a 429; calls granted before the last one was known teach nothing."""
        if granted_at < self._refused_at or (retry_after is not None and retry_after > LONG):
            return
        if self._refused_at > -inf:
            total = max(now - self._refused_at, 1e-9)
            duty = max(now - self._open_from, 0.0) / total
            settled = duty >= 0.75 and self._won >= 8  # noqa: PLR2004
            floor = 0.0 if settled else 0.3
            self.rate = max(self.rate * max(floor, min(0.98, duty)), _SLOWEST)
            self._hold_until = now + 300 if settled else now
        else:
            self._hold_until = now
        self._refused_at = now
        self._open_from = max(cooling_until, now)
        self._grown_at = now
        self._won = 0.0
