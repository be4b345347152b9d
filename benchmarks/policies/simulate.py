"""One account against one hidden limit for an hour: a heap of arrivals and answers, and no loop.

`workers` calls may be under way at once, and there is always a next one: in a benchmark of many
saturated accounts that share a pool of connections each has a few. Latency is 10-150 ms a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from math import ceil, inf
from random import Random
from typing import TYPE_CHECKING, Protocol

from cases import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases import Case
    from hidden import Hidden

WORKERS = 2
ON = 300.0  # seconds of demand, and of none, of a bursty account
LATENCY = (0.010, 0.150)
_ARRIVAL, _ANSWER, _MOVE, _WAKE = range(4)


class Policy(Protocol):
    """Say when the next call of a lane (or of one worker) may go, and hear how each one went."""

    def ready_at(self, now: float) -> float:
        """Tell when a call may go; inf where only an answer can tell."""
        ...

    def sent(self, now: float) -> None:
        """Count a call that goes."""
        ...

    def answered(self, now: float, sent_at: float, wait: float | None, *, passed: bool) -> None:
        """Hear an answer; `wait` is the Retry-After."""
        ...


class Service(Protocol):
    """Be what a service does: its limit, and how that changes."""

    @property
    def retry_after(self) -> str: ...
    @property
    def moves(self) -> tuple[tuple[float, float], ...]: ...
    @property
    def bursty(self) -> bool: ...
    @property
    def until(self) -> float: ...
    def limit(self, random: Random) -> Hidden: ...


@dataclass
class Tally:
    """What came of an hour, or of many."""

    passed: int = 0
    refused: int = 0
    allowed: int = 0

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.refused += other.refused
        self.allowed += other.allowed

    @property
    def goodput(self) -> float:
        return min(100 * self.passed / max(self.allowed, 1), 100.0)

    @property
    def share_refused(self) -> float:
        return 100 * self.refused / max(self.passed + self.refused, 1)


def wanted(case: Service, now: float) -> float:
    """Return the first instant from `now` on at which the account has something to send."""
    if not case.bursty or now % (2 * ON) < ON:
        return now
    return (now // (2 * ON) + 1) * 2 * ON


def allowed(case: Case, random: Random) -> int:
    """Count what a client could send that knows the limit and has no latency."""
    limit, moves, now, count = case.limit(random), list(case.moves), 0.0, 0
    while True:
        at = wanted(case, limit.free_at(now))
        if moves and at >= moves[0][0]:
            now, factor = moves.pop(0)
            limit.scale(factor, now)
        elif at >= HOUR:
            return count
        elif at > now:
            now = at
        else:
            limit.take(now)
            count += 1


class Account:
    """Run one account's hour."""

    def __init__(self, case: Service, policies: list[Policy], random: Random) -> None:
        self.case = case
        self.limit = case.limit(Random(random.random()))
        self.policies = policies
        self.random = random
        self.idle = list(range(len(policies)))
        self.heap: list[tuple[float, int, int, int, float, float | None]] = []
        self.serial = 0
        self.wake_at = inf
        self.tally = Tally()

    def run(self) -> Tally:
        for at, factor in self.case.moves:
            self._push(at, _MOVE, 0, factor, None)
        self._send(0.0)
        while self.heap:
            now, _, kind, worker, value, wait = heappop(self.heap)
            if now >= self.case.until:
                break
            if kind == _ARRIVAL:
                self._arrive(now, worker, value)
                continue
            if kind == _ANSWER:
                self._answer(now, worker, value, wait)
            elif kind == _MOVE:
                self.limit.scale(value, now)
            elif now == self.wake_at:
                self.wake_at = inf
            else:
                continue  # an earlier one took its place
            self._send(now)
        return self.tally

    def _push(self, at: float, kind: int, worker: int, value: float, wait: float | None) -> None:
        self.serial += 1
        heappush(self.heap, (at, self.serial, kind, worker, value, wait))

    def _arrive(self, now: float, worker: int, sent_at: float) -> None:
        free = self.limit.free_at(now)
        wait: float | None = -1.0  # it passed
        if free <= now:
            self.limit.take(now)
            self.tally.passed += 1
        else:
            self.tally.refused += 1
            wait = self._told(free - now)
        back = now + self.random.uniform(*LATENCY) / 2
        self._push(back, _ANSWER, worker, sent_at, wait)

    def _told(self, true: float) -> float | None:
        how = self.case.retry_after
        if how == "absent":
            return None
        return {"exact": true, "whole": ceil(true), "short": 0.3 * true, "one": 1.0}[how]

    def _answer(self, now: float, worker: int, sent_at: float, wait: float | None) -> None:
        passed = wait is not None and wait < 0
        told = None if passed else wait
        self.policies[worker].answered(now, sent_at, told, passed=passed)
        self.idle.append(worker)

    def _send(self, now: float) -> None:
        again = wanted(self.case, now)
        if again <= now:
            again = self._grant(now)
        if again < self.wake_at:
            self.wake_at = again
            self._push(again, _WAKE, 0, 0.0, None)

    def _grant(self, now: float) -> float:
        again, still = inf, []
        for worker in self.idle:
            policy = self.policies[worker]
            at = policy.ready_at(now)
            if at > now:
                still.append(worker)
                again = min(again, at)
                continue
            policy.sent(now)
            self._push(now + self.random.uniform(*LATENCY) / 2, _ARRIVAL, worker, now, None)
        self.idle = still
        return again


def simulate(
    case: Case,
    make: Callable[[Random, Case, int], list[Policy]],
    *,
    accounts: int,
    seed: int = 1,
    workers: int = WORKERS,
) -> Tally:
    """Run many accounts, each with its own limit, and add them up."""
    total = Tally()
    for index in range(accounts):
        name = f"{seed}/{index}/{case.name}"
        random = Random(name)
        tally = Account(case, make(Random(name + "p"), case, workers), random).run()
        tally.allowed = allowed(case, Random(Random(name).random()))
        total.add(tally)
    return total
