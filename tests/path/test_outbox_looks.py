"""What was cut is looked for, whatever a clock says, and however many wait to be sent."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from postpress_async import ConfigurationError, Limit, Limits, NotFoundError
from postpress_async.outbox import Defer, Outbox, Replace, Send

MESSAGES = "POST /chats/{chat_id}/messages"
DAY = 86_400.0


class WrongClock:
    """Be a sandbox's clock, but for the time of day."""

    def __init__(self, clock, ahead):
        self._clock = clock
        self.ahead = ahead
        self.monotonic, self.sleep, self.call_at = clock.monotonic, clock.sleep, clock.call_at

    def time(self):
        return self._clock.time() + self.ahead


async def settled(outbox, item, sandbox, *, states=frozenset({"sent", "failed"})):
    async with asyncio.timeout(30):
        while True:
            found = await outbox.get(item.id)
            if found.state in states or found.needs_decision:
                return found
            await sandbox.advance(5.0)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("days", [-400.0, -2.0, 2.0, 400.0])
async def test_a_clock_that_stays_wrong_hides_nothing(connect, tmp_path, accounts, sandbox, days):
    account = accounts["LINKEDIN"]
    chat = account["chats"][0]
    sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "after", "times": 1}])
    clock = WrongClock(sandbox.clock, days * DAY)
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect(clock=clock) as client, Outbox(client, url) as outbox:
        item = await outbox.message(account_id=account["id"], chat_id=chat, text="Hello")
        running = asyncio.create_task(outbox.run())
        found = await settled(outbox, item, sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (found.state, found.attempts) == ("sent", 1)
        (message,) = [
            one async for one in client.messages.list(chat_id=chat) if one.text == "Hello"
        ]
        assert found.result_id == message.id
    assert len([one for one in sandbox.journal(route=MESSAGES) if one.committed]) == 1


async def test_what_a_middleware_tried_again_in_vain_is_looked_for(
    connect, tmp_path, accounts, sandbox
):
    account = accounts["LINKEDIN"]
    chat = account["chats"][0]
    sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "after", "times": 1}])

    async def elsewhere(request, handler):
        try:
            return await handler(request)
        except aiohttp.ClientConnectionError:
            request.url = request.url.with_port(taken.getsockname()[1])
            return await handler(request)

    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        async with (
            aiohttp.ClientSession(middlewares=[elsewhere]) as session,
            connect(session=session) as client,
            Outbox(client, url) as outbox,
        ):
            item = await outbox.message(account_id=account["id"], chat_id=chat, text="Hello")
            running = asyncio.create_task(outbox.run())
            found = await settled(outbox, item, sandbox)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert (found.state, found.attempts) == ("sent", 1)
    assert len(sandbox.journal(route=MESSAGES)) == 1


async def test_a_look_goes_before_what_waits_to_be_sent(connect, tmp_path, accounts, sandbox):
    # A look costs an `other` or two. While they had no better place than sends, and so many of
    # these wait that there is one for each slot, none was ever left for a look.
    account = accounts["LINKEDIN"]
    sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "before", "times": 1}])
    limits = Limits.none().add(Limit(("message", "other"), 1, per=120.0))
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect(limits=limits) as client, Outbox(client, url) as outbox:
        first, *_ = [
            await outbox.message(account_id=account["id"], chat_id=chat, text=f"Hello {n}")
            for n in range(6)
            for chat in account["chats"][:5]
        ]
        running = asyncio.create_task(outbox.run())
        found = await settled(outbox, first, sandbox)
        counts = await outbox.counts()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (found.state, found.attempts) == ("sent", 2)
        assert counts["queued"] > 10


async def test_who_tries_again_by_hand_tries_as_often_as_before(
    connect, tmp_path, accounts, sandbox
):
    """After five that did not arrive a person looks; the sixth may be lost, too, and goes again."""
    account = accounts["LINKEDIN"]
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect() as client, Outbox(client, url) as outbox:
        sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "before", "times": 7}])
        chat = account["chats"][0]
        item = await outbox.message(account_id=account["id"], chat_id=chat, text="Hello")
        running = asyncio.create_task(outbox.run())
        found = await settled(outbox, item, sandbox)
        assert (found.state, found.attempts) == ("failed", 5)
        assert "none of which arrived" in found.error
        assert (await outbox.retry(item.id)).error == "queued again by hand"
        found = await settled(outbox, item, sandbox)
        assert (found.state, found.attempts, found.error) == ("sent", 8, None)
        assert [one.reason for one in await outbox.explain(item.id)] == ["it is sent"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        *_, last = await outbox._store.attempts(item.id)
        assert last.outcome == "sent"


async def test_what_goes_at_once_may_be_given_an_end_although_a_clock_was_ahead(
    connect, tmp_path, accounts, sandbox
):
    """The file's time never goes back: when an item was put in may seem to be tomorrow."""
    account, (chat, *_) = accounts["LINKEDIN"], accounts["LINKEDIN"]["chats"]
    clock = WrongClock(sandbox.clock, DAY)
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect(clock=clock) as client, Outbox(client, url) as outbox:
        item = await outbox.message(account_id=account["id"], chat_id=chat, text="Hello")
        clock.ahead = 0.0
        now = datetime.fromtimestamp(clock.time(), UTC)
        assert item.created_at > now + timedelta(hours=23)
        end = now + timedelta(hours=1)
        edited = await outbox.edit(item.id, expires_at=end)
        assert (edited.expires_at, edited.not_before) == (end, None)
        with pytest.raises(ConfigurationError, match="later than not_before"):
            await outbox.edit(item.id, not_before=end)
        edited = await outbox.edit(item.id, not_before=now - timedelta(hours=1))
        edited = await outbox.edit(item.id, not_before=None)
        assert (edited.expires_at, edited.not_before) == (end, None)
        async with asyncio.timeout(30):
            await outbox.run(until_empty=True)
        assert (await outbox.get(item.id)).state == "sent"


async def test_a_doubts_key_outlasts_what_is_said_after_it(connect, tmp_path, accounts, sandbox):
    """Should it have been done in spite of all looks, a service refuses the rest."""
    account, (chat, *_) = accounts["LINKEDIN"], accounts["LINKEDIN"]["chats"]
    answers = [Send(), None, Send(), Replace(text="Ha"), Send()]

    async def before_send(item):
        now = datetime.fromtimestamp(sandbox.clock.time(), UTC)
        return answers.pop(0) or Defer(until=now + timedelta(days=1))

    async def until(holds):
        async with asyncio.timeout(30):
            while not holds():
                await sandbox.advance(5.0)
                await asyncio.sleep(0.01)

    refuse = {"route": MESSAGES, "effect": "status", "status": 429}
    lost = {"route": MESSAGES, "effect": "reset", "stage": "before", "times": 1}
    sandbox.faults([lost, {**refuse, "times": 2}])
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect() as client, Outbox(client, url, before_send=before_send) as outbox:
        item = await outbox.message(account_id=account["id"], chat_id=chat, text="Hi")
        running = asyncio.create_task(outbox.run())
        await until(lambda: len(answers) == 3)
        found = await settled(outbox, item, sandbox, states={"queued"})
        assert (found.attempts, found.text) == (1, "Hi")
        await outbox.edit(item.id, text="Ho", not_before=None)
        found = await settled(outbox, item, sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (found.state, found.text, answers) == ("sent", "Ho", [])
    keys = [one.idempotency_key for one in sandbox.journal(route=MESSAGES)]
    assert keys == [item.id] * 4


@pytest.mark.parametrize("provider", ["LINKEDIN", "WHATSAPP"])
async def test_a_first_message_is_not_to_be_seen_only_once_the_account_is_synced(
    connect, tmp_path, accounts, sandbox, provider
):
    """Its chat may be there and not be listed; where the provider has a sync, that shows it."""
    account = accounts[provider]
    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    sandbox.faults([{"route": "POST /chats", "effect": "reset", "stage": "before", "times": 1}])
    async with connect() as client, Outbox(client, url) as outbox:
        for person in account["recipients"]:
            try:
                walk = client.attendees.chats(person, account_id=account["id"])
                chats = [one async for one in walk if one.type == 0]
            except NotFoundError:
                chats = []
            if not chats:
                break
        item = await outbox.start_chat(account_id=account["id"], to=person, text="Hello")
        running = asyncio.create_task(outbox.run())
        found = await settled(outbox, item, sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert (found.state, found.attempts) == ("sent", 2)
    sync = "GET /accounts/{account_id}/sync"
    asked = [(one.route, one.raw_path) for one in sandbox.journal()]
    first, second = [n for n, one in enumerate(asked) if one[0] == "POST /chats"]
    synced = [path for route, path in asked[first:second] if route == sync]
    assert len(synced) >= 3 if provider == "LINKEDIN" else not synced
    assert set(synced) <= {f"/v1/accounts/{account['id']}/sync?partial=true"}
