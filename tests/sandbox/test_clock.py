"""A clock whose hands can be pushed."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from datetime import datetime

import pytest

from postpress_async.sandbox import Sandbox, SandboxClock

HOUR = 3600.0
SLEW = 0.5  # what a machine's two clocks may drift apart meanwhile


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_runs_by_itself_and_jumps():
    true = time.time()
    clock = SandboxClock()
    assert true - SLEW <= clock.time() <= time.time() + SLEW
    began = time.monotonic()
    before = clock.time(), clock.monotonic()
    clock.advance(HOUR)
    passed = clock.time() - before[0], clock.monotonic() - before[1]
    most = HOUR + time.monotonic() - began
    assert all(HOUR - 1e-3 <= one <= most + 1e-3 for one in passed)  # floats of 1.7e9 seconds


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_it_does_not_run_backwards(seconds):
    with pytest.raises(ValueError, match="finite"):
        SandboxClock().advance(seconds)


async def test_who_became_due_wakes_in_order_and_the_others_sleep_on():
    clock, woken = SandboxClock(), []
    now = clock.monotonic()
    for delay in (30, 10, 20, 10, HOUR):
        clock.call_at(now + delay, lambda delay=delay: woken.append(delay))
    clock.advance(60)
    await settle()
    assert woken == [10, 10, 20, 30]
    clock.advance(HOUR)
    await settle()
    assert woken[4:] == [HOUR]


async def test_sleepers_wake():
    clock = SandboxClock()
    sleepers = [asyncio.create_task(clock.sleep(seconds)) for seconds in (5, 8 * HOUR)]
    await settle()
    clock.advance(6)
    await asyncio.wait_for(sleepers[0], 20)
    assert not sleepers[1].done()
    clock.advance(8 * HOUR)
    await asyncio.wait_for(sleepers[1], 20)


async def test_real_time_passes_too():
    clock = SandboxClock()
    clock.advance(HOUR)
    began = time.monotonic()
    await asyncio.wait_for(clock.sleep(0.02), 20)
    assert time.monotonic() - began >= 0.019
    await clock.sleep(0)
    await clock.sleep(-1)


async def test_what_was_called_off_does_not_happen():
    clock, called = SandboxClock(), []
    timer = clock.call_at(clock.monotonic() + 5, lambda: called.append(1))
    timer.cancel()
    assert timer.cancelled
    sleeper = asyncio.create_task(clock.sleep(5))
    await settle()
    sleeper.cancel()
    clock.advance(10)
    await settle()
    assert called == []
    assert sleeper.cancelled()


async def test_a_timer_may_be_called_off_by_the_one_before_it():
    clock, called = SandboxClock(), []
    now = clock.monotonic()
    second = clock.call_at(now + 2, lambda: called.append(2))
    clock.call_at(now + 1, second.cancel)
    clock.advance(5)
    await settle()
    assert called == []


async def test_one_that_raises_does_not_silence_the_others():
    clock, called, told = SandboxClock(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    now = clock.monotonic()
    clock.call_at(now + 1, lambda: 1 / 0)
    clock.call_at(now + 2, lambda: called.append(2))
    clock.advance(5)
    await settle()
    assert called == [2]
    assert isinstance(told[0]["exception"], ZeroDivisionError)


async def test_sleepers_that_are_called_off_do_not_pile_up():
    clock = SandboxClock()
    for _ in range(5_000):
        clock.call_at(clock.monotonic() + HOUR, lambda: None).cancel()
    [queue] = clock._queues.values()
    assert len(queue._timers) <= 256


async def test_advance_lets_sleepers_of_this_loop_run(sandbox):
    woken = []

    async def sleeper():
        await sandbox.clock.sleep(HOUR)
        woken.append(sandbox.clock.time())

    task = asyncio.create_task(sleeper())
    await asyncio.sleep(0)
    await sandbox.advance(2 * HOUR)
    assert woken
    await task


def test_other_loops_in_other_threads_wake_as_well():
    clock, asleep, woken = SandboxClock(), threading.Barrier(4), []

    async def sleeper(seconds):
        clock.call_at(clock.monotonic() + 1, lambda: None)
        task = asyncio.create_task(clock.sleep(seconds))
        await asyncio.sleep(0)
        await asyncio.to_thread(asleep.wait)
        await task
        woken.append(seconds)

    threads = [
        threading.Thread(target=lambda n=n: asyncio.run(sleeper(n * HOUR)), daemon=True)
        for n in (1, 2, 3)
    ]
    for thread in threads:
        thread.start()
    asleep.wait()
    clock.advance(4 * HOUR)
    for thread in threads:
        thread.join(20)
    assert sorted(woken) == [HOUR, 2 * HOUR, 3 * HOUR]
    clock.advance(1)  # their loops are closed by now
    del threads
    gc.collect()


async def test_the_sandbox_writes_its_own_time(api, sandbox):
    await sandbox.advance(40 * 86_400)
    before = sandbox.clock.time()
    chat = api.account()["chats"][0]
    await api.send(chat)
    last = (await api.get(f"/chats/{chat}")).json["lastMessage"]
    said = datetime.fromisoformat(last["timestamp"]).timestamp()
    for at in (said, sandbox.journal()[0].at):
        assert before - 0.001 <= at <= sandbox.clock.time()  # written in milliseconds
    assert (await api.get(f"/chats?after={last['timestamp']}")).items == []


async def test_the_clock_is_moved_over_http(api, sandbox):
    before = sandbox.clock.time()
    answer = await api.steer("/clock", {"advance": 86400.0})
    assert before + 86400 <= answer.json["now"] <= sandbox.clock.time()
    assert (await api.steer("/clock", {"advance": -1})).status == 400
    assert (await api.steer("/clock", {"advance": "1"})).status == 400


def test_the_clock_of_a_closed_sandbox_still_runs():
    with Sandbox() as sandbox:
        clock = sandbox.clock
    clock.advance(1)
    assert clock.time() > time.time()


async def test_it_tells_what_this_loop_waits_for_next():
    clock = SandboxClock()
    assert clock.next_due() is None
    now = clock.monotonic()
    first, second = [clock.call_at(now + delay, lambda: None) for delay in (5, HOUR)]
    assert clock.next_due() == now + 5
    first.cancel()
    assert clock.next_due() == now + HOUR
    second.cancel()
    assert clock.next_due() is None
