"""What people steer, through a client to the service: pauses, slots, records, estimates."""

import asyncio

import pytest

from postpress_async import LaneClosedError, Limit, Limits, WaitTooLongError

PROFILE = "GET /users/{identifier}"


async def read(client, account, **options):
    return await client.users.get("jordan-walke", account_id=account["id"], **options)


async def until(condition, ticks=20_000):
    for _ in range(ticks):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came")


def limits(*rows):
    return Limits.none().add(*rows)


async def test_the_kill_switch_stops_every_account_but_not_what_only_reads(
    connect, accounts, sandbox
):
    linkedin, telegram = accounts["LINKEDIN"], accounts["TELEGRAM"]
    async with connect() as client:
        await read(client, linkedin)
        await client.scheduler.pause("*", reason="incident 7")
        for account in (linkedin, telegram):
            with pytest.raises(LaneClosedError, match="incident 7"):
                await read(client, account)
        await client.chats.list(account_id=linkedin["id"]).page()
        await client.scheduler.resume("*")
        await read(client, linkedin)
    assert len(sandbox.journal(route=PROFILE)) == 2


async def test_what_waits_when_a_pause_comes_never_reaches_the_service(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    async with connect(limits=limits(Limit("profile", 1, per=20))) as client:
        await read(client, account)
        waiting = asyncio.ensure_future(read(client, account))
        await until(lambda: client.scheduler.lane(account["id"]).waiting == 1)
        await client.scheduler.pause(account["id"], reason="stop")
        with pytest.raises(LaneClosedError, match="stop"):
            await waiting
        await sandbox.advance(60)
    assert len(sandbox.journal(route=PROFILE)) == 1


async def test_a_call_that_gave_up_while_it_waited_takes_nothing_from_the_limit(
    connect, accounts, sandbox
):
    account = accounts["LINKEDIN"]
    async with connect(limits=limits(Limit("profile", 2, per=20)), max_wait=90) as client:
        await read(client, account)
        await read(client, account)
        tasks = [asyncio.ensure_future(read(client, account)) for _ in range(3)]
        await until(lambda: client.scheduler.lane(account["id"]).waiting == 3)
        tasks[0].cancel()
        await sandbox.advance(20.5)
        await asyncio.gather(*tasks[1:])
        (seen,) = await client.scheduler.snapshot(account["id"])
        assert (seen.limits[0].used, seen.in_flight, seen.queued) == (2, 0, {})
    assert len(sandbox.journal(route=PROFILE)) == 4


async def test_a_budget_of_the_key_is_kept_over_all_accounts(connect, accounts, sandbox):
    names = ("LINKEDIN", "TELEGRAM", "WHATSAPP")
    people = {name: accounts[name] for name in names}
    async with connect(limits=limits(Limit("profile", 2, per=60, scope="key"))) as client:
        await read(client, people["LINKEDIN"])
        telegram = people["TELEGRAM"]
        await client.users.get(telegram["people"][0], account_id=telegram["id"])
        with pytest.raises(WaitTooLongError, match="all accounts together"):
            await read(client, people["LINKEDIN"])
        with pytest.raises(WaitTooLongError):
            await client.users.get("x", account_id=people["WHATSAPP"]["id"])
        await sandbox.advance(60)
        await read(client, people["LINKEDIN"])
    assert len(sandbox.journal(route=PROFILE)) == 3


async def test_what_other_tools_did_and_do_counts_for_calls(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    async with connect(limits=limits(Limit("profile", 3, per=600))) as client:
        then = sandbox.clock.time() - 500
        await client.scheduler.record(account["id"], "profile", 2, at=then)
        async with client.scheduler.slot(account["id"], "profile"):
            pass
        told = await client.scheduler.estimate(account["id"], "profile")
        with pytest.raises(WaitTooLongError) as caught:
            await read(client, account)
        assert caught.value.retry_after == pytest.approx(told.seconds, abs=0.5)
        assert told.seconds == pytest.approx(100, abs=0.5)
        await sandbox.advance(told.seconds)
        await read(client, account)


async def test_a_refused_call_goes_again_before_those_who_came_later(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    fault = {"route": PROFILE, "effect": "status", "status": 429, "retry_after": 5, "times": 1}
    sandbox.faults([fault])
    done = []

    async def one(name):
        await read(client, account)
        done.append(name)

    async with connect(limits=limits(Limit("profile", 1, per=2))) as client:
        lane = client.scheduler.lane(account["id"])
        first = asyncio.ensure_future(one("first"))
        await until(lambda: lane.waiting == 1)
        others = [asyncio.ensure_future(one(name)) for name in ("second", "third")]
        await until(lambda: lane.waiting == 3)
        for _ in range(30):
            await sandbox.advance(1)
            if all(task.done() for task in (first, *others)):
                break
            for _ in range(50):
                await asyncio.sleep(0)
        await asyncio.gather(first, *others)
    assert done == ["first", "second", "third"]
