"""Clients of one process go alone with one share, and tell the store of those before them."""

import asyncio
import os

import pytest

from postpress_async import (
    LaneClosedError,
    Limit,
    Limits,
    Spacing,
    StateUnavailableError,
    WaitTooLongError,
)
from postpress_async.limits import DONE
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.scheduler.shares import Share, share_of

from .rehearsal import VirtualClock, now
from .test_alone import as_many_as_go, find, images, lose, process, send, used
from .test_alone_closing import close
from .test_sharing import Named, Store

pytestmark = pytest.mark.looptime
__all__ = ["images"]
ROW = Limit("invite", 100, per="day")


@pytest.fixture
def share():
    return Share()


def client(images, share, *rows, up=True, name="one"):
    made = Scheduler(
        Limits.none().add(*(rows or (ROW,))), clock=VirtualClock(), random=lambda: 0.0,
        max_queue=1_000, places=100, state=Store(images), processes=Named(name), alone=True,
        share=share,
    )  # fmt: skip
    for account in ("acc_1", "acc_2"):
        made.resign(account)
    if not up:
        lose(made)
    return made


async def test_those_that_follow_one_another_have_one_share(images, share):
    went = 0
    for _ in range(5):
        made = client(images, share, up=False)
        went += await as_many_as_go(made, most=3)
        await close(made)
    assert went == 10


async def test_so_do_those_that_are_there_at_once(images, share):
    made = [client(images, share, up=False) for _ in range(3)]
    went = [await as_many_as_go(one, most=4) for one in made]
    assert sum(went) == 10


async def test_what_those_before_have_seen_is_known(images, share):
    made = client(images, share)
    assert await as_many_as_go(made, most=85) == 85
    await asyncio.sleep(1)
    await close(made)
    assert await as_many_as_go(client(images, share, up=False)) == 1


async def test_the_next_one_tells_what_was_not_told_before_it_asks(images, share):
    other, made = process(images, ROW, name="other"), client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    assert await as_many_as_go(other, most=94) == 94
    made = client(images, share)
    assert await as_many_as_go(made) == 1
    await close(made)
    assert await used(other) == 100
    made = client(images, share)
    assert await used(made) == 100, "and nothing is told twice"


async def test_it_is_seen_by_whoever_only_looks(images, share):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    assert await used(client(images, share)) == 5


async def test_what_is_left_of_other_accounts_is_told_at_the_end(images, share):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    made = client(images, share)
    made.report(await made.take("acc_2", "invite", max_wait=1.0), DONE)
    await close(made)
    assert await used(process(images, ROW, name="other")) == 5


async def test_what_could_not_be_told_again_is_left_again(images, share):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=2) == 2
    await close(made)
    made = client(images, share)
    made.report(await made.take("acc_2", "invite", max_wait=1.0), DONE)
    lose(made)
    await close(made)
    assert await used(client(images, share)) == 7


async def test_calls_under_way_count_as_done(images, share):
    made = client(images, share, up=False)
    for _ in range(3):
        await made.take("acc_1", "invite", max_wait=1.0)
    await close(made)
    assert await used(client(images, share)) == 3


async def test_one_that_found_the_store_gives_no_share_anew_to_one_that_did_not(images, share):
    first, last = (client(images, share) for _ in range(2))
    for one in (first, last):
        await one.snapshot("acc_1")
    lose(first, last)
    went = [await as_many_as_go(one, most=5) for one in (first, last)]
    find(first)
    for _ in range(10):
        await asyncio.sleep(1.0)
        went.append(await as_many_as_go(last))
    assert await as_many_as_go(first, most=1) == 1
    went.append(await as_many_as_go(last))
    assert sum(went) == 10


async def test_what_one_has_seen_meanwhile_holds_for_it_when_it_is_alone_again(images, share):
    first, last = (client(images, share) for _ in range(2))
    lose(first, last)
    assert [await as_many_as_go(one, most=1) for one in (first, last)] == [1, 1]
    find(first)
    await asyncio.sleep(10)
    await first.pause("acc_1", reason="stop")
    lose(first)
    with pytest.raises(LaneClosedError):
        await send(first)


async def test_one_that_rests_keeps_no_old_copy_for_the_others(images, share):
    rests, works = (client(images, share) for _ in range(2))
    lose(rests, works)
    assert [await as_many_as_go(one, most=1) for one in (rests, works)] == [1, 1]
    find(rests, works)
    await asyncio.sleep(60)
    assert await as_many_as_go(works) == 98
    assert not share.has("acc_1")


async def test_a_spacing_holds_from_client_to_client(images, share):
    rows = ROW, Spacing(30.0, 30.0)
    made = client(images, share, *rows, up=False)
    await send(made)
    went = now()
    await close(made)
    made = client(images, share, *rows, up=False)
    with pytest.raises(WaitTooLongError):
        await send(made, max_wait=20.0)
    await send(made, max_wait=40.0)
    assert 29.9 < now() - went < 31


@pytest.mark.parametrize("together", [True, False])
async def test_it_holds_between_clients_of_a_process_and_not_between_processes(
    images, share, together
):
    shares = [share, share if together else Share()]
    made = [client(images, one, ROW, Spacing(30.0, 30.0), up=False) for one in shares]
    started = now()
    await asyncio.gather(*(send(one, max_wait=60.0) for one in made))
    took = now() - started
    assert 29.9 < took < 31 if together else took < 1


async def test_a_fork_does_not_tell_what_its_parent_tells(images, share, monkeypatch):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        assert await used(client(images, share)) == 0
    assert await used(client(images, share)) == 5


def test_what_closed_clients_had_seen_is_bounded(share):
    megabyte = bytes(2**20)
    share.leave({f"acc_{n}": megabyte for n in range(20)}, {})
    share.leave({"acc_4": b"new"}, {})
    share.leave({"acc_20": megabyte}, {})
    kept = [n for n in range(21) if share.seen(f"acc_{n}") is not None]
    assert kept == [4, *range(6, 21)]  # what was seen last
    assert share.seen("acc_4") == b"new"


def test_a_share_is_of_a_store_and_of_a_time():
    class Odd(LoopClock):
        __hash__ = None

    clock, other = VirtualClock(), VirtualClock()
    one = share_of("redis://one", LoopClock())
    assert share_of("redis://one", LoopClock()) is one
    assert share_of("redis://two", LoopClock()) is not one
    assert share_of("redis://one", clock) is not one
    assert share_of("redis://one", clock) is share_of("redis://one", clock)
    assert share_of("redis://one", clock) is not share_of("redis://one", other)
    assert share_of("redis://one", Odd()) is not one


async def test_one_that_only_looks_tells_nothing_and_forgets_nothing(images, share):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    await close(made)
    made = client(images, share)
    made.only_look()
    await used(made)
    await close(made)
    assert await used(client(images, share)) == 5


async def test_a_close_that_is_called_off_leaves_it_too(images, share):
    made = client(images, share, up=False)
    assert await as_many_as_go(made, most=5) == 5
    made._sharer._courier._state.seconds = 60.0
    closing = asyncio.ensure_future(close(made))
    await asyncio.sleep(1.0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    assert await used(client(images, share)) == 5


async def test_calls_under_way_are_told_to_a_store_that_is_back_when_a_client_closes(images, share):
    made = client(images, share, up=False)
    for _ in range(3):
        await made.take("acc_1", "invite", max_wait=1.0)
    find(made)
    await close(made)
    assert await used(process(images, ROW, name="other")) == 3


@pytest.mark.parametrize("ends", [True, False])
async def test_calls_that_were_about_to_be_told_when_the_store_was_lost_again(images, share, ends):
    made = client(images, share, up=False)
    slots = [await made.take("acc_1", "invite", max_wait=1.0) for _ in range(3)]
    made.report(await made.take("acc_2", "invite", max_wait=1.0), DONE)
    store = made._sharer._courier._state
    find(made)
    step = store.step

    async def only_acc_2(work):
        if "acc_1" in work.keys:
            raise StateUnavailableError("the server is gone")
        return await step(work)

    store.step = only_acc_2
    await asyncio.sleep(1.5)
    for slot in slots if ends else ():
        made.report(slot, DONE)
    await asyncio.sleep(1.5)
    await close(made)
    assert await used(client(images, share)) == 3
