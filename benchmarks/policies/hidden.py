"""Hidden limits: what a service allows and does not tell. Each says when it would next say yes."""

from __future__ import annotations

from collections import deque
from typing import Protocol


class Hidden(Protocol):
    """Be asked at a call's arrival; a refused call does not count."""

    def free_at(self, now: float) -> float:
        """Tell when one more call would pass: now, or later."""
        ...

    def take(self, now: float) -> None:
        """Count a call that passed."""
        ...

    def scale(self, factor: float, now: float) -> None:
        """Make the limit `factor` times what it was at first."""
        ...


class Bucket:
    """Refill `rate` tokens a second up to `burst`: GCRA, and a token bucket."""

    def __init__(self, rate: float, burst: float, *, shrinks: bool = False) -> None:
        self.rate = self.first_rate = rate
        self.burst = self.first_burst = burst
        self.shrinks = shrinks
        self.tokens = burst
        self.at = 0.0

    def free_at(self, now: float) -> float:
        self._refill(now)
        return now if self.tokens >= 1 - 1e-9 else now + (1 - self.tokens) / self.rate

    def take(self, now: float) -> None:
        self._refill(now)
        self.tokens -= 1

    def scale(self, factor: float, now: float) -> None:
        self._refill(now)
        self.rate = self.first_rate * factor
        if self.shrinks:
            self.burst = max(self.first_burst * factor, 1.0)
            self.tokens = min(self.tokens, self.burst)

    def _refill(self, now: float) -> None:
        if now > self.at:
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
            self.at = now


class Fixed:
    """Allow `amount` in each window of `per` seconds, counted from `phase` on."""

    def __init__(self, amount: int, per: float, phase: float) -> None:
        self.amount = self.first = amount
        self.per = per
        self.phase = phase
        self.window = -1
        self.used = 0

    def free_at(self, now: float) -> float:
        self._turn(now)
        if self.used < self.amount:
            return now
        return (self.window + 1) * self.per - self.phase + 1e-6

    def take(self, now: float) -> None:
        self._turn(now)
        self.used += 1

    def scale(self, factor: float, now: float) -> None:
        del now
        self.amount = max(1, round(self.first * factor))

    def _turn(self, now: float) -> None:
        window = int((now + self.phase) // self.per)
        if window != self.window:
            self.window, self.used = window, 0


class Rolling:
    """Allow `amount` in any `per` seconds."""

    def __init__(self, amount: int, per: float) -> None:
        self.amount = self.first = amount
        self.per = per
        self.at: deque[float] = deque()

    def free_at(self, now: float) -> float:
        at = self.at
        while at and at[0] + self.per <= now:
            at.popleft()
        if len(at) < self.amount:
            return now
        return at[len(at) - self.amount] + self.per + 1e-6

    def take(self, now: float) -> None:
        self.at.append(now)

    def scale(self, factor: float, now: float) -> None:
        del now
        self.amount = max(1, round(self.first * factor))
