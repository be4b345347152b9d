"""Editing, deleting, forwarding, reactions and receipts."""

from __future__ import annotations

import pytest

EMOJI = "👩‍👩‍👧‍👦"


async def said(api, provider="WHATSAPP", text="Hello"):
    """Say something; give the chat's id and the message's."""
    chat = api.account(provider)["chats"][0]
    return chat, (await api.send(chat, text)).json["message_id"]


async def theirs(api, chat):
    rows = (await api.get(f"/chats/{chat}/messages?limit=250")).items
    return next(row["id"] for row in rows if not row["is_sender"])


async def message(api, message_id):
    return (await api.get(f"/messages/{message_id}")).json


async def edit(api, message_id, **body):
    return await api("PATCH", f"/messages/{message_id}", json=body)


async def remove(api, message_id):
    return await api("DELETE", f"/messages/{message_id}")


async def react(api, message_id, reaction):
    return await api.post(f"/messages/{message_id}/reaction", json={"reaction": reaction})


async def forward(api, message_id, chat_id):
    return await api.post(f"/messages/{message_id}/forward", json={"chat_id": chat_id})


async def test_an_edit_shows_wherever_the_message_does(api):
    chat, sent = await said(api)
    assert (await message(api, sent))["edited"] == 0  # it was written once, before it changed
    answer = await edit(api, sent, text="Hello, é")
    assert (answer.status, answer.json["object"]) == (200, "MessageEdited")
    shown = await message(api, sent)
    assert (shown["text"], shown["edited"]) == ("Hello, é", 1)
    assert (await api.get(f"/chats/{chat}")).json["lastMessage"] == shown
    assert (await api.get(f"/chats/{chat}/messages?limit=1")).items == [shown]
    assert (await api.get("/messages?limit=1")).items == [shown]


async def test_a_deleted_message_stays_without_its_content(api):
    chat, sent = await said(api)
    answer = await remove(api, sent)
    assert (answer.status, answer.json) == (200, {"object": "MessageDeleted"})
    shown = (await api.get(f"/chats/{chat}/messages?limit=1")).items[0]
    assert (shown["id"], shown["deleted"], shown["text"]) == (sent, 1, None)
    assert (await remove(api, sent)).status == 404
    assert (await edit(api, sent, text="x")).status == 404


@pytest.mark.parametrize(
    ("provider", "change", "minutes", "status"),
    [
        ("LINKEDIN", "edit", 59, 200),
        ("LINKEDIN", "edit", 61, 422),
        ("LINKEDIN", "remove", 59, 200),
        ("LINKEDIN", "remove", 61, 422),
        ("WHATSAPP", "remove", 61, 200),
        ("TELEGRAM", "edit", 61, 200),
        ("TELEGRAM", "remove", 1, 501),
        ("TWITTER", "edit", 1, 501),
    ],
)
async def test_time_runs_out(api, sandbox, *, provider, change, minutes, status):
    _, sent = await said(api, provider)
    await sandbox.advance(60 * minutes)
    answer = await (edit(api, sent, text="x") if change == "edit" else remove(api, sent))
    assert answer.status == status, answer.raw
    assert sandbox.journal()[-1].committed == (status == 200)


async def test_whatsapp_says_yes_too_late_and_does_nothing(api, sandbox):
    _, sent = await said(api)
    await sandbox.advance(16 * 60)
    assert (await edit(api, sent, text="changed")).status == 200
    assert (await message(api, sent))["text"] == "Hello"
    assert not sandbox.journal(route="PATCH /messages/{message_id}")[-1].committed


async def test_only_own_messages_change(api):
    chat, _ = await said(api)
    other = await theirs(api, chat)
    for answer in (await edit(api, other, text="x"), await remove(api, other)):
        assert (answer.status, answer.type) == (403, "insufficient_permissions")


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({}, "missing_parameters"),
        ({"text": ""}, "missing_parameters"),
        ({"text": 1}, "invalid_parameters"),
        ({"text": "x" * 65_537}, "too_many_characters"),
    ],
)
async def test_an_edit_that_makes_no_sense_is_refused(api, body, type):
    _, sent = await said(api)
    answer = await edit(api, sent, **body)
    assert (answer.status, answer.type) == (400, type)


async def test_a_forward_is_a_new_message(api, sandbox):
    chat, sent = await said(api, text="Pass it on")
    other = api.account("WHATSAPP")["chats"][1]
    answer = await forward(api, sent, other)
    assert (answer.status, answer.json["object"]) == (200, "MessageForwarded")
    new = await message(api, answer.json["message_id"])
    assert (new["chat_id"], new["text"], new["is_sender"]) == (other, "Pass it on", 1)
    assert new["id"] != sent
    assert (await api.get(f"/chats/{chat}")).json["lastMessage"]["id"] == sent
    assert sandbox.journal(route="POST /messages/{message_id}/forward")[-1].action == "message"


async def test_what_cannot_be_forwarded(api):
    _, sent = await said(api)
    assert (await forward(api, sent, "none")).status == 404
    elsewhere = await forward(api, sent, api.account("WHATSAPP", 1)["chats"][0])
    assert (elsewhere.status, elsewhere.type) == (403, "account_mismatch")
    assert (await api.post(f"/messages/{sent}/forward", json={})).type == "missing_parameters"
    chat, on_linkedin = await said(api, "LINKEDIN")
    assert (await forward(api, on_linkedin, chat)).status == 501
    await remove(api, sent)
    gone = await forward(api, sent, api.account("WHATSAPP")["chats"][1])
    assert (gone.status, gone.type) == (422, "invalid_message")


@pytest.mark.parametrize("provider", ["WHATSAPP", "LINKEDIN"])
async def test_a_reaction_takes_the_place_of_the_one_before(api, provider, sandbox):
    chat, _ = await said(api, provider)
    other = await theirs(api, chat)
    for reaction in ("👍", EMOJI):
        answer = await react(api, other, reaction)
        assert (answer.status, answer.json) == (
            200,
            {"object": "MessageReactionAdded", "success": True},
        )
    mine = [one for one in (await message(api, other))["reactions"] if one["is_sender"]]
    assert [one["value"] for one in mine] == [EMOJI]
    assert sandbox.journal()[-2].action == "react"


@pytest.mark.parametrize(
    ("provider", "body", "status", "type"),
    [
        ("TELEGRAM", {"reaction": "👍"}, 403, "resource_access_restricted"),
        ("WHATSAPP", {}, 400, "missing_parameters"),
        ("WHATSAPP", {"reaction": "like"}, 400, "invalid_parameters"),
        ("WHATSAPP", {"reaction": "👍" * 20}, 400, "invalid_parameters"),
    ],
)
async def test_a_reaction_that_makes_no_sense_is_refused(api, provider, body, status, type):
    _, sent = await said(api, provider)
    answer = await api.post(f"/messages/{sent}/reaction", json=body)
    assert (answer.status, answer.type) == (status, type)
    assert (await message(api, sent))["reactions"] == []


async def test_who_answers_has_read(api, sandbox):
    account = api.account("WHATSAPP")
    everything = f"/chats?account_id={account['id']}&limit=250"
    await api.get(everything)  # rows are written once, and must be forgotten when they change
    chat, sent = await said(api)
    row = next(row for row in (await api.get(everything)).items if row["id"] == chat)
    assert row["timestamp"] == (await message(api, sent))["timestamp"]
    assert (await message(api, sent))["seen"] == 0
    assert (await api.get(f"/chats/{chat}")).json["unread_count"] == 0
    reply = sandbox.receive(account_id=account["id"], chat_id=chat, text="Hi")
    assert (await message(api, sent))["seen"] == 1
    shown = (await api.get(f"/chats/{chat}")).json
    assert (shown["unread_count"], shown["lastMessage"]) == (1, reply)
    newest = (await api.get(f"/chats?account_id={account['id']}&limit=1")).items[0]
    assert (newest["id"], newest["unread_count"]) == (chat, 1)
    assert newest["timestamp"] == reply["timestamp"]


async def test_history_has_everything_that_can_happen(api):
    rows = []
    for account in api.accounts:
        rows += (await api.get(f"/messages?account_id={account}&limit=250")).items
    assert {row["deleted"] for row in rows} == {0, 1}
    assert {row["edited"] for row in rows} == {0, 1}
    assert {row["delivered"] for row in rows} == {0, 1}
    assert not [row for row in rows if row["seen"] and not row["delivered"]]
    assert {row["seen"] for row in rows if row["is_sender"]} == {0, 1}
    assert {one["is_sender"] for row in rows for one in row["reactions"]} == {True, False}
    assert {row["event_type"] for row in rows if row["is_event"]} > {0, 1}
    assert [row for row in rows if row["is_event"] and "event_type" not in row] == []
    assert {type(seen) for row in rows for seen in row["seen_by"].values()} == {str, bool}
    quoted = [row for row in rows if "quoted" in row]
    assert all(row["reply_to"]["id"] != row["id"] for row in quoted)
    kinds = {row["message_type"] for row in rows}
    assert kinds >= {"MESSAGE", "INMAIL", "INMAIL_REPLY", "INVITATION", None}
    assert [one for row in rows for one in row["attachments"] if one.get("sticker")]
    assert [one for row in rows for one in row["attachments"] if one.get("voice_note")]
