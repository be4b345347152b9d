"""Steps on an SQLite file from one process: order, groups, cancellation, loops, time."""

import asyncio
import gc
import sqlite3
import threading
import time

import pytest

from postpress_async.errors import ClientClosedError
from postpress_async.storage.instants import StoreTime
from postpress_async.storage.sqlite.images import SqliteImages

SECOND_ROW = "INSERT INTO meta (one, epoch, seen) VALUES (2, '', 0)"


async def test_works_that_wait_together_share_a_transaction_and_fail_alone(open_at, works):
    images = open_at()
    commits = []
    await images._file.run(lambda c: c.set_trace_callback(commits.append))

    def fail(found, now):
        raise KeyError("mine")

    asked = [works.add(), works.work(["k"], fail), works.add(), works.add()]
    results = await asyncio.gather(*map(images.step, asked), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [1, 2, 3]
    assert isinstance(results[1], KeyError)
    assert commits.count("COMMIT") <= 3


async def test_a_failed_work_leaves_nothing_behind(open_at, works):
    images = open_at()

    def half(connection):
        connection.execute("INSERT INTO images VALUES ('k', x'31', 0)")
        raise StopIteration  # which a future cannot carry

    for asked in (1, 3):
        alone = [images._file.run(half) for _ in range(asked)]
        for error in await asyncio.gather(*alone, return_exceptions=True):
            assert isinstance(error, RuntimeError)
    with pytest.raises(sqlite3.IntegrityError):
        await images._file.run(lambda c: c.execute(SECOND_ROW))
    assert await images.step(works.add()) == 1


async def test_only_named_images_may_change(open_at, works):
    with pytest.raises(ValueError, match="other"):
        await open_at().step(works.work(["k"], lambda images, now: ({"other": b""}, None)))


async def test_what_did_not_change_is_not_written(open_at, works):
    images = open_at()
    await images.step(works.add())
    seen = []
    await images._file.run(lambda c: c.set_trace_callback(seen.append))
    await images.step(works.work(["k"], lambda images, now: (dict(images), None)))
    assert not [statement for statement in seen if statement.startswith(("UPDATE", "INSERT"))]


async def test_cancelled_at_any_moment_a_work_is_done_once_or_withdrawn(open_at, works):
    images = open_at()
    told = 0
    for ticks in range(60):
        step = asyncio.create_task(images.step(works.add()))
        for _ in range(ticks % 20):
            await asyncio.sleep(0)
        if ticks >= 20:
            await asyncio.sleep(0.000_02 * (ticks - 20))
        step.cancel()
        try:
            told = await step
        except asyncio.CancelledError:
            total = await images.step(works.read()) if told else 0
            assert total - told in {0, 1} or not told
            told = total
    gc.collect()  # no future is left whose error or result nobody fetched
    assert await images.step(works.read()) >= told


async def test_a_work_that_began_is_carried_out_and_one_that_did_not_is_withdrawn(open_at, works):
    images = open_at()
    await images.step(works.add())
    began, go_on = threading.Event(), threading.Event()

    def slow(found, now):
        began.set()
        assert go_on.wait(10)
        return {"k": b"100"}, None

    first = asyncio.create_task(images.step(works.work(["k"], slow)))
    await asyncio.to_thread(began.wait)
    second = asyncio.create_task(images.step(works.add()))
    await asyncio.sleep(0)
    for task in (first, second):
        task.cancel()
    go_on.set()
    assert await images.step(works.add()) == 101
    assert first.cancelled()
    assert second.cancelled()


def test_a_loop_that_closes_early_harms_nobody(path, open_at, works):
    images = SqliteImages(str(path))
    began, go_on = threading.Event(), threading.Event()

    def slow(found, now):
        began.set()
        assert go_on.wait(10)
        return {"k": b"7"}, None

    loop = asyncio.new_event_loop()
    task = loop.create_task(images.step(works.work(["k"], slow)))
    while not began.is_set():
        loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    go_on.set()

    async def again():
        assert await images.step(works.add()) == 8
        await images.aclose()

    asyncio.run(again())


def test_loops_of_several_threads_share_a_file(path, works):
    images = SqliteImages(str(path))
    sums = []

    async def count():
        for _ in range(100):
            total = await images.step(works.add())
            sums.append(total)

    threads = [threading.Thread(target=lambda: asyncio.run(count())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(images.aclose())
    assert sorted(sums) == list(range(1, 301))


async def test_closing_finishes_what_was_asked_for(open_at, works):
    images = open_at()
    steps = [asyncio.create_task(images.step(works.add())) for _ in range(200)]
    await asyncio.sleep(0)
    await asyncio.gather(images.aclose(), images.aclose())
    assert await asyncio.gather(*steps) == list(range(1, 201))
    with pytest.raises(ClientClosedError):
        await images.step(works.add())
    await images.aclose()
    assert await open_at().step(works.read()) == 200


async def test_a_store_that_was_never_used_closes_and_makes_no_file(path, open_at):
    await open_at().aclose()
    assert not path.parent.exists()


async def test_a_forgotten_file_ends_its_thread(path, works):
    images = SqliteImages(str(path))
    await images.step(works.add())
    thread = images._file._writer._thread
    del images
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


async def test_the_loop_is_not_held_up_by_a_slow_store(open_at, works):
    images = open_at()
    await images.step(works.add())
    went_on = threading.Event()

    def slow(found, now):
        assert went_on.wait(10)  # only a loop that turns meanwhile sets it
        return {}, None

    step = asyncio.create_task(images.step(works.work([], slow)))
    await asyncio.sleep(0)
    went_on.set()
    await step


async def test_time_is_the_machines(open_at, works):
    before = time.time()
    assert before - 1 <= await open_at().step(works.tell()) <= time.time() + 1


async def test_a_clock_set_back_does_not_turn_time_back(open_at, works):
    wall = [1_800_000_000.0]
    first = open_at(clock=lambda: wall[0])
    at = await first.step(works.tell())
    await first.step(works.work(["k"], lambda images, now: ({"k": b"1"}, None)))
    wall[0] -= 3600
    assert await first.step(works.tell()) == at
    await first.aclose()
    later = open_at(clock=lambda: wall[0])
    assert await later.step(works.tell()) == at  # a process that never saw the old time
    wall[0] += 3601
    assert await later.step(works.tell()) == at + 1


async def test_of_one_image_time_never_goes_back_whoever_asks(open_at, works):
    ahead, behind = open_at(clock=lambda: 2000.0), open_at(clock=lambda: 1000.0)
    touch = works.work(["k"], lambda images, now: ({"k": b"%f" % now}, now))
    assert await behind.step(touch) == 1000.0
    assert await ahead.step(touch) == 2000.0
    assert await behind.step(touch) == 2000.0


def test_the_machines_time_goes_on_at_its_pace_after_a_step_back(monkeypatch):
    wall, steady = [5000.0], [10.0]
    monkeypatch.setattr(time, "time", lambda: wall[0])
    monkeypatch.setattr(time, "monotonic", lambda: steady[0])
    clock = StoreTime()
    assert clock.now() == 5000.0
    wall[0], steady[0] = 1400.0, 15.0
    assert clock.now() == 5005.0
    assert clock.now(6000.0) == 6000.0
    steady[0] = 16.0
    assert clock.now() == 6001.0
    wall[0] = 7000.0
    assert clock.now() == 7000.0
