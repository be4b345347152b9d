"""Lists of items that hold files: a page has room for so many bytes, and none for the unshown."""

import pytest
from outbox_worker import item

from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import PAGE_BYTES, Filter

MB = 2**20


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'outbox.db'}"
    else:
        server, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("schema")
        url = f"{server}{'&' if '?' in server else '?'}prefix={schema}"
    store = open_outbox(url)
    yield store
    await store.aclose()


async def test_a_page_ends_where_it_has_no_more_room(store):
    """With the first one behind which there is no room, so that even a huge one is on a page."""
    sizes = [1, 1, 1, 1, 1, 0, 5, 0, 3, 1, 1]  # in MB
    await store.add(
        [item(n, body=bytes([n + 1]) * (size * MB or 9)) for n, size in enumerate(sizes)]
    )
    pages, after = [], 0
    while page := await store.find(Filter(), after=after, limit=5):
        after = page[-1].serial
        pages.append([len(row.body) // MB for row in page])
        assert all(row.body == bytes([int(row.id[1:]) + 1]) * len(row.body) for row in page)
    assert pages == [[1, 1, 1, 1], [1, 0, 5], [0, 3, 1], [1]]
    assert PAGE_BYTES == 4 * MB
    assert [row.id for row in await store.find(Filter(), limit=2)] == ["i00000", "i00001"]


async def test_what_nobody_wants_to_see_is_not_read(store):
    """It is seen whether there is something; who needs more asks for it."""
    await store.add([item(n, body=b"x" * MB, recipient=f"r{n}") for n in range(6)])
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
