"""Whether a saturated lane keeps its limit and uses it up, and whether its turns are fair."""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random
from typing import TYPE_CHECKING

from lanes_loop import LONG, run, scheduler
from rows import Row, figure

from postpress_async import Limit
from postpress_async.limits import DONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GROUP = "lanes"
LATENCY = (0.010, 0.150)
SIZES = (
    ("10 a second", 10, 1.0, 15.0),
    ("100 a minute", 100, 60.0, 1.0),
    ("1,000 a day", 1_000, 86_400.0, 1.0),
    ("2,000 a week", 2_000, 7 * 86_400.0, 1.0),
)
TASKS = 50


async def _arrivals(amount: int, per: float, requests: int) -> list[float]:
    """Return when each of so many requests arrived at the service."""
    made, random, arrivals = scheduler(Limit("profile", amount, per=per)), Random(7), list[float]()
    made.resign("acc_1")
    now = asyncio.get_running_loop().time

    async def one() -> None:
        slot = await made.take("acc_1", "profile", max_wait=LONG)
        latency, before = random.uniform(*LATENCY), random.random()
        await asyncio.sleep(latency * before)
        arrivals.append(now())
        await asyncio.sleep(latency * (1 - before))
        made.report(slot, DONE)

    await asyncio.gather(*(one() for _ in range(requests)))
    return sorted(arrivals)


def arrival_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of what arrived in any window, and of how much of the limit was left unused."""
    requests = 4_000 if quick else 10_000
    for name, amount, per, spare in SIZES:
        at = run(_arrivals(amount, per, requests))
        over = sum(at[n + amount] - at[n] < per for n in range(requests - amount))
        unused = 100 * (1 - (requests - amount) / amount * per / (at[-1] - at[0]))
        what = f"{name}, {requests:,} requests"
        yield figure(f"{what}: arrivals over it", GROUP, over, "requests", 0.0)
        yield figure(f"{what}: left unused", GROUP, unused, "%", spare)


# -- fairness -------------------------------------------------------------------------------------


def jain(shares: Sequence[float]) -> float:
    """Return Jain's index: 1 where all have the same."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


async def _turns(seconds: float, dearest: int) -> list[float]:
    """Return what each of the tasks got that ask again as soon as they are done."""
    made, random, got = scheduler(Limit("search", 10, per=1.0)), Random(3), [0.0] * TASKS
    made.resign("acc_1")
    now = asyncio.get_running_loop().time

    async def one(number: int) -> None:
        while now() < seconds:
            cost = random.randint(1, dearest)
            slot = await made.take("acc_1", "search", cost=cost, max_wait=LONG)
            await asyncio.sleep(random.uniform(*LATENCY))
            made.report(slot, DONE)
            got[number] += 1

    await asyncio.gather(*map(one, range(TASKS)))
    return got


def first_come(asked: Sequence[tuple[float, int]], amount: int, per: float) -> float:
    """Return the longest wait of the ideal queue, for the same askings and costs."""
    done: deque[tuple[float, int]] = deque()
    used, now, longest = 0, 0.0, 0.0
    for at, cost in asked:
        now = max(now, at)
        while used + cost > amount:
            went, gone = done.popleft()
            now, used = max(now, went + per), used - gone
        done.append((now, cost))
        used += cost
        longest = max(longest, now - at)
    return longest


async def _waits(asked: Sequence[tuple[float, int]], amount: int, per: float) -> float:
    """Return the longest wait in a lane."""
    made, waits = scheduler(Limit("search", amount, per=per)), list[float]()
    made.resign("acc_1")
    now = asyncio.get_running_loop().time

    async def one(at: float, cost: int) -> None:
        await asyncio.sleep(at - now())
        start = now()
        slot = await made.take("acc_1", "search", cost=cost, max_wait=LONG)
        waits.append(now() - start)
        made.report(slot, DONE)

    await asyncio.gather(*(one(at, cost) for at, cost in asked))
    return max(waits)


def _asked(count: int, load: float, dearest: int) -> list[tuple[float, int]]:
    """Draw who asks when for how much, at a load of a limit of 10 a second."""
    random, at, drawn = Random(5), 0.0, []
    for _ in range(count):
        at += random.expovariate(load * 10 / ((1 + dearest) / 2))
        drawn.append((at, random.randint(1, dearest)))
    return drawn


def fair_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of shares and of waits."""
    seconds, count = (60.0, 500) if quick else (3600.0, 10_000)
    for costs, dearest in (("cost 1", 1), ("costs 1-5", 5)):
        unfair = 1 - jain(run(_turns(seconds, dearest)))
        name = f"{TASKS} tasks that loop on a full lane, {costs}: 1 - Jain's index"
        yield figure(name, GROUP, unfair, "share", 0.01)
    for load in (0.95, 1.1):
        asked = _asked(count, load, 5)
        ideal, mine = first_come(asked, 10, 1.0), run(_waits(asked, 10, 1.0))
        name = f"longest wait at {load:.0%} load, costs 1-5: over the ideal queue's"
        note = f"{mine:.2f} s beside {ideal:.2f} s"
        yield figure(name, GROUP, mine / ideal, "times", 1.2, note=note)
