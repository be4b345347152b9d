"""Works to try stores with, and the servers that keep them."""

import asyncio
import os
import secrets
import sys
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from postpress_async import Limit, Limits, Postpress, StateUnavailableError, WaitTooLongError
from postpress_async.sandbox import Sandbox
from postpress_async.storage.images import kept
from postpress_async.storage.opening import open_images
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.remote.images import RemoteImages
from postpress_async.storage.sqlite.images import SqliteImages
from postpress_async.storage.urls import parse

sys.path.insert(0, str(Path(__file__).parent))  # modules that are no tests

import postgres_server
import redis_server
from proxy import Proxy


class Work:
    """Do what a function of images and time says."""

    def __init__(self, keys, run):
        self.keys = tuple(keys)
        self.run = run


def adding(key="k", size=0):
    def run(images, now):
        total = int((images[key] or b"0").split()[0]) + 1
        return {key: b"%d " % total + bytes(size)}, total

    return Work([key], run)


def reading(key="k"):
    return Work([key], lambda images, now: ({}, int((images[key] or b"0").split()[0])))


def telling():
    return Work([], lambda images, now: ({}, now))


@pytest.fixture
def works():
    class Works:
        work, add, read, tell = Work, staticmethod(adding), staticmethod(reading), telling

    return Works


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made" / "counts.db"


@pytest.fixture
async def open_at(path):
    opened = []

    def open_at(where=path, **options):
        opened.append(SqliteImages(str(where), **options))
        return opened[-1]

    yield open_at
    for images in opened:
        await images.aclose()


# -- whoever uses a store --------------------------------------------------------------------------


class Process:
    """A client like one of another process."""

    def __init__(self, client, account):
        self.client, self.account = client, account

    async def call(self):
        """Send one call, or raise."""
        await self.client.users.get("jordan-walke", account_id=self.account)

    async def __call__(self, most=20):
        """Send until a limit holds, whatever becomes of the store; return how many went."""
        sent = 0
        async with asyncio.timeout(60):
            with suppress(WaitTooLongError):
                while sent < most:
                    with suppress(StateUnavailableError):
                        await self.call()
                        sent += 1
            await self.client.scheduler.snapshot(self.account)  # the store knows that all are over
        return sent


@pytest.fixture
async def processes():
    """Return what makes one more process on a store; of an account ten profiles a day are seen."""
    # By the minute, too: else calls are known by their second alone, and are not told apart by it.
    limits = Limits.none().add(
        Limit("profile", 10, per="day"), Limit("profile", 1_000, per="minute")
    )
    async with Sandbox(seed=1) as sandbox, AsyncExitStack() as clients:
        account = sandbox.world()["accounts"][0]["id"]

        def make(state, *, on_state_lost="stop"):
            given = {"base_url": sandbox.url, "state": state, "limits": limits, "max_wait": 5}
            given["on_state_lost"] = on_state_lost
            client = Postpress(sandbox.api_key, **given)
            clients.push_async_callback(client.aclose)
            return Process(client, account)

        make.sandbox = sandbox
        yield make


# -- PostgreSQL ----------------------------------------------------------------------------------


def _missing(error):
    """Skip where there is none; where tests must be complete, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error))
    pytest.skip(str(error))


@contextmanager
def _running(*options, **others):
    try:
        cluster = postgres_server.Postgres(options, **others)
    except postgres_server.MissingError as error:
        _missing(error)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres_cluster():
    """Return a PostgreSQL of our own, which may be stopped and frozen; it runs again afterwards."""
    with _running() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _copied_cluster():
    # No machine loses its power here; and copies of a small log are made in a fifth of the time.
    with _running(("fsync", "off"), initdb=["--wal-segsize=1"]) as cluster:
        yield cluster


@pytest.fixture
def primary(_copied_cluster):
    """Return a PostgreSQL of our own, to be lost; it runs again afterwards, without a standby."""
    yield _copied_cluster
    _copied_cluster.thaw()
    if not _copied_cluster.running:
        _copied_cluster.start()
    _copied_cluster.reset()


@pytest.fixture
def standby(primary):
    """Return what has all that a primary has, and can take its place."""
    soon = ("wal_retrieve_retry_interval", "100ms")  # or it looks about only after 5 seconds
    with _running(("fsync", "off"), soon, copies=primary) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_url(request):
    return os.environ.get("POSTGRES_URL") or request.getfixturevalue("postgres_cluster").url


@pytest.fixture
def schema(postgres_url):
    """Name a schema of the test's own, and drop it."""
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    name = f"t_{secrets.token_hex(6)}"
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
def execute(postgres_url, schema):
    """Carry a statement out as the administrator, and return the first value that it tells."""
    import psycopg  # noqa: PLC0415 - as above

    def now(statement, values):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            text = statement.replace("{schema}", schema)
            cursor = connection.execute(text, values or None)
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    async def execute(statement, *values):
        return await asyncio.to_thread(now, statement, values)

    return execute


@pytest.fixture
async def open_postgres(postgres_url, schema):
    """Return what opens one more connection to the test's schema."""
    from postpress_async.storage.postgres.server import PostgresServer  # noqa: PLC0415 - as above

    opened = []

    def open_postgres(url=postgres_url, **options):
        more = "&" if "?" in url else "?"
        opened.append(PostgresServer(parse(f"{url}{more}prefix={schema}"), **options))
        return opened[-1]

    yield open_postgres
    for server in opened:
        await server.aclose()


@pytest.fixture
async def open_postgres_images(open_postgres):
    opened = []

    def open_images(url=None, *, mend=kept, **options):
        server = open_postgres(**options) if url is None else open_postgres(url, **options)
        opened.append(RemoteImages(server, mend=mend))
        return opened[-1]

    yield open_images
    for images in opened:
        await images.aclose()


@pytest.fixture
async def to_primary(primary):
    """Stand between clients and a primary: a name that follows it is a proxy's, or a record's."""
    async with Proxy(primary.port, "postgresql://postgres@127.0.0.1:{}/postgres") as proxy:
        yield proxy


# -- outboxes --------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def outbox_url(request, tmp_path):
    """Return the URL of an outbox of the test's own, in each kind of store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'outbox.db'}"
    server, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("schema")
    return f"{server}{'&' if '?' in server else '?'}prefix={schema}"


@pytest.fixture
async def open_outboxes(outbox_url):
    """Return what opens one more store on the test's outbox."""
    opened = []

    def open_outboxes(**options):
        opened.append(open_outbox(outbox_url, **options))
        return opened[-1]

    yield open_outboxes
    for store in opened:
        await store.aclose()


# -- Redis and Valkey ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_url():
    """Return the URL of a server for all tests that do it no harm."""
    if "REDIS_URL" in os.environ:
        yield os.environ["REDIS_URL"]
        return
    server = redis_server.Valkey(aof=False)
    try:
        yield server.start().url
    finally:
        server.stop()


@pytest.fixture
def valkeys():
    """Return what makes servers of the test's own; they are gone after it."""
    made = []

    def make(**options):
        made.append(redis_server.Valkey(**options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def valkey(valkeys):
    return valkeys(port=True).start()


@pytest.fixture
async def proxy(valkey):
    """Stand between a client and the server, on a port of its own."""
    async with Proxy(valkey.port, "redis://127.0.0.1:{}") as proxy:
        yield proxy


@pytest.fixture
async def open_url():
    """Return what opens one more store at a URL, with the server's driver if that is asked for."""
    opened = []

    def open_url(url, *, mend=kept, **options):
        opened.append(open_images(url, mend=mend, **options))
        return opened[-1]

    yield open_url
    for images in opened:
        await images.aclose()
