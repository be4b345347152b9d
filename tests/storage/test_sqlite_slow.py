"""A file on a disk that is slow, or hangs: commits take long, under a lock that others wait for."""

import asyncio
import contextlib
import sqlite3
import threading
import time

import msgspec
import pytest
from outbox_worker import item

from postpress_async import Limits, Postpress
from postpress_async.errors import StateUnavailableError
from postpress_async.outbox import Outbox, Send, protocol
from postpress_async.sandbox import Sandbox
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Filter, Finish
from postpress_async.storage.sqlite import file as sqlite_file
from postpress_async.storage.sqlite import images as sqlite_images

PROFILES = "GET /users/{identifier}"
MESSAGES = "POST /chats/{chat_id}/messages"


class Disk:
    """What all commits of this process wait for."""

    def __init__(self):
        self.late = 0.0
        self.stuck = threading.Event()
        self._moves = threading.Event()
        self._moves.set()

    def connect(self, *args, **options):
        return _Connection(_connect(*args, **options), self)

    def commit(self):
        time.sleep(self.late)
        if not self._moves.is_set():
            self.stuck.set()
            assert self._moves.wait(60)

    def hang(self):
        """Let the next commit take until `go_on`, and all those behind it."""
        self.stuck.clear()
        self._moves.clear()

    def go_on(self):
        self._moves.set()

    async def hangs(self):
        """Return once somebody's commit hangs."""
        assert await asyncio.to_thread(self.stuck.wait, 60)


_connect = sqlite3.connect


class _Connection:
    def __init__(self, real, disk):
        self._real, self._disk = real, disk

    def __getattr__(self, name):
        return getattr(self._real, name)

    def execute(self, statement, *values):
        if statement == "COMMIT":
            self._disk.commit()
        return self._real.execute(statement, *values)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    monkeypatch.setattr(sqlite3, "connect", disk.connect)
    yield disk
    disk.go_on()


@pytest.fixture
def process(disk, processes, path):
    return lambda: processes(f"sqlite:///{path}")


def seen(processes):
    return len(processes.sandbox.journal(route=PROFILES))


# -- counts ----------------------------------------------------------------------------------------


async def test_on_a_slow_disk_all_is_served_and_no_limit_passed(disk, process, processes):
    one, other = process(), process()
    assert (await one(1), await other(1)) == (1, 1)
    disk.late = 0.05
    assert await asyncio.gather(one(4), other(4)) == [4, 4]
    assert await other() == 0
    assert seen(processes) == 10


@pytest.mark.parametrize("who", ["cancelled", "impatient"])
async def test_a_grant_that_is_on_the_disk_when_nobody_waits_is_used_by_nobody_and_given_back(
    disk, process, processes, who
):
    one, other = process(), process()
    assert (await other(1), await one(2)) == (1, 2)
    disk.hang()
    if who == "impatient":
        one.client, patient = one.client.with_options(max_wait=0.1), one.client
        with pytest.raises(StateUnavailableError, match="has not answered yet") as caught:
            await one.call()
        assert caught.value.outcome == "not_sent"
        one.client = patient
    else:
        call = asyncio.create_task(one.call())
        await disk.hangs()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await disk.hangs()  # it was asked for, and is not told yet
    disk.go_on()
    assert seen(processes) == 3
    assert await one() + await other() == 7
    assert await process()() == 0
    assert seen(processes) == 10


async def test_who_waits_for_a_process_whose_disk_hangs_is_told_so_and_counted_when_it_goes_on(
    disk, open_at, works
):
    one, other = open_at(), open_at(timeout=0.05)
    assert (await one.step(works.add()), await other.step(works.add())) == (1, 2)
    disk.hang()
    adds = [asyncio.create_task(one.step(works.add()))]
    await disk.hangs()
    adds += [asyncio.create_task(one.step(works.add())) for _ in range(3)]
    for _ in range(2):
        with pytest.raises(StateUnavailableError, match="holds it locked"):
            await other.step(works.add())
    assert not any(one.done() for one in adds)  # and it holds no loop up
    disk.go_on()
    assert await asyncio.gather(*adds) == [3, 4, 5, 6]
    assert await other.step(works.add()) == 7


async def test_closing_waits_for_a_disk_no_longer_than_for_a_server(
    disk, open_at, works, monkeypatch, caplog
):
    monkeypatch.setattr(sqlite_images, "_CLOSES_WITHIN", 0.05)
    monkeypatch.setattr(sqlite_file, "_AT_LAST", 0.05)
    images = open_at()
    await images.step(works.add())
    disk.hang()
    asked = asyncio.create_task(images.step(works.add()))
    await disk.hangs()
    async with asyncio.timeout(30):
        await images.aclose()
    assert "its disk does not answer" in caplog.text
    assert not asked.done()
    disk.go_on()
    assert await asked == 2  # what was asked for is finished, and then all is closed
    async with asyncio.timeout(30):
        while images._file._writer._thread is not None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)
    assert await open_at().step(works.add()) == 3


# -- the outbox ------------------------------------------------------------------------------------


async def test_a_mark_that_nobody_waits_for_is_durable_and_can_be_taken_back(disk, path):
    async with contextlib.aclosing(open_outbox(f"sqlite:///{path}")) as store:
        await store.add([item(1)])
        await store.enter("w")
        row = (await store.claim("w", lease=60.0)).row
        disk.hang()
        marking = asyncio.create_task(store.mark(row.id, row.fence, seconds=30.0))
        await disk.hangs()
        marking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await marking
        disk.go_on()
        assert (await store.get(row.id)).state == "sending"
        assert len(await store.attempts(row.id)) == 1
        again = Finish(state="queued", keep_attempt=False, outcome="not_sent")
        assert (await store.finish(row.id, row.fence, again)).state == "queued"
        assert await store.counts(Filter()) == {"queued": 1}


async def test_what_is_marked_too_late_is_not_sent_by_that_mark_and_later_once(
    disk, path, monkeypatch
):
    monkeypatch.setattr(protocol, "_BASE_SECONDS", 0.1)  # until another try
    asked = []

    async def before_send(item):
        if len(asked) == 1:
            disk.late = 0.4
        elif item.id in asked:  # a mark came to nothing
            disk.late = 0.0
        asked.append(item.id)
        return Send()

    async with (
        Sandbox(seed=1) as sandbox,
        Postpress(sandbox.api_key, base_url=sandbox.url, limits=Limits.none()) as client,
        Outbox(client, f"sqlite:///{path}", before_send=before_send) as outbox,
        asyncio.timeout(60),
    ):
        outbox._terms = msgspec.structs.replace(outbox._terms, write=0.2)
        account = next(one for one in sandbox.world()["accounts"] if len(one["chats"]) > 5)
        for number, chat in enumerate(account["chats"][:4]):
            await outbox.message(account_id=account["id"], chat_id=chat, text=f"No. {number}")
        await outbox.run(until_empty=True, concurrency=2)
        assert await outbox.counts() == {"sent": 4}
        told = [entry for entry in sandbox.journal(route=MESSAGES) if entry.committed]
        assert len(told) == 4
    assert len(asked) > 4
