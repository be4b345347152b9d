"""Policies: what others do after a 429, what was tried, and ours. Each is a lane, or a worker."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

from postpress_async.scheduler.adaptive import Adaptive

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from cases import Case
    from simulate import Policy

BASE, MOST, LONG = 60.0, 6 * 3600.0, 60.0


class Pacer(Protocol):
    """Be the rate of a lane."""

    def ready_at(self, now: float) -> float: ...
    def hold(self, now: float) -> None: ...
    def done(self, now: float) -> None: ...
    def cool_down(self, now: float, retry_after: float | None) -> float | None: ...
    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None: ...


class Backoff:
    """tenacity's exponential back-off with jitter, one request at a time; no lane."""

    def __init__(self, random: Random, *, obeys: bool) -> None:
        self.random = random
        self.obeys = obeys
        self.next = 0.0
        self.attempt = 0

    def ready_at(self, now: float) -> float:
        return max(now, self.next)

    def sent(self, now: float) -> None: ...

    def answered(self, now: float, sent_at: float, wait: float | None, *, passed: bool) -> None:
        del sent_at
        if passed:
            self.attempt, self.next = 0, now
            return
        self.attempt += 1
        self.next = now + min(2.0 ** (self.attempt - 1) + self.random.random(), BASE)
        if self.obeys and wait is not None:
            self.next = now + wait + 0.1 * self.random.random()


class Botocore:
    """botocore's adaptive mode: CUBIC over seconds, a bucket, and its back-off; no cool-down."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.rate, self.most, self.tokens, self.at = inf, 0.0, 1.0, 0.0
        self.limited_at = self.since = self.measured = 0.0
        self.count = 0
        self.workers: dict[float, float] = {}

    def ready_at(self, now: float) -> float:
        if self.rate == inf:
            return now
        self.tokens = min(self.tokens + (now - self.at) * self.rate, max(self.rate, 1.0))
        self.at = now
        return now if self.tokens >= 1 - 1e-9 else now + (1 - self.tokens) / self.rate + 1e-6

    def sent(self, now: float) -> None:
        del now
        self.tokens -= 1

    def answered(self, now: float, sent_at: float, wait: float | None, *, passed: bool) -> None:
        del sent_at, wait
        self.count += 1
        bucket = int(now * 2) / 2
        if bucket > self.since:
            rate = self.count / (bucket - self.since)
            self.measured, self.count, self.since = 0.8 * rate + 0.2 * self.measured, 0, bucket
        if not passed:
            at = self.measured if self.rate == inf else min(self.measured, self.rate)
            self.most, self.limited_at = at, now
            self.rate = max(0.7 * at, 0.5)
            self.tokens, self.at = min(self.tokens, 1.0), now
        elif self.rate < inf:
            back = (self.most * 0.3 / 0.4) ** (1 / 3)
            grown = 0.4 * (now - self.limited_at - back) ** 3 + self.most
            self.rate = max(min(grown, 2 * self.measured), 0.5)


class Lane:
    """The lane's cool-down and its one probe, around a rate that begins at the first 429."""

    def __init__(self, random: Random, begin: Callable[[float, int], Pacer] | None) -> None:
        self.random = random
        self.begin = begin
        self.pacer: Pacer | None = None
        self.cooling, self.strikes = -inf, 0
        self.due = self.out = False
        self.passed = 0
        self.probe_at = -inf

    def ready_at(self, now: float) -> float:
        if self.out:
            return inf
        at = max(now, self.cooling)
        return at if self.pacer is None else max(at, self.pacer.ready_at(at))

    def sent(self, now: float) -> None:
        if self.due:
            self.due, self.out, self.probe_at = False, True, now
        if self.pacer is not None:
            self.pacer.hold(now)

    def answered(self, now: float, sent_at: float, wait: float | None, *, passed: bool) -> None:
        if self.out and sent_at == self.probe_at:
            self.out = False
        if passed:
            self.passed += 1
            if sent_at >= self.cooling:
                self.strikes = 0
            if self.pacer is not None:
                self.pacer.done(now)
            return
        self._refused(now, sent_at, wait)

    def _refused(self, now: float, sent_at: float, wait: float | None) -> None:
        if self.pacer is None and self.begin is not None:
            self.pacer = self.begin(now, self.passed)
        fresh = sent_at >= self.cooling
        own = self.pacer.cool_down(now, wait) if self.pacer and fresh else None
        if own is not None:
            until = now + max(own, wait or 0.0) * (1 + 0.05 * self.random.random())
        elif wait is not None:
            doubt = self.strikes - 3
            least = min(2.0**doubt, BASE) if doubt >= 0 else 0.0
            until = now + max(wait, least) * (1 + 0.05 * self.random.random())
        elif fresh:
            base = min(BASE * 2.0**self.strikes, MOST)
            until = now + base * (0.5 + 0.5 * self.random.random())
        else:
            until = self.cooling
        self.strikes += fresh
        self.cooling = max(self.cooling, until)
        self.due = True
        if self.pacer is not None:
            self.pacer.refused(now, sent_at, wait, self.cooling)


class Spaced:
    """Space calls by a rate; the base of the rates below."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.next = 0.0
        self.refused_at = -inf

    def ready_at(self, now: float) -> float:
        return max(now, self.next)

    def hold(self, now: float) -> None:
        self.next = now + 1 / self.rate

    def done(self, now: float) -> None: ...

    def cool_down(self, now: float, retry_after: float | None) -> float | None: ...

    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None: ...


class Aimd(Spaced):
    """Multiply by 0.7 at a refusal, add a hundredth of the first rate at each second of success."""

    def __init__(self, now: float, successes: int) -> None:
        super().__init__(successes / max(now, 10.0))
        self.first, self.grown = self.rate, now

    def done(self, now: float) -> None:
        self.rate += 0.002 * self.first * (now - self.grown)
        self.grown = now

    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None:
        del retry_after
        if granted_at >= self.refused_at:
            self.rate = max(self.rate * 0.7, 1 / 600)
        self.refused_at, self.grown = now, cooling_until


class Duty(Spaced):
    """Lower the rate by the share of time in which the lane was open since its last refusal."""

    def __init__(self, now: float, successes: int) -> None:
        super().__init__(successes / max(now, 10.0))
        self.grow_from = self.grown = self.opened = now
        self.pace, self.won = 0.003, 0

    def done(self, now: float) -> None:
        self.won += 1
        if now > max(self.grow_from, self.grown):
            self.rate *= 1 + self.pace * (now - max(self.grown, self.grow_from))
        self.grown = now

    def refused(
        self, now: float, granted_at: float, retry_after: float | None, cooling_until: float
    ) -> None:
        del retry_after
        if granted_at < self.refused_at:
            return
        if self.refused_at > -inf:
            duty = max(now - self.opened, 0.0) / max(now - self.refused_at, 1e-9)
            settled = duty >= 0.75 and self.won >= 8
            least = 0.0 if settled else 0.3
            self.rate = max(self.rate * max(least, min(0.98, duty)), 1 / 600)
            self.grow_from, self.pace = (now + 300, 0.0001) if settled else (now, 0.003)
        self.refused_at, self.opened, self.won = now, cooling_until, 0
        self.grown = now


def _workers(make: Callable[[], Policy], count: int) -> list[Policy]:
    return [make() for _ in range(count)]


def _true_rate(random: Random, case: Case) -> Policy:
    lane = Lane(random, None)
    lane.pacer = Spaced(case.rate)
    return lane


POLICIES: dict[str, Callable[[Random, Case, int], list[Policy]]] = {
    "exponential back-off, no pacing": lambda random, _, count: _workers(
        lambda: Backoff(random, obeys=False), count
    ),
    "each request obeys Retry-After": lambda random, _, count: _workers(
        lambda: Backoff(random, obeys=True), count
    ),
    "botocore adaptive": lambda random, _, count: [Botocore(random)] * count,
    "cool-down, no rate": lambda random, _, count: [Lane(random, None)] * count,
    "AIMD x0.7": lambda random, _, count: [Lane(random, Aimd)] * count,
    "the first rate known": lambda random, case, count: [_true_rate(random, case)] * count,
    "duty rule": lambda random, _, count: [Lane(random, Duty)] * count,
    "ours": lambda random, _, count: (
        [Lane(random, lambda now, passed: Adaptive(now, passed, 0.0))] * count
    ),
}
