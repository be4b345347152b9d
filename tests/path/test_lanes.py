"""Lanes and the service together: limits kept, answers learned from."""

import asyncio

import pytest

from postpress_async import (
    AccountError,
    AuthenticationError,
    LaneClosedError,
    Limit,
    Limits,
    Postpress,
    RateLimitedError,
    Retries,
    WaitTooLongError,
)

PROFILE = "GET /users/{identifier}"


async def read(client, account, **options):
    return await client.users.get("jordan-walke", account_id=account["id"], **options)


async def until(condition, ticks=20_000):
    for _ in range(ticks):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came")


async def test_the_provider_is_asked_for_once_however_many_calls_must_know(
    connect, accounts, journal
):
    async with connect(limits=Limits.recommended()) as client:
        await asyncio.gather(*(read(client, accounts["LINKEDIN"]) for _ in range(10)))
        (seen,) = await client.scheduler.snapshot(accounts["LINKEDIN"]["id"])
    assert journal().count(("GET /accounts/{id}", 200)) == 1
    assert seen.provider == "LINKEDIN"
    assert seen.tier is not None
    assert {use.limit: use.used for use in seen.limits if use.used} == {
        "80 profile per day (LINKEDIN)": 10
    }
    assert any(use.limit.startswith("30 inmail") and use.left == 30 for use in seen.limits)


async def test_nobody_is_asked_where_no_limit_depends_on_it_or_it_is_known(
    connect, accounts, journal
):
    account = accounts["LINKEDIN"]
    for options in (
        {"limits": Limits.none()},
        {"limits": Limits.none().add(Limit("profile", 5))},
        {"limits": Limits.recommended(), "providers": {account["id"]: "LINKEDIN"}},
    ):
        async with connect(**options) as client:
            await read(client, account)
    async with connect(limits=Limits.recommended()) as client:
        async for _ in client.chats.list(account_id=account["id"]).limit(1):
            pass
        await read(client, account)
    assert ("GET /accounts/{id}", 200) not in journal()


async def test_without_an_answer_the_strictest_row_of_any_provider_holds(
    connect, accounts, sandbox
):
    account = accounts["LINKEDIN"]
    sandbox.faults([{"route": "GET /accounts/{id}", "effect": "status", "status": 404}])
    limits = Limits.none().add(
        Limit("profile", 5, provider="LINKEDIN"), Limit("profile", 2, provider="TELEGRAM")
    )
    async with connect(limits=limits) as client:
        for _ in range(2):
            await read(client, account)
        # The answer itself named the provider meanwhile: now its own row holds, counts and all.
        (seen,) = await client.scheduler.snapshot(account["id"])
        assert [(use.amount, use.used) for use in seen.limits] == [(5, 2)]


async def test_a_wrong_key_is_told_at_once_also_by_the_look_up(sandbox, accounts):
    async with Postpress("wrong", base_url=sandbox.url) as client:
        with pytest.raises(AuthenticationError, match="POSTPRESS_API_KEY"):
            await read(client, accounts["LINKEDIN"])
        with pytest.raises(AuthenticationError):
            await client.accounts.get(accounts["LINKEDIN"]["id"])


async def test_a_limit_is_kept_over_its_window_and_the_next_one_opens(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    async with connect(limits=Limits.none().add(Limit("profile", 3, per="minute"))) as client:
        for _ in range(3):
            await read(client, account)
        with pytest.raises(WaitTooLongError) as caught:
            await read(client, account)
        assert 59 <= caught.value.retry_after <= 60
        await sandbox.advance(60)
        await read(client, account)
    assert len(sandbox.journal(route=PROFILE)) == 4


async def test_a_call_that_waits_goes_when_the_clock_says_so(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    limits = Limits.none().add(Limit("profile", 1, per=20))
    async with connect(limits=limits) as client:
        await read(client, account)
        waiting = asyncio.ensure_future(read(client, account))
        await until(lambda: client.scheduler.lane(account["id"]).waiting == 1)
        await sandbox.advance(19)
        await asyncio.sleep(0)
        assert not waiting.done()
        await sandbox.advance(1.1)
        await waiting


async def test_a_hidden_limit_cools_the_account_down_for_as_long_as_it_says(
    connect, accounts, sandbox
):
    account = accounts["LINKEDIN"]
    sandbox.limits([{"action": "profile", "amount": 2, "per": 600, "retry_after": True}])
    async with connect() as client:
        for _ in range(2):
            await read(client, account)
        with pytest.raises(RateLimitedError) as caught:
            await read(client, account)
        assert 590 < caught.value.retry_after <= 600
        assert caught.value.attempts == 1
        # The lane stays closed, and says so without asking the provider again.
        with pytest.raises(WaitTooLongError, match="429"):
            await read(client, account)
        await client.chats.list(account_id=account["id"]).page()  # reads go on
        (seen,) = await client.scheduler.snapshot(account["id"])
        assert seen.cooling_until > sandbox.clock.time()
        await sandbox.advance(640)
        await read(client, account)
    assert [entry.status for entry in sandbox.journal(route=PROFILE)] == [200, 200, 429, 200]


async def test_a_short_429_is_waited_out_in_full(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    fault = {"route": PROFILE, "effect": "status", "status": 429, "retry_after": 10, "times": 1}
    sandbox.faults([fault])
    async with connect() as client:
        waiting = asyncio.ensure_future(read(client, account))
        await until(lambda: client.scheduler.lane(account["id"]).waiting == 1)
        await sandbox.advance(9.9)
        assert len(sandbox.journal(route=PROFILE)) == 1
        await sandbox.advance(0.7)
        await waiting
    first, second = sandbox.journal(route=PROFILE)
    assert second.at - first.at >= 10


async def test_a_503_backs_off_and_goes_again(connect, accounts, sandbox):
    sandbox.faults(
        [{"route": PROFILE, "effect": "status", "status": 503, "times": 2, "type": "no_handler"}]
    )
    async with connect(clock=None) as client:
        client._pipeline._random = lambda: 0.01
        await read(client, accounts["LINKEDIN"])
    assert [entry.status for entry in sandbox.journal(route=PROFILE)] == [503, 503, 200]


async def test_lost_credentials_close_the_lane_and_a_good_look_opens_it(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    sandbox.set_status(account["id"], "CREDENTIALS")
    async with connect(retries=Retries.none()) as client:
        with pytest.raises(AccountError) as caught:
            await read(client, account)
        assert caught.value.type == "errors/disconnected_account"
        with pytest.raises(LaneClosedError, match="disconnected_account"):
            await read(client, account)
        assert len(sandbox.journal(route=PROFILE)) == 1
        await client.chats.list(account_id=account["id"]).page()
        assert not (await client.accounts.get(account["id"])).is_ok
        with pytest.raises(LaneClosedError):
            await read(client, account)
        sandbox.set_status(account["id"], "OK")
        assert (await client.accounts.get(account["id"])).is_ok
        await read(client, account)


async def test_other_accounts_go_on_while_one_is_closed(connect, accounts, sandbox):
    sandbox.set_status(accounts["LINKEDIN"]["id"], "RESTRICTED")
    async with connect() as client:
        with pytest.raises(AccountError):
            await read(client, accounts["LINKEDIN"])
        telegram = accounts["TELEGRAM"]
        await client.users.get(telegram["people"][0], account_id=telegram["id"])


async def test_copies_of_a_client_share_its_lanes(connect, accounts):
    account = accounts["LINKEDIN"]
    async with connect(limits=Limits.none().add(Limit("profile", 2, per="day"))) as client:
        await read(client, account)
        await client.account(account["id"]).users.get("jordan-walke")
        with pytest.raises(WaitTooLongError):
            await read(client.with_options(max_wait=1.0), account)
