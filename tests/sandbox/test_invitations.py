"""Invitations: sent, received, taken back, answered, and accepted by the clock."""

from __future__ import annotations

import pytest

DAY = 86_400.0
SENT = """object id invited_user invited_user_id invited_user_public_id
    invited_user_description date parsed_datetime invitation_text inviter specifics"""


def strangers(api, provider="LINKEDIN", index=0):
    account = api.account(provider, index)
    own = account["id"]
    return own, account["strangers"]


async def invite(api, account_id, provider_id, **more):
    body = {"account_id": account_id, "provider_id": provider_id, **more}
    return await api.post("/users/invite", json=body)


async def pending(api, account_id, which="sent"):
    return (await api.get(f"/users/invite/{which}?account_id={account_id}&limit=100")).items


async def relations(api, account_id):
    return (await api.get(f"/users/relations?account_id={account_id}&limit=1000")).items


async def fresh(api, account_id, people):
    """Leave out those to whom an invitation is pending."""
    busy = {row["invited_user_id"] for row in await pending(api, account_id)}
    busy |= {row["inviter"]["inviter_id"] for row in await pending(api, account_id, "received")}
    return [one for one in people if one not in busy]


async def test_an_invitation_waits_and_shows(api, sandbox):
    account, people = strangers(api)
    who = (await fresh(api, account, people))[0]
    answer = await invite(api, account, who, message="Bonjour, é!")
    assert answer.status == 200
    assert set(answer.json) == {"object", "invitation_id"}
    row = (await pending(api, account))[0]
    assert set(SENT.split()) <= set(row)
    assert row["object"] == "InvitationSent"
    assert (row["id"], row["invited_user_id"]) == (answer.json["invitation_id"], who)
    assert row["invitation_text"] == "Bonjour, é!"
    profile = (await api.get(f"/users/{who}?account_id={account}")).json
    assert profile["invitation"] == {"type": "SENT", "status": "PENDING"}
    entry = sandbox.journal(route="POST /users/invite")[-1]
    assert (entry.action, entry.committed, entry.text) == ("invite_note", True, "Bonjour, é!")
    assert entry.account_id == account


async def test_actions_are_told_apart(api, sandbox):
    account, people = strangers(api)
    await invite(api, account, (await fresh(api, account, people))[0])
    instagram, users = strangers(api, "INSTAGRAM")
    await invite(api, instagram, users[0], message="ignored")
    entries = sandbox.journal(route="POST /users/invite")
    assert [entry.action for entry in entries] == ["invite", "follow"]


async def test_some_accept_by_the_clock_and_their_note_is_an_own_message(api, sandbox):
    account, people = strangers(api)
    happened = []
    sandbox._engine.listeners.append(happened.append)
    invited = (await fresh(api, account, people))[:20]
    ids = {(await invite(api, account, one, message="Hello")).json["invitation_id"]: one
           for one in invited}  # fmt: skip
    await sandbox.advance(30 * 60)
    assert {row["id"] for row in await pending(api, account)} >= set(ids)  # nobody is that fast
    before = len(await relations(api, account))
    await sandbox.advance(12 * 3600)
    some = len(await relations(api, account)) - before
    await sandbox.advance(10 * DAY)
    rows = (await relations(api, account))[: -before or None]
    assert 0 < some < len(rows) < len(invited)
    assert {row["member_id"] for row in rows} <= set(invited)
    waiting = {row["id"] for row in await pending(api, account)} & set(ids)
    assert {ids[one] for one in waiting} == set(invited) - {row["member_id"] for row in rows}
    kinds = [one.kind for one in happened]
    assert kinds == ["message_received", "new_relation"] * len(rows)
    for note, new in zip(happened[::2], happened[1::2], strict=True):
        message = (await api.get(f"/messages/{note.about['id']}")).json
        assert (message["text"], message["is_sender"]) == ("Hello", 1)
        assert message["message_type"] == "INVITATION"
        chat = (await api.get(f"/chats/{message['chat_id']}")).json
        assert chat["attendee_provider_id"] == new.about["provider_id"]


async def test_the_share_follows_from_the_seed(api, sandbox):
    account, people = strangers(api)
    invited = (await fresh(api, account, people))[:10]

    async def accepted(order):
        for one in order:
            await invite(api, account, one)
        await sandbox.advance(5 * DAY)
        return {row["member_id"] for row in await relations(api, account)} & set(invited)

    first = await accepted(invited)
    sandbox.reset(seed=1)
    assert first == await accepted(invited[::-1])


async def test_an_acceptance_by_hand_makes_a_relation(api, sandbox):
    account, people = strangers(api)
    who = (await fresh(api, account, people))[0]
    sent = (await invite(api, account, who, message="Hi")).json["invitation_id"]
    assert sandbox.accept(invitation_id=sent) == {"account_id": account, "provider_id": who}
    assert (await relations(api, account))[0]["member_id"] == who
    assert sent not in {row["id"] for row in await pending(api, account)}
    body = {"account_id": account, "attendees_ids": [who], "text": "Thanks"}
    started = (await api.post("/chats", json=body)).json["chat_id"]
    rows = (await api.get(f"/chats/{started}/messages")).items
    assert [row["text"] for row in rows] == ["Thanks", "Hi"]
    again = await invite(api, account, who)
    assert (again.status, again.type) == (422, "already_connected")
    await sandbox.advance(10 * DAY)  # and the clock does not accept it a second time
    assert [row["member_id"] for row in await relations(api, account)].count(who) == 1
    assert len((await api.get(f"/chats/{started}/messages")).items) == 2


async def test_nobody_accepts_what_was_taken_back(api, sandbox):
    account, people = strangers(api)
    invited = (await fresh(api, account, people))[:8]
    for one in invited:
        sent = (await invite(api, account, one, message="Hi")).json["invitation_id"]
        await api("DELETE", f"/users/invite/sent/{sent}?account_id={account}")
    await sandbox.advance(10 * DAY)
    assert not {row["member_id"] for row in await relations(api, account)} & set(invited)


async def test_an_invitation_is_taken_back(api, sandbox):
    account, people = strangers(api)
    who = (await fresh(api, account, people))[0]
    sent = (await invite(api, account, who)).json["invitation_id"]
    twice = await invite(api, account, who)
    assert (twice.status, twice.type) == (422, "already_invited_recently")
    answer = await api("DELETE", f"/users/invite/sent/{sent}?account_id={account}")
    assert (answer.status, answer.json) == (200, {"object": "InvitationCanceled"})
    assert sent not in {row["id"] for row in await pending(api, account)}
    gone = await api("DELETE", f"/users/invite/sent/{sent}?account_id={account}")
    assert (gone.status, gone.type) == (404, "resource_not_found")
    soon = await invite(api, account, who)
    assert (soon.status, soon.type) == (422, "cannot_resend_yet")
    await sandbox.advance(22 * DAY)
    assert (await invite(api, account, who)).status == 200


@pytest.mark.parametrize(("action", "status"), [("accept", "ACCEPTED"), ("decline", "DECLINED")])
async def test_a_received_invitation_is_answered(api, sandbox, action, status):
    account = api.account()["id"]
    row = (await pending(api, account, "received"))[0]
    assert row["object"] == "InvitationReceived"
    assert set(SENT.split()) <= set(row)
    path = f"/users/invite/received/{row['id']}"
    body = {"provider": "LINKEDIN", "account_id": account, "action": action}
    wrong = await api.post(path, json=body | {"shared_secret": "wrong"})
    assert (wrong.status, wrong.type) == (400, "invalid_parameters")
    assert (await api.post(path, json=body)).type == "missing_parameters"
    good = body | {"shared_secret": row["specifics"]["shared_secret"]}
    happened = []
    sandbox._engine.listeners.append(happened.append)
    answer = await api.post(path, json=good)
    assert ("new_relation" in {one.kind for one in happened}) == (action == "accept")
    assert (answer.status, answer.json) == (
        200,
        {"object": "UserInvitationHandled", "status": status},
    )
    related = {one["member_id"] for one in await relations(api, account)}
    assert (row["inviter"]["inviter_id"] in related) == (action == "accept")
    assert row["id"] not in {one["id"] for one in await pending(api, account, "received")}
    assert (await api.post(path, json=good)).status == 404


@pytest.mark.parametrize(
    ("provider", "body", "status", "type"),
    [
        ("LINKEDIN", {}, 400, "missing_parameters"),
        ("LINKEDIN", {"provider_id": "", "message": "x"}, 400, "missing_parameters"),
        ("LINKEDIN", {"provider_id": "ACoAAnobody"}, 404, "resource_not_found"),
        ("LINKEDIN", {"provider_id": "a b"}, 404, "invalid_resource_identifier"),
        ("LINKEDIN", {"provider_id": "jordan-walke"}, 422, "invalid_recipient"),
        ("LINKEDIN", {"provider_id": "x", "message": "é" * 301}, 400, "too_many_characters"),
        ("WHATSAPP", {"provider_id": "1@lid"}, 501, "feature_not_implemented"),
    ],
)
async def test_an_invitation_that_makes_no_sense_is_refused(api, provider, body, status, type):
    account = api.account(provider)["id"]
    answer = await api.post("/users/invite", json={"account_id": account, **body})
    assert (answer.status, answer.type) == (status, type)


async def test_nobody_invites_oneself(api):
    account = api.account()["id"]
    me = (await api.get(f"/users/me?account_id={account}")).json["provider_id"]
    answer = await invite(api, account, me)
    assert (answer.status, answer.type) == (422, "cannot_invite_attendee")


async def test_usage_is_told_at_its_marks_only(sandbox, api):
    sandbox.reset(accounts={"LINKEDIN": 1}, chats=200, messages=0)
    row = sandbox.world()["accounts"][0]
    # one's own relations are taken first, so 40 strangers are all that there are: fill the budget
    room = sandbox._engine.world.room(sandbox._engine.world.rows[0])
    now = round(sandbox.clock.time() * 1000)
    room.invited.extend([now] * 98)
    people = await fresh(api, row["id"], row["strangers"])
    told = [(await invite(api, row["id"], one)).json.get("usage") for one in people[:4]]
    assert told == [None, 50, None, None]


async def test_following_on_instagram(api):
    account, people = strangers(api, "INSTAGRAM")
    ids = {}
    for one in people[:10]:
        answer = await invite(api, account, one)
        assert answer.status == 200
        ids[one] = answer.json["invitation_id"]
    waiting = {row["id"] for row in await pending(api, account)}
    assert waiting <= set(ids.values())
    assert 0 < len(waiting) < 10  # private users let one in by hand
    for one, given in ids.items():
        profile = (await api.get(f"/users/{one}?account_id={account}")).json
        following = profile["relationship_status"]["following"]
        assert following == (given not in waiting)
        assert profile["relationship_status"]["has_sent_invitation"] == (given in waiting)
        assert profile["is_private"] == (given in waiting)
        answer = await api("DELETE", f"/users/invite/sent/{one}?account_id={account}")
        assert answer.json == {"object": "InvitationCanceled"}
        profile = (await api.get(f"/users/{one}?account_id={account}")).json
        assert not profile["relationship_status"]["following"]
    assert await pending(api, account) == []


@pytest.mark.parametrize(
    ("which", "limit", "status"), [("sent", 250, 200), ("sent", 251, 400), ("received", 100, 200),
                                   ("received", 101, 400)],
)  # fmt: skip
async def test_page_sizes(api, which, limit, status):
    account = api.account()["id"]
    answer = await api.get(f"/users/invite/{which}?account_id={account}&limit={limit}")
    assert answer.status == status
    if status == 400:
        assert answer.type == "limit_too_high"


async def test_dates_are_prose_or_written_out(api):
    rows = await pending(api, api.account()["id"])
    dates = {row["date"] for row in rows}
    assert any(", 2026" in date for date in dates)
    assert all(row["parsed_datetime"].endswith("Z") for row in rows)
