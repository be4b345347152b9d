"""What a step or a list reads: a few rows, however many there are and whatever was planned."""

import contextlib
import json
import os
import re
import sqlite3

import pytest
from outbox_worker import item

from postpress_async.outbox import explaining
from postpress_async.storage.outbox import counting, reading
from postpress_async.storage.outbox.calls import called
from postpress_async.storage.outbox.dialect import SQLITE, postgres
from postpress_async.storage.outbox.functions import functions
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import USUAL, Claimed, Filter, Finish
from postpress_async.storage.outbox.sqlite import OUTBOX
from postpress_async.storage.postgres.link import Link

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the server is run as another user")

READ = b"""SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int4
FROM pg_stat_xact_user_tables WHERE schemaname = %s"""
FEW = 16  # rows: a thread, a lane and an item are looked up several times each


@pytest.fixture
async def link(postgres_url):
    """Return a connection of the test's own: its plans are made when the tables are small."""
    opened = await Link.open({"conninfo": postgres_url})
    yield opened
    await opened.aclose()


async def test_no_step_walks_along_what_is_not_its_own(postgres_url, schema, link, execute):
    known = functions(postgres(schema, clock=False))
    read = {}

    async def step(what, asked):
        await link.row(b"BEGIN", ())
        (before,) = await link.row(READ, (schema,))
        told = await called(asked, link, calls=known.calls, now=None)
        (after,) = await link.row(READ, (schema,))
        read[what] = after - before
        await link.row(b"COMMIT", ())
        return told

    async def cycle(turn, end, *, accounts=None):
        name = f"{turn} {end.state}"
        asked = known.claim("w", lease=60.0, accounts=accounts, probe=True)
        taken, _ = await step(f"claim {name}", asked)
        row = taken.row
        marked = known.mark(row.id, row.fence, seconds=9.0, reach=USUAL, owner="w")
        assert await step(f"mark {name}", marked)
        assert await step(f"finish {name}", known.finish(row.id, row.fence, end, owner="w"))
        return row.account_id

    store = open_outbox(f"{postgres_url}?prefix={schema}")
    try:
        await store.add([item(300)])
        gone = f"INSERT INTO {schema}.outbox_tombstones SELECT md5(n::text), 0 "
        await execute(f"{gone} FROM generate_series(1, 300) n")
        for first in range(0, 300, 50):
            # One item to a thread, and two: after the first there is another, or none is left.
            threads = {n: n // 3 * 2 + n % 3 % 2 for n in range(first, first + 50)}
            await store.add(
                [item(n, thread=f"t{its}", account_id=f"a{its % 90}") for n, its in threads.items()]
            )
            for _ in range(10):  # they stay out
                assert isinstance(await store.claim("x", lease=60.0), Claimed)
            last = await cycle(first, Finish(state="queued"))  # the turn of all others comes before
            assert await cycle(first + 1, Finish(state="sent"), accounts=[last]) == last
            await cycle(first + 2, Finish(state="unknown"))
    finally:
        await store.aclose()
    assert max(read.values()) <= FEW, read


OUT = [
    Filter(states=("unknown",)),
    Filter(states=("claimed", "sending")),
    Filter(needs_decision=True),
    Filter(states=("unknown",), account_id="a1"),
    Filter(states=("sending",), group="g", recipient="r"),
    Filter(states=("claimed", "sending", "unknown"), thread="t"),
]


def asked_by(steps):
    """Yield what a transaction asks, where it is told nothing."""
    with contextlib.suppress(StopIteration):
        question = next(steps)
        while True:
            yield question
            question = steps.send([(None, None)] if "min(serial)" in question[0] else [])


def questions():
    """Yield what is asked for lists, with and without what items hold, and for counts."""
    for wanted in OUT:
        for bodies in (True, False):
            page = reading.Page(after=5, limit=100, window=9, bodies=bodies)
            yield from asked_by(reading.find(wanted, page))
        yield from asked_by(counting.part(counting.BY_STATE, wanted, after=5))


def plan_of(file, text, values):
    told = {name: json.dumps(one) if isinstance(one, list) else one for name, one in values.items()}
    found = file.execute(f"EXPLAIN QUERY PLAN {SQLITE.statement(text)}", told)
    return [row[3] for row in found]


def test_a_list_of_the_few_that_are_out_walks_along_no_others_in_a_file():
    with contextlib.closing(sqlite3.connect(":memory:")) as file:
        for step in OUTBOX.migrations:
            file.execute(step)
        for text, values in questions():
            plan = plan_of(file, text, values)
            # Nothing else of the table is looked at, but what was found there.
            of_items = [line for line in plan if " outbox_items" in line]
            assert [line for line in of_items if "outbox_items_busy" not in line] == [], text
            assert len(of_items) == 1


async def test_to_explain_an_item_walks_along_no_items_of_others(tmp_path):
    """What stands before it in its chat is its account's own."""
    asked = []

    class Noting:
        async def find(self, wanted, *, after=0, limit=100, bodies):
            page = reading.Page(after=after, limit=limit, bodies=bodies)
            asked.extend(asked_by(reading.find(wanted, page)))
            return []

    store = open_outbox(f"sqlite:///{tmp_path}/outbox.db")
    (added,) = await store.add([item(1)])
    await store.aclose()
    assert await explaining._ahead(added.row, Noting()) == []
    with contextlib.closing(sqlite3.connect(tmp_path / "outbox.db")) as file:
        plans = [plan_of(file, *one) for one in asked]
    assert [re.findall(r"INDEX (\w+) \((\w+=\?)", "".join(plan)) for plan in plans] == [
        [("outbox_items_busy", "thread=?")],
        [("outbox_items_account", "account_id=?")],
    ]


async def test_a_list_of_the_few_that_are_out_reads_no_others_on_a_server(
    postgres_url, schema, execute
):
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    dialect = postgres(schema, clock=False)
    store = open_outbox(f"{postgres_url}?prefix={schema}")
    try:
        await store.add([item(n, thread=f"t{n}", group="g") for n in range(2_000)])
        for _ in range(3):
            taken = (await store.claim("w", lease=60.0)).row
            await store.mark(taken.id, taken.fence, seconds=9.0)
            await store.finish(taken.id, taken.fence, Finish(state="unknown", needs_decision=True))
    finally:
        await store.aclose()
    await execute("ANALYZE {schema}.outbox_items")  # as the server does by itself, a minute later
    for text, values in questions():
        with psycopg.connect(postgres_url) as connection:
            connection.execute(dialect.statement(text), values)
            (read,) = connection.execute(READ, (schema,)).fetchone()
        assert read <= FEW, text
