"""What arrives at the provider, counted there: never over a window, and hardly below it."""

import asyncio
import os
import random

import pytest

from postpress_async import Limit
from postpress_async.limits import DONE

from .rehearsal import nothing_leaks, now, over, scheduler

pytestmark = [pytest.mark.looptime, pytest.mark.timeout(600)]

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
REQUESTS = 10_000 if LONG else 3_000
DAY, WEEK = 86400.0, 7 * 86400.0


async def saturate(made, accounts, requests, costs, numbers):
    """Let many workers ask without a pause; return what arrived where, and how long it took."""
    arrivals = {account: [] for account in accounts}
    left = dict.fromkeys(accounts, requests)

    async def worker(account):
        while left[account] > 0:
            left[account] -= 1
            cost = numbers.choice(costs)
            slot = await made.take(account, "search", cost=cost, max_wait=1e12)
            await asyncio.sleep(numbers.uniform(0.010, 0.150))
            arrivals[account].append((now(), cost))
            await asyncio.sleep(numbers.uniform(0.010, 0.150))
            made.report(slot, DONE)

    await asyncio.gather(*(worker(account) for account in accounts for _ in range(20)))
    return arrivals


def use(arrivals, amount, per):
    """Return the share of the amount that arrived, over whole windows since the first arrival."""
    start, end = arrivals[0][0], arrivals[-1][0]
    rounds = max(int((end - start) / per), 1)
    inside = sum(cost for at, cost in arrivals if at < start + rounds * per)
    return inside / (rounds * amount)


@pytest.mark.parametrize(
    ("amount", "per", "least"),
    [(10, 1.0, 0.85), (100, 60.0, 0.99), (1_000, DAY, 0.99), (2_000, WEEK, 0.99)],
    ids=["10 a second", "100 a minute", "1,000 a day", "2,000 a week"],
)
async def test_a_saturated_window_is_full_and_never_over(amount, per, least):
    made, numbers = scheduler(Limit("search", amount, per=per)), random.Random(17)
    arrivals = (await saturate(made, ["acc_1"], REQUESTS, [1], numbers))["acc_1"]
    assert len(arrivals) == REQUESTS
    assert over(arrivals, amount, per) == 0
    assert use(sorted(arrivals), amount, per) >= least
    nothing_leaks(made)


async def test_fifty_accounts_at_once_are_each_full_and_never_over():
    accounts = [f"acc_{index}" for index in range(50)]
    made, numbers = scheduler(Limit("search", 10, per=20.0), places=2_000), random.Random(4)
    arrivals = await saturate(made, accounts, 200 if LONG else 60, [1], numbers)
    for account in accounts:
        assert over(arrivals[account], 10, 20.0) == 0
        assert use(sorted(arrivals[account]), 10, 20.0) >= 0.97
    nothing_leaks(made, places=2_000)


async def test_calls_that_cost_more_than_one_are_counted_in_full():
    rows = Limit("search", 100, per=60.0), Limit("search", 700, per=600.0)
    made, numbers = scheduler(*rows), random.Random(9)
    found = await saturate(made, ["acc_1"], REQUESTS // 5, [1, 1, 2, 5, 10, 25], numbers)
    arrivals = sorted(found["acc_1"])
    assert over(arrivals, 100, 60.0) == 0
    assert over(arrivals, 700, 600.0) == 0
    assert use(arrivals, 700, 600.0) >= 0.95
    nothing_leaks(made)
