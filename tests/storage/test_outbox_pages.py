"""What a step writes in a file: a few pages, for each is written to the disk by itself."""

import contextlib
import sqlite3

import pytest
from outbox_worker import item

from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Finish

HEADER, FRAME = 32, 24 + 4096  # bytes of a log and of each page in it


@pytest.fixture
async def store(tmp_path):
    store = open_outbox(f"sqlite:///{tmp_path}/outbox.db", clock=lambda: 1e9)
    yield store
    await store.aclose()


async def test_an_items_way_writes_few_pages(store, tmp_path):
    """Seven to put it in; two more than what a claim leaves to the next commit, and six, to end."""
    log = tmp_path / "outbox.db-wal"
    written = {}

    async def step(what, asked):
        before = log.stat().st_size
        told = await asked
        pages, rest = divmod(log.stat().st_size - max(before, HEADER), FRAME)
        assert rest == 0
        written[what] = pages
        return told

    await store.enter("w")
    await store.add([item(n, thread=f"c{n}") for n in range(20)])
    await step("add", store.add([item(20, thread="c20", recipient="r")]))
    claimed = await store.claim("w", lease=60.0)
    await store.finish(claimed.row.id, claimed.row.fence, Finish(state="queued"))
    row = (await step("claim", store.claim("w", lease=60.0))).row
    await step("mark", store.mark(row.id, row.fence, seconds=30.0))
    await step("finish", store.finish(row.id, row.fence, Finish(state="sent", result_id="m1")))
    assert written == {"add": 7, "claim": 7, "mark": 2, "finish": 6}


async def test_an_item_that_is_out_closes_its_chat_in_whatever_way_it_is_written(store, tmp_path):
    """A chat is closed by a column of its own, so nobody may write the one without the other."""
    await store.add([item(0)])
    database = sqlite3.connect(tmp_path / "outbox.db")
    with contextlib.closing(database):
        for wrong in ("state = 'unknown'", "busy = true", "state = 'sending'"):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                database.execute(f"UPDATE outbox_items SET {wrong}")
