"""A standby takes the place of a PostgreSQL: what it had not got, and who goes on where."""

import asyncio
import os
import secrets

import pytest

from postpress_async import Limits, Postpress, StateUnavailableError
from postpress_async.outbox import Outbox, Send, protocol
from postpress_async.sandbox import Sandbox
from postpress_async.storage.postgres import link
from postpress_async.storage.remote import images

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals stop and kill the server")

MESSAGES = "POST /chats/{chat_id}/messages"


@pytest.fixture
def process(to_primary, processes):
    """Return what makes processes that share counts."""
    state = f"{to_primary.url}?prefix=t_{secrets.token_hex(6)}&connect_timeout=20"
    return lambda: processes(state)


async def unavailable(process, words):
    with pytest.MonkeyPatch.context() as sooner:
        sooner.setattr(images, "PATIENCE", 1.0)  # a test's time is short
        with pytest.raises(StateUnavailableError, match=words) as caught:
            await process.call()
    assert caught.value.outcome == "not_sent"


async def test_a_standby_that_has_all_takes_over_and_the_clients_go_on(
    process, primary, standby, to_primary
):
    standby.make_sync(primary)
    one, other = process(), process()
    assert (await one(2), await other(3)) == (2, 3)
    primary.kill9()
    await unavailable(one, "cannot be reached|was lost|shut down")
    standby.promote()
    tried = to_primary.connections
    waits = asyncio.create_task(other.call())
    while to_primary.connections == tried:  # noqa: ASYNC110 - a proxy tells nobody
        await asyncio.sleep(0)
    to_primary.target = standby.port  # as a name, or a proxy, that follows the primary
    await waits
    assert await one() + await other() == 4
    assert await process()() == 0


@pytest.mark.parametrize("first", ["who knows", "a stranger"])
async def test_what_a_lagging_standby_had_not_got_is_granted_to_strangers_alone(
    process, primary, standby, to_primary, first
):
    knows = process()
    assert await knows(5) == 5
    standby.catch_up(primary)
    standby.fall_behind()
    assert await knows(3) == 3  # these it has not got
    primary.kill9()
    standby.promote()
    to_primary.target = standby.port
    stranger = process()
    if first == "who knows":
        assert (await knows(), await stranger()) == (2, 0)
    else:
        assert (await stranger(), await knows()) == (5, 0)  # 10, and 3 that it had not got
    assert await process()() == 0


async def test_a_standby_that_is_none_yet_takes_no_writes_and_is_waited_for(
    process, primary, standby, to_primary
):
    one = process()
    assert await one(5) == 5
    standby.catch_up(primary)
    to_primary.target = standby.port
    primary.kill9()
    await unavailable(one, "takes no writes: it is a standby")
    await unavailable(process(), "takes no writes: it is a standby")
    standby.promote()
    assert await one() == 5


async def test_where_a_synchronous_standby_is_gone_nothing_is_granted_until_it_is_back(
    process, primary, standby
):
    standby.make_sync(primary)
    one, other = process(), process()
    assert (await one(2), await other(3)) == (2, 3)
    standby.kill9()
    await unavailable(one, "does not answer")
    standby.start()
    assert await one() + await other() == 5
    assert await process()() == 0


@pytest.mark.parametrize("how", ["wakes", "is started again"])
async def test_an_old_primary_can_grant_nothing_where_commits_wait_for_its_standby(
    process, primary, standby, to_primary, how
):
    standby.make_sync(primary)
    one, other = process(), process()
    assert (await one(2), await other(1)) == (2, 1)
    if how == "wakes":
        primary.freeze()
        await unavailable(one, "does not answer")
    else:
        primary.kill9()
    standby.promote()
    to_primary.target = standby.port
    assert await one(2) == 2
    if how == "wakes":
        primary.thaw()  # the other's connection has noticed nothing
    else:
        primary.start()
        to_primary.target = primary.port
    await unavailable(other, "does not answer")
    to_primary.target = standby.port
    assert await other() + await one() == 5
    assert await process()() == 0


@pytest.fixture
async def apart(process, primary, standby, to_primary):
    """Return two processes that count at two primaries: no commit waits for a standby."""
    one, other = process(), process()
    assert (await one(2), await other(1)) == (2, 1)
    standby.catch_up(primary)
    primary.freeze()
    await unavailable(one, "does not answer")
    standby.promote()
    to_primary.target = standby.port
    assert await one(2) == 2
    primary.thaw()
    made = to_primary.connections
    assert await other(2) == 2
    assert to_primary.connections == made
    return one, other


async def test_an_old_primary_that_wakes_counts_apart_until_its_connections_are_cut(
    apart, process, to_primary
):
    one, other = apart
    to_primary.cut()
    assert await other() + await one() == 3
    assert await process()() == 0


async def test_an_old_primary_that_wakes_counts_apart_until_its_connections_are_old(
    apart, process, monkeypatch, caplog
):
    one, other = apart
    with monkeypatch.context() as sooner:
        sooner.setattr(link, "LIVES", 0.0)
        await other.client.scheduler.snapshot(other.account)  # begins to connect anew
    async with asyncio.timeout(30):
        while "may have been restarted or replaced" not in caplog.text:
            await other.client.scheduler.snapshot(other.account)
    assert await other() + await one() == 3
    assert await process()() == 0


# -- several servers in a URL ----------------------------------------------------------------------


def both(first, second):
    """Return the URL of two servers, of which one takes writes."""
    places = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    return f"postgresql://postgres@{places}/postgres?prefix=t_{secrets.token_hex(6)}"


async def test_of_several_servers_the_one_that_takes_writes_is_found(primary, standby, processes):
    url = f"{both(standby, primary)}&connect_timeout=20"
    one = processes(url)
    assert await one(4) == 4
    standby.catch_up(primary)
    primary.kill9()
    await unavailable(one, "takes no writes|cannot be reached|was lost")
    standby.promote()
    assert await one() == 6
    assert await processes(url)() == 0


async def test_of_several_servers_one_that_is_silent_does_not_keep_us_from_the_next(
    primary, standby, processes
):
    url = f"{both(primary, standby)}&connect_timeout=1"  # which drivers take for two
    assert await processes(url)(4) == 4
    standby.catch_up(primary)
    primary.freeze()
    standby.promote()
    assert await processes(url)() == 6


# -- the outbox ------------------------------------------------------------------------------------


async def test_an_outbox_whose_primary_dies_amid_sends_loses_and_doubles_none(
    primary, standby, to_primary, monkeypatch
):
    monkeypatch.setattr(protocol, "_BASE_SECONDS", 0.5)  # until another try
    standby.make_sync(primary)
    gone, asked = asyncio.Event(), []

    async def before_send(item):
        asked.append(item.id)
        if len(asked) == 12:  # while others are claimed, asked about, marked, sent and finished
            await asyncio.to_thread(primary.kill9)
            gone.set()
        return Send()

    url = f"{to_primary.url}?prefix=o_{secrets.token_hex(6)}&connect_timeout=20"
    async with (
        Sandbox(seed=1) as sandbox,
        Postpress(sandbox.api_key, base_url=sandbox.url, limits=Limits.none()) as client,
        Outbox(client, url, before_send=before_send) as outbox,
        asyncio.timeout(150),
    ):
        account = next(one for one in sandbox.world()["accounts"] if len(one["chats"]) > 5)
        for number in range(30):
            chat = account["chats"][number % 6]
            await outbox.message(account_id=account["id"], chat_id=chat, text=f"No. {number}")
        working = asyncio.create_task(outbox.run(until_empty=True, concurrency=6))
        await gone.wait()
        await asyncio.to_thread(standby.promote)
        to_primary.target = standby.port
        await working
        assert await outbox.counts() == {"sent": 30}
        told = [entry for entry in sandbox.journal(route=MESSAGES) if entry.committed]
        assert len(told) == 30
