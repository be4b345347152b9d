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
from postpress_async.scheduler.lane import Lane
from postpress_async.scheduler.queue import Waiter
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


def lane(*rows):
    made = Lane("acc_1", Limits.none().add(*rows), lambda: 0.0)
    made.resign()
    return made


def take(made, now=0.0, action="profile"):
    return made.try_take(made.queue(action), 1, now)


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
    until = made.cooling_until
    probe = take(made, until)
    assert made.holds(probe, until)
    assert not made.holds(old, until)


def test_a_probe_that_the_provider_never_saw_proves_nothing():
    made = lane()
    made.report(take(made), COOL, 0.0)
    until = made.cooling_until
    made.report(take(made, until), Verdict(counts=False, effect="no_answer"), until)
    assert take(made, until).probe
    assert take(made, until) is None


def test_a_late_429_beside_a_probe_lets_no_second_one_out():
    made = lane()
    late, first = take(made), take(made)
    made.report(first, COOL, 0.0)
    until = made.cooling_until
    probe = take(made, until)
    made.report(late, Verdict(effect="cool_down", retry_after=100.0), until)
    assert take(made, until + 1) is None
    made.report(probe, DONE, until + 2)  # granted before the late 429: it proves nothing now
    assert take(made, until + 3) is None
    assert take(made, made.cooling_until).probe


def test_a_late_429_without_a_time_cools_down_all_the_same():
    made = lane()
    late, first = take(made), take(made)
    made.report(first, COOL, 0.0)
    now = made.cooling_until + 1
    made.report(late, Verdict(effect="cool_down"), now)
    assert made.cooling_until > now


def test_at_once_is_believed_a_few_times_only():
    made, now = lane(), 0.0
    for _ in range(3):
        made.report(take(made, now), Verdict(effect="cool_down", retry_after=0.0), now)
        assert made.cooling_until <= now
    for _ in range(4):
        made.report(take(made, now), Verdict(effect="cool_down", retry_after=0.0), now)
        assert made.cooling_until >= now + 1
        now = made.cooling_until


def test_a_restricted_account_waits_for_a_person():
    made = lane()
    made.report(take(made), Verdict(effect="restrict", reason="403 account_restricted"), 0.0)
    assert made.restricted
    assert take(made, 1e9) is None
    made.open()
    assert take(made, 1e9)


def test_those_behind_do_not_count_in_a_forecast():
    made = lane(Limit("profile", 1, per=1))
    made.report(take(made), DONE, 0.0)
    queue = made.queue("profile")
    made.enqueue(queue, Waiter("ahead", 1, 0, 0.0))
    for index in range(50):
        made.enqueue(queue, Waiter(index, 1, 9, 0.0))
    assert made.forecast(queue, 1, 0, 0.0)[0] == pytest.approx(2.0)
    assert made.forecast(queue, 1, 9, 0.0)[0] == pytest.approx(52.0)


def test_those_who_left_do_not_pile_up():
    made = lane(Limit("profile", 1, per=60))
    made.report(take(made), DONE, 0.0)
    queue = made.queue("profile")
    made.enqueue(queue, Waiter("stays", 1, 0, 0.0))
    for index in range(5_000):
        waiter = Waiter(index, 1, 0, 0.0)
        made.enqueue(queue, waiter)
        made.leave(queue, waiter)
    assert made.waiting == 1
    assert len(queue._heap) < 200


def test_learning_more_does_not_forget_a_spacing_under_way():
    limits = Limits.none().add(
        Spacing(15.0, 15.0, action="message", provider="WHATSAPP"),
        Spacing(10.0, 10.0, action="message", provider="TELEGRAM"),
    )
    made = Lane("acc_1", limits, lambda: 0.0)
    made.resign()
    made.report(take(made, action="message"), DONE, 0.0)
    made.describe("TELEGRAM", None)
    assert made.ready_at(made.queue("message"), 1, 1.0) >= 10.0


@pytest.mark.looptime
async def test_a_lane_with_steady_arrivals_keeps_its_turn_for_a_place():
    from postpress_async.scheduler.clock import LoopClock  # noqa: PLC0415 - beside its use
    from postpress_async.scheduler.scheduler import Scheduler  # noqa: PLC0415

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
    assert made._out == 0
    assert made._places == 1
