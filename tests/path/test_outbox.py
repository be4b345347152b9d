"""The outbox against the sandbox: over real sockets, on one clock, out of files and PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from postpress_async import ConfigurationError, Limit, Limits
from postpress_async.errors import (
    ClientClosedError,
    OutboxConflictError,
    OutboxError,
    OutboxNotFoundError,
    OutboxStateError,
)
from postpress_async.outbox import (
    Defer,
    Outbox,
    Recipe,
    Replace,
    Send,
    Skip,
    preview_import,
)
from postpress_async.outbox.putting import tombstone_of

MESSAGES = "POST /chats/{chat_id}/messages"


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


async def becomes(ask, holds):
    """Wait until what is asked for is as it should be."""
    async with asyncio.timeout(10):
        while not holds(await ask()):  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.01)


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


async def test_several_workers_and_a_restart_send_each_once_and_in_order(
    connect, url, account, texts
):
    begun = set()

    async def only_four(item):
        if len(begun) < 4:
            begun.add(item.id)
        if item.id not in begun:
            await asyncio.get_running_loop().create_future()
        return Send()

    async with connect() as client:
        async with Outbox(client, url, before_send=only_four) as outbox:
            for chat in account["chats"][:3]:
                for n in range(5):
                    given = {"account_id": account["id"], "chat_id": chat, "text": f"{chat} {n}"}
                    await outbox.message(**given, group="campaign")
            running = asyncio.create_task(outbox.run())
            await becomes(outbox.counts, lambda counts: counts.get("sent") == 4)
        await running  # it ends in the middle of the rest
        async with Outbox(client, url) as one, Outbox(client, url) as other:
            await asyncio.gather(work(one), work(other))
            assert await one.counts(group="campaign") == {"sent": 15}
        for chat in account["chats"][:3]:
            listed = client.messages.list(chat_id=chat, account_id=account["id"])
            said = [one async for one in listed if (one.text or "").startswith(chat)]
            said.sort(key=lambda one: one.sent_at)
            assert [one.text for one in said] == [f"{chat} {n}" for n in range(5)]
    assert len(texts()) == 15


async def test_a_worker_of_one_account_ends_though_another_has_items(
    connect, url, account, accounts, texts
):
    other = accounts["WHATSAPP"]
    async with connect() as client, Outbox(client, url) as outbox:
        for one in (account, other, account):
            chat = one["chats"][0]
            await outbox.message(account_id=one["id"], chat_id=chat, text=f"Hi {chat}")
        await work(outbox, accounts=[account["id"]])
        assert await outbox.counts() == {"sent": 2, "queued": 1}
        assert len(texts()) == 2
        await work(outbox)
        assert await outbox.counts() == {"sent": 3}


async def test_what_is_held_waits_and_what_is_cancelled_never_goes(connect, url, account, texts):
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "text": "Hi"}
        chats = account["chats"]
        held = await outbox.message(**given, chat_id=chats[0], hold=True)
        gone = [await outbox.message(**given, chat_id=one, group="g") for one in chats[1:4]]
        assert await outbox.cancel(group="g") == 3
        await work(outbox)
        assert texts() == []
        assert (await outbox.get(gone[0].id)).state == "cancelled"
        with pytest.raises(OutboxStateError, match="cancelled"):
            await outbox.release(gone[0].id)
        assert (await outbox.explain(held.id))[0].kind == "held"
        assert (await outbox.release(held.id)).state == "queued"
        assert (await outbox.retry(gone[0].id)).state == "queued"
        await work(outbox)
        assert await outbox.counts() == {"sent": 2, "cancelled": 2}
        with pytest.raises(OutboxStateError, match="gone out"):
            await outbox.cancel(id=held.id)
        with pytest.raises(OutboxNotFoundError):
            await outbox.get("nothing")
        with pytest.raises(ConfigurationError, match="id=…"):
            await outbox.cancel()


async def test_times_are_kept_weeks_later_and_over_is_over(connect, url, account, sandbox, texts):
    async with connect() as client, Outbox(client, url) as outbox:
        now = datetime.fromtimestamp(sandbox.clock.time(), UTC)
        given = {"account_id": account["id"], "chat_id": account["chats"][0]}
        later = await outbox.message(**given, text="later", not_before=now + timedelta(weeks=3))
        soon = await outbox.message(**given, text="soon", expires_at=now + timedelta(days=1))
        over = await outbox.message(
            account_id=account["id"], chat_id=account["chats"][1], text="never", hold=True,
            expires_at=now + timedelta(hours=1),
        )  # fmt: skip
        assert (await outbox.explain(later.id))[0].kind == "not_before"
        running = asyncio.create_task(outbox.run())
        await until(outbox, soon, "sent")
        await sandbox.advance(86_400.0)
        assert (await outbox.explain((await until(outbox, over, "expired")).id))[0].kind == "over"
        assert (await outbox.get(later.id)).state == "queued"
        await sandbox.advance(3 * 7 * 86_400.0)
        await until(outbox, later, "sent")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        naive = datetime(2030, 1, 1)  # noqa: DTZ001 - refused
        with pytest.raises(ConfigurationError, match="time zone"):
            await outbox.message(**given, text="x", not_before=naive)
        with pytest.raises(ConfigurationError, match="later than"):
            await outbox.message(**given, text="x", not_before=now, expires_at=now)
    assert len(texts()) == 2


async def test_what_was_cut_after_it_was_done_is_found_and_bound(
    connect, url, account, sandbox, texts
):
    chat = account["chats"][0]
    sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "after", "times": 1}])
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "chat_id": chat, "text": "Hello"}
        first, second = [await outbox.message(**given) for _ in range(2)]
        running = asyncio.create_task(outbox.run())
        unknown = await until(outbox, first, "unknown")
        assert (unknown.needs_decision, unknown.attempts) == (False, 1)
        (reason,) = [r for r in await outbox.explain(second.id) if r.kind == "unknown_ahead"]
        assert reason.item == first.id
        assert (await outbox.explain(first.id))[0].kind == "looking"
        with pytest.raises(OutboxStateError, match="may still arrive"):
            await outbox.resolve(first.id, sent=False)
        found = await until(outbox, first, "sent", sandbox=sandbox)
        sent = await until(outbox, second, "sent", sandbox=sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert {found.result_id, sent.result_id} == {
            one.id async for one in client.messages.list(chat_id=chat) if one.text == "Hello"
        }
        assert found.attempts == 1
    assert len(texts()) == 2


async def test_what_was_cut_before_it_was_done_goes_after_two_looks(
    connect, url, account, sandbox, texts
):
    sandbox.faults([{"route": MESSAGES, "effect": "reset", "stage": "before", "times": 1}])
    async with connect() as client, Outbox(client, url) as outbox:
        item = await outbox.message(
            account_id=account["id"], chat_id=account["chats"][0], text="Hello"
        )
        running = asyncio.create_task(outbox.run())
        await until(outbox, item, "unknown")
        start = sandbox.clock.time()
        sent = await until(outbox, item, "sent", sandbox=sandbox, seconds=30.0)
        assert sandbox.clock.time() - start > 100.0  # quiet first, and then two reads
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert sent.attempts == 2
    assert len(texts()) == 1


async def test_a_refusal_for_now_waits_and_one_for_good_is_a_dead_letter(
    connect, url, account, sandbox, texts
):
    sandbox.faults(
        [
            {"route": MESSAGES, "status": 429, "retry_after": 1200.0, "times": 1},
            {"route": MESSAGES, "status": 422, "times": 1},
        ]
    )
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "text": "Hi"}
        first = await outbox.message(**given, chat_id=account["chats"][0])
        running = asyncio.create_task(outbox.run())
        await becomes(lambda: outbox.get(first.id), lambda item: item.error is not None)
        assert (await outbox.get(first.id)).state == "queued"
        reasons = await outbox.explain(first.id)
        assert any(one.kind in {"limits", "retry"} and one.next_step for one in reasons)
        await sandbox.advance(1300.0)
        failed = await until(outbox, first, "failed", sandbox=sandbox)
        assert "422" in failed.error
        assert (await outbox.explain(first.id))[0].kind == "over"
        await outbox.retry(first.id)
        await until(outbox, first, "sent", sandbox=sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(texts()) == 1


async def test_limits_hold_items_back_without_a_request(connect, url, account, sandbox, texts):
    limits = Limits.none().add(Limit("message", 2, per="day"))
    async with connect(limits=limits) as client, Outbox(client, url) as outbox:
        items = [
            await outbox.message(account_id=account["id"], chat_id=chat, text="Hi")
            for chat in account["chats"][:5]
        ]
        running = asyncio.create_task(outbox.run())
        await becomes(outbox.counts, lambda counts: counts.get("sent") == 2)
        await asyncio.sleep(0.1)
        assert await outbox.counts() == {"sent": 2, "queued": 3}
        kept = [one async for one in outbox.list(state="queued")]
        reasons = await outbox.explain(kept[0].id)
        assert reasons[0].kind == "limits"
        assert "2" in reasons[0].limit
        async with asyncio.timeout(20):
            while (await outbox.counts()).get("sent", 0) < 5:
                await sandbox.advance(3600.0)
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(texts()) == 5 == len(items)
    at = [entry.at for entry in texts()]
    assert at[2] - at[0] >= 86_400.0
    assert at[4] - at[2] >= 86_400.0


async def test_the_last_question_decides_and_costs_no_slot(connect, url, account, sandbox, texts):
    limits = Limits.none().add(Limit("message", 50, per="day"))
    asked = []

    async def before_send(item):
        asked.append((item.text, item.state))
        await client.messages.list(chat_id=item.chat_id).page()  # a call of its own is its own
        match item.text:
            case "skip":
                return Skip("they answered")
            case "defer" if len([one for one in asked if one[0] == "defer"]) == 1:
                return Defer(datetime.fromtimestamp(sandbox.clock.time() + 600.0, UTC))
            case "replace":
                return Replace(text="fresh")
            case "wrong":
                return None
            case "raises" if len([one for one in asked if one[0] == "raises"]) == 1:
                raise ValueError
        return Send()

    async with (
        connect(limits=limits) as client,
        Outbox(client, url, before_send=before_send) as outbox,
    ):
        said = ["skip", "defer", "replace", "wrong", "raises"]
        items = {
            text: await outbox.message(account_id=account["id"], chat_id=chat, text=text)
            for text, chat in zip(said, account["chats"], strict=False)
        }
        running = asyncio.create_task(outbox.run())
        skipped = await until(outbox, items["skip"], "cancelled")
        assert (skipped.error, skipped.attempts) == ("they answered", 0)
        replaced = await until(outbox, items["replace"], "sent")
        assert (replaced.text, replaced.key) == ("fresh", items["replace"].key)
        assert (await client.messages.get(replaced.result_id)).text == "fresh"

        async def answered():
            return [(await outbox.get(items[one].id)).error for one in ("defer", "wrong", "raises")]

        await becomes(answered, all)  # who is still asked about holds a slot
        (lane,) = await client.scheduler.snapshot(account["id"])
        assert [use.used for use in lane.limits] == [1]
        await until(outbox, items["raises"], "sent", sandbox=sandbox)
        await until(outbox, items["defer"], "sent", sandbox=sandbox)
        wrong = await outbox.get(items["wrong"].id)
        assert wrong.state == "queued"
        assert "NoneType" in wrong.error
        assert await outbox.cancel(id=wrong.id) == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert [text for text, _ in asked].count("replace") == 1
    assert {state for _, state in asked} == {"queued"}
    assert len(texts()) == 3


async def test_edit_forget_and_purge(connect, url, account, texts, tmp_path):
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "chat_id": account["chats"][0], "hold": True}
        item = await outbox.message(**given, text="Hi CANARY", key="k", recipient="lead-42")
        edited = await outbox.edit("k", text="Ho CANARY", priority=3)
        assert (edited.text, edited.priority, edited.state) == ("Ho CANARY", 3, "held")
        again = await outbox.message(**given, text="Hi CANARY", key="k", recipient="lead-42")
        assert again.text == "Ho CANARY"  # the key stands for what was put in
        with pytest.raises(ConfigurationError, match="text"):
            await outbox.edit("k", text=" ")
        for shown in (repr(item), str(edited), repr(outbox)):
            assert "CANARY" not in shown
        await outbox.release("k")
        await work(outbox)
        assert (await outbox.get("k")).text == "Ho CANARY"
        assert await outbox.purge(older_than=0.0) == 1
        assert (await outbox.get("k")).text is None
        assert await outbox.forget("lead-42") == 0
        with pytest.raises(OutboxError, match="forgotten"):
            await outbox.message(**given, text="x", recipient="lead-42")
        assert [one.key async for one in outbox.list(recipient="lead-42")] in ([], ["k"])
    assert len(texts()) == 1
    for file in tmp_path.glob("outbox.db*"):
        assert file.stat().st_mode & 0o077 == 0


async def test_who_is_forgotten_by_any_of_their_names_gets_nothing_more(connect, url, account):
    """By the name that an item was put in with, blanks or not, and by the id that it is to."""
    first, second = account["recipients"][:2]
    async with connect() as client, Outbox(client.account(account["id"]), url) as outbox:
        await outbox.start_chat(to=first, text="Hi", key="by id", recipient="lead-8", hold=True)
        await outbox.start_chat(to=second, text="Hi", key="hi/lead-9", recipient=" lead-9 ")
        for n, name in enumerate(("lead-10", "lead-11 ")):
            given = {"chat_id": account["chats"][n], "text": "Hi", "recipient": name}
            await outbox.message(**given, key=f"chat {n}")
        assert [one.key async for one in outbox.list(recipient="lead-11 ")] == ["chat 1"]
        assert await outbox.forget([first, second, " lead-10", "lead-11"]) == 4
        states = {one.state async for one in outbox.list()}
        assert states == {"cancelled"}
        assert "lead-9" not in "".join([one.key async for one in outbox.list()])
        with pytest.raises(OutboxError, match="forgotten"):
            await outbox.start_chat(to=first, text="Hi again", recipient="lead-80")
        with pytest.raises(OutboxError, match="forgotten"):
            await outbox.invite(provider_id=second, recipient="lead-90")
        with pytest.raises(OutboxError, match="forgotten"):
            async with outbox.batch() as batch:
                await batch.invite(provider_id=first, recipient="lead-81")
        await outbox.message(chat_id=account["chats"][2], text="Hi", recipient="lead-8")
        assert await outbox.cancel(recipient=" lead-8") == 1  # another's, for all that we know


async def test_a_number_is_forgotten_however_it_is_written(connect, url, accounts, sandbox):
    account, number, other = accounts["WHATSAPP"], "33612345678", "33612345679"
    spaced = "+33 6 12 34 56 78"
    async with connect() as client, Outbox(client.account(account["id"]), url) as outbox:
        await outbox.start_chat(to=f"+{number}", text="Hi", key=f"wa/{spaced}", group=number)
        chat = {"chat_id": account["chats"][0], "text": "Hi", "hold": True}
        await outbox.message(**chat, key="spaced", recipient=spaced)
        await outbox.message(**chat, key="plain", recipient=number)
        spared = await outbox.start_chat(to=f"+{other}", text="Hi", hold=True)
        assert await outbox.forget(spaced.replace(" ", "-")) == 3
        kept = {one.key: (one.state, one.group) async for one in outbox.list()}
        assert kept.pop(spared.id) == ("held", None)
        assert {"spaced", "plain"} < set(kept)
        assert set(kept.values()) == {("cancelled", None)}
        assert not any("12" in key and "wa/" in key for key in kept)
        for to in (f"+{number}", f"{number}@s.whatsapp.net", f"https://wa.me/{number}"):
            with pytest.raises(OutboxError, match="forgotten"):
                await outbox.start_chat(to=to, text="Hi")
            with pytest.raises(OutboxError, match="forgotten"):
                await outbox.message(**chat, recipient=to)
        async with outbox.batch() as batch:
            await batch.start_chat(to=f"+{other}", text="Hi", hold=True)


async def test_whoever_was_forgotten_by_a_number_alone_stays_so(connect, url, accounts):
    """Versions before kept no digest but that of the name as it was given."""
    account, number = accounts["WHATSAPP"], "+33612345678"
    async with connect() as client, Outbox(client.account(account["id"]), url) as outbox:
        await outbox._store.forget(number, tombstone_of(number))
        for more in ({}, {"recipient": "lead-7"}):
            with pytest.raises(OutboxError, match="forgotten"):
                await outbox.start_chat(to=number, text="Hi", **more)

        async def rows():
            yield {"account_id": account["id"], "to": number, "text": "Hi"}

        recipe = Recipe(kind="start_chat")
        found = await preview_import(outbox, source=rows(), recipe=recipe)
        assert (found.forgotten, found.new) == (1, 0)


async def test_who_is_forgotten_is_not_looked_at_and_what_was_seen_is_gone(
    connect, accounts, url, tmp_path
):
    account = accounts["LINKEDIN"]
    async with connect() as client, Outbox(client, url) as outbox:
        chat = await client.chats.get(account["chats"][0])
        person, other = chat.attendee_provider_id, "jordan-walke"
        look = {"accounts": [account["id"]]}
        seen = await outbox.profile(person, key=f"look/{person}", **look)
        spared = await outbox.profile(other, key="look/other", **look)
        await outbox.run(until_empty=True)
        waiting = await outbox.profile(person, key="again", recipient="lead-7", **look)
        assert (await outbox.get(seen.id)).profile is not None
        assert waiting.recipient == "lead-7"

        assert await outbox.forget(person) == 1
        seen, waiting = await outbox.get(seen.id), await outbox.get(waiting.id)
        assert (seen.state, seen.profile, seen.person) == ("sent", None, None)
        assert (seen.key, waiting.state, waiting.recipient) == (seen.id, "cancelled", None)
        assert (await outbox.get(spared.id)).profile.first_name == "Jordan"
        with pytest.raises(OutboxError, match="forgotten"):
            await outbox.profile(f" {person}", **look)
        assert (await outbox.profile(other, key="more", **look)).recipient is None
        link = f"https://www.linkedin.com/in/{other}/"
        await outbox.profile(link, key="by link", **look)
        assert await outbox.forget(link) == 2
        assert (await outbox.get(spared.id)).profile is None
    if url.startswith("sqlite"):
        files = [one for one in tmp_path.glob("*.db*") if one.is_file()]
        assert files
        assert not any(person.encode() in one.read_bytes() for one in files)


async def test_each_kind_goes_and_names_what_it_made(connect, url, accounts, sandbox):
    linkedin, instagram = accounts["LINKEDIN"], accounts.get("INSTAGRAM")
    async with connect() as client, Outbox(client.account(linkedin["id"]), url) as outbox:
        relation = (await client.users.relations(account_id=linkedin["id"]).page()).items[0]
        stranger = await client.users.get("jordan-walke", account_id=linkedin["id"])
        page = await client.messages.list(chat_id=linkedin["chats"][0]).page()
        made = {
            "file": await outbox.message(
                chat_id=linkedin["chats"][0], attachments=[b"%PDF-1.7"], text="See"
            ),
            "chat": await outbox.start_chat(to=relation, text="Hello"),
            "invite": await outbox.invite(provider_id=stranger, message="Hello"),
            "react": await outbox.react(page.items[0].id, reaction="👍"),
        }
        with pytest.raises(OutboxConflictError, match="another invitation"):
            await outbox.invite(provider_id=stranger)
        with pytest.raises(OutboxConflictError, match="another invitation"):
            await outbox.invite(provider_id=stranger, recipient="lead-1")
        assert made["invite"].action == "invite_note"
        if instagram is not None:
            person = instagram["people"][0]
            made["follow"] = await outbox.follow(provider_id=person, account_id=instagram["id"])
        made["profile"] = await outbox.profile("jordan-walke", accounts=[linkedin["id"]])
        running = asyncio.create_task(outbox.run())
        ended = {
            name: await until(outbox, item, "sent", "failed", sandbox=sandbox)
            for name, item in made.items()
        }
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert {name: (item.state, item.error) for name, item in ended.items()} == {
            name: ("sent", None if name != "chat" else ended["chat"].error) for name in made
        }
        message = await client.messages.get(ended["file"].result_id)
        assert message.attachments[0].file_name == "attachment"
        assert ended["profile"].profile.provider_id == stranger.provider_id
        assert ended["profile"].seen_by == linkedin["id"]
        invited = [one.id async for one in client.invitations.sent(account_id=linkedin["id"])]
        assert ended["invite"].result_id in invited


async def test_a_look_goes_through_the_account_that_may_first(connect, url, sandbox):
    pool = [one["id"] for one in sandbox.world()["accounts"] if one["provider"] == "LINKEDIN"][:2]
    limits = Limits.none().add(Limit("profile", 1, per="day"))
    async with connect(limits=limits) as client, Outbox(client, url) as outbox:
        if len(pool) < 2:
            pytest.skip("the world has one such account")
        items = [await outbox.profile("jordan-walke", accounts=pool) for _ in range(3)]
        running = asyncio.create_task(outbox.run())
        seen = [await until(outbox, item, "sent") for item in items[:2]]
        assert {one.seen_by for one in seen} == set(pool)
        assert (await outbox.get(items[2].id)).state == "queued"
        assert (await outbox.explain(items[2].id))[0].kind == "limits"
        await sandbox.advance(86_500.0)
        await until(outbox, items[2], "sent", sandbox=sandbox)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_changes_are_heard_as_they_happen(connect, url, account):
    async with connect() as client, Outbox(client, url) as outbox:
        changes = outbox.changes()
        item = await outbox.message(account_id=account["id"], chat_id=account["chats"][0], text="x")
        await work(outbox)
        heard = [await anext(changes) for _ in range(3)]
        assert [(one.id, one.state) for one in heard] == [
            (item.id, state) for state in ("queued", "sending", "sent")
        ]
        await changes.aclose()
        assert [one async for one in changes] == []
        more = outbox.changes()
    assert [one async for one in more] == []


async def test_lists_are_walked_by_state_and_page(connect, url, account):
    async with connect() as client, Outbox(client, url) as outbox:
        for n in range(7):
            await outbox.message(
                account_id=account["id"], chat_id=account["chats"][0], text=f"{n}", hold=n < 3,
                key=f"k{n}",
            )  # fmt: skip
        assert [one.key async for one in outbox.list(state="held")] == ["k0", "k1", "k2"]
        walk = outbox.list(page_size=3)
        assert [one.key for one in (await walk.page()).items] == ["k0", "k1", "k2"]
        rest = outbox.list(start=walk.cursor, page_size=3)
        assert [one.key async for one in rest] == ["k3", "k4", "k5", "k6"]
        both = outbox.list(state=["held", "queued"]).limit(4)
        assert len([one async for one in both]) == 4
        with pytest.raises(ConfigurationError, match="state"):
            outbox.list(state="claimed")
        with pytest.raises(ConfigurationError, match="start"):
            outbox.list(start="no cursor")


async def test_a_callers_transaction_decides(connect, account, tmp_path):
    import sqlite3  # noqa: PLC0415 - the caller's

    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with connect() as client, Outbox(client, url) as outbox:
        given = {"account_id": account["id"], "chat_id": account["chats"][0], "text": "x"}
        own = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
        own.execute("BEGIN IMMEDIATE")
        item = await outbox.message(**given, key="a", connection=own)
        own.execute("ROLLBACK")
        with pytest.raises(OutboxNotFoundError):
            await outbox.get(item.id)
        own.execute("BEGIN IMMEDIATE")
        await outbox.message(**given, key="b", connection=own)
        own.execute("COMMIT")
        own.close()
        assert (await outbox.get("b")).state == "queued"


async def test_closing_ends_the_workers_of_this_outbox(connect, url, account, texts):
    async with connect() as client:
        async with Outbox(client, url) as outbox:
            stop = asyncio.Event()
            tasks = [asyncio.create_task(outbox.run()), asyncio.create_task(outbox.run(stop=stop))]
            await outbox.message(account_id=account["id"], chat_id=account["chats"][0], text="x")
            await becomes(outbox.counts, lambda counts: counts.get("sent") == 1)
            stop.set()
            await tasks[1]
        await tasks[0]
    assert len(texts()) == 1


async def test_what_a_stopped_worker_has_not_begun_is_given_back(connect, url, account, texts):
    reached = asyncio.Event()

    async def before_send(item):
        reached.set()
        await asyncio.get_running_loop().create_future()

    async with connect() as client:
        async with Outbox(client, url, before_send=before_send) as outbox:
            given = {"account_id": account["id"], "chat_id": account["chats"][0]}
            item = await outbox.message(**given, text="x")
            running = asyncio.create_task(outbox.run())
            await reached.wait()
        await running
        async with Outbox(client, url) as outbox:
            assert (await outbox.get(item.id)).attempts == 0
            await work(outbox)
            assert (await outbox.get(item.id)).state == "sent"
    assert len(texts()) == 1


async def test_texts_are_in_no_log(connect, url, account, sandbox, caplog):
    caplog.set_level(0)
    sandbox.faults([{"route": MESSAGES, "status": 422, "times": 1}])

    async def before_send(item):
        if item.key == "raises":
            raise ValueError
        return Replace(text="fresh-CANARY") if item.key == "new" else Send()

    async with connect() as client, Outbox(client, url, before_send=before_send) as outbox:
        for key, chat in zip(["a", "new", "raises"], account["chats"], strict=False):
            await outbox.message(account_id=account["id"], chat_id=chat, text="CANARY", key=key)
        running = asyncio.create_task(outbox.run())
        await becomes(outbox.counts, lambda counts: counts.get("queued") == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        errors = [item.error async for item in outbox.list()]
    assert "CANARY" not in caplog.text
    assert "CANARY" not in str(errors)
    assert any(errors)


async def test_a_worker_empties_what_was_over_long_ago(connect, url, account, sandbox):
    async with connect() as client, Outbox(client, url, keep_texts=86_400.0) as outbox:
        item = await outbox.message(
            account_id=account["id"], chat_id=account["chats"][0], text="Hi", key="k"
        )
        running = asyncio.create_task(outbox.run())
        await until(outbox, item, "sent")
        assert (await outbox.get("k")).text == "Hi"
        await sandbox.advance(2 * 86_400.0)
        await becomes(lambda: outbox.get("k"), lambda item: item.text is None)
        assert (await outbox.get("k")).state == "sent"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_worker_whose_client_is_closed_ends_loudly(connect, account, tmp_path):
    client = connect()
    async with Outbox(client, f"sqlite:///{tmp_path / 'outbox.db'}") as outbox:
        given = {"account_id": account["id"], "chat_id": account["chats"][0]}
        running = asyncio.create_task(outbox.run())
        await outbox.message(**given, text="One", key="1")
        await becomes(lambda: outbox.get("1"), lambda item: item.state == "sent")
        await client.aclose()
        await outbox.message(**given, text="Two", key="2")
        with pytest.raises(ClientClosedError):
            async with asyncio.timeout(10):
                await running
        assert (await outbox.get("2")).state == "queued"
