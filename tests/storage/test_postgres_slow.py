"""A PostgreSQL that is far away, behind a narrow line, or answers whoever has given up."""

import asyncio
import os

import pytest
from outbox_worker import item
from proxy import Proxy

from postpress_async import Limits, Postpress, StateUnavailableError
from postpress_async.outbox import Outbox, Send, protocol
from postpress_async.sandbox import Sandbox
from postpress_async.storage.outbox import connections
from postpress_async.storage.outbox import postgres as of_outbox
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish
from postpress_async.storage.postgres import link
from postpress_async.storage.remote import images

pytestmark = pytest.mark.skipif(os.name != "posix", reason="servers of tests want signals")

STAMPS = "SELECT string_agg(encode(stamp, 'hex'), ' ' ORDER BY key) FROM {schema}.counts"
PROFILES = "GET /users/{identifier}"
MESSAGES = "POST /chats/{chat_id}/messages"


@pytest.fixture
def postgres_url(postgres_cluster):
    return postgres_cluster.url


@pytest.fixture
async def line(postgres_cluster):
    form = "postgresql://postgres@127.0.0.1:{}/postgres?connect_timeout=20"
    async with Proxy(postgres_cluster.port, form) as proxy:
        yield proxy


@pytest.fixture
def process(line, processes, schema):
    return lambda: processes(f"{line.url}&prefix={schema}")


@pytest.fixture
async def store(line, schema):
    store = open_outbox(f"{line.url}&prefix={schema}")
    await store.add([item(n, thread=f"t{n}") for n in range(9)])
    yield store
    await store.aclose()


async def filled(store):
    """Make all its connections."""
    await asyncio.gather(*[store.counts(Filter()) for _ in range(9)])


def seen(processes):
    return len(processes.sandbox.journal(route=PROFILES))


# -- counts ----------------------------------------------------------------------------------------


async def test_far_away_behind_a_narrow_line_all_is_served(line, process, processes):
    one, other = process(), process()
    assert (await one(1), await other(1)) == (1, 1)
    line.late, line.jitter, line.rate = 0.05, 0.1, 50_000.0
    sent = await asyncio.gather(one(4), other(4))
    assert sent == [4, 4]
    assert await one() == 0
    assert seen(processes) == 10


@pytest.mark.parametrize("what", ["late_asks", "late"])
async def test_a_grant_that_comes_when_nobody_waits_is_used_by_nobody_and_given_back(
    line, process, processes, execute, what
):
    one, other = process(), process()
    assert (await other(1), await one(2)) == (1, 2)  # who has written last need not look first
    before = await execute(STAMPS)
    setattr(line, what, 1.5)
    with pytest.MonkeyPatch.context() as sooner:
        sooner.setattr(images, "PATIENCE", 0.5)
        with pytest.raises(StateUnavailableError, match="does not answer") as caught:
            await one.call()
    assert caught.value.outcome == "not_sent"
    setattr(line, what, 0.0)
    async with asyncio.timeout(30):
        while await execute(STAMPS) == before:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.02)
    assert seen(processes) == 3  # it was granted, and nothing has gone by it
    assert await one() + await other() == 7
    assert await process()() == 0
    assert seen(processes) == 10


# -- the outbox ------------------------------------------------------------------------------------


async def claimed(store):
    async with asyncio.timeout(60):
        while not isinstance(got := await store.claim("w", lease=60.0), Claimed):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # others looked at the same
    return got.row


async def test_far_away_behind_a_narrow_line_an_outbox_works(line, store):
    await filled(store)
    line.late, line.jitter, line.rate = 0.05, 0.1, 50_000.0

    async def work():
        row = await claimed(store)
        assert await store.mark(row.id, row.fence, seconds=30.0)
        await store.finish(row.id, row.fence, Finish(state="sent"))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(work())
    assert await store.counts(Filter()) == {"sent": 4, "queued": 5}


@pytest.mark.parametrize("what", ["late_asks", "late"])
async def test_a_mark_whose_answer_nobody_waits_for_is_told_as_unknown_and_taken_back(
    line, store, monkeypatch, what
):
    row = await claimed(store)
    setattr(line, what, 1.5)
    with monkeypatch.context() as sooner:
        sooner.setattr(of_outbox, "_ANSWER", 0.5)
        with pytest.raises(StateUnavailableError, match="nobody knows whether"):
            await store.mark(row.id, row.fence, seconds=30.0)
    setattr(line, what, 0.0)
    async with asyncio.timeout(30):
        while (await store.get(row.id)).state != "sending":  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    again = Finish(state="queued", keep_attempt=False, outcome="not_sent")
    assert (await store.finish(row.id, row.fence, again)).state == "queued"


async def test_a_mark_that_arrives_when_its_item_is_back_in_the_queue_marks_nothing(
    line, store, monkeypatch
):
    row = await claimed(store)
    line.late_asks = 1.5
    with monkeypatch.context() as sooner:
        sooner.setattr(of_outbox, "_ANSWER", 0.5)
        with pytest.raises(StateUnavailableError, match="nobody knows whether"):
            await store.mark(row.id, row.fence, seconds=30.0)
    line.late_asks = 0.0
    again = Finish(state="queued", keep_attempt=False, outcome="not_sent")
    assert await store.finish(row.id, row.fence, again)
    async with asyncio.timeout(30):
        while len(line.writers) > 2:  # noqa: ASYNC110 - until the server has done with it
            await asyncio.sleep(0.02)
    assert line.passed.is_set()
    assert (await store.get(row.id)).state == "queued"
    assert await store.attempts(row.id) == []


async def test_all_connections_are_slow_and_all_goes_on_afterwards(line, store, monkeypatch):
    await filled(store)
    line.late = 2.0
    with monkeypatch.context() as sooner:
        sooner.setattr(of_outbox, "_LONG", 0.5)
        sooner.setattr(connections, "_PLACE", 0.3)
        asked = [store.counts(Filter()) for _ in range(9)]
        told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [StateUnavailableError] * 9
    assert {"busy" in str(one) for one in told} == {True, False}
    line.late = 0.0
    told = await asyncio.gather(*[store.counts(Filter()) for _ in range(9)])
    assert told == [{"queued": 9}] * 9


async def test_connections_that_are_old_are_not_used_again(store, monkeypatch):
    opened = []
    await store.counts(Filter())
    [first] = store._connections._free
    real = store._connections.open

    async def open_and_tell():
        opened.append(await real())
        return opened[-1]

    monkeypatch.setattr(store._connections, "open", open_and_tell)
    await store.counts(Filter())
    assert opened == []
    monkeypatch.setattr(link, "LIVES", 0.0)
    await store.counts(Filter())
    assert store._connections._free == opened
    assert not first.usable
    monkeypatch.setattr(connections, "_AGAIN", 0.01)
    store._connections.listen(lambda: None)
    async with asyncio.timeout(30):
        while len(opened) < 4:  # noqa: ASYNC110 - and listens anew
            await asyncio.sleep(0.01)


async def test_an_outbox_whose_marks_are_late_sends_each_once(line, schema, monkeypatch):
    asked, helpers = [], []
    line.which = b"outbox_mark"  # a claim that nobody learns of is its worker's for a minute

    async def restore():
        line.passed.clear()
        await line.passed.wait()  # something late has arrived, in vain
        line.late_asks = 0.0

    async def before_send(item):
        asked.append(item.id)
        if len(asked) == 5:  # this mark is late, and others'
            line.late_asks = 1.2
            helpers.append(asyncio.create_task(restore()))
        return Send()

    async with (
        Sandbox(seed=1) as sandbox,
        Postpress(sandbox.api_key, base_url=sandbox.url, limits=Limits.none()) as client,
        Outbox(client, f"{line.url}&prefix={schema}", before_send=before_send) as outbox,
        asyncio.timeout(150),
    ):
        account = next(one for one in sandbox.world()["accounts"] if len(one["chats"]) > 5)
        for number in range(20):
            chat = account["chats"][number % 6]
            await outbox.message(account_id=account["id"], chat_id=chat, text=f"No. {number}")
        monkeypatch.setattr(of_outbox, "_ANSWER", 0.8)
        monkeypatch.setattr(protocol, "_BASE_SECONDS", 0.5)  # until another try
        await outbox.run(until_empty=True, concurrency=6)
        monkeypatch.undo()
        assert await outbox.counts() == {"sent": 20}
        told = [entry for entry in sandbox.journal(route=MESSAGES) if entry.committed]
        assert len(told) == 20
    assert len(asked) > 20  # some marks came to nothing
