"""Ready guards against the sandbox: what they skip, put off and let go."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

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

        outbox.url = f"sqlite:///{tmp_path / 'o.db'}"  # type: ignore[attr-defined]  # of these tests
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


def spelled(number):
    """Return ways to write a number, with its country."""
    plus = f"+{number}"
    return [
        number, plus, f"00{number}", f"tel:{plus}", f"{plus[:3]} {plus[3:6]} {plus[6:]}",
        f"{number}@S.WhatsApp.net", f"{number}:3@s.whatsapp.net", f"https://wa.me/{number}",
    ]  # fmt: skip


async def test_a_listed_number_is_theirs_however_it_is_written(box, accounts):
    client, outbox = box
    account = accounts["WHATSAPP"]
    walk = client.account(account["id"]).chats.attendees(account["chats"][0])
    (number,) = [one.specifics.phone_number async for one in walk if not one.is_self]
    where, ways = {"account_id": account["id"], "text": "Hi"}, spelled(number)
    items = [await outbox.message(**where, chat_id=account["chats"][0])]
    items.append(await outbox.start_chat(**where, to=f"+{number}"))
    items.append(await outbox.start_chat(**where, to="+33600000001", recipient=ways[4]))

    async def known(name):
        return name == f"+{number}"  # a table of numbers, asked for one

    guards = [do_not_contact({way}, client=client) for way in ways]
    guards += [do_not_contact(known, client=client), do_not_contact(_Bare(ways[1]), client=client)]
    for guard in guards:
        assert [type(await guard(item)) for item in items] == [Skip] * 3
    for other in (f"+{number}1", number[:-1], "+33600000002"):
        assert await do_not_contact({other}, client=client)(items[1]) == Send()


class _Bare:
    """A container that can do nothing but say whether it holds a name."""

    def __init__(self, name):
        self.name = name

    def __contains__(self, name):
        return name == self.name


async def test_a_listed_link_urn_or_handle_is_theirs(box, account, accounts):
    client, outbox = box
    chat = await client.chats.get(account["chats"][0])
    person = chat.attendee_provider_id
    into = await outbox.put()
    first = await outbox.start_chat(account_id=account["id"], to=person, text="Hi")
    for name in (f"urn:li:fsd_profile:{person}", f"https://www.linkedin.com/in/{person}/"):
        guard = do_not_contact([name], client=client)
        assert [type(await guard(item)) for item in (into, first)] == [Skip, Skip]
    named = await outbox.put(recipient="https://www.instagram.com/Ada/")
    for name in ("@ADA", "ada", "instagram.com/ada?hl=fr"):
        assert isinstance(await do_not_contact({name}, client=client)(named), Skip)


async def test_whoever_is_listed_gets_nothing_by_the_name_that_was_put_in(
    connect, tmp_path, accounts, sandbox
):
    account, number = accounts["WHATSAPP"], "+33612345678"
    async with connect() as client:
        guard = do_not_contact({number}, client=client)
        url = f"sqlite:///{tmp_path / 'o.db'}"
        async with Outbox(client, url, before_send=guard) as outbox, asyncio.timeout(20):
            item = await outbox.start_chat(account_id=account["id"], to=number, text="Hi")
            await outbox.run(until_empty=True)
            assert (await outbox.get(item.id)).state == "cancelled"
    assert not sandbox.journal(route="POST /chats")


async def test_a_reaction_is_to_whoever_is_in_the_chat_of_its_message(box, sandbox, account):
    client, outbox = box
    chat = await client.chats.get(account["chats"][0])
    await receive(sandbox, account)
    await sandbox.advance(1)
    message = (await anext(aiter(client.messages.list(chat_id=chat.id)))).id
    react = {"account_id": account["id"], "message_id": message, "reaction": "👍"}
    item = await outbox.react(**react)
    guards = {
        "listed": do_not_contact({chat.attendee_provider_id}, client=client),
        "other": do_not_contact({"lead-7"}, client=client),
        "reply": stop_on_reply(client),
        "takeover": human_takeover(lambda: outbox),
        "debounce": debounce(client, seconds=30),
    }
    heard = {name: type(await guard(item)) for name, guard in guards.items()}
    assert heard == {
        "listed": Skip, "other": Send, "reply": Send, "takeover": Send, "debounce": Defer,
    }  # fmt: skip
    ours = await outbox.put(text="ours")
    await work(client, outbox.url, lambda one: answer(Send() if one.id == ours.id else hold()))
    assert await guards["takeover"](item) == Send()  # what an item of this outbox sent
    await receive(sandbox, account)
    await client.messages.send(chat_id=chat.id, text="by hand", account_id=account["id"])
    assert isinstance(await guards["reply"](item), Skip)
    assert isinstance(await guards["takeover"](item), Skip)
    gone = await outbox.react(account_id=account["id"], message_id="gone", reaction="👍")
    assert "recipient=" in (await guards["other"](gone)).reason
    gone = await outbox.react(
        account_id=account["id"], message_id="gone", reaction="👍", recipient="lead-8"
    )
    assert await guards["other"](gone) == Send()


@pytest.mark.parametrize("provider", ["TELEGRAM", "TWITTER", "INSTAGRAM"])
async def test_an_id_of_digits_alone_is_no_number_where_chats_know_it(
    box, accounts, sandbox, provider
):
    client, outbox = box
    if (account := accounts.get(provider)) is None:
        pytest.skip(f"the sandbox has no account of {provider}")
    walk = client.account(account["id"]).chats.attendees(account["chats"][0])
    (person,) = [one.provider_id async for one in walk if not one.is_self]
    assert person.isdecimal()
    item = await outbox.start_chat(account_id=account["id"], to=person, text="Hi")
    await sandbox.advance(1)
    await receive(sandbox, account)
    assert isinstance(await stop_on_reply(client)(item), Skip)


async def test_somebody_is_known_by_the_other_id_that_chats_have(box, accounts, sandbox):
    client, outbox = box
    told = {}
    for provider in ("INSTAGRAM", "WHATSAPP"):
        account = accounts[provider]
        where = {"account_id": account["id"], "chat_id": account["chats"][0]}
        walk = client.account(account["id"]).chats.attendees(account["chats"][0])
        (person,) = [one async for one in walk if not one.is_self]
        if provider == "INSTAGRAM":
            items = [await outbox.follow(account_id=account["id"], provider_id=person)]
        else:
            items = [
                await outbox.start_chat(account_id=account["id"], to=to, text="Hi")
                for to in (person.specifics.lid, person.specifics.phone_number)
            ]
        assert person.provider_id not in {item.person for item in items}
        guards = [stop_on_reply(client), do_not_contact({person.provider_id}, client=client)]
        told[provider] = [type(await guard(item)) for item in items for guard in guards]
        await sandbox.advance(1)
        sandbox.receive(**where, text="NO")
        told[provider] += [type(await guards[0](item)) for item in items]
        assert await do_not_contact({"lead-7"}, client=client)(items[0]) == Send()
    assert told["INSTAGRAM"] == [Send, Skip, Skip]
    assert told["WHATSAPP"] == [Send, Skip, Send, Skip, Skip, Skip]


@pytest.mark.parametrize(
    "listed",
    [
        "lead-7", b"lead-7", None, 5, object(), (one for one in ["lead-7"]), iter(["lead-7"]),
        {"lead-7", 7}, ["lead-7", None], [["lead-7"]],
    ],
    ids=["name", "bytes", "none", "number", "object", "generator", "iterator", "a number in a set",
         "nothing in a list", "lists"],
)  # fmt: skip
def test_a_list_that_could_not_be_looked_at_is_refused_when_it_is_given(listed):
    with pytest.raises(ConfigurationError, match="listed"):
        do_not_contact(listed, client=None)


@pytest.mark.parametrize(
    "listed",
    [
        {"LEAD-7": 1}, {"LEAD-7": 1}.keys(), {1: "LEAD-7"}.values(), deque(["LEAD-7"]),
        MappingProxyType({"LEAD-7": 1}), ("LEAD-7",),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
async def test_all_that_holds_names_is_looked_at_without_capitals(box, listed):
    client, outbox = box
    assert isinstance(
        await do_not_contact(listed, client=client)(await outbox.put(recipient="lead-7")), Skip
    )


@pytest.mark.parametrize("seconds", [float("inf"), 1e12, 366 * 86_400.0 + 1, 10**400, None])
def test_a_wait_that_no_calendar_has_is_refused_when_it_is_given(seconds):
    with pytest.raises(ConfigurationError, match=r"^seconds must be"):
        debounce(None, seconds=seconds)
    if seconds is not None:
        with pytest.raises(ConfigurationError, match=r"^quiet must be"):
            human_takeover(lambda: None, quiet=seconds)


async def test_what_a_reply_stopped_says_what_helps(box, sandbox, account):
    client, outbox = box
    item = await outbox.put(key="a")
    await sandbox.advance(1)
    await receive(sandbox, account)
    await work(client, outbox.url, stop_on_reply(client))
    for _ in range(2):  # a second time, too
        item = await outbox.get(item.id)
        assert item.state == "cancelled"
        assert "put it in again under another key" in item.next_step
        await outbox.retry(item.id)
        await work(client, outbox.url, stop_on_reply(client))
    again = await outbox.put(key="b")
    await work(client, outbox.url, stop_on_reply(client))
    assert (await outbox.get(again.id)).state == "sent"


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
