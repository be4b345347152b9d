"""Limits that were lowered below what a waiting call costs: it is told so, and holds nobody up."""

import asyncio

import pytest

from postpress_async import Limit, Limits, WaitTooLongError
from postpress_async.limits import DONE, Verdict
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, dismiss, go, later, nothing_leaks, now, scheduler
from .test_sharing import process

pytestmark = pytest.mark.looptime
DAY = 600.0  # of ten minutes: a second of waiting costs a look at the news
ROW = Limit("search", 100, per=DAY)
LOW = Limits.none().add(Limit("search", 30, per=DAY))
SOON = 2.0  # a second to hear of it, and the steps themselves


WHERE = ["memory", "the same process", "another process"]


def pair(where):
    """Return who waits, and who lowers its limits."""
    if where == "memory":
        made = scheduler(ROW)
        made.resign("acc_1")
        return made, made
    images = MemoryImages(clock=VirtualClock().time)
    made = process(images, ROW, name="a")
    return made, made if where == "the same process" else process(images, ROW, name="b")


async def use(made, count):
    await made.record("acc_1", "search", count)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("twin", ["waits too", "is cancelled"])
async def test_who_can_never_go_any_more_is_told_so_and_who_can_goes(where, twin):
    made, other = pair(where)
    await use(other, 85)
    large, cancelled = (later(made, "search", cost=50, max_wait=30 * DAY) for _ in "ab")
    small = later(made, "search", cost=20, max_wait=30 * DAY)
    await asyncio.sleep(DAY - 60)
    assert not large.done()
    at = now()
    if twin == "is cancelled":
        cancelled.cancel()
    await other.set_limits("acc_1", LOW)
    await asyncio.wait({large}, timeout=SOON)
    with pytest.raises(WaitTooLongError) as told:
        await asyncio.wait_for(large, 0.0)
    assert (told.value.limit, told.value.retry_after) == ("30 search per 600 s", None)
    assert now() - at < SOON
    with pytest.raises(WaitTooLongError if twin == "waits too" else asyncio.CancelledError):
        await asyncio.wait_for(cancelled, SOON)
    slot = await asyncio.wait_for(small, 70)
    made.report(slot, DONE)
    await asyncio.sleep(1)
    nothing_leaks(made)


@pytest.mark.parametrize("where", WHERE)
async def test_who_waits_behind_another_who_still_may_is_told_as_well(where):
    made, other = pair(where)
    await use(other, 90)
    first = later(made, "search", cost=25, max_wait=30 * DAY)
    behind = later(made, "search", cost=31, max_wait=30 * DAY)
    await asyncio.sleep(60)
    await other.set_limits("acc_1", LOW)
    with pytest.raises(WaitTooLongError, match="30 search per 600 s"):
        await asyncio.wait_for(behind, SOON)
    assert not first.done()
    await dismiss(first)
    await asyncio.sleep(1)
    nothing_leaks(made)


async def test_it_holds_no_other_process_up():
    images = MemoryImages(clock=VirtualClock().time)
    one, other = (process(images, ROW, name=name) for name in "ab")
    await use(one, 100)
    waits = later(one, "search", cost=31, max_wait=30 * DAY)
    await asyncio.sleep(DAY - 100)
    await other.set_limits("acc_1", LOW)
    goes = asyncio.ensure_future(go(other, "search", cost=30))
    assert await asyncio.wait_for(goes, 110) <= DAY + 1
    with pytest.raises(WaitTooLongError):
        await waits
    await asyncio.sleep(1)
    nothing_leaks(one)
    nothing_leaks(other)


async def test_what_a_provider_turns_out_to_allow_is_told_too():
    made = scheduler(Limit("search", 30, per=DAY, provider="LINKEDIN"), ROW)
    made.describe("acc_1", "INSTAGRAM", ok=True)
    await use(made, 90)
    waits = later(made, "search", cost=50)
    await asyncio.sleep(60)
    made.describe("acc_1", "LINKEDIN", ok=True)
    with pytest.raises(WaitTooLongError, match="30 search per 600 s"):
        await asyncio.wait_for(waits, 0.1)
    nothing_leaks(made)


async def test_what_a_refusal_teaches_is_told_too():
    made = scheduler(ROW)
    made.resign("acc_1")
    for _ in range(3):
        await go(made, "search", cost=20)
    await asyncio.sleep(DAY + 60)  # it has seen a whole window
    for _ in range(3):
        await go(made, "search", cost=20)
    slot = await made.take("acc_1", "search", cost=20)
    waits = later(made, "search", cost=70, max_wait=30 * DAY)
    await asyncio.sleep(1)
    made.report(slot, Verdict(effect="cool_down", retry_after=DAY - 1))
    with pytest.raises(WaitTooLongError, match="100 search per 600 s"):
        await asyncio.wait_for(waits, 0.1)
    nothing_leaks(made)


@pytest.mark.parametrize("where", WHERE)
async def test_who_can_go_later_waits_on(where):
    made, other = pair(where)
    await use(other, 90)
    waits = later(made, "search", cost=30, max_wait=30 * DAY)
    await asyncio.sleep(60)
    await other.set_limits("acc_1", LOW)
    await asyncio.sleep(400)
    assert not waits.done()
    slot = await asyncio.wait_for(waits, DAY)
    made.report(slot, DONE)
    await asyncio.sleep(1)
    nothing_leaks(made)
