"""Changes are heard whoever makes them: another outbox, another process, somebody who is killed."""

import asyncio
import gc
import signal
import sqlite3
import sys

import pytest

from postpress_async import ConfigurationError
from postpress_async.outbox import Outbox, hearing

STALLED = {"route": "POST /chats/{chat_id}/messages", "effect": "stall", "times": 1}


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(hearing, "EVERY_SECONDS", 0.05)


def put(outbox, account, n, **more):
    given = {"account_id": account["id"], "chat_id": account["chats"][n % 5], "text": f"Hi {n}"}
    return outbox.message(**given, key=f"k{n}", **more)


async def work(outbox):
    async with asyncio.timeout(30):
        await outbox.run(until_empty=True)


async def heard(changes, until):
    """Return what is heard up to a state of a key, or up to some of them."""
    wanted, told = set(until), []
    async with asyncio.timeout(30):
        while wanted:
            item = await anext(changes)
            told.append((item.key, item.state))
            wanted.discard(told[-1])
    return told


def of(told, key):
    return [state for name, state in told if name == key]


ORDER = ["queued", "sending", "sent"]


@pytest.fixture
async def boxes(connect, url):
    """Return the outbox of a service and that of a worker, which know nothing of each other."""
    async with (
        connect() as one, connect() as two, Outbox(one, url) as service, Outbox(two, url) as worker
    ):  # fmt: skip
        yield service, worker


async def test_what_another_outbox_does_is_heard_once_and_in_order(boxes, account):
    service, worker = boxes
    await put(service, account, 90)
    await put(worker, account, 91, hold=True)
    await worker.counts()
    changes = service.changes()
    for n in range(5):
        await put(service, account, n)
    await put(worker, account, 5)
    running = asyncio.create_task(work(worker))
    told = await heard(changes, [*((f"k{n}", "sent") for n in range(6)), ("k90", "sent")])
    await running
    for n in range(6):
        states = of(told, f"k{n}")
        assert states == [state for state in ORDER if state in states]  # none twice
    assert all(of(told, f"k{n}")[0] == "queued" for n in range(5))  # here, so none is passed by
    assert of(told, "k91") == of(told, "k91")[:1]  # put in at the moment of listening, or before
    await worker.release("k91")
    assert await heard(changes, [("k91", "queued")]) == [("k91", "queued")]
    await worker.edit("k91", text="Ho")
    assert await heard(changes, [("k91", "queued")]) == [("k91", "queued")]
    await put(worker, account, 6, group="g")
    assert await heard(changes, [("k6", "queued")]) == [("k6", "queued")]
    assert await worker.cancel(group="g") == 1
    assert await worker.cancel(account_id=account["id"]) == 1
    told = await heard(changes, [("k6", "cancelled"), ("k91", "cancelled")])
    assert len(told) == 2
    await worker.retry("k91")
    assert await heard(changes, [("k91", "queued")]) == [("k91", "queued")]
    await worker.forget("nobody")
    asking = asyncio.create_task(anext(changes))
    done, _ = await asyncio.wait({asking}, timeout=0.3)  # some looks: nothing is told twice
    assert done == set()
    asking.cancel()


async def test_what_a_callers_transaction_puts_in_is_heard_when_it_commits(boxes, url, account):
    """However long it was open, and however many came and went meanwhile."""
    service, worker = boxes
    await put(worker, account, 90)
    changes = service.changes()
    if url.startswith("sqlite"):
        open_ = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        import psycopg  # noqa: PLC0415 - the caller's

        open_ = psycopg.connect(url.partition("prefix=")[0].rstrip("?&"))
    await put(worker, account, 1, connection=open_)
    if not url.startswith("sqlite"):  # in a file nobody else writes meanwhile
        for n in (2, 3):  # two looks, of which the second begins behind the first of these
            await put(worker, account, n)
            await heard(changes, [(f"k{n}", "queued")])
    open_.commit()
    open_.close()
    told = await heard(changes, [("k1", "queued")])
    assert told[-1] == ("k1", "queued")


async def test_it_is_the_stores_own_time_that_counts(connect, url, account):
    async with (
        connect(clock=None) as one, connect(clock=None) as two,
        Outbox(one, url) as service, Outbox(two, url) as worker,
    ):  # fmt: skip
        await put(worker, account, 90)
        changes = service.changes()
        await put(worker, account, 1)
        assert (await heard(changes, [("k1", "queued")]))[-1] == ("k1", "queued")
        await work(worker)
        told = await heard(changes, [("k1", "sent"), ("k90", "sent")])
        assert of(told, "k1") == [state for state in ORDER[1:] if state in of(told, "k1")]


async def test_this_process_alone_is_heard_where_that_is_wished(boxes, account):
    service, worker = boxes
    here, everywhere = worker.changes(here=True), worker.changes()
    await put(service, account, 1)
    await put(service, account, 2)
    await heard(everywhere, [("k1", "queued"), ("k2", "queued")])
    await put(worker, account, 3)
    assert await heard(here, [("k3", "queued")]) == [("k3", "queued")]


async def test_nobody_asks_the_store_where_nobody_listens(boxes, account):
    service, worker = boxes
    here = service.changes(here=True)
    assert service._listeners._looking is None
    changes = service.changes()
    waiting = asyncio.create_task(anext(changes))
    await put(worker, account, 1)
    assert (await waiting).key == "k1"
    waiting = asyncio.create_task(anext(changes))
    await asyncio.sleep(0)
    waiting.cancel()  # who is cancelled has heard nothing that he has not seen
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await put(worker, account, 2)
    assert (await anext(changes)).key == "k2"
    looking = service._listeners._looking
    del changes, waiting  # a loop that was left by `break` says nothing
    gc.collect()
    async with asyncio.timeout(30):
        await asyncio.wait({looking})
    assert service._listeners._looking is None
    await put(service, account, 3)
    assert (await anext(here)).key == "k3"
    again = service.changes()
    await put(worker, account, 4)
    told = await heard(again, [("k4", "queued")])
    assert told == [("k4", "queued")]


async def test_a_store_that_cannot_be_used_ends_the_walk(connect, tmp_path):
    file = tmp_path / "outbox.db"
    file.write_bytes(b"This is no database at all, but somebody's notes." * 100)
    async with connect() as client:
        outbox = Outbox(client, f"sqlite:///{file}")
        with pytest.raises(ConfigurationError):
            await anext(outbox.changes())
        await outbox.aclose()


WORKER = """
import asyncio, sys
from postpress_async import Limits, Postpress
from postpress_async.outbox import Outbox

async def main(key, base_url, url):
    async with Postpress(key, base_url=base_url, limits=Limits.none()) as client:
        async with Outbox(client, url) as outbox:
            await outbox.run()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_worker_that_is_killed_is_heard_of(connect, url, account, sandbox):
    async with connect(clock=None) as client, Outbox(client, url) as service:
        changes = service.changes()
        sandbox.faults([STALLED])
        await put(service, account, 1)
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, sandbox.api_key, sandbox.url, url
        )
        assert await heard(changes, [("k1", "sending")]) == [("k1", "queued"), ("k1", "sending")]
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        async with connect(clock=None) as other, Outbox(other, url) as outbox:
            running = asyncio.create_task(outbox.run())
            assert await heard(changes, [("k1", "unknown")]) == [("k1", "unknown")]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
