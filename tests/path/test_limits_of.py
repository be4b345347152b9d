"""A function that chooses limits and fails: told by its name, and no answer is lost for it."""

import pytest

from postpress_async import ConfigurationError, Limit, Limits

ROWS = Limits.none().add(
    Limit("profile", 2, per="day"), Limit("profile", 1, per="day", provider="TELEGRAM")
)


@pytest.fixture(params=["memory:", "sqlite:///{}/counts.db"])
def state(request, tmp_path):
    return {"state": request.param.format(tmp_path)}


def fails_for_everybody(account):
    raise KeyError(account.account_id)


def fails_where_it_knows(account):
    if account.provider is not None:
        raise KeyError(account.provider)
    return ROWS


def fails_where_it_knows_nothing(account):
    return {"LINKEDIN": ROWS}[account.provider]


async def read(client, account):
    return await client.users.get("jordan-walke", account_id=account["id"])


async def test_it_is_named_before_anything_is_sent(connect, accounts, sandbox, state):
    account = accounts["LINKEDIN"]
    async with connect(limits=fails_for_everybody, **state) as client:
        with pytest.raises(ConfigurationError, match=r"fails_for_everybody.*KeyError") as caught:
            await read(client, account)
        assert account["id"] in str(caught.value)
        assert isinstance(caught.value.__cause__, KeyError)
        assert not sandbox.journal()
        told = [one.id async for one in client.accounts.list()]
        assert account["id"] in told, "what needs no limits goes on"


@pytest.mark.parametrize("nonsense", [None, 5, "none"])
async def test_what_it_returns_is_looked_at(connect, accounts, sandbox, state, nonsense):
    async with connect(limits=lambda account: nonsense, **state) as client:
        with pytest.raises(ConfigurationError, match=f"not {type(nonsense).__name__}"):
            await read(client, accounts["LINKEDIN"])
    assert not sandbox.journal()


async def test_an_answer_is_not_lost_when_more_is_known(connect, accounts, sandbox, state, caplog):
    account = accounts["LINKEDIN"]
    async with connect(limits=fails_where_it_knows, **state) as client:
        assert (await client.accounts.get(account["id"])).provider == "LINKEDIN"
        await read(client, account)
        await read(client, account)
        (lane,) = await client.scheduler.snapshot(account["id"])
        assert lane.provider == "LINKEDIN"
        assert [use.used for use in lane.limits] == [2], "the rows it had hold, for its provider"
        assert not client.scheduler.resigned(account["id"])
    assert "fails_where_it_knows" in caplog.text
    assert account["id"] in caplog.text


async def test_what_a_list_taught_counts_once_the_account_is_called(connect, accounts):
    account = accounts["LINKEDIN"]
    async with connect(limits=fails_where_it_knows_nothing) as client:
        with pytest.raises(ConfigurationError):
            await read(client, account)
        assert await client.accounts.list().page()
        await read(client, account)
        (lane,) = await client.scheduler.snapshot(account["id"])
        assert (lane.provider, [use.used for use in lane.limits]) == ("LINKEDIN", [1])


async def test_limits_that_a_failing_function_would_choose_are_not_set(connect, accounts, state):
    account = accounts["LINKEDIN"]["id"]
    async with connect(limits=fails_where_it_knows, **state) as client:
        await client.accounts.get(account)
        await client.scheduler.set_limits(account, ROWS)
        with pytest.raises(ConfigurationError, match="fails_where_it_knows"):
            await client.scheduler.set_limits(account, None)


async def test_calls_that_wait_for_a_file_are_told_of_a_function_that_fails_there(
    connect, accounts, tmp_path
):
    account, state = accounts["LINKEDIN"], f"sqlite:///{tmp_path}/counts.db"
    async with connect(limits=ROWS, state=state) as first:
        await first.accounts.get(account["id"])
        await read(first, account)
    async with connect(limits=fails_where_it_knows, state=state) as second:
        second.scheduler.resign(account["id"])  # only the file knows the provider
        with pytest.raises(ConfigurationError, match=r"fails_where_it_knows.*KeyError"):
            await read(second, account)
