"""A hidden daily cap under a higher declared one: what a lane that learns caps is refused a day.

The lane keeps the declared 80 a day as the scheduler's windows do. The service allows 50.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, Final

from hidden import Fixed, Rolling
from simulate import Account

if TYPE_CHECKING:
    from hidden import Hidden

DAY: Final = 86_400.0
DAYS: Final = 6
DECLARED, HIDDEN = 80, 50
SHORT: Final = 60.0  # a wait above it is a day's or a week's


@dataclass(frozen=True)
class CapCase:
    """One daily cap; demand is always there ("saturated") or comes through the day ("spread")."""

    kind: str
    retry_after: str
    demand: str
    workers: int
    moves: tuple[tuple[float, float], ...] = ()
    bursty: bool = False
    until: float = DAYS * DAY

    @property
    def name(self) -> str:
        falls = ", falls to 30 on day 3" if self.moves else ""
        return f"{self.kind} day, {self.retry_after}, {self.demand}, {self.workers} at once{falls}"

    def limit(self, random: Random) -> Hidden:
        """Return the cap of one account."""
        if self.kind == "fixed":
            return Fixed(HIDDEN, DAY, random.random() * DAY)
        return Rolling(HIDDEN, DAY)


class Counted:
    """Count calls as the scheduler's windows do: held from the grant, done from the answer."""

    def __init__(self, amount: int) -> None:
        self.amount = amount
        self.held = 0
        self.at: deque[float] = deque()

    def done_in(self, now: float) -> int:
        while self.at and self.at[0] + DAY <= now:
            self.at.popleft()
        return len(self.at)

    def ready_at(self, now: float) -> float:
        over = self.held + self.done_in(now) - self.amount
        if over < 0:
            return now
        return self.at[over] + DAY if over < len(self.at) else inf

    def done(self, now: float) -> None:
        self.held -= 1
        self.at.append(now)


class CapLane:
    """Close after a long wait, or a second refusal in a row, and keep the count as the cap."""

    def __init__(self, random: Random, case: CapCase, *, learns: bool) -> None:
        self.random = random
        self.case = case
        self.learns = learns
        self.declared, self.passed = Counted(DECLARED), Counted(DECLARED)
        self.wanted_at = self.cooling = self.closed = self.known = -inf
        self.row = self.out = 0
        self.due = False
        self.closings = 0  # without a success between them
        self.forget_at = inf
        self.refusals: list[float] = []

    def ready_at(self, now: float) -> float:
        if now >= self.forget_at:  # what it counted then was not a whole window
            self.forget_at, self.passed.amount = inf, DECLARED
        if self.due and self.out:
            return inf
        at = max(now, self.cooling, self.closed, self.wanted_at)
        return max(at, self.declared.ready_at(now), min(self.passed.ready_at(now), self.forget_at))

    def sent(self, now: float) -> None:
        self.declared.held += 1
        self.passed.held += 1
        self.out += 1
        if self.case.demand == "spread":
            self.wanted_at = max(self.wanted_at, 0.0) + self.random.expovariate(70 / DAY)
            self.wanted_at = max(self.wanted_at, now - 3600)  # a backlog of an hour at most

    def answered(self, now: float, sent_at: float, wait: float | None, *, passed: bool) -> None:
        self.out -= 1
        self.declared.done(now)
        if passed:
            self.passed.done(now)
            self.row, self.due, self.closings = 0, False, 0
            return
        self.passed.held -= 1
        self.refusals.append(now)
        if sent_at < self.known:
            return  # it was under way
        self.known, self.row, self.due = now, self.row + 1, True
        if wait is not None:
            self.cooling = now + wait * (1 + 0.05 * self.random.random())
        else:
            self.cooling = now + SHORT * 2.0 ** (self.row - 1) * (0.5 + 0.5 * self.random.random())
        again = self.row > 1 or self.closings > 0
        long = again if wait is None else wait > SHORT
        if long and self.learns:
            self._learn(now)

    def _learn(self, now: float) -> None:
        count = self.passed.done_in(now)
        leaves = (1, (count + 1) // 2, count)[min(self.closings, 2)]
        self.closed = (self.passed.at[leaves - 1] if count else now) + DAY
        self.passed.amount = max(count, 1)
        self.forget_at = now + DAY if now < DAY else inf
        self.row, self.closings = 0, self.closings + 1


def refusals(case: CapCase, *, learns: bool, accounts: int) -> tuple[list[float], int, float]:
    """Return refusals a day and account, the worst day of one, and goodput in percent."""
    days, worst, done, could = [0.0] * DAYS, 0, 0, 0
    for index in range(accounts):
        random = Random(f"{index}/{case.name}")
        lane = CapLane(random, case, learns=learns)
        tally = Account(case, [lane] * case.workers, random).run()
        mine = [sum(int(at // DAY) == day for at in lane.refusals) for day in range(DAYS)]
        days = [a + b / accounts for a, b in zip(days, mine, strict=True)]
        worst = max(worst, *mine)
        done += tally.passed
        could += sum(30 if case.moves and day >= 2 else HIDDEN for day in range(DAYS))
    return days, worst, 100 * done / could


def cases() -> list[CapCase]:
    """Return the cases of the report."""
    falls = ((2 * DAY, 0.6),)
    grid = [
        CapCase(kind, told, demand, 1)
        for kind in ("rolling", "fixed")
        for told in ("exact", "absent")
        for demand in ("saturated", "spread")
    ]
    return [
        *grid,
        CapCase("rolling", "exact", "saturated", 2),
        CapCase("rolling", "absent", "saturated", 2),
        CapCase("rolling", "exact", "spread", 1, falls),
        CapCase("rolling", "absent", "spread", 1, falls),
    ]
