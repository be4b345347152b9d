"""Ready guards against the sandbox: what they skip, put off and let go."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from postpress_async import ConfigurationError, Postpress
from postpress_async.outbox import Defer, Outbox, Replace, Send, Skip
from postpress_async.outbox.guards import (
    all_of,
    debounce,
    do_not_contact,
    human_takeover,
    stop_on_reply,
)

from .test_outbox_looks import WrongClock

MESSAGES = "POST /chats/{chat_id}/messages"


@pytest.fixture
def account(accounts):
    return accounts["LINKEDIN"]


@pytest.fixture
async def box(connect, tmp_path, account, sandbox):
    """A client, an outbox without a guard, and an item in it."""
    await sandbox.advance(3600)  # later than all that the world holds
    async with connect() as client, Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox:

        async def message(text="Hi", chat=0, **more):
            return await outbox.message(
                account_id=account["id"], chat_id=account["chats"][chat], text=text, **more
            )

        outbox.put = message  # type: ignore[attr-defined]  # a helper of these tests
        yield client, outbox


async def receive(sandbox, account, chat=0, text="No, thank you"):
    sandbox.receive(account_id=account["id"], chat_id=account["chats"][chat], text=text)


async def work(client, url, guard):
    async with asyncio.timeout(20), Outbox(client, url, before_send=guard) as outbox:
        await outbox.run(until_empty=True)


async def test_a_reply_stops_what_was_put_in_before_it(box, sandbox, account):
    client, outbox = box
    guard = stop_on_reply(client)
    await receive(sandbox, account)
    await sandbox.advance(1)
    item = await outbox.put()
    elsewhere = await outbox.put(chat=1)
    assert await guard(item) == Send()  # that one was there before: perhaps it is answered now
    await sandbox.advance(1)
    await client.messages.send(
        chat_id=account["chats"][0], text="by hand", account_id=account["id"]
    )
    assert await guard(item) == Send()  # one's own words are no reply
    await receive(sandbox, account)
    answer = await guard(item)
    assert isinstance(answer, Skip)
    assert answer.reason.startswith("they wrote at ")
    assert await guard(elsewhere) == Send()
    later = stop_on_reply(client, since=lambda item: item.created_at + timedelta(hours=1))
    assert await later(item) == Send()


async def test_a_reply_stops_a_first_message_in_any_chat_with_the_person(box, sandbox, account):
    client, outbox = box
    chat = await client.chats.get(account["chats"][0])
    first = await outbox.start_chat(
        account_id=account["id"], to=chat.attendee_provider_id, text="Hi"
    )
    stranger = await outbox.start_chat(account_id=account["id"], to="ACoAAStranger", text="Hi")
    guard = stop_on_reply(client)
    assert await guard(first) == Send()
    await sandbox.advance(1)
    await receive(sandbox, account)
    assert isinstance(await guard(first), Skip)
    assert await guard(stranger) == Send()


async def test_those_not_to_be_contacted_are_found_by_each_of_their_names(box, account, accounts):
    client, outbox = box
    chat = await client.chats.get(account["chats"][0])
    item, named = await outbox.put(), await outbox.put(chat=1, recipient="Lead-42")
    for names in ({chat.attendee_provider_id}, [f" {chat.attendee_provider_id.upper()} "]):
        guard = do_not_contact(names, client=client)
        assert isinstance(await guard(item), Skip)
        assert await guard(named) == Send()
    guard = do_not_contact({"LEAD-42"}, client=client)
    assert isinstance(await guard(named), Skip)
    assert await guard(item) == Send()

    async def listed(name):
        return name == "lead-7"

    guard = do_not_contact(listed, client=client)
    for provider, to in (("LINKEDIN", "ACoAAB"), ("WHATSAPP", "33612345678@s.whatsapp.net")):
        other = await outbox.start_chat(
            account_id=accounts[provider]["id"], to=to, text="Hi", recipient="lead-7"
        )
        assert isinstance(await guard(other), Skip)
    invited = await outbox.invite(account_id=account["id"], provider_id="ACoAAC")
    assert await guard(invited) == Send()
    assert isinstance(await do_not_contact({"acoaac"}, client=client)(invited), Skip)


@pytest.mark.parametrize("kind", [set, list])
async def test_whoever_opts_out_while_a_worker_runs_is_not_contacted(box, kind):
    client, outbox = box
    item, names = await outbox.put(recipient="Lead-42"), kind()
    add = names.add if kind is set else names.append
    guard = do_not_contact(names, client=client)
    assert await guard(item) == Send()
    add(" LEAD-42")
    assert isinstance(await guard(item), Skip)
    names.clear()
    add("lead-43")  # as many names as before
    assert await guard(item) == Send()


async def test_a_person_who_takes_over_stops_or_delays_the_outbox(box, sandbox, account, tmp_path):
    client, outbox = box
    guard = human_takeover(lambda: outbox)
    await outbox.put(text="first")
    second = await outbox.put(text="second")
    other = await outbox.put(chat=1)
    url = f"sqlite:///{tmp_path / 'o.db'}"
    await work(client, url, lambda item: answer(Send() if item.text == "first" else hold()))
    assert (await outbox.get(second.id)).state == "cancelled"
    second = await outbox.retry(second.id)
    assert await guard(second) == Send()  # the first one was ours
    await sandbox.advance(10)
    await client.messages.send(chat_id=account["chats"][0], text="me", account_id=account["id"])
    assert isinstance(await guard(second), Skip)
    assert await guard(other) == Send()
    now = datetime.fromtimestamp(sandbox.clock.time(), UTC)
    delayed = await human_takeover(lambda: outbox, quiet=600)(second)
    assert isinstance(delayed, Defer)
    assert 590 < (delayed.until - now).total_seconds() < 601
    await sandbox.advance(601)
    assert await human_takeover(lambda: outbox, quiet=600)(second) == Send()
    with pytest.raises(ConfigurationError, match="lambda: outbox"):
        human_takeover(outbox)


async def answer(value):
    return value


def hold():
    return Skip("not yet")


async def test_a_note_that_arrives_with_a_yes_is_no_takeover(box, sandbox, account):
    client, outbox = box
    person = account["people"][0] if account.get("people") else "ACoAAD"
    first = await outbox.start_chat(account_id=account["id"], to=person, text="Hi")
    invited = await client.invitations.send(
        person, account_id=account["id"], message="Hello, I am Ada"
    )
    await sandbox.advance(1)
    sandbox.accept(invitation_id=invited.invitation_id)
    assert await human_takeover(lambda: outbox)(first) == Send()


async def test_an_answer_waits_until_they_have_finished(box, sandbox, account):
    client, outbox = box
    guard = debounce(client, seconds=30)
    item = await outbox.put()
    assert await guard(item) == Send()
    await receive(sandbox, account)
    await sandbox.advance(20)
    await receive(sandbox, account)
    now = datetime.fromtimestamp(sandbox.clock.time(), UTC)
    found = await guard(item)
    assert isinstance(found, Defer)
    assert 29 <= (found.until - now).total_seconds() < 31
    await sandbox.advance(31)
    assert await guard(item) == Send()
    await client.messages.send(chat_id=account["chats"][0], text="me", account_id=account["id"])
    assert await guard(item) == Send()
    assert isinstance(await debounce(client, seconds=30, own=True)(item), Defer)
    with pytest.raises(ConfigurationError, match="seconds"):
        debounce(client, seconds=0)


@pytest.mark.parametrize("ahead", [0.0, 60.0])
@pytest.mark.parametrize("who", ["they", "a person"])
async def test_what_waits_for_a_quiet_chat_keeps_its_place(
    connect, tmp_path, sandbox, account, *, who, ahead
):
    """Whatever the next one is told: clocks and dates differ by more than one writes apart."""
    await sandbox.advance(3600)
    clock, said = WrongClock(sandbox.clock, ahead), []
    where = {"account_id": account["id"], "chat_id": account["chats"][0]}
    async with connect(clock=clock) as client:
        if who == "they":
            guard = debounce(client, seconds=30)
        else:
            guard = human_takeover(lambda: outbox, quiet=30)

        async def before_send(item):
            answer = await guard(item) if item.text == "first" else Send()
            said.append((item.text, type(answer)))
            return answer

        url = f"sqlite:///{tmp_path / 'o.db'}"
        async with Outbox(client, url, before_send=before_send) as outbox:
            first = await outbox.message(**where, text="first")
            await outbox.message(**where, text="second")
            await sandbox.advance(1)
            if who == "they":
                await receive(sandbox, account)
            else:
                await client.messages.send(**where, text="by hand")
            async with asyncio.timeout(20):
                running = asyncio.create_task(outbox.run(until_empty=True))
                while not running.done():
                    if said and (await outbox._store.get(first.id)).state == "queued":
                        await sandbox.advance(5)
                    await asyncio.sleep(0.01)
                await running
            assert (await outbox.get(first.id)).not_before == first.not_before
    assert said[0] == ("first", Defer)
    assert said[-1] == ("second", Send)
    assert [text for text, _ in said] == ["first"] * (len(said) - 1) + ["second"]


async def test_guards_together(box):
    client, outbox = box
    item = await outbox.put()
    seen = []

    def saying(decision):
        async def guard(item):
            seen.append(item.text)
            return decision

        return guard

    new, skip, send = Replace(text="new"), Skip("no"), Send()
    assert await all_of()(item) == send
    assert await all_of(saying(send), saying(send))(item) == send
    assert await all_of(saying(skip), saying(new))(item) == skip
    assert await all_of(saying(new), saying(skip))(item) == skip
    assert seen == ["Hi", "Hi", "Hi", "Hi", "new"]
    assert await all_of(saying(new), saying(send))(item) == new
    with pytest.raises(ConfigurationError, match="all_of takes guards"):
        all_of(saying(send), None)
    assert client is not None


async def test_what_a_guard_skips_is_never_sent_and_what_it_defers_goes_later(
    box, sandbox, account, tmp_path
):
    client, outbox = box
    blocked = await outbox.put(text="blocked", recipient="lead-1")
    stopped = await outbox.put(text="stopped", chat=1)
    goes = await outbox.put(text="goes", chat=2)
    await sandbox.advance(1)
    await receive(sandbox, account, chat=1)
    guard = all_of(
        do_not_contact({"lead-1"}, client=client),
        stop_on_reply(client),
        human_takeover(lambda: outbox),
        debounce(client, seconds=1),
    )
    before = len(sandbox.journal())
    await work(client, f"sqlite:///{tmp_path / 'o.db'}", guard)
    states = [(await outbox.get(one.id)).state for one in (blocked, stopped, goes)]
    assert states == ["cancelled", "cancelled", "sent"]
    assert "list of those not to be contacted" in (await outbox.get(blocked.id)).error
    asked = {entry.route for entry in sandbox.journal()[before:] if entry.action != "read"}
    assert asked == {MESSAGES}  # guards read what the service knows, nothing else
    assert len(sandbox.journal(route=MESSAGES)) == 1


async def test_a_service_that_cannot_be_read_lets_nothing_go(connect, box, sandbox):
    client, outbox = box
    item = await outbox.put()
    sandbox.faults([{"route": "GET /chats/{chat_id}/messages", "effect": "status", "status": 500}])
    with pytest.raises(Exception, match="500"):
        await stop_on_reply(client)(item)
    assert isinstance(client, Postpress)


async def test_a_clock_that_is_ahead_hides_no_reply(connect, tmp_path, sandbox, account):
    # A reply bears the service's time, and seemed older than the item that it was to stop.
    await sandbox.advance(3600)
    clock = WrongClock(sandbox.clock, 600.0)
    url = f"sqlite:///{tmp_path / 'o.db'}"
    async with connect(clock=clock) as client, Outbox(client, url) as outbox:
        where = {"account_id": account["id"], "chat_id": account["chats"][0]}
        await receive(sandbox, account)
        await sandbox.advance(30)
        item = await outbox.message(**where, text="Hi")
        guards = [stop_on_reply(client), human_takeover(lambda: outbox)]
        assert [await guard(item) for guard in guards] == [Send(), Send()]
        assert isinstance(await debounce(client, seconds=10)(item), Send)
        await sandbox.advance(5)
        await receive(sandbox, account)
        await client.messages.send(**where, text="by hand")
        assert [type(await guard(item)) for guard in guards] == [Skip, Skip]
        later = await debounce(client, seconds=60)(item)
        assert isinstance(later, Defer)
        assert 50.0 <= later.until.timestamp() - clock.time() <= 80.0
