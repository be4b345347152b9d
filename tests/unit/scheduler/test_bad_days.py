"""What once went wrong between a grant and its answer, and must not again."""

import asyncio
from math import inf

import pytest

from postpress_async import (
    KeyRate,
    Limit,
    Limits,
    Postpress,
    RateLimitedError,
    SchedulerError,
    Spacing,
)
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler import blockers, furnishing
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.lanes import reopen
from postpress_async.scheduler.queue import Queues, Waiter
from postpress_async.scheduler.rules import Rules
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.wire.values import Reply

COOL = Verdict(effect="cool_down", retry_after=3600.0)
PROFILE = b'{"object":"UserProfile","provider":"LINKEDIN","provider_id":"x"}'


class Answers:
    """A transport that answers every request alike, after a tick."""

    def __init__(self, status, body=PROFILE, **headers):
        self.reply = Reply(status=status, headers=headers, body=body)
        self.seen = 0

    async def exchange(self, request, sending):
        self.seen += 1
        await asyncio.sleep(0)
        return self.reply

    async def aclose(self):
        pass


def lane(*rows, account_id="acc_1", random=lambda: 0.0, limits=None):
    limits = Limits.none().add(*rows) if limits is None else limits
    made = Lane(account_id, Rules(limits, None, None), Setting(random, lambda: 0.0), 0.0)
    made.resigned = True
    return made


def describe(made, provider, tier=None, now=0.0, limits=None):
    furnishing.change(made, Rules(limits or made.rules.limits, provider, tier), now)


def cooling(made):
    return made.trouble.cooling_until


def take(made, now=0.0, action="profile", cost=1):
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


@pytest.mark.looptime
async def test_whoever_waits_at_the_keys_gate_hears_of_a_429():
    network = Answers(429, **{"Retry-After": "3600"})
    made = Postpress("k", transport=network, limits=Limits.none(), key_rate=KeyRate(5, per=0.5))
    async with made:
        calls = [made.users.get("x", account_id="acc_1") for _ in range(20)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert network.seen <= 5
    assert all(isinstance(error, (RateLimitedError, SchedulerError)) for error in errors)


@pytest.mark.looptime
async def test_whoever_waits_at_the_keys_gate_hears_of_the_end():
    network = Answers(201, b'{"object":"MessageSent","message_id":"m"}')
    made = Postpress("k", transport=network, limits=Limits.none(), key_rate=KeyRate(1, per=10))
    calls = [
        asyncio.ensure_future(made.messages.send(chat_id="c", text="hi", account_id="acc_1"))
        for _ in range(3)
    ]
    await asyncio.sleep(1)
    await made.aclose()
    await asyncio.gather(*calls, return_exceptions=True)
    assert network.seen == 1


def test_a_stale_slot_says_so():
    made = lane()
    old, refused = take(made), take(made)
    assert made.holds(old, 0.0)
    made.report(refused, COOL, 0.0)
    assert not made.holds(old, 1.0)
    until = cooling(made)
    probe = take(made, until)
    assert made.holds(probe, until)
    assert not made.holds(old, until)


def test_a_probe_that_the_provider_never_saw_proves_nothing():
    made = lane()
    made.report(take(made), COOL, 0.0)
    until = cooling(made)
    made.report(take(made, until), Verdict(counts=False, effect="no_answer"), until)
    assert take(made, until).probe
    assert take(made, until) is None


def test_a_late_429_beside_a_probe_lets_no_second_one_out():
    made = lane()
    late, first = take(made), take(made)
    made.report(first, COOL, 0.0)
    until = cooling(made)
    probe = take(made, until)
    made.report(late, Verdict(effect="cool_down", retry_after=100.0), until)
    assert take(made, until + 1) is None
    made.report(probe, DONE, until + 2)  # granted before the late 429: it proves nothing now
    assert take(made, until + 3) is None
    assert take(made, cooling(made)).probe


def test_a_late_429_without_a_time_cools_down_all_the_same():
    made = lane()
    late, first = take(made), take(made)
    made.report(first, COOL, 0.0)
    now = cooling(made) + 1
    made.report(late, Verdict(effect="cool_down"), now)
    assert cooling(made) > now


def test_at_once_is_believed_a_few_times_only():
    made, now = lane(Limit("profile", 80)), 0.0
    for _ in range(3):
        made.report(take(made, now), Verdict(effect="cool_down", retry_after=0.0), now)
        assert cooling(made) <= now
    for _ in range(4):
        made.report(take(made, now), Verdict(effect="cool_down", retry_after=0.0), now)
        assert cooling(made) >= now + 1
        now = cooling(made)


def test_a_restricted_account_waits_for_a_person():
    made = lane()
    made.report(take(made), Verdict(effect="restrict", reason="403 account_restricted"), 0.0)
    assert made.closed(made.tally("profile", 1.0), 1.0).kind == "restricted"
    assert take(made, 1e9) is None
    reopen(made, None, 1.0)
    assert take(made, 1e9)


def test_those_behind_do_not_count_in_a_forecast():
    made = lane(Limit("profile", 1, per=1))
    made.report(take(made), DONE, 0.0)
    wait(made, "ahead")
    for index in range(50):
        wait(made, index, priority=9)
    assert forecast(made)[0] == pytest.approx(2.0)
    assert forecast(made, priority=9)[0] == pytest.approx(52.0)


def test_those_who_left_do_not_pile_up():
    made = lane(Limit("profile", 1, per=60))
    made.report(take(made), DONE, 0.0)
    wait(made, "stays")
    for index in range(5_000):
        waiter = Waiter(made.tally("profile", 0.0), index, since=0.0, deadline=900.0)
        made.queues.push(waiter)
        made.queues.leave(waiter)
    assert made.waiting == 1
    assert len(made.queues.all()) == 1
    assert len(made.queues._deadlines) < 200


def test_learning_more_does_not_forget_a_spacing_under_way():
    limits = Limits.none().add(
        Spacing(15.0, 15.0, action="message", provider="WHATSAPP"),
        Spacing(10.0, 10.0, action="message", provider="TELEGRAM"),
    )
    made = lane(limits=limits)
    made.report(take(made, action="message"), DONE, 0.0)
    describe(made, "TELEGRAM")
    assert made.ready_at(made.tally("message", 1.0), 1, 1.0) >= 10.0


@pytest.mark.looptime
async def test_a_lane_with_steady_arrivals_keeps_its_turn_for_a_place():
    made = Scheduler(
        Limits.none(), clock=LoopClock(), random=lambda: 0.5, max_queue=10_000, places=1
    )
    served = {"a": 0, "b": 0, "c": 0}

    async def call(account):
        slot = await made.take(account, "read", max_wait=inf)
        try:
            await asyncio.sleep(0.1)
            served[account] += 1
        finally:
            made.report(slot, REFUND)

    tasks = [asyncio.ensure_future(call(account)) for account in "bc" for _ in range(150)]
    for _ in range(150):  # arrives while the others wait
        tasks.append(asyncio.ensure_future(call("a")))
        await asyncio.sleep(0.1)
    counts = dict(served)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert min(counts.values()) >= 0.8 * max(counts.values())
    assert made._waker.out == 0
    assert made._waker.places == 1
