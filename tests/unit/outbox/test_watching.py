"""Which lanes are looked at again: those that our own limits have shut."""

from types import SimpleNamespace

import pytest

from postpress_async.errors import StateUnavailableError
from postpress_async.outbox.results import Later
from postpress_async.outbox.watching import Watcher
from postpress_async.storage.outbox.rows import Resting

DAY = 86_400.0
ROW = SimpleNamespace(account_id="acc_1", action="message")


class Store:
    """Keep one lane, and note whether it was opened."""

    def __init__(self, until):
        self.lane = Resting(account_id="acc_1", action="message", until=until, now=0.0)
        self.opened = []

    async def resting(self, names):
        return [self.lane] if "acc_1" in names else []

    async def reopen(self, lane, *, at):
        self.opened.append(at)


class Scheduler:
    async def estimate(self, account_id, action):
        return SimpleNamespace(seconds=0.0)


def watcher(store):
    return Watcher(
        None, store=store, scheduler=Scheduler(), clock=None, shared=True,
        pool_of=lambda row: (row.account_id,),
    )  # fmt: skip


@pytest.mark.parametrize("waits", [(DAY, 2 * DAY), (2 * DAY, DAY)], ids=["rising", "falling"])
async def test_of_items_that_were_told_at_once_the_latest_instant_is_ours(waits):
    store = Store(2 * DAY)  # a lane keeps the latest
    made = watcher(store)
    for seconds in waits:
        later = Later(reason="no room", seconds=seconds, lane=True)
        made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)
    await made._look()
    assert store.opened == [0.0]


async def test_what_the_service_has_shut_for_longer_stays_shut():
    store = Store(3 * DAY)
    made = watcher(store)
    later = Later(reason="no room", seconds=DAY, lane=True)
    made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)
    await made._look()
    assert store.opened == []


@pytest.mark.parametrize("found", ["open", "shut"])
async def test_what_shuts_a_lane_a_little_later_is_found_by_the_next_look(found):
    store = Store(DAY)
    made = watcher(store)
    later = Later(reason="no room", seconds=DAY, lane=True)
    made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)
    shut = store.lane
    if found == "open":  # it was told, and not written yet
        store.lane = Resting(account_id="acc_2", action="message", until=DAY, now=0.0)
    await made._look()
    store.lane, store.opened = shut, []
    await made._look()  # what another item was told before has come in since
    assert store.opened == [0.0]
    store.lane = Resting(account_id="acc_2", action="message", until=DAY, now=0.0)
    for _ in range(10):
        await made._look()
    assert (made._resting, made._misses, made._some.is_set()) == ({}, {}, False)


async def test_what_the_service_shuts_after_a_lane_was_opened_stays_shut():
    store = Store(DAY)
    made = watcher(store)
    later = Later(reason="no room", seconds=DAY, lane=True)
    made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)
    await made._look()
    assert store.opened == [0.0]
    # Another worker was refused (429): for an hour, which is sooner than what we were told.
    store.lane = Resting(account_id="acc_1", action="message", until=3600.0, now=0.0)
    for _ in range(10):
        await made._look()
    assert store.opened == [0.0]


@pytest.mark.parametrize("late", [DAY, 2 * DAY])
async def test_each_item_that_was_told_at_once_may_come_in_late(late):
    store = Store(2 * DAY)
    made = watcher(store)
    for seconds in (2 * DAY, DAY):
        later = Later(reason="no room", seconds=seconds, lane=True)
        made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)
    await made._look()
    store.lane = Resting(account_id="acc_1", action="message", until=late, now=0.0)
    await made._look()
    assert store.opened == [0.0, 0.0]


def told(made, seconds):
    later = Later(reason="no room", seconds=seconds, lane=True)
    made._note(ROW, SimpleNamespace(now=lambda: 0.0), later)


def resting(until, now=0.0):
    return Resting(account_id="acc_1", action="message", until=until, now=now)


async def test_what_is_told_during_a_look_is_not_forgotten():
    store = Store(DAY)
    made = watcher(store)
    told(made, DAY)

    async def seen(_):
        if not seen.again:
            told(made, 2 * DAY)  # comes in at the lane after it was looked at
        seen.again = True
        return [resting(DAY if not store.opened else 2 * DAY)]

    seen.again = False
    store.resting = seen
    await made._look()
    await made._look()
    assert store.opened == [0.0, 0.0]


async def test_a_lane_whose_opening_failed_is_opened_by_the_next_look():
    store = Store(DAY)
    made = watcher(store)
    told(made, DAY)
    reopen = store.reopen

    async def away(lane, *, at):
        store.reopen = reopen
        raise StateUnavailableError("away")

    store.reopen = away
    with pytest.raises(StateUnavailableError):
        await made._look()
    await made._look()
    assert store.opened == [0.0]


@pytest.mark.parametrize("told_so", [True, False], ids=["told", "reopened"])
async def test_a_paced_lane_forgets_not_that_it_was_opened(told_so):
    store = Store(DAY)
    made = watcher(store)
    seconds = 0.0 if told_so else 30.0

    async def estimate(account_id, action):
        return SimpleNamespace(seconds=seconds)

    made._scheduler.estimate = estimate
    told(made, DAY)
    await made._look()
    assert store.opened == [seconds]
    if told_so:
        seconds = 30.0
        told(made, 30.0)
    store.lane = resting(30.0)
    await made._look()  # it rests because of our own pacing
    assert len(store.opened) == 1
    seconds = 0.0
    store.lane = resting(3_600.0, now=31.0)  # another worker was refused
    await made._look()
    assert len(store.opened) == 1


async def test_what_rested_before_is_asked_until_the_store_answers():
    store = Store(DAY)
    made = watcher(store)
    asked = []

    class Clock:
        async def sleep(self, seconds):
            asked.append(seconds)

    made._clock = Clock()

    async def before(names=None, *, most=None):
        if len(asked) < 2:
            raise StateUnavailableError("away")
        return [store.lane]

    store.resting = before
    await made._what_rested_before()
    assert len(asked) == 2
    await made._look()
    assert store.opened == [0.0]


async def test_the_latest_of_many_instants_are_kept():
    store = Store(500 * DAY)
    made = watcher(store)
    for days in range(500, 0, -1):
        told(made, days * DAY)
    ((instants, _),) = made._resting.values()
    assert len(instants) == 100
    await made._look()
    assert store.opened == [0.0]
