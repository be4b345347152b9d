"""Hidden limits, faults and the journal on the routes of conversations."""

from __future__ import annotations

import pytest

# route, action, and how to call it: a method, a path and a body made from what there is
CALLS = [
    ("GET /users/relations", "browse", "/users/relations?account_id={account}", None),
    ("GET /users/following", "browse", "/users/following?account_id={account}", None),
    ("GET /users/followers", "browse", "/users/followers?account_id={account}", None),
    ("GET /users/invite/sent", "browse", "/users/invite/sent?account_id={account}", None),
    ("GET /users/invite/received", "browse", "/users/invite/received?account_id={account}", None),
    ("GET /users/me", "profile", "/users/me?account_id={account}", None),
    ("PATCH /users/me/edit", "edit", "/users/me/edit",
     {"type": "LINKEDIN", "account_id": "{account}", "headline": "x"}),
    ("POST /users/invite", "invite", "/users/invite",
     {"account_id": "{account}", "provider_id": "{stranger}"}),
    ("POST /users/invite", "invite_note", "/users/invite",
     {"account_id": "{account}", "provider_id": "{stranger}", "message": "Hi"}),
    ("DELETE /users/invite/sent/{invitation_id}", "other",
     "/users/invite/sent/{sent}?account_id={account}", None),
    ("PATCH /chats/{chat_id}", "other", "/chats/{chat}",
     {"action": "setReadStatus", "value": True}),
    ("GET /chats/{chat_id}/sync", "other", "/chats/{chat}/sync", None),
    ("DELETE /chats/{chat_id}", "other", "/chats/{chat}", None),
    ("PATCH /messages/{message_id}", "other", "/messages/{message}", {"text": "x"}),
    ("DELETE /messages/{message_id}", "other", "/messages/{message}", None),
    ("POST /messages/{message_id}/reaction", "react", "/messages/{message}/reaction",
     {"reaction": "👍"}),
    ("POST /chats", "first_message", "/chats",
     {"account_id": "{account}", "attendees_ids": ["{recipient}"], "text": "x"}),
    ("POST /chats", "inmail", "/chats",
     {"account_id": "{account}", "attendees_ids": ["{stranger}"], "text": "x",
      "linkedin": {"inmail": True}}),
]  # fmt: skip
READS = [
    "/chats/{chat}/attendees",
    "/chat_attendees/{attendee}",
    "/chat_attendees/{attendee}/picture",
    "/chat_attendees/{attendee}/chats",
    "/chat_attendees/{attendee}/messages",
    "/messages/{message}",
]


def filled(value, facts):
    if isinstance(value, str):
        return value.format(**facts)
    if isinstance(value, list):
        return [filled(one, facts) for one in value]
    if isinstance(value, dict):
        return {key: filled(one, facts) for key, one in value.items()}
    return value


async def facts_of(api):
    account = api.account()
    chat = account["chats"][0]
    sent = (await api.send(chat)).json["message_id"]
    people = (await api.get(f"/chats/{chat}/attendees")).items
    return {
        "account": account["id"],
        "chat": chat,
        "message": sent,
        "attendee": people[0]["id"],
        "sent": account["invitations"]["sent"][0],
        "stranger": account["strangers"][-1],
        "recipient": account["recipients"][0],
    }


async def ask(api, route, path, body, facts):
    more = {} if body is None else {"json": filled(body, facts)}
    return await api(route.split()[0], path.format(**facts), **more)


@pytest.mark.parametrize(("route", "action", "path", "body"), CALLS)
async def test_each_route_counts_as_its_action(api, sandbox, *, route, action, path, body):
    facts = await facts_of(api)
    sandbox.limits([{"action": action, "amount": 0, "per": "day"}])
    refused = await ask(api, route, path, body, facts)
    assert (refused.status, refused.type) == (429, "too_many_requests")
    assert refused.headers["Retry-After"] == "86400"
    entry = sandbox.journal(route=route)[-1]
    assert (entry.action, entry.over_limit, entry.committed) == (action, True, False)
    assert entry.account_id == facts["account"]
    # refused means that nothing has happened: the same goes through without the limit
    sandbox.limits([{"action": "read", "amount": 0, "per": "day"}])
    answer = await ask(api, route, path, body, facts)
    assert answer.status in (200, 201), answer.raw


@pytest.mark.parametrize("path", READS)
async def test_what_the_service_has_itself_is_a_read(api, sandbox, path):
    facts = await facts_of(api)
    sandbox.limits([{"action": "*", "amount": 0, "per": "day"}])
    sandbox.set_status(facts["account"], "CREDENTIALS")
    assert (await api.get(path.format(**facts))).status == 200
    entry = sandbox.journal()[-1]
    assert (entry.action, entry.account_id) == ("read", facts["account"])


@pytest.mark.parametrize(("route", "action", "path", "body"), CALLS)
async def test_a_broken_account_does_nothing(api, sandbox, *, route, action, path, body):
    facts = await facts_of(api)
    sandbox.set_status(facts["account"], "CREDENTIALS")
    answer = await ask(api, route, path, body, facts)
    assert (answer.status, answer.type) == (401, "disconnected_account")
    assert not sandbox.journal()[-1].committed


async def test_a_write_whose_answer_fails_is_done(api, sandbox):
    facts = await facts_of(api)
    for route, path, body in (
        ("POST /users/invite", "/users/invite",
         {"account_id": "{account}", "provider_id": "{stranger}"}),
        ("PATCH /messages/{message_id}", "/messages/{message}", {"text": "changed"}),
    ):  # fmt: skip
        sandbox.faults([{"route": route, "status": 500, "stage": "after", "times": 1}])
        assert (await ask(api, route, path, body, facts)).status == 500
        assert sandbox.journal(route=route)[-1].committed
    assert (await api.get(f"/messages/{facts['message']}")).json["text"] == "changed"
    rows = (await api.get(f"/users/invite/sent?account_id={facts['account']}")).items
    assert facts["stranger"] in {row["invited_user_id"] for row in rows}


async def test_the_same_key_invites_once(api):
    facts = await facts_of(api)
    body = {"account_id": facts["account"], "provider_id": facts["stranger"]}
    once, twice = [
        await api.post("/users/invite", json=body, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert once.json == twice.json
    assert twice.status == 200


async def test_new_rows_leave_out_nulls_on_the_other_mount(api):
    facts = await facts_of(api)
    path = f"/users/relations?account_id={facts['account']}"
    said, left = (await api.get(path)).items, (await api.get(path, mount="/api/v1")).items
    assert any(row.get("profile_picture_url", "") is None for row in said)
    assert not any(row.get("profile_picture_url", "") is None for row in left)
    assert [row["member_id"] for row in said] == [row["member_id"] for row in left]
