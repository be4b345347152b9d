"""What can be done to a chat, and how it shows."""

from __future__ import annotations

import pytest


async def act(api, chat_id, action, **more):
    return await api("PATCH", f"/chats/{chat_id}", json={"action": action, **more})


async def chat_of(api, provider="WHATSAPP", kind=0):
    for chat_id in api.account(provider)["chats"]:
        chat = (await api.get(f"/chats/{chat_id}")).json
        if chat["type"] == kind:
            return chat
    raise LookupError(kind)


async def again(api, chat):
    return (await api.get(f"/chats/{chat['id']}")).json


@pytest.mark.parametrize(
    ("action", "field", "on", "off"),
    [
        ("setReadStatus", "unread_count", 0, 1),
        ("setMuteStatus", "muted_until", -1, None),
        ("setArchiveStatus", "archived", 1, 0),
        ("setPinnedStatus", "pinned", 1, 0),
    ],
)
async def test_a_switch_is_on_or_off(api, sandbox, *, action, field, on, off):
    chat = await chat_of(api)
    for value, shown in ((True, on), (False, off), (True, on)):
        answer = await act(api, chat["id"], action, value=value)
        assert (answer.status, answer.json) == (200, {"object": "ChatPatched"})
        assert (await again(api, chat)).get(field) == shown
        (row,) = [
            row
            for row in (await api.get(f"/chats?account_id={chat['account_id']}")).items
            if row["id"] == chat["id"]
        ]
        assert row.get(field) == shown
    entry = sandbox.journal(route="PATCH /chats/{chat_id}")[-1]
    assert (entry.action, entry.committed) == ("other", True)


async def test_a_label_is_a_folder(api):
    chat = await chat_of(api)
    assert (await act(api, chat["id"], "setLabel", value="Clients é")).status == 200
    assert "Clients é" in (await again(api, chat))["folder"]


@pytest.mark.parametrize("provider", ["WHATSAPP", "TELEGRAM"])
async def test_people_come_and_go(api, provider):
    chat = await chat_of(api, provider, kind=1)
    newcomer = api.account(provider)["recipients"][-1]
    before = (await api.get(f"/chats/{chat['id']}/attendees")).items
    said = (await api.get(f"/chats/{chat['id']}/messages")).items
    for action, more in (("addParticipant", 1), ("removeParticipant", 0)):
        answer = await act(api, chat["id"], action, value=newcomer)
        assert answer.status == 200, answer.raw
        rows = (await api.get(f"/chats/{chat['id']}/attendees")).items
        assert len(rows) == len(before) + more
    assert (await act(api, chat["id"], "removeParticipant", value=newcomer)).status == 422
    assert (await api.get(f"/chats/{chat['id']}/messages")).items == said


async def test_who_joins_said_nothing_before(api, sandbox):
    """History is made when it is read: people who come first must not change it."""
    chat = await chat_of(api, kind=1)
    path = f"/chats/{chat['id']}/messages?limit=250"
    before = (await api.get(path)).items
    sandbox.reset(seed=1)
    newcomer = api.account("WHATSAPP")["recipients"][-1]
    assert (await act(api, chat["id"], "addParticipant", value=newcomer)).status == 200
    assert (await api.get(path)).items == before


async def test_a_group_has_an_invite_link(api):
    answer = await act(api, (await chat_of(api, kind=1))["id"], "getInviteLink")
    assert answer.json["invite_link"].startswith("https://chat.whatsapp.com/")
    assert (await act(api, (await chat_of(api))["id"], "getInviteLink")).status == 422


@pytest.mark.parametrize(
    ("provider", "body", "status", "type"),
    [
        ("WHATSAPP", {}, 400, "missing_parameters"),
        ("WHATSAPP", {"archived": True}, 400, "missing_parameters"),
        ("WHATSAPP", {"action": "explode"}, 400, "invalid_action"),
        ("WHATSAPP", {"action": "setPinnedStatus"}, 400, "missing_parameters"),
        ("WHATSAPP", {"action": "setPinnedStatus", "value": "yes"}, 400, "invalid_parameters"),
        ("WHATSAPP", {"action": "setLabel", "value": True}, 400, "invalid_parameters"),
        ("WHATSAPP", {"action": "setLabel", "value": "x" * 101}, 400, "invalid_label"),
        ("WHATSAPP", {"action": "addParticipant", "value": "x"}, 422, "unprocessable_entity"),
        ("LINKEDIN", {"action": "setPinnedStatus", "value": True}, 501, "feature_not_implemented"),
        ("TWITTER", {"action": "setReadStatus", "value": True}, 501, "feature_not_implemented"),
    ],
)
async def test_an_action_that_makes_no_sense_is_refused(api, *, provider, body, status, type):
    chat = await chat_of(api, provider)
    answer = await api("PATCH", f"/chats/{chat['id']}", json=body)
    assert (answer.status, answer.type) == (status, type)
    assert await again(api, chat) == chat


async def test_nobody_unknown_is_added(api):
    chat = await chat_of(api, kind=1)
    answer = await act(api, chat["id"], "addParticipant", value="1@s.whatsapp.net")
    assert (answer.status, answer.type) == (422, "invalid_recipient")


async def test_a_sync_goes_on_by_the_clock(api, sandbox):
    chat = api.account()["chats"][0]

    async def status():
        answer = await api.get(f"/chats/{chat}/sync")
        assert (answer.status, answer.json["object"]) == (200, "ChatHistorySync")
        assert answer.json["chat_id"] == chat
        return answer.json["status"]

    assert await status() == "SYNC_STARTED"
    assert await status() == "SYNC_RUNNING"
    await sandbox.advance(20)
    assert await status() == "SYNC_DONE"
    assert await status() == "SYNC_STARTED"  # afresh


async def test_a_deleted_chat_is_gone_with_its_messages(api):
    account = api.account()
    chat, other = account["chats"][:2]
    message = (await api.get(f"/chats/{chat}/messages?limit=1")).items[0]["id"]
    answer = await api("DELETE", f"/chats/{chat}")
    assert (answer.status, answer.json) == (200, {"object": "ChatDeleted"})
    for path in (f"/chats/{chat}", f"/chats/{chat}/messages", f"/messages/{message}"):
        assert (await api.get(path)).type == "resource_not_found"
    assert (await api.get(f"/chats/{chat}/sync")).json["status"] == "CHAT_DELETED"
    mine = f"account_id={account['id']}&limit=250"
    rows = (await api.get(f"/chats?{mine}")).items
    assert [row["id"] for row in rows] == [one for one in account["chats"] if one != chat]
    chats = {row["chat_id"] for row in (await api.get(f"/messages?{mine}")).items}
    assert chat not in chats
    assert other in chats
    assert (await api("DELETE", f"/chats/{chat}")).status == 404


async def test_who_is_written_to_after_a_chat_was_deleted_gets_a_new_one(api):
    account = api.account("TELEGRAM")
    chat = account["chats"][0]
    partner = (await api.get(f"/chats/{chat}")).json["attendee_provider_id"]
    await api("DELETE", f"/chats/{chat}")
    body = {"account_id": account["id"], "attendees_ids": [partner], "text": "Again"}
    started = (await api.post("/chats", json=body)).json["chat_id"]
    assert started != chat
    assert len((await api.get(f"/chats/{started}/messages")).items) == 1


@pytest.mark.parametrize("provider", ["LINKEDIN", "TELEGRAM"])
async def test_an_account_is_synced_as_a_whole_or_in_chunks(api, sandbox, provider):
    account = api.account(provider)
    path = f"/accounts/{account['id']}/sync"

    async def told(query=""):
        answer = await api.get(path + query)
        assert answer.json["object"] == "AccountResync"
        return answer.json["status"].removeprefix("SYNC_")

    for _ in range(2):  # after its end the next call starts afresh
        assert [await told(), await told()] == ["STARTED", "RUNNING"]
        await sandbox.advance(20.0)
        assert await told() == "DONE"
    half = f"?chunk_size={len(account['chats']) - 1}"
    for end in ("CHUNK_DONE", "DONE"):
        assert await told(half) == "STARTED"
        await sandbox.advance(20.0)
        assert await told(half) == end
    assert (await api.get(path + "?chunk_size=0")).status == 400
    assert (await api.get(f"/accounts/{api.account('WHATSAPP')['id']}/sync")).status == 501
