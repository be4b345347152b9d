"""Limits of the providers, which the client cannot see: exact rolling windows.

Written without a look at the client's own arithmetic, so that the two can disagree. What counts is
the instant at which a request arrived here, and whether its answer says that it reached the
provider (`problems.counts`).
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .values import HiddenLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A window was full."""

    limit: HiddenLimit
    retry_after: float
    """Seconds until one more request would be taken, given that this one counts too."""


class HiddenLimits:
    """Counts arrivals an account, and says which one is over."""

    def __init__(self) -> None:
        self._limits: tuple[HiddenLimit, ...] = ()
        self._arrivals: dict[tuple[int, str], deque[float]] = {}

    @property
    def configured(self) -> tuple[HiddenLimit, ...]:
        """The limits in force."""
        return self._limits

    def replace(self, limits: Iterable[HiddenLimit]) -> None:
        """Take these limits instead of the old ones. Counting starts at zero."""
        self._limits = tuple(limits)
        self._arrivals = {}

    def judge(
        self, account_id: str, provider: str, action: str, now: float, cost: int = 1
    ) -> Refusal | None:
        """Tell whether an arrival at `now` is over some limit. A question: nothing is counted."""
        refusals = [
            refusal
            for index, limit in self._covering(account_id, provider, action)
            if (refusal := self._full(index, limit, account_id, now, cost)) is not None
        ]
        return max(refusals, key=lambda refusal: refusal.retry_after, default=None)

    def count(self, account_id: str, provider: str, action: str, now: float, cost: int = 1) -> None:
        """Count an arrival at `now`."""
        for index, _ in self._covering(account_id, provider, action):
            arrivals = self._arrivals.setdefault((index, account_id), deque())
            for _ in range(cost):
                _add(arrivals, now)

    def used(self, account_id: str, now: float) -> list[tuple[HiddenLimit, int]]:
        """Tell how full each window that this account has used is."""
        return [
            (limit, len(_recent(self._arrivals[index, account_id], limit, now)))
            for index, limit in enumerate(self._limits)
            if (index, account_id) in self._arrivals
        ]

    def _covering(
        self, account_id: str, provider: str, action: str
    ) -> Sequence[tuple[int, HiddenLimit]]:
        return [
            (index, limit)
            for index, limit in enumerate(self._limits)
            if limit.covers(account_id, provider, action)
        ]

    def _full(
        self, index: int, limit: HiddenLimit, account_id: str, now: float, cost: int
    ) -> Refusal | None:
        arrivals = self._arrivals.get((index, account_id))
        recent = _recent(arrivals, limit, now) if arrivals is not None else ()
        if len(recent) + cost <= limit.amount:
            return None
        if limit.amount < 1:
            return Refusal(limit=limit, retry_after=limit.seconds)
        # this refusal counts as well: it joins the window before the next one is judged
        window = [*recent, *([now] * cost)]
        leaver = window[-limit.amount]
        return Refusal(limit=limit, retry_after=max(leaver + limit.seconds - now, 0.0))


def _recent(arrivals: deque[float], limit: HiddenLimit, now: float) -> deque[float]:
    """Drop what has left the window: an arrival counts for exactly `seconds`, end excluded."""
    while arrivals and arrivals[0] <= now - limit.seconds:
        arrivals.popleft()
    return arrivals


def _add(arrivals: deque[float], now: float) -> None:
    if not arrivals or arrivals[-1] <= now:
        arrivals.append(now)
    else:  # a clock stepped back: keep the order all the same
        insort(arrivals, now)


def seconds_to_wait(refusal: Refusal) -> int:
    """Round up to what the header can say: whole seconds, at least one."""
    return max(1, math.ceil(refusal.retry_after))
