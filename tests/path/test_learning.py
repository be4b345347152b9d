"""Learning whose rows hold for an account: look-ups that fail, and questions before any call."""

import pytest

from postpress_async import AuthenticationError, Limits, Retries

LOOK_UP = "GET /accounts/{id}"


async def read(client, account):
    """Make a call whose limits depend on the provider, and whose answer teaches nothing."""
    await client.request("GET", "/users/jordan-walke", type=dict, account_id=account["id"])


def fails(sandbox, times, status=503, **fault):
    sandbox.faults(
        [{"route": LOOK_UP, "effect": "status", "status": status, "times": times, **fault}]
    )


@pytest.fixture
def client(connect):
    return connect(limits=Limits.recommended(), retries=Retries.none())


async def provider_of(client, account):
    (seen,) = await client.scheduler.snapshot(account["id"])
    return seen.provider


async def test_a_look_up_that_failed_is_made_again_after_a_minute_then_ever_later(
    client, accounts, sandbox, journal
):
    account = accounts["LINKEDIN"]
    fails(sandbox, 3)
    async with client:
        for looked, pause in enumerate((60, 120, 240, 0), start=1):
            await read(client, account)
            await read(client, account)
            assert len(journal(route=LOOK_UP)) == looked
            if pause:
                await sandbox.advance(pause - 30)
                await read(client, account)
                assert len(journal(route=LOOK_UP)) == looked
                assert await provider_of(client, account) is None
                await sandbox.advance(31)
        assert await provider_of(client, account) == "LINKEDIN"
        await sandbox.advance(3600)
        await read(client, account)
        assert len(journal(route=LOOK_UP)) == 4


async def test_an_account_that_is_not_there_is_asked_for_once_an_hour(
    client, accounts, sandbox, journal
):
    account = accounts["LINKEDIN"]
    fails(sandbox, 2, status=404, type="resource_not_found")
    async with client:
        for seconds, looked in ((0, 1), (3500, 1), (101, 2), (3601, 3)):
            await sandbox.advance(seconds)
            await read(client, account)
            assert len(journal(route=LOOK_UP)) == looked
        assert await provider_of(client, account) == "LINKEDIN"


async def test_a_key_that_was_refused_once_does_not_make_the_strictest_limits_hold(
    client, accounts, sandbox
):
    account = accounts["LINKEDIN"]
    fails(sandbox, 1, status=401, type="missing_credentials")
    async with client:
        with pytest.raises(AuthenticationError):
            await read(client, account)
        await read(client, account)
        assert await provider_of(client, account) == "LINKEDIN"


async def test_questions_about_an_account_that_was_never_called_are_answered_for_its_provider(
    client, accounts, journal
):
    account = accounts["LINKEDIN"]["id"]
    async with client:
        told = await client.scheduler.estimate(account, "first_message")
        assert told.seconds == 0.0, "a day of quiet is WhatsApp's"
        assert len(journal(route=LOOK_UP)) == 1
        await client.scheduler.plan(account, {"invite": 5, "message": 5})
        assert await client.scheduler.explain(account) == []
        assert len(journal(route=LOOK_UP)) == 1


@pytest.mark.parametrize("action", [None, "first_message"])
async def test_what_holds_an_account_back_is_told_for_its_provider(client, accounts, action):
    async with client:
        assert await client.scheduler.explain(accounts["LINKEDIN"]["id"], action) == []


async def test_slots_of_an_account_that_was_never_called_keep_its_own_provider_s_limits(
    client, accounts, journal
):
    account = accounts["LINKEDIN"]["id"]
    async with client:
        for _ in range(11):  # ten an hour is Instagram's
            async with client.scheduler.slot(account, "invite"):
                pass
    assert len(journal(route=LOOK_UP)) == 1


async def test_a_question_goes_on_without_an_answer_but_for_a_refused_key(
    client, accounts, sandbox, journal
):
    account = accounts["LINKEDIN"]["id"]
    async with client:
        fails(sandbox, 1, status=401, type="missing_credentials")
        with pytest.raises(AuthenticationError):
            await client.scheduler.estimate(account, "first_message")
        fails(sandbox, 1)
        told = await client.scheduler.estimate(account, "first_message")
        assert told.seconds > 0, "the strictest of any holds"
        await client.scheduler.estimate(account, "first_message")
        assert len(journal(route=LOOK_UP)) == 2
        await sandbox.advance(61)
        assert (await client.scheduler.estimate(account, "first_message")).seconds == 0.0
