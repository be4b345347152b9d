"""Stores that are lost in other ways than by a full disk: what clients do, with either wish.

What is said of each fault, and that single steps are not done twice, test_faults.py,
test_postgres_faults.py and test_redis_faults.py have.
"""

import asyncio
import contextlib
import os
import secrets
import sqlite3
import time

import pytest
from outage import Outage, Sends

from postpress_async import Limit, Limits, Postpress, StateUnavailableError, WaitTooLongError
from postpress_async.outbox import Outbox, Send
from postpress_async.sandbox import Sandbox
from postpress_async.storage.outbox import postgres as outbox_of_postgres
from postpress_async.storage.remote import images

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, and files that are open")


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=1) as sandbox:
        yield sandbox


class File:
    """A store in a file. What is asked of it at least a second later notices a change."""

    def __init__(self, path):
        self._path = path
        self.url = f"sqlite:///{path}?timeout=0.1"

    def lock(self):
        """Be a program that writes, and writes, and writes."""
        self._other = sqlite3.connect(self._path, isolation_level=None)
        self._other.execute("BEGIN EXCLUSIVE")

    def unlock(self):
        self._other.close()

    def replace(self):
        """Put another program's file there."""
        self._path.rename(self._path.with_name("away.db"))
        self._path.write_bytes(b"Dear diary, " * 500)
        time.sleep(1.05)

    def put_back(self):
        self._path.with_name("away.db").replace(self._path)
        time.sleep(1.05)

    def delete(self):
        self._path.unlink()

    def overwrite(self):
        self.delete()
        self._path.write_bytes(b"Dear diary, " * 500)

    def upgrade(self):
        """Be a newer version of the package."""
        with contextlib.closing(sqlite3.connect(self._path)) as connection:
            (self._version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("PRAGMA user_version=99")
        time.sleep(1.05)

    def downgrade(self):
        with contextlib.closing(sqlite3.connect(self._path)) as connection:
            connection.execute(f"PRAGMA user_version={self._version}")


class Database:
    """A store in PostgreSQL."""

    def __init__(self, cluster, schema):
        self._cluster, self._schema = cluster, schema
        self.url = f"{cluster.url}?prefix={schema}"
        self.stop, self.start = cluster.stop, cluster.start
        self._answer = outbox_of_postgres._ANSWER

    def freeze(self):
        self._cluster.freeze()
        outbox_of_postgres._ANSWER = 1.0  # before, a busy machine takes its time

    def thaw(self):
        self._cluster.thaw()
        outbox_of_postgres._ANSWER = self._answer

    def lock(self):
        """Be somebody who has begun to change the table, and went to lunch."""
        import psycopg  # noqa: PLC0415 - where there is a server, there is the client

        self._other = psycopg.connect(self._cluster.url)
        self._other.execute(f"LOCK TABLE {self._schema}.counts IN ACCESS EXCLUSIVE MODE")

    def unlock(self):
        self._other.close()


class Memory:
    """A store in Redis."""

    def __init__(self, server):
        self._server = server
        self.url = f"{server.url}?prefix=t_{secrets.token_hex(6)}"
        self.stop, self.start = server.kill9, server.start
        self.freeze, self.thaw = server.freeze, server.thaw

    def fill(self):
        self._server.ask("CONFIG", "SET", "maxmemory", "1")

    def free(self):
        self._server.ask("CONFIG", "SET", "maxmemory", "0")


GONE = "cannot be reached|shut down or started|was lost"


@pytest.fixture
def postgres_url(postgres_cluster):
    return postgres_cluster.url  # not that of POSTGRES_URL: it is not ours to break


@pytest.fixture
def store(request, tmp_path):
    """Return what makes a store of a kind."""

    def store(kind):
        if kind is File:
            return File(tmp_path / "counts.db")
        if kind is Memory:
            return Memory(request.getfixturevalue("valkey"))
        cluster = request.getfixturevalue("postgres_cluster")
        return Database(cluster, request.getfixturevalue("schema"))

    return store


@pytest.mark.parametrize(
    "case",
    [
        (File, "lock", "unlock", "another program holds it locked"),
        (File, "replace", "put_back", "was replaced while in use|no SQLite database"),
        (File, "upgrade", "downgrade", "upgrade the package"),
        (Database, "stop", "start", GONE),
        (Database, "freeze", "thaw", "does not answer"),
        (Database, "lock", "unlock", "another session holds a lock|does not answer"),
        (Memory, "stop", "start", GONE),
        (Memory, "freeze", "thaw", "does not answer"),
        (Memory, "fill", "free", "memory is full"),
    ],
    ids=lambda case: f"{case[0].__name__}-{case[1]}",
)
async def test_counting_stops_or_goes_on_alone_until_it_is_found(
    store, sandbox, monkeypatch, caplog, case
):
    kind, lose, find, words = case
    one = store(kind)
    async with Outage(sandbox, one.url, monkeypatch, caplog) as outage:
        getattr(one, lose)()
        try:
            await outage.is_told(words)
        finally:
            getattr(one, find)()
        await outage.is_over()
    await outage.is_kept()


async def test_clients_made_for_each_job_have_one_share_and_tell_it_together(
    store, sandbox, monkeypatch
):
    one, account = store(Memory), sandbox.world()["accounts"][0]["id"]

    async def job(calls):
        client = Postpress(
            sandbox.api_key, base_url=sandbox.url, state=one.url, on_state_lost="local",
            limits=Limits.none().add(Limit("profile", 48, per="day")), key_rate=None,
        )  # fmt: skip
        async with client:
            for _ in range(calls):
                await client.users.get("jordan-walke", account_id=account)
            (lane,) = await client.scheduler.snapshot(account)
            return lane.limits[0].used

    await job(1)
    one.stop()
    monkeypatch.setattr(images, "PATIENCE", 0.7)
    monkeypatch.setattr(images, "_LITTLE", 0.2)
    for _ in range(2):
        with pytest.raises(StateUnavailableError):
            await job(2)  # they go, and what is used nobody can say
    with pytest.raises(WaitTooLongError):
        await job(1)
    one.start()
    monkeypatch.undo()
    seen = len(sandbox.journal(account_id=account, route="GET /users/{identifier}"))
    assert await job(1) == seen + 1 == 1 + 4 + 1


@pytest.mark.parametrize(
    "case",
    [
        (File, "lock", "unlock", "mark", "another program holds it locked"),
        (File, "lock", "unlock", "answer", "another program holds it locked"),
        (File, "upgrade", "downgrade", "mark", "upgrade the package"),
        (Database, "stop", "start", "mark", GONE),
        (Database, "stop", "start", "answer", GONE),
        # Of marks that come late, test_postgres_slow.py tells.
        (Database, "freeze", "thaw", "answer", "did not (answer|let us in)"),
    ],
    ids=lambda case: f"{case[0].__name__}-{case[1]}-{case[3]}",
)
async def test_an_outbox_waits_for_its_store_loses_nothing_and_doubles_nothing(
    store, sandbox, caplog, case
):
    kind, lose, find, moment, words = case
    one = store(kind)
    sends = Sends(sandbox, caplog, moment, lose=getattr(one, lose), find=getattr(one, find))
    await sends.wait(one.url, words)


@pytest.mark.parametrize("lose", ["delete", "overwrite"])
async def test_an_outbox_that_is_gone_sends_nothing_twice_and_takes_anew(store, sandbox, lose):
    one, account = store(File), sandbox.world()["accounts"][0]
    given = {"account_id": account["id"], "chat_id": account["chats"][0]}
    gone = asyncio.Event()

    async def before_send(item):
        if item.text == "Hi 1":
            getattr(one, lose)()
            await asyncio.sleep(1.05)  # it is looked for once a second
            gone.set()
        return Send()

    def texts():
        entries = sandbox.journal(route="POST /chats/{chat_id}/messages")
        return [entry.text for entry in entries if entry.committed]

    client = Postpress(
        sandbox.api_key, base_url=sandbox.url, clock=sandbox.clock, limits=Limits.none()
    )
    async with client, Outbox(client, one.url, before_send=before_send) as outbox:
        for n in range(3):
            await outbox.message(**given, text=f"Hi {n}")
        worker = asyncio.create_task(outbox.run(until_empty=True))
        async with asyncio.timeout(30):
            await gone.wait()
            if lose == "overwrite":
                with pytest.raises(StateUnavailableError, match=r"replaced|no SQLite database"):
                    await outbox.message(**given, text="Hi 3")
                one.delete()
            while not worker.done():
                await sandbox.advance(0.5)
                await asyncio.sleep(0.02)
            await worker
        assert texts() == ["Hi 0"]
        await outbox.message(**given, text="Hi 3")
        await outbox.run(until_empty=True)
        assert await outbox.counts() == {"sent": 1}
    assert texts() == ["Hi 0", "Hi 3"]
