"""The gate of an account: hours, distances, bursts and pauses, each in its own right."""

import asyncio
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from postpress_async import Limit, Spacing, WorkingHours
from postpress_async.limits import DONE, REFUND, Verdict

from .rehearsal import MONDAY, VirtualClock, go, later, nothing_leaks, now, scheduler

pytestmark = pytest.mark.looptime

HOUR, DAY = 3600.0, 86400.0
OFFICE = WorkingHours("09:00-18:00", tz="Europe/Paris")


async def test_nothing_but_reads_goes_outside_the_hours():
    friday_night = datetime(2026, 3, 6, 23, tzinfo=UTC).timestamp()
    clock = VirtualClock(friday_night)
    made = scheduler(OFFICE, clock=clock)
    await go(made, "read")
    assert now() == 0
    await asyncio.gather(*(go(made, action) for action in ("profile", "message", "post")))
    monday = datetime(2026, 3, 9, 8, tzinfo=UTC).timestamp()
    assert clock.time() == pytest.approx(monday, abs=0.01)
    nothing_leaks(made)


async def test_the_hours_follow_the_clocks_when_they_change():
    clock = VirtualClock(datetime(2026, 3, 27, 20, tzinfo=UTC).timestamp())
    made = scheduler(WorkingHours("09:00-18:00", tz="Europe/Paris", days="all"), clock=clock)
    opened = []
    for _ in range(3):
        await go(made)
        opened.append(datetime.fromtimestamp(round(clock.time()), UTC).hour)
        await asyncio.sleep(12 * HOUR)
    assert opened == [8, 7, 7]


async def test_several_hours_must_all_be_open():
    clock = VirtualClock(MONDAY)  # 08:00 UTC
    early = WorkingHours("08:00-12:00", tz="UTC")
    late = WorkingHours("10:30-18:00", tz="UTC", days="tue,wed")
    assert await go(scheduler(early, late, clock=clock)) == pytest.approx(DAY + 2.5 * HOUR)


async def test_calls_keep_a_random_distance_from_answer_to_call():
    numbers = random.Random(6)
    made, times = scheduler(Spacing(30.0, 90.0), jitter=numbers.random), []

    async def one():
        slot = await made.take("acc_1", numbers.choice(["profile", "message"]), max_wait=1e9)
        began = now()
        await asyncio.sleep(numbers.uniform(0.1, 20))
        made.report(slot, DONE)
        times.append((began, now()))

    await asyncio.gather(*(one() for _ in range(300)))
    gaps = [after[0] - before[1] for before, after in pairwise(times)]
    assert min(gaps) >= 30.0
    assert max(gaps) <= 90.0 + 1e-3
    assert min(gaps) < 33
    assert max(gaps) > 87
    nothing_leaks(made)


async def test_a_distance_within_an_action_holds_nothing_else_up():
    made = scheduler(Spacing(50.0, 50.0, action="invite"))
    await go(made, "invite")
    assert await asyncio.gather(go(made, "message"), go(made, "invite")) == [0, 50]


async def test_reads_keep_no_distance():
    made = scheduler(Spacing(50.0, 50.0))
    await go(made)
    assert await asyncio.gather(*(go(made, "read") for _ in range(5))) == [0] * 5


async def test_a_call_that_was_given_back_leaves_no_distance():
    made = scheduler(Spacing(50.0, 50.0))
    slot = await made.take("acc_1", "profile")
    waiting = later(made)
    await asyncio.sleep(3)
    made.report(slot, REFUND)
    made.report(await waiting, DONE)
    assert now() == 3


async def test_a_burst_goes_at_once_and_the_rest_evenly():
    made = scheduler(Limit("profile", 60, per=60, burst=4))
    went = await asyncio.gather(*(go(made) for _ in range(10)))
    assert went == pytest.approx([0, 0, 0, 0, 1, 2, 3, 4, 5, 6])


async def test_after_a_rest_there_is_one_burst_again_and_never_two():
    made = scheduler(Limit("profile", 60, per=60, burst=4))
    await asyncio.gather(*(go(made) for _ in range(4)))
    await asyncio.sleep(1000)
    went = await asyncio.gather(*(go(made) for _ in range(8)))
    assert [at - 1000 for at in went] == pytest.approx([0, 0, 0, 0, 1, 2, 3, 4])


async def test_what_costs_more_than_a_burst_goes_and_is_paid_for_after():
    made = scheduler(Limit("search", 60, per=60, burst=2))
    assert await go(made, "search", cost=10) == 0
    assert await go(made, "search") == pytest.approx(9)


async def test_a_late_refund_does_not_let_two_go_at_once():
    made = scheduler(Limit("profile", 60, per=60, burst=1))
    slow = await made.take("acc_1", "profile")
    await asyncio.sleep(100)
    await go(made)
    made.report(slow, REFUND)
    assert await go(made) == pytest.approx(101)


async def test_settling_bytes_count_until_they_have_settled():
    made = scheduler(Limit("profile", 1, per=10))
    slot = await made.take("acc_1", "profile")
    made.report(slot, Verdict(settle=5.0))
    assert await go(made) == pytest.approx(15)


async def test_all_gates_together_let_go_when_the_last_one_opens():
    made = scheduler(
        WorkingHours("09:00-18:00", tz="UTC"), Spacing(5.0, 5.0), Limit("profile", 2, per=7_000)
    )
    await made.pause("acc_1", until=MONDAY + 2 * HOUR, reason="x")
    went = await asyncio.gather(*(go(made) for _ in range(4)))
    assert went == pytest.approx([7_200, 7_205, 14_200, 14_205])
    nothing_leaks(made)
