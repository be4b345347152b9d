"""Limits that nobody told: the real scheduler against a service that refuses with 429.

The services are those of the simulation in `policies`; here the client's own scheduler meets them,
with the verdicts that its wire makes of a 429, and its brake where accounts share a client.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TYPE_CHECKING

from lanes_loop import LONG, run, scheduler
from rows import Row, figure

from postpress_async import Limit
from postpress_async.limits import DONE, Verdict

sys.path.append(str(Path(__file__).parent / "policies"))

from caps import DAY, DAYS, DECLARED, HIDDEN
from cases import HELD_OUT, HOUR
from hidden import Rolling
from lanes import POLICIES
from simulate import LATENCY, WORKERS, Tally, allowed, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from cases import Case
    from hidden import Hidden

    from postpress_async.scheduler.scheduler import Scheduler

GROUP = "lanes"
SHARING = 10  # accounts of one client, all busy
SHOWN = (0, 1, 4, 8)
"""Which held-out cases have rows of their own: a bucket and a window, told and not told."""


@dataclass
class Service:
    """Answer one account's calls; tell what came of them.

    Attributes:
        tells: what a refusal says of the true wait, in seconds; None for nothing.
        until: when its clients stop.
        refused: when it refused.
    """

    limit: Hidden
    tells: Callable[[float], float | None]
    until: float
    random: Random
    passed: int = 0

    def __post_init__(self) -> None:
        self.refused: list[float] = []

    def answer(self, now: float) -> Verdict:
        """Take a call that arrives, or refuse it."""
        free = self.limit.free_at(now)
        if free <= now:
            self.limit.take(now)
            self.passed += 1
            return DONE
        self.refused.append(now)
        return Verdict(effect="cool_down", retry_after=self.tells(free - now))

    async def work(self, made: Scheduler, account: str) -> None:
        """Call as soon as the lane lets one go, for ever."""
        while True:
            slot = await made.take(account, "profile", max_wait=LONG)
            await asyncio.sleep(self.random.uniform(*LATENCY) / 2)
            verdict = self.answer(asyncio.get_running_loop().time())
            await asyncio.sleep(self.random.uniform(*LATENCY) / 2)
            made.report(slot, verdict)


async def _until(seconds: float, work: list[Coroutine[object, object, None]]) -> None:
    """Let everybody work, and stop them at an instant."""
    tasks = [asyncio.ensure_future(one) for one in work]
    done, pending = await asyncio.wait(tasks, timeout=seconds)
    for task in done:
        task.result()  # nobody ends but by an error
    for task in pending:
        task.cancel()
    await asyncio.wait(pending)


# -- a hidden daily cap ---------------------------------------------------------------------------


async def _days(*, told: bool, workers: int, accounts: int, together: bool) -> list[int]:
    """Return the refusals of each account on each day."""
    services: list[Service] = []
    work: list[Coroutine[object, object, None]] = []
    made = scheduler(Limit("profile", DECLARED, per="day"), random=Random(2).random)
    for number in range(accounts):
        if not together:
            made = scheduler(Limit("profile", DECLARED, per="day"), random=Random(number).random)
        made.resign(name := f"acc_{number}")
        told_by = (lambda wait: wait) if told else (lambda _: None)
        service = Service(Rolling(HIDDEN, DAY), told_by, DAYS * DAY, Random(number))
        services.append(service)
        work += [service.work(made, name) for _ in range(workers)]
    await _until(DAYS * DAY, work)
    return [
        sum(int(at // DAY) == day for at in service.refused)
        for service in services
        for day in range(DAYS)
    ]


def cap_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of refusals a day and account: the worst of all days and accounts, and the mean."""
    accounts = 3 if quick else 30
    cases = [(told, workers, False) for told in (True, False) for workers in (1, 3)]
    for told, workers, together in [*cases, (True, 3, True), (False, 3, True)]:
        days = run(_days(told=told, workers=workers, accounts=accounts, together=together))
        what = f"hidden {HIDDEN} a day, {'exact' if told else 'no'} Retry-After, {workers} at once"
        what += ", one client" * together
        note = "by day: " + " ".join(f"{fmean(days[day::DAYS]):.1f}" for day in range(DAYS))
        yield figure(f"{what}: the worst day", GROUP, max(days), "refusals", 2.0, note=note)
        yield figure(f"{what}: a day and account", GROUP, fmean(days), "refusals")


# -- a hidden rate --------------------------------------------------------------------------------


async def _hour(case: Case, accounts: int, *, together: bool) -> Tally:
    """Let accounts call for an hour; the limit falls in the middle of it."""
    loop, total = asyncio.get_running_loop(), Tally()
    services: list[Service] = []
    work: list[Coroutine[object, object, None]] = []
    made = scheduler(random=Random(2).random)
    for number in range(accounts):
        name, random = f"acc_{number}", Random(f"1/{number}/{case.name}")
        if not together:
            made = scheduler(random=random.random)
        limit = case.limit(Random(Random(f"1/{number}/{case.name}").random()))
        service = Service(limit, lambda wait: _told(case, wait), HOUR, random)
        for at, factor in case.moves:
            loop.call_at(at, limit.scale, factor, at)
        services.append(service)
        work += [service.work(made, name) for _ in range(WORKERS)]
    await _until(HOUR, work)
    for number, service in enumerate(services):
        could = allowed(case, Random(Random(f"1/{number}/{case.name}").random()))
        total.add(Tally(service.passed, len(service.refused), could))
    return total


def _told(case: Case, true: float) -> float | None:
    if case.retry_after == "absent":
        return None
    waits = {"exact": true, "whole": float(ceil(true)), "short": 0.3 * true, "one": 1.0}
    return waits[case.retry_after]


def _met(tally: Tally) -> bool:
    return tally.goodput >= 97.0 and tally.share_refused < 1.0


def _missed(tallies: dict[Case, Tally]) -> str:
    return "; ".join(
        f"{case.name}: {tally.goodput:.1f} % / {tally.share_refused:.2f} %"
        for case, tally in tallies.items()
        if not _met(tally)
    )


def rate_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of the held-out cases: the simulation's, the scheduler's, and one client for all."""
    calls, cases = (1_000.0, HELD_OUT[:2]) if quick else (30_000.0, HELD_OUT)
    count = {case: max(2, min(30, int(calls / (case.rate * HOUR)))) for case in cases}
    promised = {
        case: simulate(case, POLICIES["ours"], accounts=accounts)
        for case, accounts in count.items()
    }
    kept = {case: run(_hour(case, accounts, together=False)) for case, accounts in count.items()}
    shared = {case: run(_hour(case, SHARING, together=True)) for case in cases}
    for whose, tallies, most in (
        ("simulated", promised, 2.0),
        ("the scheduler", kept, 2.0),
        (f"the scheduler, {SHARING} accounts of one client", shared, None),
    ):
        missed = sum(not _met(tally) for tally in tallies.values())
        name = f"hidden rates, {len(cases)} held-out cases, 97 % and 1 %: missed, {whose}"
        yield figure(name, GROUP, missed, "cases", most, note=_missed(tallies))
    for case in (HELD_OUT[index] for index in SHOWN if HELD_OUT[index] in kept):
        mine, simulated = kept[case], promised[case]
        name = f"hidden rate, {case.name}"
        note = f"simulated: {simulated.goodput:.1f} % / {simulated.share_refused:.2f} %"
        lost = 100 - mine.goodput
        yield figure(f"{name}: goodput lost", GROUP, lost, "%", 3.0, note=note)
        yield figure(f"{name}: refused", GROUP, mine.share_refused, "%", 1.0, note=note)
