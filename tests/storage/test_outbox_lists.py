"""Lists of items that hold files: a page has room for so many bytes, and none for the unshown."""

import asyncio

import pytest
from outbox_worker import item

from postpress_async.storage.outbox import shared
from postpress_async.storage.outbox.rows import Filter, Finish

KB = 2**10


@pytest.fixture
def store(open_outboxes):
    return open_outboxes()


async def test_a_page_ends_where_it_has_no_more_room(store, monkeypatch):
    """With the first one behind which there is no room, so that even a huge one is on a page."""
    monkeypatch.setattr(shared, "PAGE_BYTES", 4 * KB)
    sizes = [1, 1, 1, 1, 1, 0, 5, 0, 3, 1, 1]  # in KB
    await store.add(
        [item(n, body=bytes([n + 1]) * (size * KB or 9)) for n, size in enumerate(sizes)]
    )
    pages, after = [], 0
    while page := await store.find(Filter(), after=after, limit=5):
        after = page[-1].serial
        pages.append([len(row.body) // KB for row in page])
        assert all(row.body == bytes([int(row.id[1:]) + 1]) * len(row.body) for row in page)
    assert pages == [[1, 1, 1, 1], [1, 0, 5], [0, 3, 1], [1]]
    assert [row.id for row in await store.find(Filter(), limit=2)] == ["i00000", "i00001"]


async def test_what_nobody_wants_to_see_is_not_read(store):
    """It is seen whether there is something; who needs more asks for it."""
    await store.add([item(n, body=b"x" * KB, recipient=f"r{n}") for n in range(6)])
    await store.forget("r1", b"t")
    rows = await store.find(Filter(), bodies=False)
    assert [row.body for row in rows] == [b"\0", b"", b"\0", b"\0", b"\0", b"\0"]
    assert [row.id for row in rows] == [f"i{n:05}" for n in range(6)]
    assert len(await store.find(Filter(), after=rows[0].serial, limit=3, bodies=False)) == 3


async def test_items_are_found_by_their_serials(store):
    rows = [added.row for added in await store.add([item(n) for n in range(5)])]
    wanted = Filter(serials=(rows[3].serial, rows[1].serial, 10**9))
    assert [row.id for row in await store.find(wanted)] == ["i00001", "i00003"]
    assert await store.find(Filter(serials=())) == []


async def test_what_is_out_is_found_by_every_name(store):
    """By an index of its own, which knows none of these names."""
    names = [("a", "g", "r"), ("a", None, None), ("b", "g", None), ("b", None, "r")]
    await store.add(
        [
            item(n, account_id=account, group=group, recipient=recipient, thread=f"t{n}")
            for n, (account, group, recipient) in enumerate(names * 2)
        ]
    )
    await store.enter("w")
    taken = [(await store.claim("w", lease=60.0)).row for _ in names * 2]
    for row in taken:
        if row.id < "i00004":
            assert await store.mark(row.id, row.fence, seconds=9.0)
            end = Finish(state="unknown", needs_decision=row.id < "i00002")
            await store.finish(row.id, row.fence, end)

    async def found(**wanted):
        asked = Filter(**wanted)
        rows = await store.find(asked)
        ids = [int(row.id[1:]) for row in rows]
        assert [int(row.id[1:]) for row in await store.find(asked, bodies=False)] == ids
        assert sum((await store.counts(asked)).values()) == len(ids)
        behind = [row.id for row in await store.find(asked, after=rows[0].serial)] if rows else []
        assert behind == [row.id for row in rows[1:]]
        return ids

    assert await found(states=("unknown",)) == [0, 1, 2, 3]
    assert await found(states=("claimed", "sending", "unknown")) == [*range(8)]
    assert await found(states=("claimed",), account_id="b") == [6, 7]
    assert await found(states=("claimed", "unknown"), group="g") == [0, 2, 4, 6]
    assert await found(states=("unknown",), recipient="r", account_id="b") == [3]
    assert await found(needs_decision=True) == [0, 1]
    assert await found(needs_decision=True, group="g", thread="t0") == [0]
    assert await found(needs_decision=False, states=("unknown",)) == [2, 3]
    assert await found(states=("sending",), account_id="a") == []


def ids(rows):
    return [int(row.id[1:]) for row in rows]


@pytest.mark.parametrize("window", [1, 4, 11, 12])
async def test_few_of_many_are_found_wherever_they_stand(store, monkeypatch, window):
    monkeypatch.setattr(store, "_window", window)
    await store.add([item(n, group="gh"[n % 2], hold=n in {2, 7, 8, 10}) for n in range(12)])
    asked = Filter(states=("held",))
    for bodies in (True, False):
        assert ids(await store.find(asked, bodies=bodies)) == [2, 7, 8, 10]
        some = await store.find(asked, limit=2, bodies=bodies)
        assert ids(some) == [2, 7]
        behind = some[-1].serial
        assert ids(await store.find(asked, after=behind, bodies=bodies)) == [8, 10]
        assert ids(await store.find(asked, after=behind, limit=1, bodies=bodies)) == [8]
        assert await store.find(Filter(states=("failed",)), bodies=bodies) == []
        ours = Filter(states=("held",), group="g")
        assert ids(await store.find(ours, bodies=bodies)) == [2, 8, 10]
        rest = Filter(needs_decision=False, group="h")
        assert ids(await store.find(rest, limit=5, bodies=bodies)) == [1, 3, 5, 7, 9]
    monkeypatch.setattr(shared, "PAGE_BYTES", 6)
    assert ids(await store.find(asked)) == [2, 7]  # of five bytes each


@pytest.mark.parametrize("outbox_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("bodies", [True, False])
async def test_a_claim_gets_in_before_few_are_found_in_a_large_file(store, monkeypatch, bodies):
    """What is asked of a file is done in order of asking, and by all processes one at a time."""
    monkeypatch.setattr(store, "_window", 1)
    await store.add([item(n, thread=f"t{n}") for n in range(20)])
    await store.enter("w")
    asked = Filter(states=("failed",))
    finding = asyncio.create_task(store.find(asked, bodies=bodies))
    await asyncio.sleep(0)
    await store.claim("w", lease=60.0)
    assert not finding.done()
    assert await finding == []
