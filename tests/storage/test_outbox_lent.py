"""A caller's own connection to PostgreSQL: of every kind, at every isolation, and given up on."""

import asyncio

import pytest
from outbox_worker import item

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.outbox.opening import open_outbox

psycopg = pytest.importorskip("psycopg")

KINDS = {
    "client": (psycopg.ClientCursor, psycopg.AsyncClientCursor),
    "raw": (psycopg.RawCursor, psycopg.AsyncRawCursor),
}
SNAPSHOTS = ("REPEATABLE_READ", "SERIALIZABLE")


@pytest.fixture
async def store(postgres_url, schema):
    store = open_outbox(f"{postgres_url}?prefix={schema}")
    await store.add([item(0)])
    yield store
    await store.aclose()


@pytest.fixture
async def connect(postgres_url):
    """Return what makes a connection, of threads or of loops; all are closed in the end."""
    opened = []

    async def connect(*, sync=False, **options):
        if sync:
            own = await asyncio.to_thread(psycopg.connect, postgres_url, **options)
        else:
            own = await psycopg.AsyncConnection.connect(postgres_url, **options)
        opened.append(own)
        return own

    yield connect
    for own in opened:
        await done(own.close)


async def done(method, *given):
    """Call a method of a connection of either kind."""
    told = await asyncio.to_thread(method, *given)
    return await told if asyncio.iscoroutine(told) else told


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_cursors_a_caller_has_his_items_go_in(store, connect, kind, sync):
    own = await connect(sync=sync, cursor_factory=KINDS[kind][not sync])
    told = await store.add([item(1), item(1), item(0)], connection=own)
    assert [one.kind for one in told] == ["new", "same", "same"]
    assert await store.get("i00001") is None
    await done(own.commit)
    assert (await store.get("i00001")).body == b"hello"


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("level", SNAPSHOTS)
async def test_who_cannot_see_what_others_committed_is_to_begin_anew(store, connect, level, sync):
    own = await connect(sync=sync)
    await done(own.set_isolation_level, psycopg.IsolationLevel[level])
    await done(own.execute, "SELECT count(*) FROM pg_class")
    await store.add([item(1)])
    with pytest.raises(StateUnavailableError, match="begin the transaction anew") as caught:
        await store.add([item(1)], connection=own)
    assert "next call" not in str(caught.value)
    await done(own.rollback)
    assert [one.kind for one in await store.add([item(1)], connection=own)] == ["same"]


@pytest.mark.parametrize("sync", [True, False])
async def test_who_waits_for_anothers_transaction_can_be_cancelled(store, connect, execute, sync):
    other, own = await connect(), await connect(sync=sync)
    await store.add([item(1)], connection=other)
    await done(own.execute, "SELECT 1")
    waiting = asyncio.create_task(store.add([item(1)], connection=own))
    held = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s)"
    async with asyncio.timeout(60.0):  # or it would never end
        while not await execute(held, own.info.backend_pid):  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await other.rollback()
    await done(own.commit)  # which goes on: what it had before is there
    assert await store.get("i00001") is None
    assert [one.kind for one in await store.add([item(1)], connection=own)] == ["new"]
