"""Limits that change while a lane lives: what was counted stays counted, what is known is kept."""

import asyncio

import pytest

from postpress_async import Limit, Limits, Spacing, WarmUp
from postpress_async.limits import DONE, REFUND

from .rehearsal import MONDAY, go, later, nothing_leaks, now, scheduler

pytestmark = pytest.mark.looptime

DAY = 86400.0


def limits(*rows):
    return Limits.none().add(*rows)


async def used(made, account="acc_1"):
    (seen,) = await made.snapshot(account)
    return {use.limit: use.used for use in seen.limits}


# -- limits of its own --------------------------------------------------------------------------


@pytest.mark.parametrize("in_steps", [True, False])
async def test_actions_grouped_otherwise_keep_their_counts(in_steps):
    made = scheduler(Limit(("invite", "invite_note"), 10), Limit("message", 10))
    for action in ("invite", "invite", "invite_note", "message"):
        await go(made, action)
    if in_steps:
        apart = (Limit(action, 10) for action in ("invite", "invite_note", "message"))
        await made.set_limits("acc_1", limits(*apart))
        # What was counted together counts for each: rather too much than too little.
        assert list((await used(made)).values()) == [3, 3, 1]
    together = Limit(("invite", "invite_note", "message"), 10)
    await made.set_limits("acc_1", limits(together))
    assert list((await used(made)).values()) == ([7] if in_steps else [4])


async def test_budgets_that_are_put_together_add_up():
    made = scheduler(Limit("invite", 10), Limit("message", 10))
    for action in ("invite", "invite", "message"):
        await go(made, action)
    await made.set_limits("acc_1", limits(Limit(("invite", "message"), 4)))
    assert await used(made) == {"4 invite+message per day": 3}
    await go(made, "message")
    assert made.try_take("acc_1", "invite") is None


async def test_a_window_of_another_length_knows_what_was_used():
    made = scheduler(Limit("profile", 10))
    for _ in range(5):
        await go(made)
    await made.set_limits("acc_1", limits(Limit("profile", 10), Limit("profile", 6, per="week")))
    assert await used(made) == {"10 profile per day": 5, "6 profile per week": 5}
    await go(made)
    assert made.try_take("acc_1", "profile") is None


async def test_a_budget_whose_actions_warm_up_apart_is_counted_together():
    made = scheduler(Limit(("invite", "invite_note"), 10), WarmUp(0.5, days=20, actions="invite"))
    for _ in range(5):
        await go(made, "invite")
    assert made.try_take("acc_1", "invite") is None
    for _ in range(5):
        await go(made, "invite_note")
    assert made.try_take("acc_1", "invite_note") is None


async def test_what_is_under_way_while_limits_change_counts_in_the_new_ones():
    made = scheduler(Limit("invite", 10))
    slots = [await made.take("acc_1", "invite") for _ in range(3)]
    await made.set_limits("acc_1", limits(Limit(("invite", "message"), 4)))
    assert list((await used(made)).values()) == [3]
    for slot in slots:
        made.report(slot, DONE)
    assert all(count >= 3 for count in (await used(made)).values())
    nothing_leaks(made)


async def test_a_call_under_way_in_limits_that_are_gone_is_given_back_without_harm():
    made = scheduler(Limit("profile", 1, per=60), Spacing(10.0, 10.0))
    slot = await made.take("acc_1", "profile")
    await made.set_limits("acc_1", Limits.none())
    other = await made.take("acc_1", "profile")
    made.report(slot, REFUND)
    made.report(other, DONE)
    nothing_leaks(made)


async def test_who_waits_is_asked_again_when_limits_grow():
    made = scheduler(Limit("profile", 1, per=600))
    await go(made)
    waiting = [later(made), later(made)]
    await asyncio.sleep(1)
    await made.set_limits("acc_1", limits(Limit("profile", 2, per=600)))
    made.report(await waiting[0], DONE)
    assert now() == 1
    await made.set_limits("acc_1", None)
    made.report(await waiting[1], DONE)
    assert now() == pytest.approx(601)
    nothing_leaks(made)


async def test_who_waits_goes_no_sooner_when_limits_shrink():
    made = scheduler(Limit("profile", 3, per=60))
    for _ in range(3):
        await go(made)
        await asyncio.sleep(10)
    waiting = later(made)
    await asyncio.sleep(1)
    await made.set_limits("acc_1", limits(Limit("profile", 1, per=60)))
    made.report(await waiting, DONE)
    assert now() == pytest.approx(80)


# -- what is learned of an account --------------------------------------------------------------


async def test_a_provider_that_is_learned_keeps_the_counts():
    made = scheduler(
        Limit("profile", 5, provider="LINKEDIN"), Limit("profile", 2, provider="TELEGRAM")
    )
    assert made.unsure("acc_1", "profile")
    assert made.try_take("acc_1", "profile") is None
    made.resign("acc_1")
    for _ in range(2):
        made.report(made.try_take("acc_1", "profile"), DONE)
    assert made.try_take("acc_1", "profile") is None, "the strictest row of any holds"
    made.learn("acc_1", "LINKEDIN")
    assert await used(made) == {"5 profile per day (LINKEDIN)": 2}


async def test_limits_that_a_function_chooses_are_asked_for_whenever_more_is_known():
    asked = []

    def choose(info):
        asked.append((info.provider, info.tier, info.connected_at))
        amount = {None: 2, "free": 3, "premium": 4}[info.tier]
        return limits(Limit("profile", amount + (info.connected_at is not None)))

    made = scheduler(limits=choose)
    assert made.unsure("acc_1", "profile")
    made.resign("acc_1")
    await go(made)
    made.learn("acc_1", "LINKEDIN")
    made.learn("acc_1", "LINKEDIN")
    made.describe("acc_1", "LINKEDIN", tier="free", ok=True)
    made.describe("acc_1", "LINKEDIN", tier="free", connected_at=MONDAY - DAY, ok=True)
    made.describe("acc_1", "LINKEDIN", tier="free", connected_at=MONDAY - DAY, ok=True)
    made.describe("acc_1", None, tier="premium", ok=True)
    assert asked == [
        (None, None, None),
        ("LINKEDIN", None, None),
        ("LINKEDIN", "free", None),
        ("LINKEDIN", "free", MONDAY - DAY),
        ("LINKEDIN", "premium", MONDAY - DAY),
    ]
    assert await used(made) == {"5 profile per day": 1}


async def test_limits_of_its_own_go_before_those_of_a_function():
    made = scheduler(limits=lambda info: limits(Limit("profile", 5)))
    made.resign("acc_1")
    await go(made)
    await made.set_limits("acc_1", limits(Limit("profile", 1)))
    made.describe("acc_1", "LINKEDIN", tier="free", ok=True)
    assert made.try_take("acc_1", "profile") is None
    await made.set_limits("acc_1", None)
    assert made.try_take("acc_1", "profile")


async def test_when_it_was_connected_gives_an_account_its_age():
    made = scheduler(Limit("profile", 10), WarmUp(0.2, days=10))
    made.resign("acc_1")
    await go(made)
    assert made.lane("acc_1").tally("profile", 0.0).windows[0].amount == 2
    made.describe("acc_1", "LINKEDIN", connected_at=MONDAY - 5 * DAY, ok=True)
    assert made.lane("acc_1").tally("profile", 0.0).windows[0].amount == 6
    await asyncio.sleep(5 * DAY)
    await used(made)
    assert made.lane("acc_1").tally("profile", 0.0).windows[0].amount == 10


async def test_a_warm_up_lets_more_go_as_soon_as_the_account_is_a_day_older():
    made = scheduler(Limit("profile", 10, per="month"), WarmUp(0.2, days=8))
    went = [await go(made) for _ in range(10)]
    days = [int(at / DAY + 1e-9) for at in went]
    assert days == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


async def test_a_quiet_first_day_is_waited_out():
    made = scheduler(Limit("profile", 10), WarmUp(0.2, days=8, quiet=1))
    assert await go(made) == pytest.approx(DAY)


# -- lanes that are let go ----------------------------------------------------------------------


async def test_accounts_that_did_one_thing_each_are_let_go_and_known_again():
    made = scheduler(Limit("profile", 5), WarmUp(0.2, days=10), Limit("message", 5, per="week"))
    for index in range(5_000):
        account = f"acc_{index}"
        made.describe(account, "LINKEDIN", tier="free", connected_at=None, ok=None)
        await go(made, account=account)
    await made.pause("acc_1", reason="kept")
    await made.set_limits("acc_2", limits(Limit("profile", 3)))
    await made.record("acc_3", "message", at=MONDAY)
    await asyncio.sleep(2 * DAY)
    for index in range(5_000):
        await go(made, account=f"new_{index}")
    kept = {lane.account_id for lane in made._lanes}
    assert sum(name.startswith("acc_") for name in kept) <= 1_024
    assert {"acc_1", "acc_2", "acc_3"} <= kept
    again = made.lane("acc_4000")
    assert (again.provider, again.tier) == ("LINKEDIN", "free")
    assert again.age(now()) == pytest.approx(2 * DAY), "its first use is not forgotten"


async def test_nobody_is_let_go_whose_windows_are_in_use():
    made = scheduler(Limit("profile", 5, per="week"))
    for index in range(3_000):
        await go(made, account=f"acc_{index}")
    await asyncio.sleep(DAY)
    for index in range(3_000):
        await go(made, account=f"new_{index}")
    assert len(await made.snapshot()) == 6_000
    assert all(seen.limits[0].used == 1 for seen in await made.snapshot())


async def test_a_pause_for_all_is_not_forgotten_with_a_lane():
    made = scheduler(Limit("profile", 5))
    for index in range(2_000):
        await go(made, account=f"acc_{index}")
    await asyncio.sleep(2 * DAY)
    for index in range(2_000):
        await go(made, account=f"new_{index}")
    assert made._lanes.find("acc_7") is None
    await made.pause("*", until=MONDAY + 3 * DAY, reason="x")
    assert await go(made, account="acc_7") == pytest.approx(3 * DAY)
