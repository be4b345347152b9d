"""What is foretold: estimates that nothing can beat, plans, and blockers by name."""

import asyncio
import random
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import ConfigurationError, Limit, Spacing, WarmUp, WorkingHours
from postpress_async.limits import DONE, Verdict

from .rehearsal import (
    MONDAY,
    dismiss,
    examples,
    go,
    later,
    nothing_leaks,
    now,
    run_virtually,
    scheduler,
)

HOUR, DAY = 3600.0, 86400.0

ROWS = {
    "a window": [Limit("invite", 5, per=60)],
    "two windows": [Limit("invite", 5, per=60), Limit("invite", 12, per=400)],
    "a shared budget": [Limit(("invite", "message"), 7, per=60), Limit("invite", 6, per=90)],
    "a burst": [Limit("invite", 60, per=60, burst=3)],
    "a spacing": [Spacing(20.0, 20.0)],
    "two spacings": [Spacing(5.0, 5.0), Spacing(20.0, 20.0, action="invite")],
    "hours": [WorkingHours("09:00-18:00", tz="Europe/Paris"), Limit("invite", 8, per="day")],
    "a warm-up": [Limit("invite", 10, per="day"), WarmUp(0.2, days=10)],
    "all accounts together": [Limit("invite", 5, per=60, scope="key")],
    "what is kept": [Limit("invite", 8, per=60, keep=3)],
    "nothing": [],
}


@pytest.mark.looptime
@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("waiting", [0, 9])
async def test_an_estimate_is_what_it_takes_where_answers_are_instant(rows, waiting):
    made = scheduler(*rows, jitter=lambda: 0.0)
    for _ in range(3):
        await go(made, "invite")
    calls = [asyncio.ensure_future(go(made, "invite")) for _ in range(waiting)]
    await asyncio.sleep(7)
    start = now()
    told = await made.estimate("acc_1", "invite", 20)
    await asyncio.gather(*calls, *(go(made, "invite") for _ in range(20)))
    took = now() - start
    assert told.seconds <= took + 1e-3
    assert told.seconds == pytest.approx(took, rel=0.01)
    assert (told.limit is None) == (not rows)
    nothing_leaks(made)


ROW = st.one_of(
    st.builds(
        lambda amount, per, actions: Limit(actions, amount, per=per),
        st.integers(1, 6),
        st.floats(1, 300),
        st.sampled_from(["invite", "message", ("invite", "message")]),
    ),
    st.builds(lambda least, more: Spacing(least, least + more), st.floats(0, 9), st.floats(0, 9)),
    st.builds(lambda start: WarmUp(start, days=4), st.floats(0.1, 1)),
)


@pytest.mark.timeout(600)
@examples(0.5)
@given(
    rows=st.lists(ROW, max_size=5),
    past=st.lists(st.sampled_from(["invite", "message"]), max_size=6),
    waiting=st.lists(st.sampled_from(["invite", "message"]), max_size=6),
    count=st.integers(1, 8),
    seed=st.integers(0, 999),
)
def test_nothing_is_faster_than_its_estimate(rows, past, waiting, count, seed):
    async def compare():
        numbers = random.Random(seed)
        made = scheduler(*rows, jitter=numbers.random)

        def call(action):
            return asyncio.ensure_future(go(made, action, seconds=numbers.uniform(0, 0.3)))

        for action in past:
            await call(action)
            await asyncio.sleep(numbers.uniform(0, 20))
        others = [call(action) for action in waiting]
        await asyncio.sleep(0.5)
        start = now()
        told = await made.estimate("acc_1", "invite", count)
        mine = [call("invite") for _ in range(count)]
        went = await asyncio.gather(*mine)
        assert told.seconds <= max(went) - start + 1e-3
        await asyncio.gather(*others)
        nothing_leaks(made)

    run_virtually(compare())


@pytest.mark.looptime
async def test_a_plan_tells_the_days_and_what_binds():
    made = scheduler(
        Limit("invite", 80, per="day"), Limit("invite", 200, per="week"), Limit("message", 30)
    )
    plan = await made.plan("acc_1", {"invite": 260, "message": 40})
    days = [day.get("invite", 0) for day in plan.days]
    assert days == [80, 80, 40, 0, 0, 0, 0, 60]
    assert [day.get("message", 0) for day in plan.days[:3]] == [30, 10, 0]
    invite, message = plan.actions
    assert (invite.action, invite.count, invite.limit) == ("invite", 260, "200 invite per week")
    assert invite.first_at == pytest.approx(MONDAY)
    assert invite.last_at == pytest.approx(MONDAY + 7 * DAY)
    assert message.last_at == pytest.approx(MONDAY + DAY)
    assert plan.seconds == pytest.approx(7 * DAY)
    assert plan.limit == "200 invite per week"
    assert (await made.snapshot("acc_1"))[0].limits[0].used == 0, "planning does nothing"


@pytest.mark.looptime
async def test_what_can_never_go_is_planned_as_never():
    made = scheduler(Limit("invite", 0), Limit("message", 2))
    plan = await made.plan("acc_1", {"invite": 1, "message": 3, "post": 0})
    invite, message = plan.actions
    assert (invite.first_at, invite.last_at) == (None, None)
    assert message.last_at == pytest.approx(MONDAY + DAY)
    assert (plan.seconds, plan.limit) == (inf, "0 invite per day")
    await made.pause("acc_1", reason="on holiday")
    estimate = await made.estimate("acc_1", "message")
    assert (estimate.seconds, estimate.limit) == (inf, "on holiday")


@pytest.mark.looptime
async def test_those_who_wait_for_one_action_do_not_delay_another():
    made = scheduler(Limit("invite", 1), Limit("message", 1, per=60))
    await go(made, "invite")
    waiting = later(made, "invite")
    await asyncio.sleep(1)
    assert (await made.estimate("acc_1", "message", 2)).seconds == pytest.approx(60)
    assert (await made.estimate("acc_1", "invite")).seconds == pytest.approx(2 * DAY - 1)
    both = await made.plan("acc_1", {"invite": 1, "message": 2})
    assert [one.last_at - MONDAY for one in both.actions] == pytest.approx([2 * DAY, 61])
    await dismiss(waiting)


@pytest.mark.looptime
async def test_a_cool_down_counts_in_an_estimate():
    made = scheduler(jitter=lambda: 0.0)
    await go(made, verdict=Verdict(effect="cool_down", retry_after=100.0))
    told = await made.estimate("acc_1", "profile")
    assert told.seconds == pytest.approx(100)
    assert told.limit == "cool-down after a 429"


@pytest.mark.looptime
async def test_counts_that_cannot_be_are_refused():
    made = scheduler()
    with pytest.raises(ConfigurationError, match="invite"):
        await made.plan("acc_1", {"invite": -1})
    with pytest.raises(ConfigurationError, match="100,000"):
        await made.estimate("acc_1", "invite", 100_001)
    with pytest.raises(ConfigurationError, match="invitation"):
        await made.plan("acc_1", {"invitation": 1})


# -- explain ------------------------------------------------------------------------------------


async def a_pause(made):
    await made.pause("acc_1", until=MONDAY + 50, reason="lunch")


async def lost_credentials(made):
    await go(made, verdict=Verdict(effect="close", reason="401 expired_credentials"))


async def a_restriction(made):
    await go(made, verdict=Verdict(effect="restrict", reason="403 account_restricted"))


async def a_closed_action(made):
    await go(made, verdict=Verdict(effect="close_action", reason="422 limit_exceeded"))


async def a_cool_down(made):
    await go(made, verdict=Verdict(effect="cool_down", retry_after=50.0))


async def a_probe(made):
    await go(made, verdict=Verdict(effect="cool_down", retry_after=50.0))
    await made.take("acc_1", "profile", max_wait=60)


async def a_learned_rate(made):
    for _ in range(3):
        await go(made)
    await go(made, verdict=Verdict(effect="cool_down", retry_after=5.0))
    await go(made)


async def a_call(made):
    await go(made)


async def a_refused_key(made):
    await go(made, "read", verdict=Verdict(effect="cool_key", retry_after=50.0))


async def a_broken_circuit(made):
    for slot in [await made.take(f"acc_{index % 3}", "message") for index in range(5)]:
        made.report(slot, Verdict(effect="unavailable", retry_after=50.0))


async def all_places_taken(made):
    for _ in range(100):
        await made.take("acc_2", "read")


async def nothing(made):
    pass


BLOCKED = {
    "paused": (a_pause, [], 50, "resume()"),
    "credentials": (lost_credentials, [], None, "accounts.get"),
    "restricted": (a_restriction, [], None, "scheduler.resume(account_id)"),
    "service": (a_closed_action, [], HOUR, "opens by itself"),
    "cool_down": (a_cool_down, [], 50, "one call goes alone"),
    "probe": (a_probe, [], None, "wait for the answer"),
    "rate": (a_learned_rate, [], ..., "taught this rate"),
    "hours": (nothing, [WorkingHours("09:00-18:00", tz="UTC")], HOUR, "WorkingHours"),
    "spacing": (a_call, [Spacing(50.0, 50.0)], 50, "Spacing"),
    "burst": (a_call, [Limit("profile", 60, per=3000, burst=1)], 50, "Limit.burst"),
    "limit": (a_call, [Limit("profile", 1, per=50)], 50, "raise the limit"),
    "warm_up": (a_call, [Limit("profile", 5), WarmUp(0.2, days=9)], DAY, "WarmUp"),
    "key": (a_refused_key, [], 50, "higher tier"),
    "circuit": (a_broken_circuit, [], 50, "service is back"),
    "connections": (all_places_taken, [], None, "Http.connections"),
}


@pytest.mark.looptime
@pytest.mark.parametrize("kind", BLOCKED)
async def test_each_blocker_is_explained_with_its_end_and_the_next_step(kind):
    befall, rows, until, step = BLOCKED[kind]
    made = scheduler(*rows, jitter=lambda: 0.0)
    await befall(made)
    found = await made.explain("acc_1", "profile")
    blocker = next(one for one in found if one.kind == kind)
    if until is None:
        assert blocker.until is None
    elif until is not ...:
        assert blocker.until - MONDAY == pytest.approx(until, abs=0.1)
    assert step in blocker.next_step
    assert blocker.reason
    assert blocker.limit
    if kind in {"key", "circuit", "connections"}:
        assert [one.kind for one in await made.explain("acc_1", "read")] == [kind]
    else:
        assert await made.explain("acc_1", "read") == []


@pytest.mark.looptime
async def test_an_account_that_may_go_has_nothing_to_explain():
    made = scheduler(Limit("profile", 2), Spacing(1.0, 1.0))
    assert await made.explain("acc_1") == []
    await go(made)
    await asyncio.sleep(2)
    assert await made.explain("acc_1") == []


@pytest.mark.looptime
async def test_an_account_that_only_read_is_explained_as_a_whole():
    made = scheduler()
    await go(made, "read")
    await made.pause("acc_1", reason="stop")
    assert [(one.kind, one.reason) for one in await made.explain("acc_1")] == [("paused", "stop")]


@pytest.mark.looptime
async def test_the_longest_blocker_comes_first():
    made = scheduler(Limit("profile", 1, per=60), Limit("profile", 1, per=600), Spacing(9.0, 9.0))
    await go(made)
    found = await made.explain("acc_1", "profile")
    assert [one.limit for one in found] == [
        "1 profile per 600 s",
        "1 profile per 60 s",
        "spacing of 9-9 s",
    ]


# -- record and snapshot ------------------------------------------------------------------------


@pytest.mark.looptime
async def test_what_others_did_in_the_past_counts_from_then_on():
    made = scheduler(Limit("profile", 5, per=100))
    await asyncio.sleep(200)
    await go(made)
    await made.record("acc_1", "profile", 2, at=MONDAY + 150)
    await made.record("acc_1", "profile", at=MONDAY + 50)  # too long ago to count
    await made.record("acc_1", "profile", 2)
    assert (await made.snapshot("acc_1"))[0].limits[0].used == 5
    assert await asyncio.gather(*(go(made) for _ in range(3))) == pytest.approx([250, 250, 300])


@pytest.mark.looptime
async def test_what_others_did_counts_before_the_first_call_too():
    made = scheduler(Limit("profile", 3, per=100))
    await made.record("acc_1", "profile", 2, at=MONDAY - 60)
    await made.record("acc_1", "profile", 1, at=MONDAY - 90)
    assert await asyncio.gather(*(go(made) for _ in range(3))) == pytest.approx([10, 40, 40])


@pytest.mark.looptime
async def test_a_record_of_the_future_counts_as_of_now():
    made = scheduler(Limit("profile", 1, per=100))
    await made.record("acc_1", "profile", at=MONDAY + 1e6)
    assert await go(made) == pytest.approx(100)


@pytest.mark.looptime
async def test_a_snapshot_has_each_limit_used_or_not():
    made = scheduler(Limit("profile", 5, keep=2), Limit("search", 100), Limit(("post", "edit"), 3))
    slot = await made.take("acc_1", "search", cost=30)
    await made.pause("acc_1", action="post", reason="x")
    made.warn("acc_1", "usage 80 %")
    made.warn("acc_1", "usage 80 %")
    (seen,) = await made.snapshot()
    assert {use.limit: (use.used, use.left, use.amount, use.per) for use in seen.limits} == {
        "5 profile per day, 2 kept for replies": (0, 5, 5, DAY),
        "100 search per day": (30, 70, 100, DAY),
        "3 post+edit per day": (0, 3, 3, DAY),
    }
    assert (seen.in_flight, seen.queued, seen.paused, seen.rate) == (1, {}, None, None)
    assert seen.closed_actions == {"post": "x"}
    assert seen.warnings == ("usage 80 %",)
    made.report(slot, DONE)
    assert await made.snapshot("nobody") == []
