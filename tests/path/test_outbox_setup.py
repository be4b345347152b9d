"""A wrong setup: a worker ends and says why, and no item fails for what none of them can help."""

import asyncio

import aiohttp
import pytest

from postpress_async import Limit, Limits, Postpress
from postpress_async.errors import ConfigurationError
from postpress_async.outbox import Outbox

MESSAGES = "POST /chats/{chat_id}/messages"
PACED = Limits.none().add(Limit("message", 1000, per="day")).add(Limit("profile", 1000, per="day"))


async def put_in(outbox, account, count=5):
    async with outbox.batch() as batch:
        for number in range(count):
            await batch.message(
                account_id=account["id"],
                chat_id=account["chats"][number % 3],
                text=f"Hi {number}",
                key=f"k{number}",
            )


async def all_of(outbox):
    return [(item.state, item.attempts) async for item in outbox.list()]


async def ends_with_all_queued(outbox, account, texts, words):
    await put_in(outbox, account)
    with pytest.raises(ConfigurationError, match=words) as told:
        await asyncio.wait_for(outbox.run(), 20)
    assert told.value.scope == "setup"
    assert await all_of(outbox) == [("queued", 0)] * 5
    assert texts() == []


async def test_a_store_of_counts_that_is_not_ours(connect, tmp_path, account, texts):
    (tmp_path / "counts.db").write_bytes(b"no database" * 1000)
    state = f"sqlite:///{tmp_path / 'counts.db'}"
    async with (
        connect(limits=PACED, state=state) as client,
        Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox,
    ):
        await ends_with_all_queued(outbox, account, texts, "no SQLite database")
        await outbox.profile(account["strangers"][0], accounts=[account["id"]], key="p")
        with pytest.raises(ConfigurationError):
            await asyncio.wait_for(outbox.run(), 20)
        assert (await outbox.get("p")).state == "queued"


async def test_one_file_for_counts_and_items(connect, tmp_path, account, texts):
    url = f"sqlite:///{tmp_path / 'both.db'}"
    async with connect(limits=PACED, state=url) as client, Outbox(client, url) as outbox:
        await ends_with_all_queued(outbox, account, texts, "something else")


async def test_a_client_of_another_loop(connect, tmp_path, account, texts):
    client, loop = connect(), asyncio.new_event_loop()
    try:
        await asyncio.to_thread(loop.run_until_complete, client.accounts.get(account["id"]))
        async with Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox:
            await ends_with_all_queued(outbox, account, texts, "another event loop")
    finally:
        await asyncio.to_thread(loop.run_until_complete, client.aclose())
        loop.close()


async def test_a_session_that_was_closed(connect, tmp_path, account, texts):
    async with aiohttp.ClientSession() as session:
        client = connect(session=session)
    async with client, Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox:
        await ends_with_all_queued(outbox, account, texts, "session is closed")


async def test_limits_that_cannot_be_told_keep_one_account_waiting(
    connect, tmp_path, sandbox, texts
):
    linkedin = [one for one in sandbox.world()["accounts"] if one["provider"] == "LINKEDIN"]
    account, other = linkedin[:2]
    broken = True

    def choose(info):
        if broken and info.account_id == account["id"]:
            raise ConnectionError
        return Limits.none()

    url = f"sqlite:///{tmp_path / 'o.db'}"
    async with (
        connect() as first,
        connect(limits=choose) as client,
        Outbox(first, url) as put,
        Outbox(client, url) as outbox,
    ):
        await put_in(put, account, 2)
        await put.message(account_id=other["id"], chat_id=other["chats"][0], text="Hi", key="o")
        pool = [account["id"], other["id"]]
        await put.profile(account["strangers"][0], accounts=pool, key="p")
        running = asyncio.create_task(outbox.run(until_empty=True))
        async with asyncio.timeout(40):
            item = await put.get("k0")
            while item.error is None or {(await put.get(key)).state for key in "op"} != {"sent"}:
                await asyncio.sleep(0.02)
                item = await put.get("k0")
            assert (item.state, item.attempts) == ("queued", 0)
            assert "raised ConnectionError" in item.error
            broken = False
            while not running.done():
                await asyncio.sleep(0.02)
                await sandbox.advance(5.0)
        await running
        assert len(texts()) == 3


async def test_a_key_that_the_service_never_took(sandbox, tmp_path, account, texts):
    async with (
        Postpress("pp_wrong", base_url=sandbox.url, clock=sandbox.clock, limits=PACED) as client,
        Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox,
    ):
        await ends_with_all_queued(outbox, account, texts, "refuses the API key: check it")
        await outbox.profile(account["strangers"][0], accounts=[account["id"]], key="p")
        with pytest.raises(ConfigurationError, match="refuses the API key"):
            await asyncio.wait_for(outbox.run(accounts=[account["id"]]), 20)
        assert (await outbox.get("p")).state == "queued"


async def test_a_key_that_is_refused_when_it_is_asked_what_arrived(
    connect, sandbox, tmp_path, account, texts
):
    url = f"sqlite:///{tmp_path / 'o.db'}"
    async with connect(limits=PACED) as client, Outbox(client, url) as outbox:
        sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "after", "times": 1}])
        await put_in(outbox, account, 1)
        task = asyncio.create_task(outbox.run())
        while (await outbox.get("k0")).state != "unknown":  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
    async with (
        Postpress("pp_wrong", base_url=sandbox.url, clock=sandbox.clock, limits=PACED) as client,
        Outbox(client, url) as outbox,
    ):
        running = asyncio.create_task(outbox.run())
        while not running.done():  # its look comes when the request is certainly over
            await sandbox.advance(1.0)
            await asyncio.sleep(0.01)
        with pytest.raises(ConfigurationError, match="refuses the API key"):
            await running
        assert (await outbox.get("k0")).state == "unknown"


async def test_a_key_that_was_taken_before_is_warned_of(
    connect, sandbox, tmp_path, account, caplog
):
    async with (
        connect(limits=PACED) as client,
        Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox,
    ):
        await client.accounts.get(account["id"])
        refused = {"effect": "status", "status": 401, "type": "missing_credentials"}
        sandbox.faults([{"route": MESSAGES, "times": 1, **refused}])
        await put_in(outbox, account, 1)
        task = asyncio.create_task(outbox.run())
        while (await outbox.metrics()).resting != 1:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        assert not task.done()  # perhaps it is being changed just now
        assert "refuses the API key now" in caplog.text
        task.cancel()
        await asyncio.wait({task})
