"""The outbox against the sandbox: over real sockets, on one clock, out of files and PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from postpress_async import ConfigurationError, Limit, Limits
from postpress_async.errors import (
    OutboxConflictError,
    OutboxError,
    OutboxNotFoundError,
    OutboxStateError,
)
from postpress_async.outbox import Defer, Outbox, Replace, Send, Skip

MESSAGES = "POST /chats/{chat_id}/messages"


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'outbox.db'}"


@pytest.fixture
def account(accounts):
    return accounts["LINKEDIN"]


@pytest.fixture
def texts(sandbox, account):
    """What the service has committed of our messages, in order."""

    def seen(**filters):
        entries = sandbox.journal(route=MESSAGES, **filters)
        return [entry for entry in entries if entry.committed]

    return seen


async def work(outbox, seconds=20.0, **more):
    async with asyncio.timeout(seconds):
        await outbox.run(until_empty=True, **more)


async def until(outbox, item, *states, sandbox=None, seconds=20.0):
    """Wait until an item is in one of some states, moving the clock where one is given."""
    async with asyncio.timeout(seconds):
        while (found := await outbox.get(item.id)).state not in states:
            if sandbox is not None:
                await sandbox.advance(5.0)
            await asyncio.sleep(0.01)
    return found


async def test_a_message_is_sent_once_and_known_by_its_key(connect, url, account, texts):
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "chat_id": account["chats"][0], "text": "Hi"}
        item = await outbox.message(**given, key="k")
        assert (item.state, item.key, item.text) == ("queued", "k", "Hi")
        again = await outbox.message(**given, key="k")
        assert again.id == item.id
        with pytest.raises(OutboxConflictError, match="stands for something else"):
            await outbox.message(**{**given, "text": "Ho"}, key="k")
        await work(outbox)
        sent = await outbox.get("k")
        assert (sent.state, sent.attempts, sent.is_over) == ("sent", 1, True)
        assert (await client.messages.get(sent.result_id)).text == "Hi"
        assert (await outbox.message(**given, key="k")).state == "sent"
        await work(outbox)
    assert len(texts()) == 1
