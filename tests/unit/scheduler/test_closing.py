"""Actions and accounts that close, by the service or by a person, and how they open again."""

import asyncio
from itertools import pairwise

import pytest

from postpress_async import (
    AuthenticationError,
    ConfigurationError,
    LaneClosedError,
    Limit,
    WaitTooLongError,
)
from postpress_async.limits import DONE, Verdict

from .rehearsal import MONDAY, dismiss, go, later, nothing_leaks, now, scheduler

pytestmark = pytest.mark.looptime

HOUR, DAY = 3600.0, 86400.0
ERROR = Verdict(effect="provider_error", retry_after=0.0)
EXCEEDED = Verdict(effect="close_action", reason="422 limit_exceeded")


def same(person):
    return Verdict(effect="same_again", subject=person, reason="422 already_invited_recently")


async def closed(made, account="acc_1"):
    (seen,) = await made.snapshot(account)
    return seen.closed_actions


async def opens_in(made, action="invite"):
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", action, max_wait=0.5)
    return caught.value.retry_after


# -- by the service -----------------------------------------------------------------------------


async def test_two_provider_errors_in_a_row_close_their_action_alone():
    made = scheduler()
    await go(made, "invite", verdict=ERROR)
    assert await closed(made) == {}
    await go(made, "invite", verdict=ERROR)
    assert list(await closed(made)) == ["invite"]
    assert await opens_in(made) == pytest.approx(HOUR)
    await go(made, "message")
    await go(made, "read")
    assert now() < 1


async def test_a_success_in_between_starts_the_count_of_errors_anew():
    made = scheduler()
    for _ in range(4):
        await go(made, "invite", verdict=ERROR)
        await go(made, "invite")
    assert await closed(made) == {}


async def test_errors_of_different_actions_are_not_in_a_row():
    made = scheduler()
    for action in ("invite", "message", "profile"):
        await go(made, action, verdict=ERROR)
    assert await closed(made) == {}


async def test_a_limit_that_is_exceeded_closes_its_action_until_its_window_has_room():
    made = scheduler(Limit("invite", 3, per="day"), Limit("invite", 5, per="week"))
    for _ in range(2):
        await go(made, "invite")
    await asyncio.sleep(100)
    await go(made, "invite", verdict=EXCEEDED)
    assert await closed(made) == {"invite": "422 limit_exceeded"}
    assert await opens_in(made) == pytest.approx(DAY - 100)


async def test_the_longest_of_its_full_windows_tells_for_how_long():
    made = scheduler(Limit("invite", 2, per="day"), Limit("invite", 2, per="week"))
    await go(made, "invite")
    await go(made, "invite", verdict=EXCEEDED)
    assert await opens_in(made) == pytest.approx(7 * DAY)


async def test_a_refusal_that_no_window_explains_closes_for_an_hour_then_two_then_four():
    made = scheduler(Limit("invite", 100))
    went = [await go(made, "invite", verdict=EXCEEDED) for _ in range(5)]
    gaps = [after - before for before, after in pairwise(went)]
    assert gaps == pytest.approx([HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR])
    await go(made, "invite")
    await go(made, "invite", verdict=EXCEEDED)
    assert await opens_in(made) == pytest.approx(HOUR), "a success makes it forget"


async def test_three_people_who_were_asked_before_close_the_action():
    made = scheduler()
    for person in ("ada", "ada", "ada", "bob", "bob"):
        await go(made, "invite", verdict=same(person))
    assert await closed(made) == {}
    await go(made, "invite", verdict=same("eve"))
    assert await closed(made) == {"invite": "422 already_invited_recently"}
    await made.resume("acc_1")
    await go(made, "invite", verdict=same("eve"))
    assert await closed(made) == {}, "the count begins anew"


async def test_somebody_who_was_not_asked_before_starts_that_count_anew():
    made = scheduler()
    for person in ("ada", "bob"):
        await go(made, "invite", verdict=same(person))
    await go(made, "invite")
    for person in ("eve", "dan"):
        await go(made, "invite", verdict=same(person))
    assert await closed(made) == {}


async def test_an_action_that_closed_opens_by_itself():
    made = scheduler()
    await go(made, "invite", verdict=EXCEEDED)
    waiting = later(made, "invite")
    await asyncio.sleep(HOUR - 1)
    assert not waiting.done()
    made.report(await waiting, DONE)
    assert now() == pytest.approx(HOUR)
    assert await closed(made) == {}
    nothing_leaks(made)


@pytest.mark.parametrize("action", ["invite", None])
async def test_a_person_may_open_an_action_that_closed(action):
    made = scheduler()
    await go(made, "invite", verdict=EXCEEDED)
    await go(made, "message", verdict=EXCEEDED)
    waiting = later(made, "invite")
    await asyncio.sleep(1)
    await made.resume("acc_1", action=action)
    made.report(await waiting, DONE)
    assert now() == 1
    assert list(await closed(made)) == (["message"] if action else [])
    nothing_leaks(made)


# -- by a person --------------------------------------------------------------------------------


async def test_a_paused_account_turns_calls_away_with_the_reason_and_the_next_step():
    made = scheduler()
    await made.pause("acc_1", reason="on holiday")
    with pytest.raises(LaneClosedError) as caught:
        await made.take("acc_1", "profile")
    error = caught.value
    assert str(error) == (
        "the lane of account acc_1 is paused: on holiday; call scheduler.resume() when it may go on"
    )
    assert (error.account_id, error.action, error.limit) == ("acc_1", "profile", "on holiday")
    assert error.retry_after is None
    assert error.outcome == "not_sent"
    await go(made, "read")
    await go(made, account="acc_2")
    await made.resume("acc_1")
    await go(made)
    assert now() == 0


async def test_a_pause_turns_those_away_who_wait_and_leaves_alone_what_is_under_way():
    made = scheduler(Limit("profile", 1, per=60))
    slot = await made.take("acc_1", "profile")
    waiting = [later(made), later(made)]
    reading, writing = later(made, "read"), later(made, "message")
    await asyncio.sleep(1)
    await made.pause("acc_1", reason="stop")
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [LaneClosedError] * 2
    for one in (slot, await reading, await writing):
        made.report(one, DONE)
    nothing_leaks(made)


async def test_one_action_may_be_paused():
    made = scheduler()
    await made.pause("acc_1", action="invite", reason="too many")
    with pytest.raises(LaneClosedError, match="invite of account acc_1 is paused: too many"):
        await made.take("acc_1", "invite")
    await go(made, "message")
    await made.resume("acc_1", action="message")
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "invite")
    await made.resume("acc_1", action="invite")
    await go(made, "invite")


async def test_reads_pass_a_pause_unless_they_are_named():
    made = scheduler()
    await made.pause("acc_1", reason="x")
    await go(made, "read")
    await made.pause("acc_1", action="read", reason="really all")
    with pytest.raises(LaneClosedError, match="really all"):
        await made.take("acc_1", "read")


async def test_a_pause_until_an_instant_is_waited_out_by_those_who_can():
    made = scheduler(Limit("profile", 1, per=1))
    slot = await made.take("acc_1", "profile")
    patient, hasty = later(made, max_wait=100), later(made, max_wait=20)
    await asyncio.sleep(1)
    await made.pause("acc_1", until=MONDAY + 61, reason="lunch")
    with pytest.raises(LaneClosedError, match=r"paused for another 60\.0 s: lunch") as caught:
        await hasty
    assert caught.value.retry_after == pytest.approx(60)
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "profile", max_wait=59)
    made.report(slot, DONE)
    newcomer = later(made, max_wait=65)
    made.report(await patient, DONE)
    assert now() == pytest.approx(61)
    made.report(await newcomer, DONE)
    nothing_leaks(made)


async def test_a_pause_that_has_passed_or_has_no_reason_is_refused():
    made = scheduler()
    with pytest.raises(ConfigurationError, match="passed"):
        await made.pause("acc_1", until=MONDAY, reason="x")
    with pytest.raises(ConfigurationError, match="reason"):
        await made.pause("acc_1", reason="")
    with pytest.raises(ConfigurationError, match="proofile"):
        await made.pause("acc_1", action="proofile", reason="x")
    await go(made)


@pytest.mark.parametrize("reason", ["", " ", None, 5, RuntimeError("x"), b"words", "half \ud800"])
async def test_a_reason_that_no_store_could_keep_is_refused_before_anything_is_done(reason):
    made = scheduler(Limit("invite", 5, per="day"))
    for who in ("acc_1", "*"):
        with pytest.raises(ConfigurationError, match=r"^reason "):
            await made.pause(who, reason=reason)
    await go(made)


async def test_everybody_may_be_paused_also_those_to_come():
    made = scheduler()
    await go(made)
    await made.pause("*", reason="kill switch")
    for account in ("acc_1", "new"):
        with pytest.raises(LaneClosedError, match=r"scheduler\.resume\('\*'\)"):
            await made.take(account, "profile")
        await go(made, "read", account=account)
    await made.resume("acc_1")
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "profile")
    await made.resume("*")
    for account in ("acc_1", "new", "newer"):
        await go(made, account=account)


async def test_resuming_everybody_opens_each_action_that_was_paused_for_all():
    made = scheduler()
    await made.pause("*", action="invite", reason="x")
    await made.pause("*", action="message", reason="y")
    await made.pause("*", reason="z")
    await made.resume("*", action="message")
    with pytest.raises(LaneClosedError, match="z"):
        await made.take("acc_1", "message")
    await made.resume("*")
    await go(made, "invite")
    await go(made, "invite", account="new")


async def test_resuming_everybody_leaves_an_account_that_was_paused_alone():
    made = scheduler()
    await made.pause("acc_1", reason="its own")
    await made.pause("*", reason="all")
    await made.resume("*")
    await go(made, account="acc_2")
    with pytest.raises(LaneClosedError, match="its own"):
        await made.take("acc_1", "profile")


async def test_pausing_everybody_until_an_instant_ends_by_itself():
    made = scheduler()
    await made.pause("*", until=MONDAY + 10, reason="x")
    assert await asyncio.gather(go(made), go(made, account="new")) == pytest.approx([10, 10])
    assert await go(made, account="later") == pytest.approx(10)


async def test_a_second_pause_takes_the_place_of_the_first():
    made = scheduler()
    await made.pause("acc_1", reason="for good")
    await made.pause("acc_1", until=MONDAY + 10, reason="for now")
    assert await go(made) == pytest.approx(10)


async def test_a_pause_does_not_end_a_closing_by_the_service():
    made = scheduler()
    slot = await made.take("acc_1", "profile")
    made.report(slot, Verdict(counts=False, effect="close", reason="401 expired_credentials"))
    await made.pause("acc_1", until=MONDAY + 10, reason="x")
    await asyncio.sleep(20)
    with pytest.raises(LaneClosedError, match="expired_credentials"):
        await made.take("acc_1", "profile")
    made.describe("acc_1", "LINKEDIN", ok=True)
    await go(made)


async def test_a_key_that_is_refused_is_told_to_everybody_and_nothing_stays_closed():
    made = scheduler(Limit("profile", 1, per=60))
    slots = [await made.take(f"acc_{n}", "profile") for n in range(3)]
    waiting = [later(made, account=f"acc_{n % 3}") for n in range(9)]
    await asyncio.sleep(1)
    made.turn_all_away(AuthenticationError("check POSTPRESS_API_KEY", status=401))
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {AuthenticationError}
    assert len({id(answer) for answer in answers}) == 9, "each has a traceback of its own"
    for slot in slots:
        made.report(slot, DONE)
    assert await go(made) == pytest.approx(61)
    nothing_leaks(made)


async def test_cancelling_those_who_wait_for_an_action_that_closed_leaves_nothing():
    made = scheduler()
    await go(made, "invite", verdict=EXCEEDED)
    waiting = [later(made, "invite") for _ in range(5)]
    await asyncio.sleep(1)
    await dismiss(*waiting)
    nothing_leaks(made)
