"""How much there is of what: counted some thousand at a time, so that nobody waits for it."""

import asyncio
import itertools

import pytest
from outbox_worker import item

from postpress_async.storage.outbox import counting
from postpress_async.storage.outbox.rows import Backlog, Filter, Finish


@pytest.fixture
async def store(open_outboxes):
    store = open_outboxes(clock=itertools.count(1e6).__next__)
    await store.enter("w")
    return store


async def some(store):
    """Put 20 in, of two accounts and two groups: two unknown, one sent, one claimed."""
    await store.add(
        [
            item(n, thread=f"t{n}", account_id="ab"[n % 2], group="gh"[n % 4 // 2], due_at=n + 1.0)
            for n in range(20)
        ]
    )
    for n, end in enumerate(["unknown", "unknown", "sent", None]):
        row = (await store.claim("w", lease=1e6)).row
        if end is not None:
            await store.mark(row.id, row.fence, seconds=9.0)
            to = Finish(state=end, needs_decision=end == "unknown" and n == 1)
            await store.finish(row.id, row.fence, to)


@pytest.mark.parametrize("chunk", [1, 3, 20, 21])
async def test_it_is_the_same_however_many_are_counted_at_a_time(store, monkeypatch, chunk):
    await some(store)
    monkeypatch.setattr(counting, "CHUNK", chunk)
    seen = await store.overview()
    assert seen.counts == {"unknown": 2, "sent": 1, "claimed": 1, "queued": 16}
    assert (seen.undecided, seen.doubted_since is None) == (1, False)
    assert await store.counts(Filter()) == seen.counts
    ours = await store.counts(Filter(group="g"))
    theirs = await store.counts(Filter(group="h"))
    assert (sum(ours.values()), sum(theirs.values())) == (10, 10)
    assert await store.counts(Filter(states=("unknown",))) == {"unknown": 2}
    assert await store.counts(Filter(account_id="c")) == {}
    left = sorted(await store.backlog(Filter()), key=lambda one: one.account_id)
    assert left == [
        Backlog(account_id="a", action="message", count=8, last_due=19.0),
        Backlog(account_id="b", action="message", count=9, last_due=20.0),
    ]
    (left,) = await store.backlog(Filter(account_id="a", group="h"))
    assert (left.count, left.last_due) == (4, 19.0)


@pytest.mark.parametrize("outbox_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("question", ["overview", "counts", "backlog"])
async def test_a_claim_gets_in_before_all_of_a_file_is_counted(store, monkeypatch, question):
    """What is asked of a file is done in order of asking, and by all processes one at a time."""
    await some(store)
    monkeypatch.setattr(counting, "CHUNK", 1)
    asked = () if question == "overview" else (Filter(),)
    told = asyncio.create_task(getattr(store, question)(*asked))
    await asyncio.sleep(0)
    for _ in range(2):
        await store.claim("w", lease=1e6)
    assert not told.done()
    assert await told
