"""What a lane does with answers, and who goes first; no loop and no clock needed."""

from math import inf

import pytest

from postpress_async import Limit, Limits, Spacing
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler import blockers, furnishing
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.queue import Queues, Waiter
from postpress_async.scheduler.rules import Rules
from postpress_async.scheduler.trouble import COOL_DOWN_BASE, COOL_DOWN_MOST, Trouble

COOL = Verdict(effect="cool_down")


def lane(*rows, account_id="acc_1", random=lambda: 0.0, limits=None):
    limits = Limits.none().add(*rows) if limits is None else limits
    made = Lane(account_id, Rules(limits, None, None), Setting(random, lambda: 0.0), 0.0)
    made.resigned = True
    return made


def describe(made, provider, tier=None, now=0.0, limits=None):
    furnishing.change(made, Rules(limits or made.rules.limits, provider, tier), now)


def cooling(made):
    return made.trouble.cooling_until


def take(made, action="profile", now=0.0, cost=1):
    return made.try_take(made.tally(action, now), cost, now)


def wait(made, name, action="profile", *, priority=0, now=0.0, cost=1):
    waiter = Waiter(made.tally(action, now), name, cost=cost, priority=priority, since=now)
    made.queues = made.queues or Queues()
    made.queues.push(waiter)
    return waiter


def forecast(made, action="profile", priority=0, now=0.0):
    tally = made.tally(action, now)
    ahead = made.queues.cost_ahead(tally, priority) if made.queues else 0
    return blockers.forecast(made, tally, 1, now, reply=priority < 0, ahead=ahead)


def woken(made, now, room=inf):
    granted, again = made.wake(now, room)
    return [waiter.ticket for waiter in granted], again


def test_a_blocked_action_never_blocks_another():
    made = lane(Limit("invite", 0), Limit("message", 1))
    assert take(made, "invite") is None
    wait(made, "i", "invite")
    assert take(made, "message") is not None


def test_actions_of_one_budget_share_it():
    made = lane(Limit(("invite", "invite_note"), 2, per="day"))
    assert take(made, "invite")
    assert take(made, "invite_note")
    assert take(made, "invite") is None
    assert take(made, "invite_note") is None


def test_nobody_overtakes_those_who_wait():
    made = lane(Limit("profile", 1, per=60))
    slot = take(made)
    wait(made, "first")
    made.report(slot, REFUND, 1.0)
    assert take(made, now=1.0) is None
    assert woken(made, 1.0)[0] == ["first"]


def test_first_come_first_served_within_a_priority_and_lower_goes_first():
    made = lane(Limit("profile", 100, per=60))
    for name, priority in [("a", 0), ("b", 0), ("urgent", -1), ("c", 0), ("later", 5)]:
        wait(made, name, priority=priority)
    assert woken(made, 0.0)[0] == ["urgent", "a", "b", "c", "later"]


def test_those_who_left_are_passed_over_and_leave_no_hole():
    made = lane(Limit("profile", 2, per=60))
    waiters = [wait(made, name) for name in "abcd"]
    made.queues.leave(waiters[0])
    made.queues.leave(waiters[2])
    assert made.waiting == 2
    assert woken(made, 0.0)[0] == ["b", "d"]
    assert made.waiting == 0


def test_it_tells_when_to_ask_again():
    made = lane(Limit("profile", 1, per=60))
    made.report(take(made, now=5.0), DONE, 7.0)
    wait(made, "a", now=8.0)
    assert woken(made, 8.0) == ([], 67.0)
    assert woken(made, 67.0) == (["a"], inf)


def test_room_on_the_wire_bounds_the_grants():
    made = lane(Limit("profile", 100, per=60))
    for name in "abc":
        wait(made, name)
    assert woken(made, 0.0, room=2)[0] == ["a", "b"]
    assert made.waiting == 1


def test_reads_pass_a_cool_down_and_a_closed_lane():
    made = lane(Limit("profile", 10))
    made.report(take(made), Verdict(effect="cool_down", retry_after=60.0), 0.0)
    assert take(made, "profile", 1.0) is None
    assert take(made, "read", 1.0) is not None
    made.report(take(made, "read", 1.0), Verdict(effect="close", reason="401"), 1.0)
    assert made.closed(made.tally("profile", 1.0), 1.0).reason == "401"
    assert take(made, "read", 2.0) is not None
    assert made.ready_at(made.tally("profile", 100.0), 1, 100.0) == inf
    made.trouble.open("credentials", None)
    assert take(made, "profile", 100.0) is not None


def test_a_retry_after_is_obeyed_in_full_with_at_most_5_percent_on_top():
    for jitter in (0.0, 0.999):
        made = lane(random=lambda jitter=jitter: jitter)
        made.report(take(made), Verdict(effect="cool_down", retry_after=100.0), 10.0)
        assert 110.0 <= cooling(made) <= 115.0


def test_without_retry_after_the_cool_down_doubles_never_below_half():
    for jitter in (0.0, 0.999):
        trouble, now = Trouble(), 0.0
        for strike in range(12):
            assert trouble.cool_down(now, None, now, jitter=jitter)
            base = min(COOL_DOWN_BASE * 2**strike, COOL_DOWN_MOST)
            assert base / 2 <= trouble.cooling_until - now <= base
            now = trouble.cooling_until


def test_several_429s_of_calls_in_flight_count_once():
    made = lane()
    slots = [take(made) for _ in range(5)]
    for slot in slots:
        made.report(slot, COOL, 1.0)
    until = cooling(made)
    assert until - 1.0 <= COOL_DOWN_BASE * 1.01
    made.report(take(made, now=until), COOL, until)
    assert cooling(made) - until <= 2 * COOL_DOWN_BASE


def test_after_a_cool_down_one_probe_goes_then_the_rest():
    made = lane()
    made.report(take(made), Verdict(effect="cool_down", retry_after=10.0), 0.0)
    for name in "abc":
        wait(made, name, now=1.0)
    until = cooling(made)
    assert woken(made, until)[0] == ["a"]
    assert woken(made, until + 5)[0] == []


def _probe(made):
    made.report(take(made), Verdict(effect="cool_down", retry_after=10.0), 0.0)
    return take(made, now=cooling(made))


def test_a_good_probe_opens_the_lane_and_forgets_the_strikes():
    made = lane()
    probe = _probe(made)
    assert take(made, now=11.0) is None
    made.report(probe, DONE, 12.0)
    assert take(made, now=12.0) is not None
    made.report(take(made, now=12.0), COOL, 12.0)
    assert cooling(made) - 12.0 <= COOL_DOWN_BASE * 1.01


def test_a_probe_that_proved_nothing_is_repeated():
    made = lane()
    made.report(_probe(made), REFUND, 12.0)
    again = take(made, now=12.0)
    assert again is not None
    assert again.probe
    assert take(made, now=12.0) is None


def test_a_probe_that_is_refused_cools_for_longer():
    made = lane()
    made.report(take(made), COOL, 0.0)
    probe = take(made, now=cooling(made))
    start = cooling(made)
    made.report(probe, COOL, start)
    assert cooling(made) - start >= COOL_DOWN_BASE  # half of the doubled one


def test_an_answer_from_before_the_cool_down_does_not_end_it():
    made = lane()
    old, refused = take(made), take(made)
    made.report(refused, Verdict(effect="cool_down", retry_after=60.0), 1.0)
    made.report(old, DONE, 2.0)
    assert take(made, now=3.0) is None
    assert cooling(made) >= 61.0


def test_a_refund_gives_the_place_back_and_a_count_keeps_it():
    made = lane(Limit("profile", 1, per=60))
    made.report(take(made, now=0.0), REFUND, 1.0)
    slot = take(made, now=1.0)
    assert slot is not None
    made.report(slot, DONE, 2.0)
    assert take(made, now=3.0) is None
    assert take(made, now=62.0) is not None


def test_bytes_under_way_settle_after_we_stopped_listening():
    made = lane(Limit("profile", 1, per=60))
    made.report(take(made), Verdict(effect="no_answer", settle=1.0), 10.0)
    assert take(made, now=70.5) is None
    assert take(made, now=71.0) is not None


def test_learning_the_provider_keeps_the_counts_and_drops_the_other_rows():
    limits = Limits.none().add(
        Limit("message", 5, per=60, provider="LINKEDIN"),
        Limit("message", 1, per=60, provider="TELEGRAM"),
    )
    made = lane(limits=limits)
    held = take(made, "message")
    assert take(made, "message") is None  # the strictest row of any provider
    describe(made, "LINKEDIN")
    assert [(one.amount, one.used(1.0)) for one in made.tally("message", 1.0).windows] == [(5, 1)]
    for _ in range(4):
        assert take(made, "message", 1.0)
    assert take(made, "message", 1.0) is None
    made.report(held, REFUND, 2.0)  # granted under the old rows, given back to them
    assert take(made, "message", 2.0) is not None


def test_a_tier_that_is_learned_changes_the_amount_and_keeps_the_counts():
    limits = Limits.none().add(
        Limit("profile", 1, per=60), Limit("profile", 3, per=60, tier="sales_navigator")
    )
    made = lane(limits=limits)
    made.report(take(made), DONE, 0.0)
    assert take(made, now=1.0) is None
    describe(made, "LINKEDIN", "sales_navigator")
    assert take(made, now=1.0)
    assert take(made, now=1.0)
    assert take(made, now=1.0) is None


def test_spacing_lets_one_at_a_time_go_and_keeps_its_distance():
    made = lane(Spacing(15.0, 20.0, action="message"), random=lambda: 0.5)
    slot = take(made, "message")
    assert take(made, "message") is None
    assert take(made, "profile") is not None
    made.report(slot, DONE, 10.0)
    assert made.ready_at(made.tally("message", 10.0), 1, 10.0) == 27.5


def test_spacing_without_an_action_is_the_whole_lanes_but_not_of_reads():
    made = lane(Spacing(15.0, 15.0))
    made.report(take(made, "profile"), DONE, 10.0)
    assert take(made, "message", 11.0) is None
    assert take(made, "read", 11.0) is not None
    assert take(made, "message", 25.0) is not None


@pytest.mark.parametrize("ahead", [0, 1, 5, 37])
def test_a_forecast_counts_those_ahead_and_never_exceeds_the_truth(ahead):
    made = lane(Limit("profile", 3, per=60))
    now = 0.0
    for _ in range(3):
        made.report(take(made, now=now), DONE, now)
    for index in range(ahead):
        wait(made, index, now=now)
    expected, name = forecast(made, now=now)
    mine = wait(made, "mine", now=now)
    assert name == "3 profile per 60 s"
    while mine.slot is None:
        granted, again = made.wake(now, inf)
        for waiter in granted:
            made.report(waiter.slot, DONE, now)
        if mine.slot is None:
            now = min(again, made.wake(now, 0)[1])
    assert expected <= now
    assert now - expected < 1e-6


def test_calls_without_an_account_have_no_limits():
    made = lane(account_id=None, limits=Limits.recommended())
    for _ in range(500):
        assert take(made, "read") is not None
