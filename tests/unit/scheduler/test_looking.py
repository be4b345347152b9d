"""Looking without a trace: nothing of it reaches the store, and nothing goes."""

import asyncio

import pytest

from postpress_async import ConfigurationError, Limit, Limits, StateUnavailableError
from postpress_async.scheduler.everyone import EVERYONE
from postpress_async.scheduler.looking import Knows
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock
from .test_sharing import Named, Store, done

pytestmark = pytest.mark.looptime

FIVE = Limit("profile", 5, per="day")
OF_ALL = Limit("profile", 9, per="day", scope="key")


@pytest.fixture
def images():
    return MemoryImages(clock=VirtualClock().time)


def process(images, name="one", **store):
    return Scheduler(
        Limits.none().add(FIVE, OF_ALL), clock=VirtualClock(), random=lambda: 0.0, max_queue=10,
        places=10, state=Store(images, **store), processes=Named(name), boot=lambda: 0.0,
    )  # fmt: skip


def looker(images, **store):
    made = process(images, "two", **store)
    made.only_look()
    return made


async def kept(images, *keys):
    class Read:
        def __init__(self):
            self.keys = keys

        def run(self, found, _):
            return {}, dict(found)

    return await images.step(Read())


async def used(scheduler, account="acc_1"):
    scheduler.lane(account).tally("profile", 0.0)
    [lane] = await scheduler.snapshot(account)
    return [limit.used for limit in lane.limits]


async def test_it_sees_what_others_counted_and_adds_to_it_for_itself_alone(images):
    sender, looking = process(images), looker(images)
    await done(sender)
    await done(sender, account="acc_2")
    await sender.snapshot()  # both are told to the store
    before = await kept(images, "acc_1", "acc_2", "acc_3", EVERYONE)
    assert await used(looking) == [1, 2]
    await looking.record("acc_1", "profile", 3)
    assert await used(looking) == [4, 5]
    looking.describe("acc_1", "LINKEDIN", ok=None)
    await looking.pause("*", reason="what if")
    await looking.pause("acc_3", reason="what if")
    await looking.set_limits("acc_2", Limits.none())
    [lane] = await looking.snapshot("acc_1")
    assert (lane.provider, lane.paused) == ("LINKEDIN", "what if")
    await looking.flush()
    assert await kept(images, *before) == before
    assert await used(sender) == [1, 2]
    await done(sender)


async def test_a_look_sees_what_was_learned_a_moment_before_be_the_store_slow(images):
    looking = looker(images, seconds=1.0)
    looking.describe("acc_1", "LINKEDIN", ok=None)
    await asyncio.sleep(0.1)  # the step that tells it is under way
    [lane] = await looking.snapshot("acc_1")
    assert lane.provider == "LINKEDIN"
    assert await kept(images, "acc_1") == {"acc_1": None}


async def test_whoever_only_looks_sends_nothing_that_is_counted(images):
    looking = looker(images)
    assert looking.try_take("acc_1", "profile") is None
    with pytest.raises(ConfigurationError, match=r"only_look\(\)"):
        await looking.take("acc_1", "profile")
    assert looking.try_take("acc_1", "read") is not None
    assert await kept(images, "acc_1") == {"acc_1": None}


async def test_a_look_that_fails_leaves_nothing_behind_and_the_next_one_sees_all(images):
    store = Store(images, error=StateUnavailableError("away"))
    looking = Scheduler(
        Limits.none().add(FIVE), clock=VirtualClock(), random=lambda: 0.0, max_queue=10,
        places=10, state=store, processes=Named("two"), boot=lambda: 0.0,
    )  # fmt: skip
    looking.only_look()
    with pytest.raises(StateUnavailableError):
        await looking.record("acc_1", "profile")
    store.error, store.seconds = None, 1.0
    late = asyncio.create_task(looking.record("acc_1", "profile"))
    await asyncio.sleep(0.2)
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    await looking.record("acc_1", "profile", 2)
    assert await used(looking) == [2]


@pytest.mark.parametrize("how", ["waits", "is under way"])
async def test_a_client_that_sends_is_not_made_to_look(images, how):
    made = process(images)
    for _ in range(5 if how == "waits" else 0):
        await done(made)
    task = asyncio.create_task(made.take("acc_1", "profile", max_wait=1e6))  # the sixth waits
    await asyncio.sleep(0.1)
    assert task.done() is (how == "is under way")
    with pytest.raises(ConfigurationError, match="nothing to send"):
        made.only_look()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_in_memory_nothing_changes():
    made = Scheduler(
        Limits.none().add(FIVE), clock=VirtualClock(), random=lambda: 0.0, max_queue=10, places=10
    )
    made.only_look()
    assert made.try_take("acc_1", "profile") is not None


@pytest.mark.parametrize(
    ("what", "known"),
    [
        (lambda made: made.snapshot("acc_1"), False),
        (lambda made: made.pause("*", reason="all off"), False),
        (lambda made: made.resume("acc_1"), False),
        (lambda made: made.pause("acc_1", reason="r"), True),
        (lambda made: made.record("acc_1", "profile"), True),
        (lambda made: made.set_limits("acc_1", Limits.none()), True),
        (done, True),
        (lambda made: made.take("acc_1", "profile"), True),
    ],
    ids=("looked-at", "all-paused", "resumed", "paused", "recorded", "limited", "counted", "held"),
)
async def test_a_store_knows_an_account_of_which_anything_was_told(images, what, known):
    made = process(images)
    assert not await images.step(Knows("acc_1"))
    made.lane("acc_1")
    await what(made)
    await made.snapshot("acc_1")  # closed for all, too, if it is
    assert await kept(images, "acc_1") != {"acc_1": None}
    assert await images.step(Knows("acc_1")) is known
