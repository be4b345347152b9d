"""Who goes first: priority with ageing, first come first served, and what is kept for replies."""

import asyncio
import random
from math import inf

import pytest

from postpress_async import Limit, Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.queue import AGE_AFTER, Queues, Waiter
from postpress_async.scheduler.rules import Rules

from .rehearsal import dismiss, go, later, now, scheduler


def lane(*rows):
    rules = Rules(Limits.none().add(*rows), None, None)
    return Lane("acc_1", rules, Setting(lambda: 0.0, lambda: 0.0), 0.0)


def wait(made, name, *, at=0.0, priority=0, cost=1, action="profile", deadline=inf):
    waiter = Waiter(
        made.tally(action, at), name, since=at, priority=priority, cost=cost, deadline=deadline
    )
    made.queues = made.queues or Queues()
    made.queues.push(waiter)
    return waiter


def order(made, at=0.0, room=inf):
    return [waiter.ticket for waiter in made.wake(at, room)[0]]


def test_whoever_waited_long_enough_goes_before_newcomers_of_better_priority():
    made = lane()
    wait(made, "patient", priority=5)
    wait(made, "just before", at=5 * AGE_AFTER - 1)
    wait(made, "just after", at=5 * AGE_AFTER + 1)
    assert order(made, 5 * AGE_AFTER + 2) == ["just before", "patient", "just after"]


def test_a_call_that_was_rejected_goes_back_to_the_head():
    made = lane()
    for index in range(1, 5):
        wait(made, index, at=float(index))
    wait(made, "again", at=2.5)
    wait(made, "first again", at=0.5)
    assert order(made, 9.0) == ["first again", 1, 2, "again", 3, 4]


def test_it_does_not_pass_those_of_better_priority_by_that():
    made = lane()
    wait(made, "urgent", at=100.0, priority=-1)
    wait(made, "again", at=50.0)
    assert order(made, 100.0) == ["urgent", "again"]


@pytest.mark.parametrize("age", [0.0, 30 * AGE_AFTER])
def test_what_is_kept_for_replies_is_never_gained_by_ageing(age):
    made = lane(Limit("message", 5, per="week", keep=2))
    for index in range(5):
        wait(made, f"bulk {index}", action="message")
    assert order(made) == ["bulk 0", "bulk 1", "bulk 2"]
    for index in range(3):
        wait(made, f"reply {index}", action="message", priority=-1, at=age)
    assert order(made, age) == ["reply 0", "reply 1"]


def test_replies_wait_behind_nobody_who_lacks_only_what_is_kept_for_them():
    made = lane(Limit("message", 3, per="week", keep=1), Limit("invite", 1))
    wait(made, "bulk", action="message", cost=3)
    wait(made, "reply", action="message", priority=-1, at=1.0, cost=3)
    assert order(made, 9 * AGE_AFTER) == ["reply"]


def test_what_costs_less_does_not_pass_what_came_first():
    made = lane(Limit("search", 10, per=60))
    made.report(made.try_take(made.tally("search", 0.0), 5, 0.0), DONE, 0.0)
    wait(made, "much", action="search", cost=6)
    wait(made, "little", action="search", cost=1)
    assert order(made, 1.0) == []
    assert order(made, 60.0) == ["much", "little"]


def test_those_ahead_of_a_newcomer_are_those_who_certainly_go_before_it():
    made = lane()
    wait(made, "a", priority=-1, cost=2)
    wait(made, "b", priority=0, cost=3, at=10.0)
    wait(made, "c", priority=0, cost=5, at=20.0)
    wait(made, "d", priority=4, cost=100)
    tally = made.tally("profile", 0.0)
    assert made.queues.cost_ahead(tally, 0) == 10
    assert made.queues.cost_ahead(tally, -1) == 2
    assert made.queues.cost_ahead(tally, 9) == 110
    assert made.queues.cost_ahead(tally, 0, 15.0) == 5
    assert made.queues.cost_ahead(tally, 0, 5.0) == 2
    assert made.queues.cost_ahead(made.tally("message", 0.0), 0) == 0


@pytest.mark.looptime
async def test_a_rejected_call_is_not_turned_away_for_those_who_came_later():
    made = scheduler(Limit("profile", 1, per=10))
    await go(made)
    await asyncio.sleep(1)
    others = [later(made) for _ in range(10)]
    await asyncio.sleep(1)
    made.report(await made.take("acc_1", "profile", max_wait=15, since=0.0), DONE)
    assert now() == 10
    await dismiss(*others)


def test_twenty_thousand_who_come_and_go_at_random_keep_their_order():
    numbers, made, naive, at = random.Random(8), lane(), [], 0.0
    for serial in range(20_000):
        at += numbers.uniform(0, 2)
        since = at - numbers.choice([0.0, 0.0, 0.0, 0.0, numbers.uniform(0, 30)])
        priority = numbers.randint(-1, 4)
        waiter = wait(made, serial, at=since, priority=priority, deadline=at + 1e6)
        naive.append((since + priority * AGE_AFTER, since, serial, waiter))
        if numbers.random() < 0.3:
            made.queues.leave(naive.pop(numbers.randrange(len(naive)))[3])
        if serial % 100 == 0:
            expected = min(naive)
            (went,) = made.wake(at, 1)[0]
            assert went is expected[3]
            naive.remove(expected)
    assert made.waiting == len(naive)
    assert {waiter.ticket for waiter in made.queues.all()} == {one[2] for one in naive}
    naive.sort(key=lambda one: one[:3])
    assert order(made, at) == [one[2] for one in naive]
    assert not made.waiting
    assert not made.tally("profile", at).waiting


def test_those_whose_patience_ends_are_found_in_time_and_once():
    numbers, made = random.Random(2), lane(Limit("profile", 0))
    waiters = [wait(made, n, deadline=numbers.uniform(0, 100)) for n in range(1_000)]
    for waiter in waiters[::3]:
        made.queues.leave(waiter)
    left = sorted(set(waiters) - set(waiters[::3]), key=lambda one: one.deadline)
    found = []
    for at in range(0, 101, 5):
        due = min((one.deadline for one in left[len(found) :]), default=inf)
        assert made.queues.next_deadline() == due
        found += made.queues.expired(float(at))
        assert all(one.deadline <= at for one in found)
    assert found == left
    assert made.waiting == 0
