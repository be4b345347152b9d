"""What a store tells those who listen: all that has changed, whoever did it."""

import sqlite3
from contextlib import closing

import pytest
from outbox_worker import item

from postpress_async.storage.outbox import news
from postpress_async.storage.outbox.dialect import SQLITE
from postpress_async.storage.outbox.rows import Filter, Finish

START = 1_000_000.0


@pytest.fixture
def now():
    return [START]


@pytest.fixture
async def store(open_outboxes, now):
    store = open_outboxes(clock=lambda: now[0])
    await store.enter("w")
    return store


async def seen(store, since, behind=0):
    stamps = await store.changed(since=since, behind=behind, limit=100)
    wanted = Filter(serials=tuple(one.serial for one in stamps))
    rows = {row.serial: row for row in await store.find(wanted)}
    for one in stamps:
        assert rows[one.serial].changed_at == one.changed_at
    return [(rows[one.serial].id, one.state) for one in stamps]


async def test_every_way_that_an_item_changes_is_told(store, now):
    """By whatever it is changed, its stamp is behind the moment before, and among those told."""
    wanted = [item(n, thread=f"c{n}") for n in range(4)]
    wanted.append(item(4, thread="c4", recipient="r", expires_at=START + 50.5))
    added = await store.add([*wanted, item(5, thread="c5", hold=True)])
    names = {one.row.serial: one.row.id for one in added}
    stamps = await store.added(after=0, limit=4)
    assert [names[one.serial] for one in stamps] == ["i00000", "i00001", "i00002", "i00003"]
    rest = await store.added(after=stamps[-1].serial, limit=4)
    assert [names[one.serial] for one in rest] == ["i00004", "i00005"]
    assert await seen(store, START) == []  # what is new goes by its serial

    async def change(work):
        now[0] += 10.0
        result = await work
        return result, await seen(store, now[0])

    held, told = await change(store.get("i00005"))
    assert told == []
    _, told = await change(
        store.alter("i00005", fence=held.fence, states=["held"], finish=Finish(state="queued"))
    )
    assert told == [("i00005", "queued")]
    got, told = await change(store.claim("w", lease=900.0))
    first = got.row.id
    assert told == [(first, "claimed")]
    attempt, told = await change(store.mark(first, got.row.fence, seconds=9.0))
    assert (attempt.started_at, told) == (now[0], [(first, "sending")])
    _, told = await change(store.finish(first, got.row.fence, Finish(state="unknown")))
    assert told == [(first, "unknown")]
    row, told = await change(store.doubtful("w", lease=900.0))
    assert (row.id, told) == (first, [(first, "unknown")])
    (stamp,) = await store.changed(since=now[0], behind=0, limit=100)
    assert stamp.taken
    end = Finish(state="sent", result_id="r1")
    _, told = await change(store.finish(first, row.fence, end))
    assert told == [(first, "sent")]
    got, _ = await change(store.claim("w", lease=900.0))
    back = Finish(state="queued", retry_at=now[0] + 1e6)
    _, told = await change(store.finish(got.row.id, got.row.fence, back))
    assert told == [(got.row.id, "queued")]
    if (await store.get("i00004")).state == "queued":  # it expires in the upkeep of a claim
        _, told = await change(store.claim("w", lease=900.0))
        assert ("i00004", "expired") in told
    gone, told = await change(store.forget("r", b"t"))
    assert (gone, told) == (0, [("i00004", "expired")])  # emptied, so it says less
    left, told = await change(store.cancel(Filter(), reason="x"))
    assert (len(told), {state for _, state in told}) == (left, {"cancelled"})


async def test_pages_of_what_changed_at_one_instant_lose_nothing(store):
    await store.add([item(n, thread=f"c{n}") for n in range(7)])
    await store.cancel(Filter(), reason="x")
    told, behind = [], 0
    while page := await store.changed(since=START, behind=behind, limit=3):
        told += [one.serial for one in page]
        behind = told[-1]
    assert told == [one.serial for one in await store.added(after=0, limit=100)]


async def test_who_writes_and_has_not_committed_is_named(store, outbox_url, now):
    """In a file nobody is: there one writes at a time, and the moment is looked at between."""
    if outbox_url.startswith("sqlite"):
        assert (await store.horizon()).writers == frozenset()
        return
    import psycopg  # noqa: PLC0415 - the caller's

    assert (await store.horizon()).writers == frozenset()
    server = outbox_url.partition("prefix=")[0].rstrip("?&")
    with psycopg.connect(server) as connection:
        (added,) = await store.add([item(0)], connection=connection)
        await store.add([item(1)])
        during = await store.horizon()
        assert len(during.writers) == 1
        assert (await store.horizon()).writers == during.writers
        assert added.row.serial < during.serial
        connection.commit()
    after = await store.horizon()
    assert (after.writers, after.now) == (frozenset(), now[0])
    assert len(await store.added(after=added.row.serial - 1, limit=9)) == 2


@pytest.mark.parametrize("outbox_url", ["sqlite"], indirect=True)
async def test_nothing_walks_along_the_queue(store, outbox_url):
    """A million items that wait cost those who listen nothing: each part has an index."""
    await store.horizon()
    with closing(sqlite3.connect(outbox_url.removeprefix("sqlite:///"))) as connection:
        values = {"since": 1.0, "behind": 1, "n": 10}
        text = f"EXPLAIN QUERY PLAN {SQLITE.statement(news._CHANGED)}"
        plan = "\n".join(row[3] for row in connection.execute(text, values))
    for name in ("busy", "full (changed_at>?)", "back (changed_at>?)"):
        assert f"USING INDEX outbox_items_{name}" in plan
    assert plan.count("outbox_items") == plan.count("USING INDEX") * 2 == 6
