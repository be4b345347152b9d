"""The shell around the lanes, on a virtual loop: hours of pacing in milliseconds."""

import asyncio
import contextlib
import random
from collections import deque

import pytest

from postpress_async import (
    ClientClosedError,
    ConfigurationError,
    LaneClosedError,
    Limit,
    Limits,
    QueueFullError,
    WaitTooLongError,
)
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, nothing_leaks

pytestmark = pytest.mark.looptime


@pytest.fixture(params=["in memory", "in a store"])
def scheduler(request):
    """Return a function that makes a scheduler, with its counts here or there."""

    def make(*rows, max_queue=10_000, places=100, jitter=lambda: 0.5):
        clock = VirtualClock()
        made = Scheduler(
            Limits.none().add(*rows),
            clock=clock,
            random=jitter,
            max_queue=max_queue,
            places=places,
            state=MemoryImages(clock=clock.time) if request.param == "in a store" else None,
        )
        made.resign("acc_1")
        return made

    return make


def now():
    return asyncio.get_running_loop().time()


async def call(
    made, action="profile", *, latency=0.05, max_wait=1e9, arrivals=None, account="acc_1"
):
    slot = await made.take(account, action, max_wait=max_wait)
    try:
        await asyncio.sleep(latency / 2)
        if arrivals is not None:
            arrivals.append(now())
        await asyncio.sleep(latency / 2)
    finally:
        made.report(slot, DONE)


@pytest.mark.parametrize(
    ("amount", "per", "calls", "least_use"), [(10, 1.0, 1_000, 0.80), (100, 60.0, 1_500, 0.93)]
)
async def test_a_saturated_lane_with_jittering_latency_never_goes_over(
    scheduler, amount, per, calls, least_use
):
    made, arrivals, numbers = scheduler(Limit("profile", amount, per=per)), [], random.Random(7)
    start = now()
    async with asyncio.TaskGroup() as group:
        for _ in range(calls):
            latency = 2 * numbers.uniform(0.010, 0.150)
            group.create_task(call(made, latency=latency, arrivals=arrivals))
    arrivals.sort()
    inside, over = deque(), 0
    for at in arrivals:
        while inside and inside[0] + per <= at:
            inside.popleft()
        inside.append(at)
        over += len(inside) > amount
    assert over == 0
    assert len(arrivals) == calls
    assert calls / (now() - start) >= least_use * amount / per
    nothing_leaks(made)


async def test_a_day_of_pacing(scheduler):
    made, arrivals = scheduler(Limit("invite", 80, per="day")), []
    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(call(made, "invite", arrivals=arrivals))
    assert 2 * 86400 <= now() < 2 * 86400 + 60
    assert sum(at < 86400 for at in arrivals) == 80
    nothing_leaks(made)


async def test_lanes_do_not_wait_for_each_other(scheduler):
    made, arrivals = scheduler(Limit("profile", 1, per=60)), []
    made.resign("acc_2")
    async with asyncio.TaskGroup() as group:
        for account in ("acc_1", "acc_2"):
            group.create_task(call(made, arrivals=arrivals, account=account))
    assert max(arrivals) < 1


async def test_a_forecast_above_max_wait_is_refused_at_once_with_its_reason(scheduler):
    made = scheduler(Limit("profile", 1, per=60))
    await call(made)
    start = now()
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", "profile", max_wait=30)
    error = caught.value
    assert now() == start
    assert error.retry_after == pytest.approx(60, abs=0.2)
    assert (error.account_id, error.action, error.limit) == (
        "acc_1",
        "profile",
        "1 profile per 60 s",
    )
    assert error.outcome == "not_sent"
    assert error.retryable
    nothing_leaks(made)


async def test_max_wait_is_enforced_by_the_clock_too(scheduler):
    made = scheduler(Limit("profile", 1, per=1))
    slot = await made.take("acc_1", "profile")  # never answered: no forecast can know
    start = now()
    with pytest.raises(WaitTooLongError):
        await made.take("acc_1", "profile", max_wait=5)
    assert now() - start == pytest.approx(5)
    made.report(slot, DONE)
    nothing_leaks(made)


async def test_a_cost_above_the_limit_is_refused_at_once(scheduler):
    made = scheduler(Limit("search", 100))
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", "search", cost=101, max_wait=1e9)
    assert caught.value.retry_after is None
    assert "100 search per day" in str(caught.value)


async def test_a_full_queue_says_so(scheduler):
    made = scheduler(Limit("profile", 1, per=60), max_queue=2)
    slot = await made.take("acc_1", "profile")
    waiting = [asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900)) for _ in range(2)]
    await asyncio.sleep(1)
    with pytest.raises(QueueFullError) as caught:
        await made.take("acc_1", "profile", max_wait=900)
    assert caught.value.account_id == "acc_1"
    made.report(slot, DONE)
    for task in waiting:
        made.report(await task, DONE)
    nothing_leaks(made)


async def test_a_lane_that_closes_turns_its_waiters_away_with_the_reason(scheduler):
    made = scheduler(Limit("profile", 1, per=60))
    slot = await made.take("acc_1", "profile")
    waiting = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900))
    await asyncio.sleep(1)
    made.report(slot, Verdict(counts=False, effect="close", reason="401 disconnected_account"))
    with pytest.raises(LaneClosedError) as caught:
        await waiting
    assert "disconnected_account" in str(caught.value)
    assert "accounts.get" in str(caught.value)
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "profile")
    made.report(await made.take("acc_1", "read"), DONE)
    made.describe("acc_1", "LINKEDIN", ok=False)
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "profile")
    made.describe("acc_1", "LINKEDIN", ok=True)
    made.report(await made.take("acc_1", "profile"), DONE)
    nothing_leaks(made)


async def test_a_429_on_a_read_cools_the_key_and_with_it_every_lane(scheduler):
    made = scheduler()
    made.report(await made.take("acc_1", "read"), Verdict(effect="cool_key", retry_after=10.0))
    assert made.try_take("acc_3", "read") is None
    start, went = now(), []

    async def one(account, action):
        slot = await made.take(account, action)
        went.append(now() - start)
        await asyncio.sleep(1)
        made.report(slot, DONE)

    await asyncio.gather(one("acc_1", "profile"), one("acc_2", "read"), one(None, "read"))
    first, *others = went
    assert 10 <= first <= 10.5
    assert others == [pytest.approx(first + 1)] * 2  # one goes alone, to see; then everybody
    made.report(made.try_take("acc_1", "read"), Verdict(effect="cool_key", retry_after=99.0))
    with pytest.raises(WaitTooLongError, match="API key"):
        await made.take("acc_1", "read", max_wait=30)
    nothing_leaks(made)


async def test_places_on_the_wire_bound_all_lanes_together_and_none_starves(scheduler):
    made, under_way, most = scheduler(places=3), 0, 0
    order = []

    async def one(account):
        nonlocal under_way, most
        slot = await made.take(account, "read")
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(1)
        under_way -= 1
        order.append(account)
        made.report(slot, DONE)

    async with asyncio.TaskGroup() as group:
        for index in range(30):
            group.create_task(one(f"acc_{index % 5}"))
    assert most == 3
    assert now() == pytest.approx(10)
    assert all(order[:10].count(f"acc_{index}") >= 1 for index in range(5))
    nothing_leaks(made, places=3)


async def test_closing_turns_every_waiter_away_and_drains_what_is_under_way(scheduler):
    made = scheduler(Limit("profile", 1, per=60))
    slot = await made.take("acc_1", "profile")
    waiting = [asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900)) for _ in range(5)]
    await asyncio.sleep(1)
    made.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, ClientClosedError) for answer in answers)
    with pytest.raises(ClientClosedError):
        await made.take("acc_1", "read")
    asyncio.get_running_loop().call_later(2, made.report, slot, DONE)
    start = now()
    await made.drain(5)
    assert now() - start == pytest.approx(2)
    nothing_leaks(made)


async def test_draining_is_bounded(scheduler):
    made = scheduler()
    slot = await made.take("acc_1", "read")
    start = now()
    await made.drain(5)
    assert now() - start == pytest.approx(5)
    made.report(slot, DONE)


async def test_a_slot_around_anything_else_counts_as_done(scheduler):
    made = scheduler(Limit("profile", 1, per=60))
    with pytest.raises(KeyError):
        async with made.slot("acc_1", "profile"):
            raise KeyError
    with pytest.raises(WaitTooLongError):
        async with made.slot("acc_1", "profile"):
            pass
    nothing_leaks(made)


async def test_a_second_report_of_a_slot_changes_nothing(scheduler):
    made = scheduler(Limit("profile", 2, per=60))
    slot = await made.take("acc_1", "profile")
    made.report(slot, DONE)
    made.report(slot, REFUND)
    assert (await made.snapshot("acc_1"))[0].limits[0].used == 1
    nothing_leaks(made)


async def test_an_action_that_does_not_exist_is_refused(scheduler):
    with pytest.raises(ConfigurationError, match="profle"):
        await scheduler().take("acc_1", "profle")


async def test_a_snapshot_shows_use_queue_cool_down_and_reason(scheduler):
    made = scheduler(Limit("profile", 3, per=60), Limit("message", 1, per=60))
    made.report(await made.take("acc_1", "profile"), DONE)
    slot = await made.take("acc_1", "message")
    waiting = asyncio.ensure_future(made.take("acc_1", "message", max_wait=900))
    await asyncio.sleep(1)
    made.report(slot, Verdict(effect="cool_down", retry_after=100.0))
    (seen,) = await made.snapshot("acc_1")
    assert [(use.limit, use.used, use.left) for use in seen.limits] == [
        ("3 profile per 60 s", 1, 2),
        ("1 message per 60 s", 1, 0),
    ]
    assert seen.queued == {"message": 1}
    assert seen.cooling_until is not None
    assert seen.paused is None
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    nothing_leaks(made)


# -- the cancelled twins ------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(4))
async def test_cancelling_one_waiter_wakes_the_next_and_loses_nothing(scheduler, which):
    made = scheduler(Limit("profile", 1, per=10))
    slot = await made.take("acc_1", "profile")
    tasks = [asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900)) for _ in range(4)]
    await asyncio.sleep(1)
    tasks[which].cancel()
    made.report(slot, DONE)
    for index, task in enumerate(tasks):
        if index != which:
            made.report(await task, DONE)
    assert tasks[which].cancelled()
    assert now() == pytest.approx(1 + 30)
    nothing_leaks(made)


@pytest.mark.parametrize("ticks", range(6))
async def test_cancelled_in_the_very_tick_of_its_grant_the_slot_goes_to_the_next(scheduler, ticks):
    made = scheduler(Limit("profile", 1, per=10))
    slot = await made.take("acc_1", "profile")
    first = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900))
    second = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=900))
    await asyncio.sleep(1)
    made.report(slot, REFUND)  # grants `first` now; its task runs in a later tick
    for _ in range(ticks):
        await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        made.report(await first, REFUND)
    made.report(await asyncio.wait_for(second, 60), DONE)
    nothing_leaks(made)


async def test_random_cancellations_leave_no_trace(scheduler):
    numbers = random.Random(11)
    made = scheduler(Limit("profile", 5, per=2), Limit("message", 3, per=1), places=4)
    finished = 0
    actions = ["profile", "message", "read"]

    async def one():
        nonlocal finished
        slot = await made.take("acc_1", numbers.choice(actions), max_wait=500)
        try:
            await asyncio.sleep(numbers.uniform(0, 0.5))
        finally:
            made.report(slot, numbers.choice([DONE, REFUND]))
        finished += 1

    tasks = []
    for _ in range(600):
        tasks.append(asyncio.ensure_future(one()))
        await asyncio.sleep(numbers.uniform(0, 0.1))
        if numbers.random() < 0.5:
            numbers.choice(tasks).cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.done() for task in tasks)
    assert finished > 100
    nothing_leaks(made, places=4)


async def test_cancelled_while_waiting_for_a_place_the_place_goes_to_the_next(scheduler):
    made = scheduler(places=1)
    slot = await made.take("acc_1", "read")
    first = asyncio.ensure_future(made.take("acc_2", "read"))
    second = asyncio.ensure_future(made.take("acc_3", "read"))
    await asyncio.sleep(1)
    first.cancel()
    await asyncio.sleep(0)
    made.report(slot, DONE)
    made.report(await asyncio.wait_for(second, 5), DONE)
    nothing_leaks(made, places=1)


# -- what cannot be meant -----------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


WRONG = [
    ("until", lambda made: made.pause("acc_1", until=NAN, reason="x")),
    ("until", lambda made: made.pause("acc_1", until="x", reason="x")),
    ("account_id", lambda made: made.pause("", reason="x")),
    ("account_id", lambda made: made.resume("")),
    ("at", lambda made: made.record("acc_1", "profile", at=INF)),
    ("at", lambda made: made.record("acc_1", "profile", at=NAN)),
    ("account_id", lambda made: made.record("*", "profile")),
    ("account_id", lambda made: made.set_limits("*", None)),
    ("account_id", lambda made: made.estimate("*", "profile")),
    ("account_id", lambda made: made.plan("*", {"profile": 1})),
    ("account_id", lambda made: made.explain("*")),
    ("account_id", lambda made: made.take("*", "profile")),
    ("max_wait", lambda made: made.take("acc_1", "profile", max_wait=NAN)),
    ("max_wait", lambda made: made.take("acc_1", "profile", max_wait="x")),
    ("max_wait", lambda made: made.take("acc_1", "profile", max_wait=None)),
    ("max_wait", lambda made: made.take("acc_1", "profile", max_wait=-1)),
    ("priority", lambda made: made.take("acc_1", "profile", priority="x")),
    ("account_id", lambda made: made.slot(None, "profile").__aenter__()),
    ("account_id", lambda made: made.slot("*", "profile").__aenter__()),
    ("max_wait", lambda made: made.slot("acc_1", "profile", max_wait=NAN).__aenter__()),
    ("priority", lambda made: made.slot("acc_1", "profile", priority="x").__aenter__()),
]


@pytest.mark.parametrize(
    ("field", "ask"),
    [pytest.param(*case, id=f"{index}-{case[0]}") for index, case in enumerate(WRONG)],
)
async def test_what_cannot_be_meant_is_refused_by_the_name_of_its_field(scheduler, field, ask):
    made = scheduler(Limit("profile", 5))
    with pytest.raises(ConfigurationError, match=field):
        await ask(made)
    slot = await made.take("acc_1", "profile")
    made.report(slot, DONE)
    nothing_leaks(made)
