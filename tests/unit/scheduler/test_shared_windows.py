"""Windows of all accounts together: exact, fair in turn, and quiet while nothing moves."""

import asyncio
import random
from collections import Counter

import pytest

from postpress_async import Limit, Limits
from postpress_async.limits import DONE, REFUND, Verdict

from .rehearsal import dismiss, go, later, nothing_leaks, now, over, scheduler

pytestmark = pytest.mark.looptime

TOGETHER = Limit("profile", 10, per=60, scope="key")


def count_wakes(made):
    counted, wake = [], made._waker.wake

    def counting(lane):
        counted.append(lane)
        assert len(counted) < 100_000, "it spins"
        return wake(lane)

    made._waker.wake = counting
    return counted


async def test_twenty_accounts_never_pass_more_than_the_window_allows():
    made, arrivals, numbers = scheduler(TOGETHER), [], random.Random(5)

    async def one(account):
        slot = await made.take(account, "profile", max_wait=1e9)
        await asyncio.sleep(numbers.uniform(0.01, 0.15))
        arrivals.append((now(), 1))
        await asyncio.sleep(numbers.uniform(0.01, 0.15))
        made.report(slot, DONE)

    await asyncio.gather(*(one(f"acc_{index % 20}") for index in range(400)))
    assert over(arrivals, 10, 60) == 0
    assert len(arrivals) == 400
    assert now() < 1.02 * 39 * 60
    nothing_leaks(made)


async def test_accounts_that_wait_are_served_in_turn():
    made, served = scheduler(Limit("profile", 1, per=10, scope="key")), []

    async def one(account):
        await go(made, account=account)
        served.append(account)

    await go(made)
    tasks = [asyncio.ensure_future(one("busy")) for _ in range(50)]
    await asyncio.sleep(1)
    tasks += [asyncio.ensure_future(one(f"acc_{index}")) for index in range(4)]
    await asyncio.sleep(205)
    counts = Counter(served)
    assert len(served) == 20
    assert {counts[f"acc_{index}"] for index in range(4)} == {1}
    assert set(served[:6]) == {"busy", "acc_0", "acc_1", "acc_2", "acc_3"}
    await dismiss(*tasks)
    nothing_leaks(made)


async def test_a_call_that_is_given_back_lets_the_next_account_go_at_once():
    made = scheduler(Limit("profile", 1, per=60, scope="key"))
    slot = await made.take("acc_1", "profile")
    waiting = later(made, account="acc_2")
    await asyncio.sleep(5)
    made.report(slot, REFUND)
    made.report(await waiting, DONE)
    assert now() == 5
    nothing_leaks(made)


@pytest.mark.parametrize("which", range(4))
async def test_an_account_that_gives_up_its_turn_holds_nobody_up(which):
    made = scheduler(Limit("profile", 1, per=60, scope="key"))
    await go(made)
    tasks = [later(made, account=f"acc_{index}") for index in range(4)]
    await asyncio.sleep(1)
    tasks[which].cancel()
    for index, task in enumerate(tasks):
        if index != which:
            made.report(await task, DONE)
    assert now() == pytest.approx(180)
    nothing_leaks(made)


async def test_whoever_gave_up_a_long_wait_leaves_the_next_its_own_short_one():
    made = scheduler(Limit("search", 5, per=60, scope="key"))
    await go(made, "search")
    await asyncio.sleep(10)
    await go(made, "search", cost=4)
    much = later(made, "search", cost=5)
    await asyncio.sleep(1)
    little = later(made, "search", account="acc_2")
    await asyncio.sleep(1)
    much.cancel()
    made.report(await little, DONE)
    assert now() == pytest.approx(60)
    nothing_leaks(made)


async def test_nobody_is_asked_again_and_again_while_the_window_is_full():
    made = scheduler(Limit("profile", 2, per=3600, scope="key"))
    wakes = count_wakes(made)
    tasks = [asyncio.ensure_future(go(made, account=f"acc_{index}")) for index in range(20)]
    await asyncio.gather(*tasks)
    assert now() == pytest.approx(9 * 3600)
    assert len(wakes) < 20 * 10
    nothing_leaks(made)


@pytest.mark.parametrize("holder", ["places", "key"])
async def test_a_window_that_opens_while_something_else_holds_all_back_makes_no_noise(holder):
    made = scheduler(Limit("profile", 1, per=10, scope="key"), places=1)
    wakes = count_wakes(made)
    await go(made)
    waiting = later(made)
    await asyncio.sleep(1)
    reading = await made.take("acc_2", "read")
    await asyncio.sleep(0)
    if holder == "key":
        made.report(reading, Verdict(effect="cool_key", retry_after=20.0))
    await asyncio.sleep(20)
    if holder == "places":
        made.report(reading, DONE)
    made.report(await waiting, DONE)
    assert len(wakes) < 30
    assert now() == pytest.approx(21 if holder == "places" else 21.5)
    nothing_leaks(made, places=1)


async def test_two_such_windows_of_one_account_are_both_looked_after():
    made = scheduler(
        Limit("profile", 1, per=30, scope="key"), Limit("message", 1, per=60, scope="key")
    )
    await go(made, "profile", account="acc_2")
    await go(made, "message", account="acc_2")
    await go(made, "read", verdict=Verdict(effect="cool_key", retry_after=5.0))
    first, other = later(made, "profile"), later(made, "message")
    await asyncio.sleep(6)
    next_one = later(made, "profile", account="acc_2")
    await asyncio.sleep(1)
    first.cancel()
    made.report(await next_one, DONE)
    assert now() == pytest.approx(30)
    made.report(await other, DONE)
    nothing_leaks(made)


async def test_a_call_under_way_still_counts_for_all_when_its_account_gets_other_limits():
    made = scheduler(Limit("profile", 1, per=60, scope="key"))
    slot = await made.take("acc_1", "profile")
    waiting = later(made, account="acc_2")
    await asyncio.sleep(1)
    await made.set_limits("acc_1", Limits.none())
    made.report(slot, DONE)
    made.report(await waiting, DONE)
    assert now() == pytest.approx(61)
    nothing_leaks(made)


async def test_each_account_keeps_its_own_amount_of_what_all_have_used():
    made = scheduler(
        Limit("profile", 2, per=60, scope="key", tier="free"),
        Limit("profile", 10, per=60, scope="key"),
    )
    made.describe("acc_1", "LINKEDIN", tier="free", ok=True)
    made.describe("acc_2", "LINKEDIN", tier="premium", ok=True)
    for _ in range(5):
        await go(made, account="acc_2")
    assert made.try_take("acc_1", "profile") is None
    for _ in range(5):
        await go(made, account="acc_2")
    assert now() == 0
    assert await go(made) == 60


async def test_a_longer_window_that_joins_later_knows_what_was_used():
    made = scheduler(Limit("profile", 10, per=60, scope="key"))
    for _ in range(5):
        await go(made)
    longer = Limit("profile", 6, per=3600, scope="key")
    await made.set_limits("acc_2", Limits.none().add(longer))
    await go(made, account="acc_2")
    assert made.try_take("acc_2", "profile") is None


async def test_random_cancellations_over_a_common_window_leave_no_trace():
    made, arrivals, numbers = (
        scheduler(Limit("search", 7, per=5, scope="key")),
        [],
        random.Random(3),
    )
    made._waker.places = 5

    async def one(account, cost):
        slot = await made.take(account, "search", cost=cost, max_wait=500)
        verdict = REFUND
        try:
            await asyncio.sleep(numbers.uniform(0, 0.5))
            arrivals.append((now(), cost))
            verdict = DONE
            await asyncio.sleep(numbers.uniform(0, 0.5))
        finally:
            made.report(slot, verdict)

    tasks = []
    for _ in range(500):
        account = f"acc_{numbers.randrange(6)}"
        tasks.append(asyncio.ensure_future(one(account, numbers.randint(1, 3))))
        await asyncio.sleep(numbers.uniform(0, 1.0))
        if numbers.random() < 0.4:
            numbers.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert over(arrivals, 7, 5) == 0
    assert len(arrivals) > 100
    await asyncio.sleep(10)
    nothing_leaks(made, places=5)


async def test_a_dear_call_is_not_starved_by_cheap_ones_of_other_accounts():
    made = scheduler(Limit("search", 5, per=10, scope="key"))
    tasks = [asyncio.ensure_future(go(made, "search", account=f"acc_{n}")) for n in range(3)]
    await asyncio.sleep(1)
    dear = asyncio.ensure_future(go(made, "search", cost=5, account="dear"))
    for index in range(100):
        await asyncio.sleep(1)
        call = go(made, "search", account=f"acc_{index % 7}")
        tasks.append(asyncio.ensure_future(call))
    done = dear.done()
    await dismiss(dear, *tasks)
    assert done


async def test_a_reply_does_not_wait_for_what_only_others_lack():
    made = scheduler(Limit("message", 2, per=60, keep=1, scope="key"))
    await go(made, "message")
    await asyncio.sleep(1)
    await go(made, "message", priority=-1)
    bulk = later(made, "message")
    await asyncio.sleep(1)
    reply = later(made, "message", account="acc_2", priority=-1)
    made.report(await reply, DONE)
    went = now()
    await dismiss(bulk)
    assert went == pytest.approx(60)


async def test_an_amount_of_all_accounts_is_spread_over_all_of_them():
    made = scheduler(Limit("profile", 60, per=60, scope="key", burst=1))
    went = await asyncio.gather(*(go(made, account=f"acc_{index}") for index in range(5)))
    assert sorted(went) == pytest.approx([0, 1, 2, 3, 4])
