"""A client that is closed while its store is lost: what went without the store is not forgotten."""

import asyncio
import logging

import pytest

from postpress_async import Limit
from postpress_async.limits import DONE, REFUND

from .rehearsal import VirtualClock
from .test_alone import find, images, lose, process, send, used

pytestmark = pytest.mark.looptime
__all__ = ["images"]
ROW = Limit("invite", 100, per="day")


async def close(made):
    made.close()
    await made.flush()


def warnings(caplog):
    return [one.message for one in caplog.records if "was not told" in one.message]


async def test_a_store_that_is_back_by_then_is_told(images, caplog):
    made = process(images, ROW)
    await send(made)
    lose(made)
    for _ in range(5):
        await send(made)
    find(made)
    await close(made)
    assert await used(process(images, ROW, name="other")) == 6
    assert not warnings(caplog)


async def test_a_store_that_was_found_a_moment_ago_is_told(images, caplog):
    made = process(images, ROW)
    lose(made)
    slots = [await made.take("acc_1", "invite", max_wait=1.0) for _ in range(4)]
    await asyncio.sleep(1.5)
    find(made)
    await asyncio.sleep(1.0)
    assert not made._sharer._courier.lost
    for slot in slots:
        made.report(slot, DONE)
    await close(made)
    assert await used(process(images, ROW, name="other")) == 4
    assert not warnings(caplog)


async def test_else_it_is_tried_once_and_the_log_says_how_many(images, caplog):
    made = process(images, ROW, Limit("profile", 100, per="day"))
    lose(made)
    for _ in range(4):
        await send(made)
    await made.take("acc_1", "invite", max_wait=1.0)  # and this one never ends
    made.report(await made.take("acc_1", "profile", max_wait=1.0), REFUND)
    store, tried = made._sharer._courier._state, 0
    step = store.step

    async def counted(work):
        nonlocal tried
        tried += 1
        return await step(work)

    store.step = counted
    await close(made)
    assert tried == 1
    (said,) = warnings(caplog)
    assert "not told of calls that went without it, 5:" in said


@pytest.mark.parametrize("seconds", [3.0, 60.0])
async def test_a_store_that_takes_its_time_is_waited_for(images, caplog, seconds):
    caplog.set_level(logging.WARNING)
    made = process(images, ROW)
    lose(made)
    await send(made)
    find(made)
    made._sharer._courier._state.seconds = seconds
    start = VirtualClock().monotonic()
    await close(made)
    assert VirtualClock().monotonic() - start < 6.5
    assert len(warnings(caplog)) == (seconds > 10)


async def test_a_store_that_was_never_lost_is_asked_nothing_more(images, caplog):
    made = process(images, ROW)
    await send(made)
    await asyncio.sleep(1)
    await close(made)
    assert not caplog.records
