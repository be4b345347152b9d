"""People whom an account knows, and what they said."""

from __future__ import annotations

from urllib.parse import quote

import pytest


async def partner(api, provider="WHATSAPP", index=0):
    account = api.account(provider, index)
    chat = (await api.get(f"/chats/{account['chats'][0]}")).json
    rows = (await api.get(f"/chats/{chat['id']}/attendees")).items
    return account, chat, next(row for row in rows if not row["is_self"])


@pytest.mark.parametrize("provider", ["WHATSAPP", "LINKEDIN", "INSTAGRAM"])
async def test_an_attendee_is_found_by_either_id(api, provider):
    account, _, known = await partner(api, provider)
    assert (await api.get(f"/chat_attendees/{known['id']}")).json == known
    provider_id = quote(known["provider_id"], safe="")
    path = f"/chat_attendees/{provider_id}?account_id={account['id']}"
    assert (await api.get(path)).json == known
    assert known["specifics"]["provider"] == provider
    assert (await api.get("/chat_attendees/none")).type == "resource_not_found"


async def test_chats_with_somebody(api):
    account, chat, known = await partner(api)
    _, other_chat, other = await partner(api, index=1)
    provider_id, mine = quote(known["provider_id"], safe=""), f"account_id={account['id']}"
    for path in (
        f"{known['id']}/chats",
        f"{known['id']}/chats?{mine}",
        f"{provider_id}/chats?{mine}",
    ):
        answer = await api.get(f"/chat_attendees/{path}")
        assert answer.json["object"] == "ChatList"
        assert [row["id"] for row in answer.items] == [chat["id"]]
    both = f"{known['id']},{other['id']}"
    rows = (await api.get(f"/chat_attendees/{both}/chats")).items
    assert {row["id"] for row in rows} == {chat["id"], other_chat["id"]}
    assert (await api.get(f"/chat_attendees/{both}/chats?limit=251")).type == "limit_too_high"
    assert (await api.get("/chat_attendees/none/chats")).status == 404


async def test_what_somebody_said(api):
    account, _, known = await partner(api)
    everything = (await api.get(f"/messages?account_id={account['id']}&limit=250")).items
    for identifier in (known["id"], quote(known["provider_id"], safe="")):
        path = f"/chat_attendees/{identifier}/messages?account_id={account['id']}"
        rows = (await api.get(path)).items
        assert rows == [row for row in everything if row["sender_attendee_id"] == known["id"]]
        assert len(rows) > 3
    first = (await api.get(f"{path}&limit=2")).json
    rest = (await api.get(f"{path}&cursor={quote(first['cursor'], safe='')}")).items
    assert first["items"] + rest == rows


async def test_pictures(api):
    _, chat, known = await partner(api)
    faces = {}
    for identifier in (known["id"], chat["id"]):
        answer = await api.get(f"/chat_attendees/{identifier}/picture")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.raw.startswith(b"\x89PNG")
        faces[identifier] = answer.raw
    assert len(set(faces.values())) == 1
    assert (await api.get("/chat_attendees/none/picture")).status == 404


@pytest.mark.parametrize("provider", ["WHATSAPP", "TELEGRAM"])
async def test_who_was_unknown_becomes_an_attendee(api, provider):
    account = api.account(provider)
    path = f"/chat_attendees?account_id={account['id']}&limit=250"
    before = {row["provider_id"] for row in (await api.get(path)).items}
    body = {"account_id": account["id"], "attendees_ids": [account["recipients"][-1]], "text": "x"}
    started = (await api.post("/chats", json=body)).json["chat_id"]
    rows = (await api.get(path)).items
    (new,) = [row for row in rows if row["provider_id"] not in before]
    assert rows[0] == new
    assert new in (await api.get(f"/chats/{started}/attendees")).items
    assert (await api.get(f"/chat_attendees/{new['id']}")).json == new


async def test_an_invitation_shows_on_the_attendee_until_it_is_accepted(api, sandbox):
    account = api.account()
    waiting = {
        row["invited_user_id"]
        for row in (await api.get(f"/users/invite/sent?account_id={account['id']}")).items
    }
    waiting |= {
        row["inviter"]["inviter_id"]
        for row in (await api.get(f"/users/invite/received?account_id={account['id']}")).items
    }
    who = next(one for one in account["strangers"] if one not in waiting)
    body = {"account_id": account["id"], "attendees_ids": [who], "text": "x"}
    started = await api.post("/chats", json=body | {"linkedin": {"inmail": True}})
    path = f"/chats/{started.json['chat_id']}/attendees"

    async def seen():
        specifics = (await api.get(path)).items[0]["specifics"]
        return specifics["network_distance"], specifics["pending_invitation"]

    assert await seen() == ("DISTANCE_2", False)
    invite = {"account_id": account["id"], "provider_id": who}
    sent = (await api.post("/users/invite", json=invite)).json["invitation_id"]
    assert await seen() == ("DISTANCE_2", True)
    sandbox.accept(invitation_id=sent)
    assert await seen() == ("DISTANCE_1", False)
