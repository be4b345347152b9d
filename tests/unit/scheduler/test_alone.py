"""A store that is lost: with `local` each process goes on, and ten of them pass no limit."""

import asyncio
import logging

import msgspec
import pytest

from postpress_async import (
    ConfigurationError,
    LaneClosedError,
    Limit,
    Limits,
    StateUnavailableError,
    WaitTooLongError,
)
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler.image import VERSION
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, nothing_leaks, now
from .test_sharing import Named, Store

pytestmark = pytest.mark.looptime
DAY = 86400.0


@pytest.fixture
def images():
    return MemoryImages(clock=VirtualClock().time)


def process(images, *rows, name="one", places=100, alone=True):
    made = Scheduler(
        Limits.none().add(*rows), clock=VirtualClock(), random=lambda: 0.0, max_queue=1_000,
        places=places, state=Store(images), processes=Named(name), alone=alone,
    )  # fmt: skip
    made.resign("acc_1")
    return made


def lose(*made):
    for one in made:
        one._sharer._courier._state.error = StateUnavailableError("the server is gone")


def find(*made):
    for one in made:
        one._sharer._courier._state.error = None


async def send(made, action="invite", max_wait=1.0, verdict=DONE, seconds=0.0):
    slot = await made.take("acc_1", action, max_wait=max_wait)
    if seconds:
        await asyncio.sleep(seconds)
    made.report(slot, verdict)


async def as_many_as_go(made, most=500):
    for sent in range(most):
        try:
            await send(made)
        except (WaitTooLongError, StateUnavailableError):
            return sent
    return most


async def used(made):
    (seen,) = await made.snapshot("acc_1")
    return seen.limits[0].used


@pytest.mark.parametrize("before", [0, 7, 40, 95, 100])
async def test_ten_processes_alone_pass_no_limit(images, before):
    made = [process(images, Limit("invite", 100, per="day"), name=f"p{n}") for n in range(10)]
    for n in range(before):
        await send(made[n % 10])
    for one in made:
        await one.snapshot("acc_1")
    lose(*made)
    went = [await as_many_as_go(one) for one in made]
    assert before + sum(went) <= 100
    assert sum(went) == (100 - before) // 10 * 10
    find(*made)
    await asyncio.sleep(4)
    for one in made:
        await one.snapshot("acc_1")
        assert not one._sharer._courier.lost
    assert await used(made[0]) == before + sum(went), "what went meanwhile is told to the store"
    assert await as_many_as_go(made[0]) == 100 - before - sum(went)


async def test_what_is_under_way_alone_counts_when_the_store_is_back(images):
    made, other = (
        process(
            images,
            Limit("invite", 100, per="day"),
            Limit("profile", 50, per="day", scope="key"),
            name=name,
        )
        for name in "ab"
    )
    lose(made)
    slots = [await made.take("acc_1", "invite", max_wait=1.0) for _ in range(10)]
    slots += [await made.take("acc_1", "profile", max_wait=1.0) for _ in range(5)]
    with pytest.raises(WaitTooLongError):
        await send(made)
    find(made)
    await asyncio.sleep(1.2)  # it has found the store, and was asked for nothing since
    assert await as_many_as_go(other) == 90
    for slot in slots:
        made.report(slot, DONE)
    await asyncio.sleep(4)
    assert await used(other) == 100
    with pytest.raises(WaitTooLongError):
        await send(made)
    nothing_is_open(made)


async def test_what_is_under_way_alone_counts_in_a_budget_of_all_accounts(images):
    made, other = (
        process(images, Limit("invite", 100, per="day", scope="key"), name=name) for name in "ab"
    )
    lose(made)
    slots = [await made.take("acc_1", "invite", max_wait=1.0) for _ in range(10)]
    find(made)
    await asyncio.sleep(1.2)
    assert await as_many_as_go(other) == 90
    for slot in slots:
        made.report(slot, DONE)
    await asyncio.sleep(4)
    nothing_is_open(made)


async def test_nobody_takes_what_others_have_not_told_yet(images):
    made = [process(images, Limit("invite", 100, per="day"), name=f"p{n}") for n in range(10)]
    for one in made:
        await one.snapshot("acc_1")
    lose(*made)
    went = [await as_many_as_go(one) for one in made[:-1]]
    lost = asyncio.ensure_future(as_many_as_go(made[-1]))
    await lost
    find(*made)
    eager = [asyncio.ensure_future(send(made[-1], max_wait=60)) for _ in range(100)]
    done = await asyncio.gather(*eager, return_exceptions=True)
    await asyncio.sleep(5)
    assert sum(went) + lost.result() + sum(one is None for one in done) == 100
    assert await used(made[0]) == 100


async def test_a_limit_below_ten_waits_for_the_store_and_says_so(images):
    made = process(images, Limit("invite", 9, per="day"))
    await send(made)
    lose(made)
    with pytest.raises(StateUnavailableError, match=r"more than a tenth .* bring the store back"):
        await send(made)
    find(made)
    await asyncio.sleep(1.5)
    with pytest.raises(WaitTooLongError, match="the store of counts is lost, or was a moment ago"):
        await send(made)
    await asyncio.sleep(1)
    await send(made)
    assert await used(made) == 2
    nothing_leaks(made)


async def test_a_store_that_was_never_there_leaves_a_tenth(images):
    made = process(images, Limit("invite", 50, per="day"))
    lose(made)
    assert await as_many_as_go(made) == 5


async def test_whoever_waits_goes_when_the_store_is_back(images):
    made = process(images, Limit("invite", 20, per=60.0))
    lose(made)
    assert await as_many_as_go(made) == 2
    waiting = [asyncio.ensure_future(send(made, max_wait=1e4)) for _ in range(10)]
    await asyncio.sleep(5)
    assert not any(task.done() for task in waiting)
    find(made)
    async with asyncio.timeout(15):
        await asyncio.gather(*waiting)
    assert await used(made) == 12
    nothing_leaks(made)


def nothing_is_open(made):
    nothing_leaks(made)
    assert not made._sharer._courier._own._open


async def test_a_call_that_began_with_the_store_ends_without_it(images):
    made = process(images, Limit("invite", 30, per="day"))
    slot = await made.take("acc_1", "invite", max_wait=1.0)
    lose(made)
    await send(made)
    made.report(slot, DONE)
    assert await used_by(made) == 2
    nothing_is_open(made)


async def used_by(made):
    await asyncio.sleep(1)
    find(made)
    await asyncio.sleep(2)
    return await used(made)


async def test_a_call_that_began_alone_ends_with_the_store(images):
    made = process(images, Limit("invite", 30, per="day"))
    lose(made)
    one, other = [await made.take("acc_1", "invite", max_wait=1.0) for _ in range(2)]
    find(made)
    await asyncio.sleep(4)
    await send(made)
    made.report(one, DONE)
    made.report(other, REFUND)
    await asyncio.sleep(1)
    assert await used(made) == 2
    nothing_is_open(made)


async def test_what_an_answer_says_meanwhile_holds_when_the_store_is_back(images):
    made = process(images, Limit("invite", 100, per="day"))
    lose(made)
    await send(made, verdict=Verdict(effect="cool_down", retry_after=600.0))
    with pytest.raises(WaitTooLongError):
        await send(made)
    find(made)
    await asyncio.sleep(5)
    other = process(images, Limit("invite", 100, per="day"), name="other")
    start = now()
    await send(other, max_wait=1e4)
    assert 500 < now() - start < 700


async def test_without_the_wish_nothing_goes(images):
    made = process(images, Limit("invite", 100, per="day"), alone=False)
    lose(made)
    with pytest.raises(StateUnavailableError) as caught:
        await send(made)
    assert (caught.value.account_id, caught.value.action) == ("acc_1", "invite")
    assert caught.value.retry_after
    find(made)
    await asyncio.sleep(4)
    nothing_leaks(made)


async def test_one_warning_at_each_end(images, caplog):
    made = process(images, Limit("invite", 100, per=10.0))
    lose(made)
    for _ in range(20):
        await send(made, max_wait=100)
    find(made)
    await asyncio.sleep(4)
    await send(made, max_wait=100)
    said = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 2
    assert "a tenth" in said[0]
    assert "the server is gone" in said[0]


async def test_cancelled_alone_it_holds_nothing(images):
    made = process(images, Limit("invite", 20, per="day"))
    lose(made)
    assert await as_many_as_go(made) == 2
    waiting = [asyncio.ensure_future(send(made, max_wait=2 * DAY)) for _ in range(5)]
    await asyncio.sleep(0.5)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    find(made)
    await asyncio.sleep(4)
    assert await as_many_as_go(made) == 18
    nothing_is_open(made)


@pytest.mark.parametrize("scope", ["account", "key"])
async def test_a_long_call_keeps_its_lease(images, scope):
    made, other = (
        process(images, Limit("invite", 1, per=60.0, scope=scope), name=name) for name in "ab"
    )
    slot = await made.take("acc_1", "invite")
    task = asyncio.ensure_future(send(other, max_wait=1e5))
    await asyncio.sleep(3600)
    assert not task.done(), "the call of an hour is still under way"
    made.report(slot, DONE)
    start = now()
    await task
    assert 60 <= now() - start < 75
    await asyncio.sleep(300)
    nothing_leaks(made)
    assert not made._sharer._leases._out


async def test_a_lease_that_nobody_renews_ends(images):
    made, other = (process(images, Limit("invite", 1, per=60.0), name=name) for name in "ab")
    await made.take("acc_1", "invite")
    made._sharer._leases.close()  # its process was killed
    start = now()
    await send(other, max_wait=1e5)
    assert 180 + 60 <= now() - start < 260


async def test_a_grant_that_nobody_heard_of_is_given_back(images):
    made = process(images, Limit("invite", 1, per="day"), alone=False)
    store = made._sharer._courier._state
    step = images.step

    async def done_but_not_told(work):
        await step(work)
        raise StateUnavailableError("cut off")

    images.step = done_but_not_told
    with pytest.raises(StateUnavailableError):
        await send(made)
    images.step = step
    await asyncio.sleep(4)
    assert store.error is None
    await send(made)
    assert await used(made) == 1


async def test_a_store_that_comes_and_goes_gives_nobody_a_share_anew(images):
    made = [process(images, Limit("invite", 100, per="day"), name=f"p{n}") for n in range(10)]
    for one in made:
        await one.snapshot("acc_1")
    sent = 0
    for up in (0.1, 1.0, 2.9, 3.1, 10.0, 0.5, 60.0):
        lose(*made)
        for one in made:
            sent += await as_many_as_go(one)
        await asyncio.sleep(1.0)
        find(*made)
        await asyncio.sleep(up)  # in which some are told, and nobody asks
    assert sent == 100
    await asyncio.sleep(5)
    for one in made:
        with pytest.raises(WaitTooLongError, match="100 invite"):
            await send(one)
    assert await used(made[0]) == 100


async def test_nobody_goes_alone_while_others_may_have_gone_back_to_the_store(images):
    first, last = (process(images, Limit("invite", 20, per="day"), name=name) for name in "ab")
    for one in (first, last):
        await one.snapshot("acc_1")
    lose(first, last)
    assert (await as_many_as_go(first), await as_many_as_go(last, most=1)) == (2, 1)
    find(first, last)
    await asyncio.sleep(1.5)
    late = asyncio.ensure_future(send(last, max_wait=2.0))
    with pytest.raises(WaitTooLongError, match="the store of counts is lost, or was a moment ago"):
        await late
    await asyncio.sleep(5)
    assert await as_many_as_go(first) == 17


async def test_who_stood_in_line_when_the_store_was_lost_is_not_busy_leaving_it(images):
    made = process(images, Limit("invite", 1, per=3600.0))
    await send(made)
    waits = asyncio.ensure_future(send(made, max_wait=1e4))
    await asyncio.sleep(1)
    lose(made)
    other = asyncio.ensure_future(made.take("acc_2", "profile", max_wait=1.0))
    await asyncio.sleep(0.5)
    assert made._sharer._courier.lost
    assert made._sharer._desks[made.lane("acc_1")].stands
    steps, once = 0, made._sharer._once

    def counted(*args):
        nonlocal steps
        steps += 1
        return once(*args)

    made._sharer._once = counted
    waits.cancel()
    find(made)
    async with asyncio.timeout(3):
        await asyncio.wait({waits, asyncio.ensure_future(asyncio.sleep(2))})
        await asyncio.sleep(0.5)
    assert steps < 20
    await asyncio.gather(waits, other, return_exceptions=True)


# -- what rests between two outages ----------------------------------------------------------------


async def went(made, account, most=500):
    for number in range(most):
        try:
            made.report(await made.take(account, "profile", max_wait=1.0), DONE)
        except (WaitTooLongError, StateUnavailableError, LaneClosedError):
            return number
    return most


def sharing_one_budget(images, count):
    row = Limit("profile", 100, per="day", scope="key")
    made = [process(images, row, name=f"p{index}") for index in range(count)]
    for one in made:
        one.resign("acc_2")
    return made


async def test_an_account_that_rests_keeps_no_old_copy_of_what_all_share(images):
    made = sharing_one_budget(images, 10)
    sent = 0
    for one in made:
        sent += await went(one, "acc_1", 1) + await went(one, "acc_2", 1)
    lose(*made)
    for one in made:
        sent += await went(one, "acc_1", 1)  # and acc_1 rests from now on
    find(*made)
    await asyncio.sleep(60)
    sent += await went(made[0], "acc_2")
    for one in made:
        sent += await went(one, "acc_2", 1)
    lose(*made)
    for one in made:
        sent += await went(one, "acc_2")
    assert 90 <= sent <= 100


@pytest.mark.parametrize(("paused", "account"), [("*", "acc_2"), ("acc_1", "acc_1")])
async def test_a_pause_between_two_outages_holds_in_the_second(images, paused, account):
    (made,) = sharing_one_budget(images, 1)
    assert await went(made, "acc_1", 1) + await went(made, "acc_2", 1) == 2
    lose(made)
    assert await went(made, "acc_1", 1) == 1
    find(made)
    await asyncio.sleep(60)
    await made.pause(paused, reason="stop")
    if paused == "*":
        assert await went(made, account) == 0
    lose(made)
    assert await went(made, account) == 0


def damaged(data, how):
    if how == "newer":
        return msgspec.msgpack.encode([VERSION + 1, *msgspec.msgpack.decode(data)[1:]])
    return b"garbage"


@pytest.mark.parametrize("how", ["newer", "garbage"])
async def test_one_account_that_cannot_be_read_leaves_the_others_their_store(images, caplog, how):
    rows = [Limit("invite", 40, per="day")]
    before = process(images, *rows)
    await send(before)
    await asyncio.sleep(1)
    images._images["acc_1"] = damaged(images._images["acc_1"], how)
    made = process(images, *rows)
    made.resign("acc_2")
    for _ in range(40):
        with pytest.raises(ConfigurationError, match="counts of acc_1"):
            await send(made)
        made.report(await made.take("acc_2", "invite", max_wait=1.0), DONE)
    assert not made._sharer._courier.lost
    assert not [one for one in caplog.messages if "account limits are" in one]
    del images._images["acc_1"]  # as the error says
    await send(made)
    await asyncio.sleep(1)
    nothing_is_open(made)


async def test_an_account_of_which_the_store_says_that_it_cannot_be_written_fails_alone(images):
    made = process(images, Limit("invite", 40, per="day"))
    made.resign("acc_2")
    store = made._sharer._courier._state
    find, step = store.step, store.step

    async def refuses(work):
        if "acc_1" in work.keys:
            raise StateUnavailableError("too many others write the same", account_id="acc_1")
        return await step(work)

    store.step = refuses
    for _ in range(40):
        with pytest.raises(StateUnavailableError, match="too many others"):
            await send(made)
        made.report(await made.take("acc_2", "invite", max_wait=1.0), DONE)
    assert not made._sharer._courier.lost
    store.step = find
    await asyncio.sleep(2)
    await send(made)
    await asyncio.sleep(1)
    nothing_is_open(made)
