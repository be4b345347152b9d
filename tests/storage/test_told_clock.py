"""A client that is given a clock gives it to its store of counts as well."""

import asyncio
import secrets

import pytest

from postpress_async import Limit, Limits, Postpress, WaitTooLongError
from postpress_async.sandbox import Sandbox
from postpress_async.storage.remote.images import RemoteImages
from postpress_async.storage.sqlite.images import SqliteImages
from postpress_async.testing import VirtualTime

DAY = 86_400.0


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def state(request, tmp_path):
    """Return the URL of a store that nobody has used."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'counts.db'}"
    if request.param == "redis":
        return f"{request.getfixturevalue('redis_url')}?prefix=t_{secrets.token_hex(6)}"
    url, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("schema")
    return f"{url}?prefix={schema}"


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox, state):
    """Return what makes a client on the sandbox's clock; each is like a process."""

    def make(per="day", **options):
        return Postpress(
            sandbox.api_key, base_url=sandbox.url, state=state, clock=sandbox.clock,
            limits=Limits.none().add(Limit("profile", 2, per=per)), key_rate=None, **options,
        )  # fmt: skip

    return make


@pytest.fixture
def look_up(sandbox):
    account = sandbox.world()["accounts"][0]["id"]
    return lambda client: client.users.get("jordan-walke", account_id=account)


async def test_a_day_that_is_skipped_is_over_in_the_store(client, sandbox, look_up):
    async with client() as one, client() as other:
        await look_up(one)
        await look_up(other)
        with pytest.raises(WaitTooLongError) as caught:
            await look_up(other)
        assert caught.value.retry_after == pytest.approx(DAY, abs=60)
        await sandbox.advance(DAY / 2)
        with pytest.raises(WaitTooLongError) as caught:
            await look_up(one)
        assert caught.value.retry_after == pytest.approx(DAY / 2, abs=60)
        await sandbox.advance(DAY / 2 + 10)
        await look_up(one)
    async with client() as after_a_restart:
        await look_up(after_a_restart)
        with pytest.raises(WaitTooLongError):
            await look_up(after_a_restart)


@pytest.fixture
def slow(monkeypatch):
    """Let every answer of a store take its time, which is real."""
    for images in (SqliteImages, RemoteImages):

        async def step(self, work, real=images.step):
            told = await real(self, work)
            await asyncio.sleep(0.003)
            return told

        monkeypatch.setattr(images, "step", step)


@pytest.mark.usefixtures("slow")
async def test_who_waits_for_the_store_is_woken_by_the_clock(client, sandbox, look_up):
    async with client(200, max_wait=2000) as one, client(200, max_wait=2000) as other:
        for each in (one, other):
            await look_up(each)
        await VirtualTime(sandbox, one, other).run(look_up(other))
    first, _, last = [entry.at for entry in sandbox.journal(route="GET /users/{identifier}")]
    # Not 2000, its last moment: nothing is skipped while the store is asked.
    assert last - first == pytest.approx(200, abs=20)
