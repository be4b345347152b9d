"""A store that is lost, and a spacing: what nobody carried out, or is over by now, holds nobody."""

import asyncio

import pytest

from postpress_async import Limit, Limits, Spacing, WaitTooLongError
from postpress_async.limits import DONE, Verdict
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages
from postpress_async.storage.remote.swaps import NotDoneError

from .rehearsal import VirtualClock, nothing_leaks, now
from .test_sharing import Named

pytestmark = pytest.mark.looptime
FIVE = Spacing(5.0, 5.0)


class Far:
    """Be a server: a step is decided here, and fails when it gets there.

    Attributes:
        up: whether it gets there.
        decides: whether it is decided here all the same while the server is known to be lost.
    """

    trouble, lead = "", 0.0

    def __init__(self, images):
        self.images, self.up, self.decides = images, True, True

    async def step(self, work):
        await asyncio.sleep(0.01)
        if self.up:
            return await self.images.step(work)
        if self.decides:
            known = {key: self.images._images.get(key) for key in work.keys}
            work.run(known, self.images._time.now())
        raise NotDoneError("the server is gone")

    async def aclose(self):
        pass


@pytest.fixture
def server():
    return Far(MemoryImages(clock=VirtualClock().time))


def process(server, *rows, name="one"):
    made = Scheduler(
        Limits.none().add(*rows), clock=VirtualClock(), random=lambda: 0.0, max_queue=1_000,
        places=100, state=server, processes=Named(name), alone=True,
    )  # fmt: skip
    for account in ("acc_1", "acc_2"):
        made.resign(account)
    return made


async def send(made, account="acc_1", verdict=DONE, max_wait=6.0):
    slot = await made.take(account, "invite", max_wait=max_wait)
    went = now()
    made.report(slot, verdict)
    return went


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "never seen"])
async def test_the_call_that_found_the_store_lost_holds_no_spacing(server, seen):
    made = process(server, Limit("invite", 100, per="day"), FIVE)
    if seen:
        await send(made)
        await asyncio.sleep(10)
    server.up = False
    first = await send(made)
    assert 4.9 < await send(made) - first < 5.1, "and the spacing is kept"
    await asyncio.sleep(1)
    nothing_leaks(made)


async def test_nor_does_it_take_a_place_in_a_limit(server):
    made = process(server, Limit("invite", 10, per="day"))
    server.up = False
    await send(made)  # the only one: a tenth
    with pytest.raises(WaitTooLongError, match="invite per day"):
        await send(made)
    await asyncio.sleep(1)


async def test_nor_one_of_a_budget_that_accounts_share(server):
    made = process(server, Limit("invite", 20, per="day", scope="key"))
    server.up = False
    await asyncio.gather(send(made), send(made, "acc_2"))
    with pytest.raises(WaitTooLongError, match="invite per day"):
        await send(made)
    await asyncio.sleep(1)


@pytest.mark.parametrize("decides", [True, False])
async def test_a_call_that_ends_without_the_store_begins_its_spacing_there(server, decides):
    made = process(server, Limit("invite", 100, per="day"), FIVE)
    slot = await made.take("acc_1", "invite")
    server.up, server.decides = False, decides
    waits = asyncio.ensure_future(send(made, max_wait=60.0))
    await asyncio.sleep(20)
    assert not waits.done(), "a call is under way"
    ended = now()
    made.report(slot, DONE)
    assert 4.9 < await waits - ended < 5.2
    await asyncio.sleep(1)


async def test_what_its_answer_says_holds_there_too(server):
    made = process(server, Limit("invite", 100, per="day"))
    slot = await made.take("acc_1", "invite")
    server.up = False
    await send(made)
    made.report(slot, Verdict(effect="cool_down", retry_after=600.0))
    with pytest.raises(WaitTooLongError):
        await send(made)
    await asyncio.sleep(1)


async def test_what_was_told_to_the_store_is_over_in_the_next_outage_too(server):
    made = process(server, Limit("invite", 100, per="day"), FIVE)
    slot = await made.take("acc_1", "invite")
    server.up = False
    waits = asyncio.ensure_future(send(made, max_wait=1.0))
    await asyncio.gather(waits, return_exceptions=True)
    server.up = True
    await asyncio.sleep(1.5)
    assert not made._sharer._courier.lost
    made.report(slot, DONE)  # told at once, in the moment in which nothing goes
    await asyncio.sleep(0.5)
    server.up, server.decides = False, False
    await send(made, max_wait=20.0)
    await asyncio.sleep(1)


async def test_a_spacing_holds_from_the_last_call_alone_to_the_first_with_the_store(server):
    made, other = (
        process(server, Limit("invite", 100, per="day"), Spacing(30.0, 30.0), name=name)
        for name in "ab"
    )
    server.up = False
    last = await send(made)
    server.up = True
    await asyncio.sleep(1.5)  # it is told
    assert 29.9 < await send(other, max_wait=60.0) - last < 35.0
    await asyncio.sleep(1)
