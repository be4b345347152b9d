"""A server's clock that is set forward, for a moment or for good, grants nobody anything twice."""

import pytest
from set_clocks import GoingClock, clock_of_valkey

from postpress_async import Limit, Limits, Postpress, WaitTooLongError
from postpress_async.sandbox import Sandbox

DAY = 86_400.0


@pytest.fixture
async def on_redis(monkeypatch, valkey):
    set_clock = clock_of_valkey(monkeypatch, valkey)

    async def move(seconds):
        set_clock(seconds)

    return valkey.url, move


@pytest.fixture
async def on_postgres(open_postgres, postgres_url, execute, schema):
    clock = GoingClock(execute, schema)
    function = await clock.make()
    await open_postgres().swap([], who="a")
    await execute(function)
    return f"{postgres_url}?prefix={schema}", clock.move


@pytest.fixture(params=["redis", "postgres"])
def store(request, on_redis, on_postgres):
    """Return a store's URL, and what sets the clock of its server, as seconds beside the true."""
    return on_redis if request.param == "redis" else on_postgres


@pytest.fixture
async def sandbox():
    async with Sandbox(seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox, store):
    """Return what makes a client; each is like a process."""
    state, _ = store
    limits = Limits.none().add(Limit("profile", 2, per="day"))
    return lambda: Postpress(
        sandbox.api_key, base_url=sandbox.url, state=state, limits=limits, key_rate=None
    )


@pytest.fixture
def look_up(sandbox):
    account = sandbox.world()["accounts"][0]["id"]

    async def look_up(client):
        """Return the seconds to wait for, 0 where it was allowed."""
        try:
            await client.users.get("jordan-walke", account_id=account)
        except WaitTooLongError as error:
            return error.retry_after
        return 0

    return look_up


def about_a_day(beside=0.0):
    return pytest.approx(DAY + beside, abs=60)


@pytest.mark.parametrize("ahead", [DAY + 60, 40 * DAY])
async def test_a_day_that_did_not_pass_is_not_over(store, client, look_up, ahead):
    _, set_clock = store
    async with client() as one, client() as other:
        assert [await look_up(one), await look_up(other)] == [0, 0]
        await set_clock(ahead)
        for asks in (one, other, one):
            assert await look_up(asks) == about_a_day()
        async with client() as begins_amid:  # who has no clock to compare with
            assert await look_up(begins_amid) == about_a_day()
        await set_clock(0)
        for asks in (one, other):
            assert await look_up(asks) == about_a_day()
    async with client() as begins_afterwards:
        assert await look_up(begins_afterwards) == about_a_day()


async def test_a_client_for_each_job_knows_what_those_before_it_knew(store, client, look_up):
    _, set_clock = store
    waits = []
    for ahead in (0, 0, DAY + 60, 0):
        await set_clock(ahead)
        async with client() as made:
            waits.append(await look_up(made))
    assert waits == [0, 0, about_a_day(), about_a_day()]
