"""An outbox in PostgreSQL: leases, servers that die, connections that are cut, callers' own."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from outbox_worker import item

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox import heads, statements
from postpress_async.storage.outbox import postgres as of_postgres
from postpress_async.storage.outbox.dialect import postgres
from postpress_async.storage.outbox.functions import functions
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Claimed, Filter, Finish, Nothing, Reach
from postpress_async.storage.postgres.link import Link
from postpress_async.storage.postgres.statements import ONE_AT_A_TIME

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals stop and kill the server")

WORKER = Path(__file__).with_name("outbox_worker.py")


@pytest.fixture
async def open_store(postgres_url, schema):
    opened = []

    def open_store(url=postgres_url, **options):
        opened.append(open_outbox(f"{url}?prefix={schema}", **options))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.aclose()


@pytest.fixture
def cluster(postgres_cluster):
    yield postgres_cluster
    postgres_cluster.thaw()
    if not postgres_cluster.running:
        postgres_cluster.start()


async def claimed(store, owner="w"):
    got = await store.claim(owner, lease=60.0)
    assert isinstance(got, Claimed)
    return got.row


async def answering(ask, *, seconds=15.0):
    """Ask until the store can be used again."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await ask()
            except StateUnavailableError:
                await asyncio.sleep(0.1)


# -- processes that stop -------------------------------------------------------------------------


async def test_who_is_stopped_within_a_transaction_keeps_nobody_waiting_for_long(
    open_store, postgres_url, schema
):
    store = open_store()
    await store.add([item(n, thread=f"t{n}") for n in range(4)])
    stopped = await asyncio.create_subprocess_exec(
        sys.executable, WORKER, "stopped", f"{postgres_url}?prefix={schema}", "s",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert await stopped.stdout.readline() == b"stopped\n"
        async with asyncio.timeout(30):
            got = await store.claim("w", lease=60.0)
            while isinstance(got, Nothing):
                await asyncio.sleep(max(0.0, got.at - got.now))
                got = await store.claim("w", lease=60.0)
        others = [got.row.id, (await claimed(store)).id]
        # What it had begun is undone, and no more: it begins anew, and takes what is left.
        stopped.send_signal(signal.SIGCONT)
        own = (await stopped.communicate())[0].decode().split()
    finally:
        if stopped.returncode is None:
            stopped.kill()
            await stopped.wait()
    assert stopped.returncode == 0
    assert sorted(others + own) == [item(n).id for n in range(4)]


@pytest.mark.parametrize(
    "begun", [of_postgres._BEGIN, b"BEGIN; " + ONE_AT_A_TIME.encode() % b"'x'"]
)
async def test_each_transaction_of_ours_bounds_itself_alone(postgres_url, begun):
    link = await Link.open({"conninfo": postgres_url})
    try:
        asked = b"SHOW idle_in_transaction_session_timeout"
        before = await link.row(asked, ())
        for statement in begun.split(b";"):
            await link.row(statement, ())
        assert await link.row(asked, ()) == ("10s",)
        await link.row(b"COMMIT", ())
        assert await link.row(asked, ()) == before  # a pooler gives the session to others
    finally:
        await link.aclose()


async def test_whoever_leaves_upkeep_to_others_asks_ever_more_seldom(open_store):
    store, other = open_store(clock=lambda: 1000.0), open_store(clock=lambda: 1000.0)
    await store.add([item(0, due_at=900.0)])
    async with other._connections.lend() as link:

        async def at_it(connection):
            async with connection.transaction():
                alone = other._connections.dialect.statement(statements.ALONE).encode()
                await connection.execute(alone)
                return [await store.claim("w", lease=60.0) for _ in range(12)]

        waits = [nothing.at - nothing.now for nothing in await link.use(at_it)]
    assert waits == sorted(waits)
    assert 0.0 < waits[0] < 0.1
    assert waits[-2:] == [1.0, 1.0]
    assert await claimed(store)
    await store.add([item(1)])
    assert await claimed(store)


async def test_lanes_take_turns_whatever_clocks_say(open_store, monkeypatch):
    server = [1_000_000.0]
    stores = [open_store(clock=lambda: server[0]) for _ in range(2)]
    await stores[0].add(
        [item(5 * n + lane, account_id=f"a{lane}", thread=f"t{n}/{lane}")
         for n in range(12) for lane in range(4)]
    )  # fmt: skip

    async def next_four(store):
        return sorted([(await claimed(store)).account_id for _ in range(4)])

    each = [f"a{lane}" for lane in range(4)]
    for own in (300.0, 0.0, 5e9, -300.0):  # workers' clocks, none of which is asked
        monkeypatch.setattr("time.time", lambda own=own: own)
        assert [await next_four(store) for store in stores] == [each, each]
    for step in (300.0, -400.0):  # the server's, that is set
        server[0] += step
        assert [await next_four(store) for store in stores] == [each, each]


async def test_upkeep_takes_lanes_last_as_all_others_do(open_store):
    """Else it and the end of an item wait for each other, until the server stops one of them."""
    now = [1000.0]
    store, other = open_store(clock=lambda: now[0]), open_store(clock=lambda: now[0])
    await store.add([item(n, thread=f"t{n}", account_id="a") for n in range(2)])
    first, second = await claimed(store), await claimed(store)
    later = Finish(state="queued", retry_at=2000.0, lane_ready_at=1001.0)
    await store.finish(second.id, second.fence, later)
    await store.add([item(2, thread=first.thread, account_id="a")])
    now[0] += 1.0  # the lane is to be opened, and a chat to be told of what is new
    asked = heads.upkeep()
    ended = []

    async def upkept(connection):
        async with connection.transaction(), connection.cursor() as cursor:
            query = next(asked)
            while True:
                if query[0] == statements.LOCK:
                    ended.append(await store.finish(first.id, first.fence, later))
                text = other._connections.dialect.statement(query[0]).encode()
                await cursor.execute(text, {**query[1], "now": now[0]}, binary=True)
                rows = [] if cursor.rownumber is None else await cursor.fetchall()
                try:
                    query = asked.send(rows)
                except StopIteration:
                    return

    async with other._connections.lend() as link:
        await link.use(upkept)
    assert [row.state for row in ended] == ["queued"]


# -- leases ----------------------------------------------------------------------------------------


async def test_leases_tell_who_is_late_and_grace_when_an_attempt_is_over(open_store):
    now = [1000.0]
    store, other = open_store(clock=lambda: now[0]), open_store(clock=lambda: now[0])
    await store.add([item(0), item(1)])
    await store.enter("w")
    first, second = await claimed(store), await claimed(store)
    reach = Reach(total=20.0, held=40.0)
    assert await store.mark(first.id, first.fence, seconds=30.0, reach=reach)
    now[0] += 59.0
    assert await other.orphans() == []
    assert await store.beat("w", lease=60.0) == now[0]
    now[0] += 59.0
    assert [row.id for row in await other.orphans()] == [first.id]  # its deadline is over
    assert (await other.get(second.id)).state == "claimed"
    now[0] += 2.0
    assert await other.orphans() == []
    assert (await other.get(second.id)).state == "queued"
    assert await store.mark(second.id, second.fence, seconds=30.0) is None
    # What it had sent all the same, it may still say.
    told = await store.finish(first.id, first.fence, Finish(state="sent"), owner="w")
    assert told.state == "sent"


async def test_the_time_is_the_servers(open_store, monkeypatch):
    store = open_store()
    before = await store.beat("w", lease=1.0)
    monkeypatch.setattr("time.time", lambda: 1.0)
    await store.add([item(0)])
    row = await claimed(store)
    assert before <= row.changed_at <= row.lease - 60.0 < before + 30.0


async def test_processes_at_once_send_each_item_once(postgres_url, schema, open_store):
    store = open_store()
    await store.add([item(n) for n in range(150)])
    url = f"{postgres_url}?prefix={schema}"
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, WORKER, "work", url, f"w{n}", stdout=asyncio.subprocess.PIPE
        )
        for n in range(3)
    ]
    told = [(await worker.communicate())[0].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    sent = [entry for out in told for entry in out.split("\n") if entry]
    assert len(sent) == len(set(sent))
    while not isinstance(got := await store.claim("rest", lease=60.0), Nothing):
        await store.mark(got.row.id, got.row.fence, seconds=30.0)
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
    assert await store.counts(Filter()) == {"sent": 150}
    rows = sorted(await store.find(Filter(), limit=1000), key=lambda row: row.changed_at)
    for thread in {row.thread for row in rows}:
        its = [row.serial for row in rows if row.thread == thread]
        assert its == sorted(its)


async def test_many_tasks_of_many_stores_never_have_two_of_a_thread(open_store):
    stores = [open_store() for _ in range(3)]
    await stores[0].add([item(n, thread=f"t{n % 3}") for n in range(60)])
    out, order = set(), {}

    async def work(store, owner):
        idle = 0
        while idle < 5:
            got = await store.claim(owner, lease=60.0)
            if isinstance(got, Nothing):
                idle += 1
                await asyncio.sleep(0.02)
                continue
            row = got.row
            assert row.thread not in out
            out.add(row.thread)
            assert await store.mark(row.id, row.fence, seconds=30.0)
            order.setdefault(row.thread, []).append(row.serial)
            out.discard(row.thread)
            await store.finish(row.id, row.fence, Finish(state="sent"))

    await asyncio.gather(*(work(s, f"w{n}-{k}") for n, s in enumerate(stores) for k in range(4)))
    assert all(its == sorted(its) for its in order.values())
    assert await stores[0].counts(Filter()) == {"sent": 60}


async def test_claims_pass_by_what_others_have_locked(open_store, execute, postgres_url, schema):
    import psycopg  # noqa: PLC0415 - only who needs it must have it

    store = open_store()
    await store.add([item(0, account_id="a"), item(1, account_id="b")])
    assert isinstance(await store.claim("x", lease=0.0, accounts=["nobody"]), Nothing)
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute(
            f"SELECT * FROM {schema}.outbox_lanes WHERE account_id = 'a' FOR UPDATE".encode()
        )
        row = await asyncio.wait_for(claimed(store), 30.0)
        assert row.account_id == "b"
        got = await asyncio.wait_for(store.claim("w", lease=60.0), 30.0)
        assert isinstance(got, Nothing)
        assert got.at is not None  # it may well be free soon


# -- it stops, dies and is cut ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["restart", "kill9"])
async def test_a_server_that_dies_forgets_nothing_that_it_told(cluster, open_store, end):
    store = open_store(cluster.url)
    await store.add([item(n, thread=f"t{n}") for n in range(5)])
    rows = [await claimed(store) for _ in range(3)]
    assert await store.mark(rows[0].id, rows[0].fence, seconds=30.0)
    await store.finish(rows[1].id, rows[1].fence, Finish(state="sent", result_id="r"))
    getattr(cluster, end)()
    if end == "kill9":
        with pytest.raises(StateUnavailableError) as caught:
            await store.mark(rows[2].id, rows[2].fence, seconds=30.0)
        assert "\n" not in str(caught.value)
        cluster.start()
    told = await answering(lambda: store.find(Filter()))
    assert [row.state for row in told[:3]] == ["sending", "sent", "claimed"]
    assert await store.finish(rows[0].id, rows[0].fence, Finish(state="sent"))
    assert await store.mark(rows[2].id, rows[2].fence, seconds=30.0)


class Proxy:
    """Stand before a server, and cut the connection where a statement passes."""

    def __init__(self, port):
        self.port, self.cut_at, self.reply = port, None, False
        self.cuts = 0
        self.served = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.own = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        if self.served:
            await asyncio.wait(self.served)

    async def serve(self, reader, writer):
        self.served.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        cut = asyncio.Event()
        tasks = [
            asyncio.create_task(self.pass_on(reader, back, cut, asks=True)),
            asyncio.create_task(self.pass_on(there, writer, cut, asks=False)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (writer, back):
            with suppress(ConnectionError):
                await end.wait_closed()

    async def pass_on(self, reader, writer, cut, *, asks):
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if asks and self.cut_at is not None and self.cut_at in data:
                    self.cut_at = None
                    self.cuts += 1
                    if not self.reply:
                        return  # it never gets there
                    cut.set()
                elif not asks and cut.is_set():
                    return  # it was done, and nobody learns of it
                writer.write(data)
                await writer.drain()


@pytest.mark.parametrize("done", [False, True])
async def test_a_commit_that_was_cut_is_told_as_such_and_the_same_again_is_the_same(
    postgres_cluster, open_store, done
):
    async with Proxy(postgres_cluster.port) as proxy:
        store = open_store(f"postgresql://postgres@127.0.0.1:{proxy.own}/postgres")
        await store.add([item(0)])
        proxy.cut_at, proxy.reply = b"COMMIT", done
        with pytest.raises(StateUnavailableError, match="nobody knows") as caught:
            await store.add([item(1)])
        assert "\n" not in str(caught.value)
        assert proxy.cuts == 1
        (again,) = await store.add([item(1)])
        assert again.kind == ("same" if done else "new")
        # A mark of which nobody learned is a fault: nothing is sent.
        row = await claimed(store)
        proxy.cut_at = b"outbox_mark"
        with pytest.raises(StateUnavailableError, match="nobody knows"):
            await store.mark(row.id, row.fence, seconds=30.0)
        assert (await store.get(row.id)).state == ("sending" if done else "claimed")
        await store.aclose()


async def test_whichever_statement_is_cut_nothing_is_half_done(postgres_cluster, open_store):
    """The connection is lost before the nth message, for every n; all or nothing was done."""
    direct = open_store(postgres_cluster.url)
    await direct.add([item(n, thread=f"t{n}") for n in range(80)])
    for number in range(1, 40):
        async with Nth(postgres_cluster.port, number) as proxy:
            store = open_store(f"postgresql://postgres@127.0.0.1:{proxy.own}/postgres")
            fault = False
            try:
                row = await claimed(store)
                await store.mark(row.id, row.fence, seconds=30.0)
                await store.finish(row.id, row.fence, Finish(state="sent"))
                row = await claimed(store)
                edit = item(row.serial, body=b"another")
                await store.mark(row.id, row.fence, seconds=30.0, edit=edit)
                await store.finish(row.id, row.fence, Finish(state="unknown"))
            except StateUnavailableError:
                fault = True
            await store.aclose()
            await asyncio.sleep(0.05)  # the server notices
        for row in await direct.find(Filter(), limit=100):
            attempts = await direct.attempts(row.id)
            assert len(attempts) == row.attempts
            assert {"claimed": 0, "queued": 0}.get(row.state, 1) == len(attempts)
            assert row.state not in {"sent", "unknown"} or attempts[0].outcome == row.state
        if not fault:
            break
    assert number > 15
    assert not fault


class Nth(Proxy):
    """Cut before the nth message of the client."""

    def __init__(self, port, number):
        super().__init__(port)
        self.left = number

    async def pass_on(self, reader, writer, cut, *, asks):
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if asks:
                    self.left -= 1
                    if self.left == 0:
                        return
                writer.write(data)
                await writer.drain()


async def test_cancelled_at_any_moment_every_item_can_still_be_had(open_store):
    now = [1000.0]
    store = open_store(clock=lambda: now[0])
    await store.add([item(n, thread=f"t{n}") for n in range(60)])
    await store.enter("w")
    done = 0
    for ticks in range(30):
        task = asyncio.create_task(store.claim("w", lease=60.0))
        for _ in range(ticks):
            await asyncio.sleep(0.0004)
        task.cancel()
        try:
            got = await task
        except asyncio.CancelledError:
            continue
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
        done += 1
    now[0] += 30.0
    await store.beat("w", lease=60.0)
    now[0] += 31.0
    assert await store.orphans() == []
    assert (await store.counts(Filter())).get("queued", 0) == 60 - done


async def test_a_server_that_is_not_there(open_store):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:hidden@127.0.0.1:{silent.getsockname()[1]}/x"
        store = open_store(url)
        with pytest.raises(StateUnavailableError) as caught:
            await store.add([item(0)])
    assert "hidden" not in str(caught.value)


# -- whose tables ----------------------------------------------------------------------------------


async def test_a_newer_outbox_and_others_tables_are_refused(open_store, execute):
    store = open_store()
    await store.add([item(0)])
    await execute("UPDATE {schema}.outbox_meta SET version = version + 1")
    with pytest.raises(ConfigurationError, match="newer postpress-async"):
        await open_store().add([item(1)])
    await execute("DROP TABLE {schema}.outbox_lanes")
    with pytest.raises(ConfigurationError, match="no whole outbox of ours"):
        await open_store().add([item(1)])


async def test_two_open_at_once_make_the_tables_once(open_store):
    stores = [open_store() for _ in range(5)]
    told = await asyncio.gather(*(store.add([item(n)]) for n, store in enumerate(stores)))
    assert [added.kind for (added,) in told] == ["new"] * 5


# -- the caller's own transaction ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_item_commits_or_not_with_the_callers_transaction(open_store, postgres_url, kind):
    import psycopg  # noqa: PLC0415 - only who needs it must have it
    from psycopg.rows import dict_row  # noqa: PLC0415 - only who needs it must have it

    store = open_store()
    await store.add([item(0)])
    if kind == "async":
        own = await psycopg.AsyncConnection.connect(postgres_url, row_factory=dict_row)
    else:
        own = await asyncio.to_thread(
            psycopg.Connection.connect, postgres_url, row_factory=dict_row
        )

    async def end(what):
        result = getattr(own, what)()
        if kind == "async":
            await result

    try:
        for what, there in (("rollback", False), ("commit", True)):
            (added,) = await store.add([item(1)], connection=own)
            assert added.kind == "new"
            assert await store.get("i00001") is None
            assert isinstance(await asyncio.wait_for(store.claim("x", lease=0.0), 40.0), (
                Claimed, Nothing,
            ))  # fmt: skip
            await end(what)
            assert (await store.get("i00001") is not None) is there
        (again,) = await store.add([item(1, digest=b"other")], connection=own)
        assert again.kind == "conflict"
    finally:  # else its schema cannot be dropped
        await end("close")


async def test_an_invitation_that_a_caller_commits_meanwhile_stands_against_another(
    open_store, postgres_url, execute, schema
):
    import psycopg  # noqa: PLC0415 - an extra

    store, invites = open_store(), {"kind": "invite", "account_id": "a", "thread": "person"}
    (added,) = await store.add([item(0, **invites)])
    await store.cancel(Filter(), reason="by hand")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    own = await psycopg.AsyncConnection.connect(postgres_url)
    async with own:  # which commits
        await store.add([item(1, **invites)], connection=own)
        again = Finish(state="queued")
        fence = (await store.get(added.row.id)).fence
        change = {"fence": fence, "states": ["cancelled"], "finish": again}
        ask = answering(lambda: store.alter(added.row.id, **change), seconds=60.0)
        retried = asyncio.create_task(ask)
        waiting = 0
        while not waiting and not retried.done():
            waiting = await execute(waits, f"%{schema}.outbox_items%")
    assert await retried is None
    assert [row.key for row in await store.find(Filter(states=("queued",)))] == ["k1"]


async def test_a_callers_connection_must_be_to_this_database_and_in_a_transaction(
    open_store, postgres_url, postgres_cluster
):
    import psycopg  # noqa: PLC0415 - only who needs it must have it

    store = open_store()
    own = await psycopg.AsyncConnection.connect(postgres_url, autocommit=True)
    with pytest.raises(ConfigurationError, match="no transaction"):
        await store.add([item(0)], connection=own)
    async with own.transaction():
        assert (await store.add([item(0)], connection=own))[0].kind == "new"
    await own.close()
    other = await psycopg.AsyncConnection.connect(f"{postgres_url.rpartition('/')[0]}/template1")
    with pytest.raises(ConfigurationError, match="another database"):
        await store.add([item(1)], connection=other)
    await other.execute("SELECT 1")  # its transaction goes on
    await other.close()
    with pytest.raises(ConfigurationError, match=r"psycopg\.Connection"):
        await store.add([item(1)], connection=object())


async def test_a_callers_connection_that_can_take_nothing_says_why(open_store, postgres_url):
    import psycopg  # noqa: PLC0415 - only who needs it must have it

    store = open_store()
    await store.counts(Filter())
    own = await psycopg.AsyncConnection.connect(postgres_url)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await own.execute("SELECT 1/0")
    with pytest.raises(ConfigurationError, match="has failed: roll it back"):
        await store.add([item(0)], connection=own)
    await own.rollback()
    async with own.pipeline():
        with pytest.raises(ConfigurationError, match="pipeline mode"):
            await store.add([item(0)], connection=own)
    await own.rollback()
    assert (await store.add([item(0)], connection=own))[0].kind == "new"
    await own.close()
    with pytest.raises(ConfigurationError, match="is closed"):
        await store.add([item(0)], connection=own)


async def test_what_a_service_told_is_kept_though_it_holds_what_no_store_keeps(open_store):
    store = open_store()
    await store.add([item(0)])
    await store.enter("w")
    got = await store.claim("w", lease=60.0)
    await store.mark(got.row.id, got.row.fence, seconds=60.0)
    told = Finish(state="sent", result_id="m\0\ud800x", error="\0\ud800")
    row = await store.finish(got.row.id, got.row.fence, told)
    assert (row.state, row.result_id) == ("sent", "m?x")


async def test_a_value_that_cannot_be_kept_is_not_told_as_a_lost_server(open_store):
    store = open_store()
    with pytest.raises(ConfigurationError, match="cannot keep a text"):
        await store.get("to\0")
    with pytest.raises(ConfigurationError, match="cannot keep a number"):
        await store.add([item(0, priority=2**31)])


# -- waiting ---------------------------------------------------------------------------------------


async def test_whoever_waits_is_told_by_the_server(open_store):
    store, other = open_store(), open_store()
    await store.wait(0.1, since=await store.claim("w", lease=60.0))  # begins to listen
    await asyncio.sleep(0.5)
    for n in range(3):
        while not isinstance(got := await store.claim("w", lease=60.0), Nothing):
            await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
        while True:  # until nothing more is told of what was
            nothing = await store.claim("w", lease=60.0)
            waiting = asyncio.create_task(store.wait(1e6, since=nothing))
            await asyncio.sleep(0.1)
            if not waiting.done():
                break
        await other.add([item(n)])
        async with asyncio.timeout(40.0):  # or it would never end
            await waiting


# -- functions of the server -----------------------------------------------------------------------


async def test_functions_are_made_where_they_are_missing(open_store, execute, schema):
    store = open_store()
    await store.add([item(0), item(1)])
    await store.enter("w")
    made = functions(postgres(schema, clock=False)).made
    older = f"{schema}.outbox_claim_1"  # of another version of the package, which stays
    await execute(f"CREATE FUNCTION {older}() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    for name in made:
        await execute(f"DROP FUNCTION {schema}.{name}")
    with pytest.raises(StateUnavailableError) as caught:
        await claimed(store)
    assert "\n" not in str(caught.value)
    row = await claimed(store)  # while it runs
    await execute(f"DROP FUNCTION {schema}.{next(iter(made))}")
    other = open_store()  # and at opening
    assert (await claimed(other)).id != row.id
    await execute(f"SELECT {older}()")


async def test_a_mark_waits_for_the_disk_even_where_somebody_has_turned_that_off(
    open_store, postgres_url, schema
):
    import psycopg  # noqa: PLC0415 - an extra

    store = open_store(clock=lambda: 1_000.0)
    await store.add([item(0)])
    row = await claimed(store)
    mark = next(name for name in functions(postgres(schema, clock=True)).made if "mark" in name)
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("SET LOCAL synchronous_commit = off")
        cursor = await connection.execute(
            f"SELECT * FROM {schema}.{mark}(0, %s, %s, NULL, 30, 60, 60, false) "
            "AS t(a int, b float8, c float8)",
            (row.id, row.fence),
        )
        assert await cursor.fetchall() == [(1, 0.0, 30.0)]
        cursor = await connection.execute("SHOW synchronous_commit")
        assert await cursor.fetchone() == ("on",)  # for the commit to come, which is the mark's
        await connection.rollback()


async def test_who_may_not_make_functions_is_told(open_store, execute, schema, postgres_cluster):
    store = open_store()
    await store.add([item(0)])
    for name in functions(postgres(schema, clock=False)).made:
        await execute(f"DROP FUNCTION {schema}.{name}")
    role = f"role_{schema}"
    await execute(f"CREATE ROLE {role} LOGIN")
    await execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    await execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}")
    other = open_store(postgres_cluster.url_of("postgres", user=role))
    with pytest.raises(ConfigurationError, match=r"may not make the tables and functions"):
        await other.add([item(1)])
    await store.aclose()
    again = open_store()  # the owner makes them
    await again.add([item(1)])
    assert (await other.add([item(2)]))[0].kind == "new"
    await claimed(other)
    await other.aclose()
    await execute(f"DROP OWNED BY {role}")
    await execute(f"DROP ROLE {role}")


# -- nothing waits for ever ------------------------------------------------------------------------


async def test_a_frozen_server_is_told_within_a_bound_and_all_goes_on_afterwards(
    cluster, monkeypatch
):
    store = open_outbox(f"{cluster.url}?prefix=frozen&connect_timeout=60")
    await asyncio.gather(store.add([item(0)]), store.counts(Filter()), store.get("x"))
    cluster.freeze()
    with monkeypatch.context() as shorter:  # from here on: before, a busy machine takes its time
        for bound in ("_ANSWER", "_LONG"):
            shorter.setattr(of_postgres, bound, 0.5)
        shorter.setattr(store._connections, "_patience", 0.5)
        asks = (
            lambda: store.add([item(1)]), lambda: store.counts(Filter()), lambda: store.get("x"),
            lambda: store.claim("w", lease=60.0), lambda: store.enter("w"),
            lambda: store.leave("w"),
        )  # fmt: skip
        told = await asyncio.gather(*(ask() for ask in asks), return_exceptions=True)
    assert [type(one) for one in told] == [StateUnavailableError] * len(asks)
    assert any("nobody knows" in str(one) for one in told)
    await store.aclose()  # waits for nothing
    cluster.thaw()
    store = open_outbox(f"{cluster.url}?prefix=frozen&connect_timeout=60")
    [again] = await store.add([item(1)])
    assert (await store.get(again.row.id)).state == "queued"
    await store.aclose()


async def test_cancelled_while_the_server_is_frozen_is_over_at_once(cluster):
    store = open_outbox(f"{cluster.url}?prefix=frozen&connect_timeout=60")
    await asyncio.gather(store.add([item(0)]), store.counts(Filter()))
    cluster.freeze()
    tasks = [asyncio.ensure_future(one) for one in (store.add([item(1)]), store.counts(Filter()))]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=60)  # less than any statement's bound would be
    assert not left
    await store.aclose()


async def test_puts_that_wait_for_others_transactions_keep_nobody_else_waiting(
    open_store, postgres_url, monkeypatch
):
    import psycopg  # noqa: PLC0415 - only who needs it must have it

    monkeypatch.setattr(of_postgres, "_BEGIN", b"BEGIN; SET LOCAL lock_timeout = 300")
    store = open_store()
    await store.add([item(0)])
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await store.add([item(1)], connection=connection)  # its key is nobody's until the commit
        puts = [asyncio.ensure_future(store.add([item(1)])) for _ in range(8)]
        assert sum((await store.counts(Filter())).values()) == 1
        assert await claimed(store)
        told = await asyncio.gather(*puts, return_exceptions=True)
        assert [type(one) for one in told] == [StateUnavailableError] * 8
    [added] = await store.add([item(1)])
    assert added.kind == "same"  # the caller has committed


async def test_whatever_gives_a_fence_waits_for_the_disk(open_store, execute, monkeypatch):
    """Else a server that falls gives it again, to this worker or another, while the first lives."""
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=off")
    store = open_store()
    await store.add([item(0)])
    await execute("CREATE TABLE {schema}.seen (told text)")
    await execute(
        "CREATE FUNCTION {schema}.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "
        "{schema}.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
    )
    await execute(
        "CREATE CONSTRAINT TRIGGER see AFTER UPDATE ON {schema}.outbox_items DEFERRABLE INITIALLY "
        "DEFERRED FOR EACH ROW WHEN (new.fence > old.fence) EXECUTE FUNCTION {schema}.see()"
    )
    row = await claimed(store)
    await store.mark(row.id, row.fence, seconds=30.0)
    await store.finish(row.id, row.fence, Finish(state="unknown"))
    assert await store.doubtful("w", lease=60.0)
    assert await execute("SELECT string_agg(told, ' ') FROM {schema}.seen") == "on on"


async def test_a_mark_with_another_text_waits_for_the_disk_too(open_store, execute, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=off")
    store = open_store()
    await store.add([item(0), item(1)])
    await execute("CREATE TABLE {schema}.seen (told text)")
    await execute(
        "CREATE FUNCTION {schema}.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "
        "{schema}.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
    )
    await execute(
        "CREATE TRIGGER see AFTER INSERT ON {schema}.outbox_attempts FOR EACH ROW "
        "EXECUTE FUNCTION {schema}.see()"
    )
    for edit in (None, item(1, body=b"another")):
        row = await claimed(store)
        assert await store.mark(row.id, row.fence, seconds=30.0, edit=edit)
    assert await execute("SELECT string_agg(told, ' ') FROM {schema}.seen") == "on on"


async def test_what_is_in_is_told_although_others_lock_its_chats(
    open_store, postgres_url, schema, monkeypatch
):
    import psycopg  # noqa: PLC0415 - an extra

    monkeypatch.setattr(of_postgres, "_BEGIN", b"BEGIN; SET LOCAL lock_timeout = 200")
    store = open_store()
    await store.add([item(0)])
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute(f"LOCK TABLE {schema}.outbox_threads IN ROW EXCLUSIVE MODE")
        await connection.execute(f"SELECT * FROM {schema}.outbox_threads FOR UPDATE")
        await connection.execute(f"LOCK TABLE {schema}.outbox_threads IN SHARE MODE")
        told = await store.add([item(number) for number in range(1, 21)])
        assert {one.kind for one in told} == {"new"}
        await connection.rollback()
    assert sum((await store.counts(Filter())).values()) == 21
    await claimed(store)


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(open_store, monkeypatch):
    from psycopg import waiting  # noqa: PLC0415 - an extra

    store, answered = open_store(), []
    await store.add([item(0)])
    wait = waiting.wait_async

    async def wait_and_lose(*args, **options):  # as Python 3.11's wait_for does
        task = asyncio.ensure_future(wait(*args, **options))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            answered.append(await task)
            return answered[-1]

    await store.claim("nobody", lease=1.0, accounts=["a_of_others"])
    monkeypatch.setattr(waiting, "wait_async", wait_and_lose)
    claim = asyncio.ensure_future(store.claim("w", lease=60.0))
    while claim._fut_waiter is None:  # noqa: ASYNC110 - a task has no event for it
        await asyncio.sleep(0)
    claim.cancel()
    await asyncio.wait([claim], timeout=60)
    assert answered
    assert claim.cancelled()


async def test_whoever_closes_waits_for_no_listener_that_lost_its_cancellation(
    open_store, monkeypatch
):
    import psycopg  # noqa: PLC0415 - an extra

    listening = asyncio.Event()

    async def deaf(link):  # Python 3.11's wait_for is, where an answer comes with a cancellation
        listening.set()
        while link.usable:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        raise psycopg.OperationalError("cut")
        yield

    monkeypatch.setattr(Link, "notified", deaf)
    store = open_store()
    await store.wait(0.1, since=await store.claim("w", lease=60.0))  # begins to listen
    async with asyncio.timeout(60):
        await listening.wait()
        await store.aclose()
