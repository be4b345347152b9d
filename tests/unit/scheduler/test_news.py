"""What another process changes is noticed within a second by whoever waits."""

import asyncio

import pytest

from postpress_async import LaneClosedError, Limit, Limits, StateUnavailableError, WarmUp
from postpress_async.limits import REFUND, Verdict
from postpress_async.scheduler.everyone import EVERYONE
from postpress_async.scheduler.news import LISTEN_EVERY, NEWS, Listener, noted
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, dismiss, nothing_leaks, now
from .test_line import TRIP, later, processes

pytestmark = pytest.mark.looptime
SOON = LISTEN_EVERY + 10 * TRIP


@pytest.fixture
def images():
    return MemoryImages(clock=VirtualClock().time)


async def noticed(task, after=SOON):
    """Return what came of a task, which must end soon."""
    start = now()
    done, _ = await asyncio.wait({task}, timeout=60)
    assert done, "it was not noticed"
    assert now() - start <= after
    return task


@pytest.mark.parametrize("account", ["acc_1", EVERYONE])
async def test_a_pause_and_a_resume(images, account):
    one, other = processes(images, 2, Limit("profile", 5))
    await one.pause(account, reason="a look at it", until=now() + one._clock.time() + 3600)
    task = later(other)
    await asyncio.sleep(30)
    await one.resume(account)
    assert not (await noticed(task)).exception()

    full = later(other, "invite")
    await full
    one, other = processes(images, 2, Limit("search", 1))
    await later(one, "search")
    task = later(other, "search")
    await asyncio.sleep(30)
    await one.pause(account, reason="stop")
    with pytest.raises(LaneClosedError, match="stop"):
        (await noticed(task)).result()
    nothing_leaks(other)


async def test_a_refund(images):
    one, other = processes(images, 2, Limit("profile", 1))
    slot = await one.take("acc_1", "profile")
    task = later(other)
    await asyncio.sleep(30)
    one.report(slot, REFUND)
    assert not (await noticed(task)).exception()


async def test_limits_of_its_own(images):
    one, other = processes(images, 2, Limit("profile", 1))
    await later(one)
    task = later(other)
    await asyncio.sleep(30)
    await one.set_limits("acc_1", Limits.none().add(Limit("profile", 1, per=40.0)))
    assert not (await noticed(task, after=10 + SOON)).exception()


async def test_the_age_of_an_account(images):
    one, other = processes(images, 2, Limit("profile", 2), WarmUp(0.5, days=9))
    one.describe("acc_1", "LINKEDIN", ok=None)
    await later(one)
    task = later(other)
    await asyncio.sleep(30)
    one.describe("acc_1", "LINKEDIN", connected_at=one._clock.time() - 30 * 86_400, ok=None)
    assert not (await noticed(task)).exception()


@pytest.mark.parametrize("scope", ["account", "key"])
async def test_a_refund_beside_what_was_done(images, scope):
    """Whoever waits was told an instant far away, and looks at no call that is under way."""
    one, other = processes(images, 2, Limit("profile", 2, scope=scope))
    await later(one)
    slot = await one.take("acc_1", "profile")
    task = later(other, account="acc_1" if scope == "account" else "acc_2")
    await asyncio.sleep(30)
    one.report(slot, REFUND)
    assert not (await noticed(task)).exception()


async def test_a_refund_of_a_budget_of_all_accounts(images):
    one, other = processes(images, 2, Limit("profile", 1, scope="key"))
    slot = await one.take("acc_1", "profile")
    task = later(other, account="acc_2")
    await asyncio.sleep(30)
    one.report(slot, REFUND)
    assert not (await noticed(task)).exception()


async def test_a_lane_that_the_service_closes(images):
    one, other = processes(images, 2, Limit("profile", 1))
    slot = await one.take("acc_1", "profile")
    task = later(other)
    await asyncio.sleep(30)
    one.report(slot, Verdict(effect="close", reason="disconnected"))
    with pytest.raises(LaneClosedError, match="disconnected"):
        (await noticed(task)).result()


async def test_one_look_serves_all_accounts_and_nobody_looks_while_nobody_waits(images):
    one, other = processes(images, 2, Limit("profile", 1))
    asked = []
    real = other._sharer._courier._state.step

    async def step(work):
        asked.append(work.keys)
        return await real(work)

    other._sharer._courier._state.step = other._sharer._listener._state.step = step
    for account in ("acc_1", "acc_2"):
        await later(one, account=account)
    tasks = [later(other, account=account) for account in ("acc_1", "acc_2")]
    await asyncio.sleep(100)
    assert 95 <= asked.count((NEWS,)) <= 100
    assert len(asked) - asked.count((NEWS,)) <= 2 * 3  # each minute
    await dismiss(*tasks)
    await asyncio.sleep(5)
    asked.clear()
    await asyncio.sleep(100)
    assert not asked


async def test_nothing_is_noted_where_nobody_else_waits(images):
    one, other = processes(images, 2, Limit("profile", 2, per=5))
    for made in (one, other):
        slot = await made.take("acc_1", "profile")
        made.report(slot, REFUND)
    await one.pause("acc_1", reason="nobody need look")
    assert NEWS not in images._images


class Silent:
    """Be a store of news that fails at first."""

    trouble, lead = "", 0.0

    def __init__(self):
        self.errors = [StateUnavailableError("gone"), ValueError("odd")]
        self.news = None

    async def step(self, work):
        if self.errors:
            raise self.errors.pop()
        return work.run({NEWS: self.news}, 0.0)[1]


async def test_a_listener_outlives_a_store_that_fails_and_says_everything_once():
    told, state = [], Silent()
    listener = Listener(state, waits=lambda: True, tell=told.append)
    listener.listen()
    await asyncio.sleep(2.5)
    state.news = noted(None, ["acc_1"], 1.0)
    await asyncio.sleep(2)
    state.news = noted(state.news, ["acc_2"], 2.0)
    await asyncio.sleep(2)
    state.news = b"\xff odd"
    await asyncio.sleep(2)
    listener.close()
    listener.listen()
    await asyncio.sleep(2)
    assert told == [{"acc_1"}, {"acc_2"}]


def test_old_news_are_dropped_and_so_are_the_first_of_too_many():
    data = noted(None, ["a"], 0.0)
    data = noted(data, map(str, range(2_000)), 100.0)
    assert len(data) < 20_000
    assert b"a" not in data
    assert b"1999" in data
