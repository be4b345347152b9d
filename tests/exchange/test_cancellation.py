"""A call cancelled at any moment ends as CancelledError, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from postpress_async import ClientClosedError, Finished, KeyRate, Limit, Limits, Retries

MOST_TICKS = 400


async def sweep(serve: Any, talk: Any, column: str) -> list[tuple[bool, int, int]]:
    """Cancel after k = 1, 2, … turns until a call completes; return what each left behind."""
    found: list[tuple[bool, int, int]] = []
    raw = await serve("good")
    for ticks in range(1, MOST_TICKS):
        talker = talk(raw)
        before, seen = raw.received, len(raw.seen)
        task = asyncio.ensure_future(talker(column))
        for _ in range(ticks):
            await asyncio.sleep(0)
            if task.done():
                break
        ended = task.done()
        if not ended:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task
        used = await talker.counted(column)
        finished: Finished = talker.told.finished
        await talker.client.aclose()
        await raw.settled()
        arrived = raw.received - before
        if ended:
            assert finished.error is None
            return found
        assert finished.error == "CancelledError"
        assert finished.outcome == ("unknown" if finished.maybe_sent else "not_sent")
        assert used == (1 if finished.maybe_sent else 0)  # counted unless certainly not sent
        if not finished.maybe_sent:
            assert arrived == 0
        assert len(raw.seen) - seen <= 1
        found.append((finished.maybe_sent, arrived, used))
    pytest.fail(f"no call completed within {MOST_TICKS} turns")


@pytest.mark.parametrize("column", ["POST", "DELETE"])
async def test_a_write_cancelled_after_any_turn_of_the_loop(serve, talk, column):
    found = await sweep(serve, talk, column)
    assert (False, 0, 0) in found  # some were cancelled before a byte left, and say so
    assert any(maybe_sent and arrived for maybe_sent, arrived, _ in found)  # and some after


async def test_a_read_cancelled_after_any_turn_of_the_loop(serve, talk):
    found = await sweep(serve, talk, "GET")
    assert found
    assert any(arrived for _, arrived, _ in found)


async def test_a_cancelled_call_hangs_up(serve, talk, until):
    raw = await serve("mute")
    talker = talk(raw)
    for number, column in enumerate(("GET", "POST"), 1):
        task = asyncio.create_task(talker(column))
        await until(lambda number=number: len(raw.seen) == number)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await asyncio.wait_for(raw.connections[-1].until_gone(), 20.0)
        talker.nothing_is_held()


async def test_a_time_out_of_the_user_is_theirs(serve, talk):
    async def mute(c: Any) -> None:
        await c.request()
        deadline.reschedule(asyncio.get_running_loop().time())
        await c.until_gone()

    raw = await serve(mute)
    talker = talk(raw)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as deadline:
            await talker("POST")
    talker.nothing_is_held()
    assert talker.told.finished.maybe_sent


async def test_cancelled_while_waiting_for_a_slot(serve, talk, until):
    raw = await serve("mute", "good")
    limits = Limits().add(Limit("profile", 1, per="minute"))
    talker = talk(raw, limits=limits, max_wait=600.0)
    first = asyncio.create_task(talker("GET"))
    await until(lambda: raw.seen)
    waiting = [asyncio.create_task(talker("GET")) for _ in range(3)]
    await until(lambda: talker.waiting == 3)
    (lane,) = await talker.client.scheduler.snapshot("acc_1")
    assert lane.queued == {"profile": 3}
    waiting[1].cancel()
    await asyncio.wait({waiting[1]})
    assert waiting[1].cancelled()
    (lane,) = await talker.client.scheduler.snapshot("acc_1")
    assert lane.queued == {"profile": 2}
    finished = [event for event in talker.told.events if isinstance(event, Finished)]
    assert [(event.outcome, event.attempts, event.maybe_sent) for event in finished] == [
        ("not_sent", 0, False)
    ]
    for task in (first, waiting[0], waiting[2]):
        task.cancel()
    await asyncio.wait({first, *waiting})
    talker.nothing_is_held()
    assert len(raw.seen) == 1


@pytest.mark.parametrize("turns", range(8))
async def test_a_slot_granted_in_the_very_turn_of_the_cancellation_is_not_lost(
    serve, talk, until, clock, turns
):
    raw = await serve("good")
    limits = Limits().add(Limit("profile", 1, per=60.0))
    talker = talk(raw, limits=limits, max_wait=600.0, clock=clock)
    await talker("GET")
    task = asyncio.create_task(talker("GET"))
    await until(lambda: talker.waiting)
    clock.advance(61.0)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    talker.nothing_is_held()
    clock.advance(61.0)
    await talker("GET")


async def test_cancelled_in_the_gate_of_the_key(serve, talk):
    raw = await serve("good")
    talker = talk(raw, key_rate=KeyRate(1, per=60.0), max_wait=600.0)
    await talker("POST")
    task = asyncio.create_task(talker("POST"))
    await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert await talker.counted("POST") == 1
    assert len(raw.seen) == 1
    last = talker.told.events[-1]
    assert (last.attempts, last.maybe_sent, last.outcome) == (0, False, "not_sent")


@pytest.mark.parametrize(
    ("column", "script", "outcome", "maybe_sent"),
    [
        ("POST", "503 no_channel in 20 s", "not_sent", False),
        ("PATCH", "502 in 20 s", "unknown", True),
        ("POST+key", "502 in 20 s", "unknown", True),
    ],
)
async def test_cancelled_while_backing_off(  # noqa: PLR0917 - fixtures
    serve, talk, until, column, script, outcome, maybe_sent
):
    raw = await serve(script)
    talker = talk(raw)
    task = asyncio.create_task(talker(column))
    await until(lambda: talker.client._pipeline.home._sleepers)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    finished = talker.told.finished
    assert (finished.outcome, finished.maybe_sent) == (outcome, maybe_sent)
    assert finished.attempts == 1
    assert len(raw.seen) == 1
    assert not talker.client._pipeline.home._sleepers
    talker.nothing_is_held()


async def test_closed_while_backing_off(serve, talk, until):
    raw = await serve("503 no_channel in 20 s")
    talker = talk(raw)
    task = asyncio.create_task(talker("POST"))
    await until(lambda: talker.client._pipeline.home._sleepers)
    await talker.client.aclose()
    with pytest.raises(ClientClosedError) as caught:
        await task
    assert caught.value.attempts == 1
    assert caught.value.outcome == "not_sent"


async def test_closed_while_backing_off_in_doubt(serve, talk, until):
    """A write that may have happened is reported as such, also when the client goes away."""
    raw = await serve("502 in 20 s")
    talker = talk(raw)
    task = asyncio.create_task(talker("POST+key"))
    await until(lambda: talker.client._pipeline.home._sleepers)
    await talker.client.aclose()
    await asyncio.wait({task})
    error: Any = task.exception()
    assert error.outcome == "unknown"
    assert error.status == 502


async def test_a_cancelled_look_up_is_taken_up_by_the_others(serve, talk, until):
    answered = asyncio.Event()

    async def slow_account(c: Any) -> None:
        while True:
            request = await c.request()
            if "/accounts/" in request.target:
                await answered.wait()
                c.answer(200, b'{"object":"Account","id":"acc_1","type":"LINKEDIN","sources":[]}')
            else:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')

    raw = await serve(slow_account)
    talker = talk(raw, limits=Limits.recommended())
    calls = [asyncio.create_task(talker("GET")) for _ in range(2)]
    await until(lambda: raw.seen)
    calls[0].cancel()
    await asyncio.wait({calls[0]})
    assert calls[0].cancelled()
    answered.set()
    await calls[1]
    assert [request.target.partition("?")[0] for request in raw.seen] == [
        "/v1/accounts/acc_1",
        "/v1/users/jordan",
    ]
    talker.nothing_is_held()


async def test_a_client_closed_amid_a_look_up_leaves_no_task(serve, talk, until):
    raw = await serve("mute")
    talker = talk(raw, limits=Limits.recommended(), retries=Retries.none())
    task = asyncio.create_task(talker("GET"))
    await until(lambda: raw.seen)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.wait_for(talker.client.aclose(), 20.0)
    await asyncio.wait_for(raw.connections[0].until_gone(), 20.0)
    ours = {
        task.get_coro().__qualname__
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
    }
    assert not {name for name in ours if "Learner" in name}
