"""Counts in a store: whatever it and other processes do, nobody hangs and nothing is over."""

import asyncio
from itertools import pairwise

import pytest

from postpress_async import Limit, Limits, Spacing, StateUnavailableError, WaitTooLongError
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, nothing_leaks, now

pytestmark = pytest.mark.looptime


class Store:
    """Take time for each step, or fail; over images that several processes may share."""

    trouble = ""

    def __init__(self, images, seconds=0.0, error=None):
        self.images, self.seconds, self.error = images, seconds, error

    @property
    def lead(self):
        return self.images.lead

    async def step(self, work):
        error = self.error
        await asyncio.sleep(self.seconds / 2)
        if error is not None:
            raise error
        result = await self.images.step(work)
        await asyncio.sleep(self.seconds / 2)
        return result

    async def aclose(self):
        pass


class Named:
    """Be a process by name; none is ever certainly dead."""

    def __init__(self, own):
        self.own = own

    def gone(self, _):
        return False


@pytest.fixture
def images():
    return MemoryImages(clock=VirtualClock().time)


def process(images, *rows, name="one", places=100, boot=lambda: 0.0, **store):
    made = Scheduler(
        Limits.none().add(*rows), clock=VirtualClock(), random=lambda: 0.0, max_queue=1_000,
        places=places, state=Store(images, **store), processes=Named(name), boot=boot,
    )  # fmt: skip
    for account in ("acc_1", "acc_2"):
        made.resign(account)
    return made


async def done(made, action="profile", account="acc_1", max_wait=1e6):
    slot = await made.take(account, action, max_wait=max_wait)
    went = now()
    made.report(slot, DONE)
    return went


async def test_a_store_that_fails_in_any_way_is_told_and_hangs_nobody(images):
    made = process(images, Limit("profile", 5))
    made._sharer._courier._state.error = ValueError("the file is odd")
    async with asyncio.timeout(60):
        with pytest.raises(StateUnavailableError, match="the file is odd"):
            await made.take("acc_1", "profile")
        made._sharer._courier._state.error = None
        await done(made)


async def test_what_could_not_be_given_back_is_given_back_later(images):
    made = process(images, Limit("profile", 1, per="day"))
    slot = await made.take("acc_1", "profile")
    made._sharer._courier._state.error = StateUnavailableError("gone")
    made.report(slot, REFUND)
    await asyncio.sleep(5)
    made._sharer._courier._state.error = None
    async with asyncio.timeout(60):
        await done(made)


async def test_what_a_look_that_fails_took_along_is_given_back_later(images):
    made = process(images, Limit("profile", 1, per="day"))
    slot = await made.take("acc_1", "profile")
    store = made._sharer._courier._state
    store.error = StateUnavailableError("gone")
    made.report(slot, REFUND)
    await asyncio.sleep(0.5)
    store.seconds = 2.0
    with pytest.raises(StateUnavailableError):
        await made.snapshot("acc_1")
    store.error, store.seconds = None, 0.0
    async with asyncio.timeout(60):
        await done(made)


async def test_reads_go_on_while_the_store_is_lost(images):
    made = process(images, Limit("profile", 5), places=1, seconds=1.0)
    made._sharer._courier._state.error = StateUnavailableError("gone")
    async with asyncio.timeout(60):
        lost = asyncio.ensure_future(made.take("acc_1", "profile"))
        await asyncio.sleep(0.1)
        for account in ("acc_1", "acc_2"):
            made.report(await made.take(account, "read", max_wait=30), DONE)
        with pytest.raises(StateUnavailableError):
            await lost
    nothing_leaks(made, places=1)


class Ticking(VirtualClock):
    """Be read at another moment each time, as a real clock is."""

    reads = 0

    def monotonic(self):
        self.reads += 1
        return super().monotonic() + 1e-6 * self.reads


async def test_whoever_goes_in_a_step_is_not_counted_as_waiting_ahead_too(images):
    made = Scheduler(
        Limits.none().add(Limit("invite", 3, per="day"), Spacing(5.0, 5.0)), clock=Ticking(),
        random=lambda: 0.0, max_queue=10, places=10, state=Store(images), processes=Named("one"),
    )  # fmt: skip
    made.resign("acc_1")
    went = await asyncio.gather(*(done(made, "invite", max_wait=60.0) for _ in range(3)))
    assert [4.9 < later - first < 5.3 for first, later in pairwise(went)] == [True, True]
    with pytest.raises(WaitTooLongError):
        await done(made, "invite", max_wait=60.0)


async def test_a_blocked_action_does_not_crowd_another_out(images):
    made = process(images, Limit("invite", 1, per="day"), places=1)
    await done(made, "invite")
    blocked = [asyncio.ensure_future(done(made, "invite")) for _ in range(40)]
    await asyncio.sleep(1)
    async with asyncio.timeout(5):
        await done(made, "message")
    for task in blocked:
        task.cancel()
    await asyncio.gather(*blocked, return_exceptions=True)
    await asyncio.sleep(1)
    nothing_leaks(made, places=1)


async def test_cancelled_while_the_store_is_asked_its_place_goes_to_others(images):
    made = process(images, Limit("profile", 5), places=1, seconds=1.0)
    asked = asyncio.ensure_future(made.take("acc_1", "profile"))
    await asyncio.sleep(0.5)
    other = asyncio.ensure_future(made.take("acc_2", "read"))
    asked.cancel()
    async with asyncio.timeout(5):
        made.report(await other, DONE)
    await asyncio.sleep(5)
    (seen,) = await made.snapshot("acc_1")
    assert seen.limits[0].used == 0
    nothing_leaks(made, places=1)


async def test_a_grant_that_came_late_is_not_used(images):
    made = process(images, Limit("profile", 1, per=60), seconds=100.0)
    slot = await made.take("acc_1", "profile", max_wait=1_000)
    assert not made.holds(slot)
    made.report(slot, REFUND)


@pytest.mark.parametrize("when", ["while it was asked for", "after it was granted"])
async def test_a_grant_from_before_the_machine_was_suspended_is_not_used(images, when):
    """The loop's time stands still meanwhile, and the store's does not."""
    boot = [1_000.0]
    made = process(images, Limit("profile", 2, per=60), boot=lambda: boot[0], seconds=0.2)
    asked = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=1_000))
    await asyncio.sleep(0.1)
    if when == "while it was asked for":
        boot[0] += 600.0
    slot = await asked
    if when == "after it was granted":
        assert made.holds(slot)
        boot[0] += 600.0
    assert not made.holds(slot)
    made.report(slot, REFUND)
    slot = await made.take("acc_1", "profile", max_wait=1_000)
    assert made.holds(slot)
    made.report(slot, DONE)


async def test_a_refusal_of_the_key_while_the_store_is_asked_is_heard(images):
    made = process(images, Limit("profile", 5), seconds=1.0)
    slot = await made.take("acc_2", "read")
    task = asyncio.ensure_future(done(made))
    await asyncio.sleep(0.2)
    made.report(slot, Verdict(effect="cool_key", retry_after=30.0))
    assert await task >= 30


async def test_cancelled_while_the_store_is_asked_its_grant_goes_to_who_waits_behind_it(images):
    made = process(images, Limit("profile", 1, per="day"), seconds=0.2)
    first = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=60.0))
    behind = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=1e6))
    await asyncio.sleep(0.1)
    first.cancel()
    slot = await asyncio.wait_for(behind, 60.0)
    made.report(slot, REFUND)
    await asyncio.sleep(1)
    nothing_leaks(made)


async def test_what_another_process_does_is_noticed_soon(images):
    one, other = (process(images, Limit("profile", 1, per="day"), name=name) for name in "ab")
    await done(one)
    task = asyncio.ensure_future(done(other))
    await asyncio.sleep(60)
    await one.set_limits("acc_1", Limits.none().add(Limit("profile", 2, per="day")))
    start = now()
    assert await task - start < 1.1


async def test_spacings_outlast_a_restart_and_other_processes(images):
    apart = Spacing(300.0, 300.0, action="message")
    await done(process(images, apart, name="a"), "message")
    await asyncio.sleep(100)
    await done(process(images, apart, name="b"), "profile")
    assert await done(process(images, apart, name="c"), "message") == pytest.approx(300, abs=1)


async def test_a_budget_of_all_accounts_is_one_for_all_processes(images):
    row = Limit("profile", 2, per=10, scope="key")
    made = [process(images, row, name=name) for name in "ab"]
    went = await asyncio.gather(
        *(done(made[index % 2], account=f"acc_{index % 4}") for index in range(8))
    )
    went.sort()
    assert all(later - earlier >= 10 for earlier, later in zip(went, went[2:], strict=False))
    assert went[-1] <= 60
    await made[0].record("acc_1", "profile", 2)
    (seen,) = await made[1].snapshot("acc_1")
    assert seen.limits[0].left == 0


async def test_a_budget_of_all_accounts_is_spread_evenly_over_all_processes(images):
    row = Limit("profile", 10, per=10, scope="key", burst=1)
    made = [process(images, row, name=name) for name in "abc"]
    went = await asyncio.gather(
        *(done(made[index % 3], account=f"acc_{index % 2}") for index in range(12))
    )
    went.sort()
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(went))
    assert went[-1] < 11 + 1
    slot = await made[0].take("acc_1", "profile", max_wait=60)
    made[0].report(slot, REFUND)  # pays back
    start = now()
    await done(made[1])
    assert now() - start <= 1.0
    nothing_leaks(made[1])


async def test_what_was_done_elsewhere_just_now_is_counted_whatever_the_clock_here_says(images):
    class Wrong(VirtualClock):
        def time(self):
            return super().time() - 90_000.0

    made = process(images, Limit("profile", 5, per="day"))
    made._clock = made._control._clock = Wrong()
    await made.record("acc_1", "profile", 4)
    (seen,) = await made.snapshot("acc_1")
    assert seen.limits[0].used == 4


async def test_thousands_that_wait_for_a_few_places_are_not_all_woken_for_each(images):
    made = process(images, Limit("profile", 5), places=10, seconds=0.01)
    steps = 0
    real = made._sharer._courier._state.step

    async def counted(work):
        nonlocal steps
        steps += 1
        return await real(work)

    made._sharer._courier._state.step = counted
    for n in range(2_000):
        made.resign(f"many_{n}")
    before = steps
    async with asyncio.timeout(600):
        await asyncio.gather(*(done(made, account=f"many_{n}") for n in range(2_000)))
    assert steps - before < 4 * 2_000
    assert made._sharer._woken == 0
    nothing_leaks(made, places=10)


async def test_a_process_alone_waits_for_nobody(images):
    made = process(images, Limit("profile", 1, per=10.0))
    start = now()
    for _ in range(5):
        await done(made)
    assert now() - start == pytest.approx(40.0, abs=0.01)


@pytest.mark.parametrize("patience", [0.0, 0.001])
async def test_to_ask_the_store_is_no_waiting(images, patience):
    made = process(images, Limit("profile", 1, per="day"), seconds=0.2)
    assert await done(made, max_wait=patience) == pytest.approx(0.2)
    began = now()
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", "profile", max_wait=patience)
    assert now() - began == pytest.approx(0.2, abs=0.05)
    assert caught.value.retry_after == pytest.approx(86_400, abs=1)
    nothing_leaks(made)


async def test_who_would_not_wait_is_turned_away_where_there_is_no_place(images):
    made = process(images, Limit("profile", 9, per="day"), seconds=0.2, places=1)
    slot = await made.take("acc_1", "profile", max_wait=0.0)
    began = now()
    with pytest.raises(WaitTooLongError):
        await made.take("acc_1", "profile", max_wait=0.0)
    assert now() - began == pytest.approx(0.2, abs=0.05)
    made.report(slot, REFUND)
    nothing_leaks(made, places=1)


async def test_who_would_not_wait_hears_within_a_second_of_a_store_that_does_not_answer(images):
    made = process(images, Limit("profile", 9, per="day"), seconds=90.0)
    began, store = now(), made._sharer._courier._state
    for said, words in (("", "has not answered yet: look"), ("no route", "yet: no route")):
        store.trouble = said
        with pytest.raises(StateUnavailableError, match=words) as caught:
            await made.take("acc_1", "profile", max_wait=0.0)
        assert (caught.value.account_id, caught.value.retry_after) == ("acc_1", 1.0)
    assert now() - began == pytest.approx(2.0, abs=0.05)
    await asyncio.sleep(200)  # the answer is a grant that nobody waits for: it is given back
    made._sharer._courier._state.seconds = 0.0
    for _ in range(9):
        await done(made, max_wait=0.0)
    nothing_leaks(made)


async def test_whose_patience_ends_hears_of_the_store_where_that_has_not_answered(images):
    made = process(images, Limit("profile", 1, per=60.0))
    await done(made)
    waits = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=65.0))
    await asyncio.sleep(30)
    made._sharer._courier._state.seconds = 600.0  # it is frozen when it is asked again
    with pytest.raises(StateUnavailableError, match="has not answered yet"):
        await waits

    made = process(images, Limit("invite", 1, per=60.0), seconds=0.8)
    first = asyncio.ensure_future(made.take("acc_1", "invite", max_wait=0.0))
    await asyncio.sleep(0.1)  # it comes when the first question is on its way
    with pytest.raises(StateUnavailableError, match="has not answered yet"):
        await made.take("acc_1", "invite", max_wait=0.0)
    made.report(await first, DONE)
    await asyncio.sleep(3)
    with pytest.raises(WaitTooLongError, match="1 invite per 60 s"):
        await made.take("acc_1", "invite", max_wait=0.0)


async def test_whoever_asks_no_store_does_not_hear_of_it(images):
    free = process(images, places=1)
    slot = await free.take("acc_1", "read")
    free._sharer._courier._state.seconds = 600.0
    counted = asyncio.ensure_future(free.take("acc_1", "invite", max_wait=90.0))
    with pytest.raises(WaitTooLongError):
        await free.take("acc_1", "read", max_wait=1.0)
    counted.cancel()
    free.report(slot, DONE)


async def test_who_would_not_wait_and_is_cancelled_leaves_nothing(images):
    made = process(images, Limit("profile", 1, per="day"), seconds=0.2)
    task = asyncio.ensure_future(made.take("acc_1", "profile", max_wait=0.0))
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(1)
    await done(made, max_wait=0.0)
    nothing_leaks(made)
