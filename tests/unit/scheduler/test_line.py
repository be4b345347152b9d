"""Processes that wait for the same account take turns, whoever of them comes, leaves or dies."""

import asyncio
from collections import Counter
from math import inf

import pytest

from postpress_async import Limit, Limits, Spacing
from postpress_async.limits import DONE, REFUND
from postpress_async.scheduler import image
from postpress_async.scheduler.adaptive import Adaptive
from postpress_async.scheduler.everyone import Everyone
from postpress_async.scheduler.lane import Setting
from postpress_async.scheduler.line import GRACE, LOOK_EVERY, Line, Place, returns
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.steps import Ask
from postpress_async.scheduler.turns import turn_of
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, dismiss, nothing_leaks, now
from .test_sharing import done, process

pytestmark = pytest.mark.looptime
TRIP = 0.004  # seconds that a step takes


@pytest.fixture
def images():
    return MemoryImages(clock=VirtualClock().time)


def processes(images, count, *rows):
    return [process(images, *rows, name=f"p{n}", seconds=TRIP) for n in range(count)]


def later(made, *words, **options):
    return asyncio.ensure_future(done(made, *words, **options))


async def bury(*made):
    """Let processes end that wait for a store for ever."""
    for one in made:
        one.close()
        await dismiss(*(desk.task for desk in one._sharer._desks.values() if desk.task))


async def contend(made, callers, seconds, *, account="acc_1", action="profile", takes=0.0):
    """Let processes call all the time; return how many went of each, and how long each waited."""
    went, waits, start = Counter(), [], now()

    async def call(n):
        while now() - start < seconds:
            asked = now()
            slot = await made[n].take(account, action, max_wait=1e6)
            waits.append((now() - asked, n))
            went[n] += now() - start < seconds
            await asyncio.sleep(takes)
            made[n].report(slot, DONE)

    await asyncio.gather(*(call(n) for n in range(len(made)) for _ in range(callers[n])))
    return [went[n] for n in range(len(made))], waits


def jain(parts):
    return sum(parts) ** 2 / (len(parts) * sum(part * part for part in parts))


async def test_each_process_gets_its_part_and_waits_as_long_as_in_one_line(images):
    made = processes(images, 8, Limit("profile", 20, per=1))
    went, waits = await contend(made, [4] * 8, 60)
    assert sum(went) >= 0.98 * 20 * 60
    assert jain(went) > 0.99
    # 32 wait, and 20 go at the beginning of each second: all of them in two.
    assert max(waits)[0] < 2.0 + 10 * TRIP
    for one in made:
        nothing_leaks(one)


async def test_one_call_waits_no_longer_than_a_turn_of_each_other_process(images):
    made = processes(images, 4, Limit("profile", 4, per=1))
    went, waits = await contend(made, [1, 40, 40, 40], 60)
    turn = 16 / 4  # calls of a turn, by those that go in a second
    assert max(wait for wait, n in waits if n == 0) < 3 * turn + 1 + 50 * TRIP
    assert went[0] >= 60 // (3 * turn + 2)
    assert sum(went) >= 0.98 * 4 * 60


@pytest.mark.parametrize("takes", [0.0, 0.05, 3.0])
async def test_processes_take_turns_where_calls_go_one_by_one(images, takes):
    made = processes(images, 4, Spacing(0.5, 0.5))
    went, _ = await contend(made, [2] * 4, 100, takes=takes)
    assert jain(went) > 0.95
    # What an end that nobody could foresee costs, before it is seen.
    assert sum(went) >= 100 / ((takes + 0.5) * 1.05 + 3 * TRIP + GRACE)


async def test_a_line_for_a_budget_of_all_accounts(images):
    made = processes(images, 4, Limit("profile", 10, per=1, scope="key"))
    went, waits = zip(
        *await asyncio.gather(
            *(contend(made, [2] * 4, 30, account=account) for account in ("acc_1", "acc_2"))
        ),
        strict=True,
    )
    parts = [sum(each) for each in zip(*went, strict=True)]
    assert jain(parts) > 0.98
    assert sum(parts) >= 0.95 * 10 * 30
    assert max(*waits[0], *waits[1])[0] < 4.0  # 16 wait, 10 go in a second


async def test_one_that_dies_while_it_is_next_is_passed_over(images):
    one, other = processes(images, 2, Limit("profile", 1, per=5))
    await done(one)  # at 0, so that the next may go at 5
    first = later(one)
    await asyncio.sleep(1)
    second = later(other)
    await asyncio.sleep(1)
    one._sharer._courier._state.seconds = 1e6  # it does not come
    start = now()
    await second
    assert 2.9 < now() - start < 3.0 + GRACE + 10 * TRIP
    await dismiss(first)
    await bury(one)


async def test_several_that_die_are_passed_over_one_after_the_other(images):
    made = processes(images, 5, Limit("profile", 1, per=5))
    await done(made[0])
    tasks = []
    for one in made:
        tasks.append(later(one))
        await asyncio.sleep(0.1)
    for one in made[:4]:
        one._sharer._courier._state.seconds = 1e6
    start = now()
    await tasks[4]
    assert now() - start < 4.5 + 4 * GRACE + 10 * TRIP
    await dismiss(*tasks)
    await bury(*made[:4])


async def test_one_that_was_only_late_keeps_its_place(images):
    one, two, three = processes(images, 3, Limit("profile", 1, per=5))
    await done(one)
    tasks = []
    for each in (one, two, three):
        tasks.append(later(each))
        await asyncio.sleep(0.1)
    one._sharer._courier._state.seconds = 2.0  # so its question arrives a second late
    await asyncio.sleep(6)
    one._sharer._courier._state.seconds = TRIP
    went = await asyncio.gather(*tasks)
    assert went[1] < went[0] < went[2]


async def test_one_that_is_far_from_the_store_is_not_passed_over_for_ever(images):
    far, *near = made = processes(images, 4, Limit("profile", 5, per=1))
    far._sharer._courier._state.seconds = 0.8
    went, waits = await contend(made, [1, 4, 4, 4], 60)
    assert max(wait for wait, n in waits if n == 0) < 12
    assert sum(went) > 0.75 * 5 * 60
    assert near


async def test_who_is_cancelled_while_it_is_next_holds_nobody_up(images):
    one, other = processes(images, 2, Limit("profile", 1, per=5))
    await done(one)
    first = later(one)
    await asyncio.sleep(1)
    second = later(other)
    await asyncio.sleep(1)
    await dismiss(first)
    start = now()
    await second
    assert now() - start < 3.0 + GRACE + 10 * TRIP
    nothing_leaks(one)
    assert not one._sharer._desks


async def test_one_whose_loop_ends_while_it_leaves_the_line_begins_nothing_anew(images):
    one, other = processes(images, 2, Limit("profile", 1, per=5))
    await done(other)
    first = later(one)
    await asyncio.sleep(1)
    await dismiss(first)
    (desk,) = one._sharer._desks.values()
    await dismiss(desk.task)  # as a loop does that ends
    assert desk.task is None
    assert await later(other) < 6  # it is passed over


async def test_an_expensive_call_is_not_starved_by_cheap_ones(images):
    one, other = processes(images, 2, Limit("search", 10, per=10))
    busy = asyncio.ensure_future(contend([other], [8], 100, action="search"))
    await asyncio.sleep(1)
    start = now()
    slot = await one.take("acc_1", "search", cost=10, max_wait=1e6)
    assert now() - start < 20 + 10 * TRIP
    one.report(slot, DONE)
    await busy


async def test_replies_go_before_the_line_of_others(images):
    one, other = processes(images, 2, Limit("message", 1, per=5))
    await done(one, "message")
    first = later(one, "message")
    await asyncio.sleep(1)
    slot = await other.take("acc_1", "message", priority=-1, max_wait=1e6)
    assert not first.done()
    other.report(slot, DONE)
    await first


async def test_who_waits_for_something_else_as_well_holds_nobody_up(images):
    rows = (Limit(("invite", "invite_note"), 5, per=60), Limit("invite_note", 1, per="day"))
    one, other = processes(images, 2, *rows)
    await done(one, "invite_note")
    blocked = later(one, "invite_note")
    await asyncio.sleep(0.1)
    start = now()
    for _ in range(4):
        await done(other, "invite")
    assert now() - start < 20 * TRIP
    await dismiss(blocked)


async def test_nobody_who_comes_goes_before_one_who_waits(images):
    one, other = processes(images, 2, Limit("profile", 1, per="day"))
    slot = await one.take("acc_1", "profile")
    first = later(other)
    await asyncio.sleep(1)
    one.report(slot, REFUND)  # there is room again, which the one in front does not know yet
    start = now()
    last = later(one)
    await asyncio.sleep(LOOK_EVERY + 1)
    assert first.done()
    assert first.result() - start <= LOOK_EVERY
    assert not last.done()
    await dismiss(last)


def place(who, action="profile", comes=10.0, **options):
    return Place(who, action, comes, **options)


def test_a_turn_that_has_begun_grows_no_more_and_then_one_is_last():
    line = Line()
    line.stand(place(1), [1], 0.0)
    line.stand(place(2), [1], 0.0)
    line.stand(place(1), [1, 2, 3], 0.0)  # meanwhile others came to wait there
    assert [(one.who, one.calls, one.cost) for one in line.places] == [(1, 3, 6), (2, 1, 1)]
    line.served(1, "profile", 1, reply=False)
    line.stand(place(1), [2, 3, 5, 7], 0.0)
    assert [(one.who, one.calls, one.cost) for one in line.places] == [(1, 2, 5), (2, 1, 1)]
    line.served(1, "profile", 2, reply=False)
    line.served(1, "profile", 3, reply=False)
    line.stand(place(1), [5, 7], 0.0)
    assert [(one.who, one.calls, one.cost) for one in line.places] == [(2, 1, 1), (1, 2, 12)]


@pytest.mark.parametrize(
    ("wait", "comes"),
    [(3.0, 3.0), (10.0, 10.0), (50.0, 10.0), (200.0, 20.0), (1e5, 60.0), (inf, 10.0)],
)
def test_whoever_waits_says_now_and_then_that_it_still_does(wait, comes):
    assert returns(1000.0 + wait, 1000.0) == pytest.approx(1000.0 + comes)


def test_who_does_not_come_is_passed_over_and_at_last_forgotten():
    line = Line([place(1, comes=5.0), place(2, comes=7.0)])
    assert [one.who for one in line.before(3, "profile", 5.0 + GRACE, reply=False)] == [1, 2]
    assert [one.who for one in line.before(3, "profile", 5.2 + GRACE, reply=False)] == [2]
    line.tidy(24.0)
    assert [one.who for one in line.places] == [1, 2]
    line.tidy(26.0)
    assert [one.who for one in line.places] == [2]


@pytest.mark.parametrize("names", [("p1", "p2"), ("p1", "p1")], ids=["processes", "clients"])
@pytest.mark.parametrize("scope", ["account", "key"])
async def test_a_call_of_another_is_looked_at_whosever_process_it_is(images, names, scope):
    """Two clients of one process are told nothing by each other, just as two processes are."""
    row = Spacing(0.2, 0.2) if scope == "account" else Limit("profile", 1, per=0.2, scope="key")
    one, other = (process(images, row, name=name) for name in names)
    slot = await one.take("acc_1", "profile")
    waits = later(other)
    await asyncio.sleep(1.5)
    one.report(slot, DONE)
    ended = now()
    assert await waits - ended == pytest.approx(0.5, abs=0.3)


def test_one_behind_another_waits_until_a_learned_rate_lets_both_go():
    book = image.load(
        None, "acc_1", Rulebook(Limits.none()), Setting(lambda: 0.0, lambda: 0.0), 0.0
    )
    rate = book.lane.troubled().rate = Adaptive(0.0, 0, 0.0)
    rate.rate, now = 0.25, 1000.0
    assert rate.ready_at(now) <= now
    ask = Ask(
        reservation="p2:x.1", action="profile", cost=1, reply=False, head=True, fresh=False,
        patience=inf, ahead=0,
    )  # fmt: skip
    assert turn_of(book, Everyone(), ask, 2, now).at <= now
    book.line.stand(Place(1, "profile", now + 0.01), [1], now)
    turn = turn_of(book, Everyone(), ask, 2, now)
    assert (turn.at, turn.ahead) == (now + 1 / 0.25, 1)
