"""What reviewers found, and must not come back: each as it would hurt somebody."""

import asyncio
from math import inf

import pytest

from postpress_async import Limit, Limits, Spacing, WaitTooLongError, WarmUp
from postpress_async.limits import DONE, Verdict
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.rules import Rules

from .rehearsal import nothing_leaks, now, scheduler

pytestmark = pytest.mark.looptime
DAY = 86400.0


def lane(*rows):
    rules = Rules(Limits.none().add(*rows), "LINKEDIN", None)
    return Lane("acc_1", rules, Setting(lambda: 0.0, lambda: 0.0), 0.0)


def passed(made, action, count, at=0.0, cost=1):
    for _ in range(count):
        made.report(made.try_take(made.tally(action, at), cost, at), DONE, at)


async def test_a_day_of_quiet_ends_also_for_who_only_takes_slots():
    made = scheduler(
        Limit("first_message", 5), WarmUp(0.2, days=10, quiet=1, actions="first_message")
    )
    with pytest.raises(WaitTooLongError):
        async with made.slot("acc_1", "first_message"):
            pass
    await asyncio.sleep(2 * DAY)
    assert await made.explain("acc_1", "first_message") == []
    async with made.slot("acc_1", "first_message"):
        pass
    nothing_leaks(made)


@pytest.mark.parametrize("done", [True, False])
async def test_limits_that_go_and_come_back_have_forgotten_nothing(done):
    made = scheduler(Limit("profile", 1, per="day"))
    slot = await made.take("acc_1", "profile")
    if done:
        made.report(slot, DONE)
    await made.set_limits("acc_1", Limits.none())
    await made.set_limits("acc_1", None)
    with pytest.raises(WaitTooLongError):
        await made.take("acc_1", "profile", max_wait=60)
    made.report(slot, DONE)
    with pytest.raises(WaitTooLongError):
        await made.take("acc_1", "profile", max_wait=60)
    nothing_leaks(made)


async def test_spacings_of_single_actions_that_follow_the_lanes_own_are_each_their_own():
    made = scheduler(Spacing(30.0, 30.0))
    for action in ("invite", "message"):
        made.report(await made.take("acc_1", action, max_wait=60), DONE)
    apart = Spacing(120.0, 120.0, action="invite"), Spacing(1.0, 1.0, action="message")
    await made.set_limits("acc_1", Limits.none().add(*apart))
    await asyncio.sleep(60)
    made.report(await made.take("acc_1", "invite"), DONE)
    made.report(await made.take("acc_1", "message"), DONE)
    start = now()
    made.report(await made.take("acc_1", "invite", max_wait=900), DONE)
    assert now() - start >= 119
    nothing_leaks(made)


def test_a_learned_amount_leaves_room_for_others_than_replies():
    made = lane(Limit("message", 80, keep=45))
    made.born = -2 * DAY  # it has seen the whole window
    passed(made, "message", 35)
    tally = made.tally("message", 10.0)
    slot = made.grant(tally, 1, 10.0)
    made.report(slot, Verdict(effect="cool_down", retry_after=DAY - 10.0), 10.0)
    assert made.learned
    assert made.ready_at(tally, 1, 10.0 + 2 * DAY) <= 10.0 + 2 * DAY


def test_amounts_of_rows_are_learned_in_rows():
    made = lane(Limit("search", 1_000))
    passed(made, "search", 7, cost=100)
    slot = made.grant(made.tally("search", 10.0), 100, 10.0)
    made.report(slot, Verdict(effect="cool_down", retry_after=DAY - 10.0), 10.0)
    ((learned),) = made.learned.values()
    assert learned.amount == 700


async def test_a_large_count_is_counted_and_breaks_nothing():
    made = scheduler(Limit("profile", 80), Limit("search", 1_000))
    await made.record("acc_1", "profile", 5_000_000_000)
    await made.record("acc_1", "search", 3)
    (seen,) = await made.snapshot("acc_1")
    assert [one.left for one in seen.limits] == [0, 997]


async def test_what_can_never_go_is_refused_however_patient():
    made = scheduler(Limit("search", 10))
    with pytest.raises(WaitTooLongError, match="10 search per day"):
        await made.take("acc_1", "search", cost=11, max_wait=inf)
    nothing_leaks(made)


async def test_what_was_done_elsewhere_just_now_is_kept_apart_from():
    made = scheduler(Spacing(60.0, 60.0, action="invite"))
    await made.record("acc_1", "invite", 1)
    start = now()
    made.report(await made.take("acc_1", "invite", max_wait=900), DONE)
    assert now() - start == pytest.approx(60)


async def test_a_call_that_is_called_off_opens_nothing_and_any_answer_does():
    made = scheduler()
    made.report(await made.take("acc_1", "read"), Verdict(effect="cool_key", retry_after=5.0))
    probe = await made.take("acc_1", "read")
    made.report(probe, Verdict(effect="no_answer", settle=1.0))
    probe = await made.take("acc_1", "read")
    assert made.try_take("acc_2", "read") is None  # it still goes alone
    made.report(probe, Verdict(counts=False, effect="no_answer", answered=True))
    made.report(made.try_take("acc_2", "read"), DONE)
    nothing_leaks(made)


async def test_an_account_that_does_little_does_not_keep_what_has_left():
    made = scheduler(Limit("profile", 1_000_000, per="minute"))
    for _ in range(2_000):
        made.report(made.try_take("acc_1", "profile"), DONE)
        await asyncio.sleep(10)
    (ring,) = made.lane("acc_1").find("profile").rings
    assert len(ring.at) < 200


async def test_a_block_of_ones_own_takes_no_place_on_the_wire():
    made = scheduler(places=1)
    async with made.slot("acc_1", "profile"), made.slot("acc_2", "profile"):
        made.report(await made.take("acc_1", "read", max_wait=0), DONE)
    nothing_leaks(made, places=1)


async def test_a_block_of_ones_own_holds_nobody_up_after_a_cool_down_of_the_key():
    made = scheduler()
    made.report(await made.take("acc_1", "read"), Verdict(effect="cool_key", retry_after=5.0))
    async with made.slot("acc_1", "profile"):
        probe = await asyncio.wait_for(made.take("acc_2", "read"), 10)
        made.report(probe, DONE)
        made.report(made.try_take("acc_3", "read"), DONE)
    nothing_leaks(made)


async def test_an_estimate_names_the_keys_cool_down_where_that_binds():
    made = scheduler()
    made.report(await made.take("acc_1", "read"), Verdict(effect="cool_key", retry_after=100.0))
    seen = await made.estimate("acc_1", "profile")
    assert seen.seconds >= 100
    assert seen.limit == "cool-down of the API key"
    assert (await made.estimate("acc_1", "profile", 0)).limit is None
