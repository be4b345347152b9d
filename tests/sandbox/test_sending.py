"""Sending messages and starting chats, in every way in which a body is written."""

from __future__ import annotations

import asyncio
import io

import aiohttp
import pytest

PNG = b"\x89PNG\r\n\x1a\n--not-a-boundary\r\n\r\n"


def form(*fields, quote_fields=True):
    """Write a real multipart body, also where there is no file."""
    data = aiohttp.FormData(quote_fields=quote_fields, default_to_multipart=True)
    for name, value, *more in fields:
        data.add_field(name, value, **(more[0] if more else {}))
    return data


async def newest(api, chat_id):
    return (await api.get(f"/chats/{chat_id}")).json["lastMessage"]


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"text": "Grüße & ünïcödé 👋\n"}},
        {"data": {"text": "Grüße & ünïcödé 👋\n"}},
        {"data": form(("text", "Grüße & ünïcödé 👋\n"))},
        {"data": b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nGr\xc3\xbc\xc3\x9fe &'
         b' \xc3\xbcn\xc3\xafc\xc3\xb6d\xc3\xa9 \xf0\x9f\x91\x8b\n\r\n--x--\r\n',
         "headers": {"Content-Type": 'multipart/form-data; boundary="x"'}},
    ],
)  # fmt: skip
async def test_a_message_is_sent_however_it_is_written(api, sandbox, body):
    chat = api.account()["chats"][0]
    answer = await api.post(f"/chats/{chat}/messages", **body)
    assert answer.status == 201
    assert answer.json["object"] == "MessageSent"
    message = await newest(api, chat)
    assert message["id"] == answer.json["message_id"]
    assert message["text"] == "Grüße & ünïcödé 👋\n"
    assert message["is_sender"] == 1
    entry = sandbox.journal(route="POST /chats/{chat_id}/messages")[-1]
    assert (entry.committed, entry.status, entry.action) == (True, 201, "message")
    assert entry.text == "Grüße & ünïcödé 👋\n"
    assert entry.account_id == api.account()["id"]


async def test_files_arrive_as_they_left(api):
    chat = api.account("WHATSAPP")["chats"][0]
    data = form(
        ("attachments", PNG, {"filename": "résumé “1”.png", "content_type": "image/png"}),
        ("attachments", b"%PDF", {"filename": "b.pdf", "content_type": "application/pdf"}),
        ("voice_message", b"voice", {"filename": "v.m4a", "content_type": "audio/m4a"}),
        quote_fields=False,
    )
    assert (await api.post(f"/chats/{chat}/messages", data=data)).status == 201
    message = await newest(api, chat)
    assert message["text"] is None
    assert [(one["type"], one["file_size"]) for one in message["attachments"]] == [
        ("img", len(PNG)), ("file", 4), ("audio", 5),
    ]  # fmt: skip
    assert message["attachments"][1]["file_name"] == "b.pdf"


@pytest.mark.parametrize("name", ["attachments", "attachments[]", "attachments[0]"])
async def test_files_are_found_under_every_spelling(api, name):
    chat = api.account()["chats"][0]
    data = form((name, b"x", {"filename": "a.txt", "content_type": "text/plain"}))
    assert (await api.post(f"/chats/{chat}/messages", data=data)).status == 201


@pytest.mark.parametrize(
    ("body", "status", "type"),
    [
        ({"json": {}}, 400, "missing_parameters"),
        ({}, 400, "missing_parameters"),
        ({"json": {"text": ""}}, 400, "missing_parameters"),
        ({"json": {"text": 5}}, 400, "invalid_parameters"),
        ({"json": ["text"]}, 400, "malformed_request"),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400, "malformed_request"),
        ({"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400,
         "malformed_request"),
        ({"data": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"data": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400,
         "malformed_request"),
        ({"data": b"--x\r\n\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
         400, "malformed_request"),
        ({"json": {"text": "a", "attachments": "b"}}, 400, "invalid_parameters"),
        ({"json": {"text": "a", "quote_id": "none"}}, 422, "invalid_message"),
    ],
)  # fmt: skip
async def test_a_message_that_makes_no_sense_is_refused(api, sandbox, body, status, type):
    chat = api.account()["chats"][0]
    before = await newest(api, chat)
    answer = await api.post(f"/chats/{chat}/messages", **body)
    assert (answer.status, answer.type) == (status, type)
    assert not sandbox.journal()[-1].committed
    assert await newest(api, chat) == before


async def test_an_attachment_has_15_mb_at_most(api):
    chat = api.account()["chats"][0]
    for size, status in ((15 * 2**20, 201), (15 * 2**20 + 1, 400)):
        data = form(("attachments", io.BytesIO(b"\0" * size), {"filename": "a.bin"}))
        answer = await api.post(f"/chats/{chat}/messages", data=data)
        assert answer.status == status
    assert answer.type == "content_too_large"


async def test_the_account_is_a_guard(api):
    one, other = api.account(), api.account(index=1)
    path = f"/chats/{one['chats'][0]}/messages"
    good = await api.post(path, json={"text": "a", "account_id": one["id"]})
    bad = await api.post(path, json={"text": "a", "account_id": other["id"]})
    assert good.status == 201
    assert (bad.status, bad.type) == (403, "account_mismatch")


async def test_a_message_may_quote_another(api):
    chat = api.account()["chats"][0]
    first = (await api.send(chat, "one")).json["message_id"]
    await api.post(f"/chats/{chat}/messages", json={"text": "two", "quote_id": first})
    assert (await newest(api, chat))["quoted"]["text"] == "one"


def starts(account, *recipients):
    return [
        {"json": {"account_id": account, "attendees_ids": list(recipients), "text": "Hi"}},
        *(
            {"data": form(("account_id", account), ("text", "Hi"), *pairs)}
            for pairs in (
                [("attendees_ids", one) for one in recipients],
                [("attendees_ids[]", one) for one in recipients],
                [(f"attendees_ids[{index}]", one) for index, one in enumerate(recipients)],
            )
        ),
    ]


@pytest.mark.parametrize("how", range(4))
async def test_a_chat_is_started_with_a_relation_in_every_encoding(api, sandbox, how):
    account = api.account()
    answer = await api.post("/chats", **starts(account["id"], account["recipients"][0])[how])
    assert answer.status == 201
    assert answer.json["object"] == "ChatStarted"
    chat = (await api.get(f"/chats/{answer.json['chat_id']}")).json
    assert chat["type"] == 0
    assert chat["lastMessage"]["text"] == "Hi"
    assert sandbox.journal(route="POST /chats")[-1].action == "first_message"


@pytest.mark.parametrize("how", range(4))
async def test_several_recipients_make_a_group(api, how):
    account = api.account("WHATSAPP")
    answer = await api.post("/chats", **starts(account["id"], *account["recipients"][:3])[how])
    chat = (await api.get(f"/chats/{answer.json['chat_id']}")).json
    assert chat["type"] == 1
    assert len((await api.get(f"/chats/{chat['id']}/attendees")).items) == 4


async def test_a_group_has_a_name_and_may_start_in_silence(api):
    account = api.account("WHATSAPP")
    data = form(
        ("account_id", account["id"]),
        ("subject", "Vacation"),
        *(("attendees_ids", one) for one in account["recipients"][:2]),
    )
    answer = await api.post("/chats", data=data)
    assert answer.json["message_id"] is None
    assert (await api.get(f"/chats/{answer.json['chat_id']}")).json["name"] == "Vacation"


@pytest.mark.parametrize("provider", ["LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER"])
async def test_an_existing_chat_is_taken_up_again(api, provider):
    account = api.account(provider)
    body = {"account_id": account["id"], "attendees_ids": account["recipients"][:1], "text": "Hi"}
    first, second = [(await api.post("/chats", json=body)).json for _ in range(2)]
    assert first["chat_id"] == second["chat_id"]
    assert first["message_id"] != second["message_id"]


async def test_linkedin_writes_to_relations_only_but_for_an_inmail(api, sandbox):
    account = api.account()
    body = {"account_id": account["id"], "attendees_ids": [account["strangers"][0]], "text": "Hi"}
    refused = await api.post("/chats", json=body)
    assert (refused.status, refused.type) == (422, "no_connection_with_recipient")
    inmail = [("linkedin[api]", "classic"), ("linkedin[inmail]", "true")]
    pairs = [("account_id", account["id"]), ("attendees_ids", account["strangers"][0])]
    sent = await api.post("/chats", data=form(*pairs, *inmail, ("text", "Hi")))
    assert sent.status == 201
    assert sent.json["message_id"] is None
    assert sandbox.journal()[-1].action == "inmail"


async def test_inmail_needs_a_subscription_and_credit(api):
    def body(account):
        return {
            "account_id": account["id"],
            "attendees_ids": [account["strangers"][0]],
            "text": "Hi",
            "linkedin": {"inmail": True},
        }

    free = await api.post("/chats", json=body(api.account(index=2)))
    assert (free.status, free.type) == (403, "feature_not_subscribed")
    answers = [await api.post("/chats", json=body(api.account())) for _ in range(31)]
    assert [answer.status for answer in answers] == [201] * 30 + [422]
    assert answers[-1].type == "insufficient_credits"


@pytest.mark.parametrize(
    ("change", "status", "type"),
    [
        ({"attendees_ids": []}, 400, "missing_parameters"),
        ({"attendees_ids": None, "recipients": ["x"]}, 400, "missing_parameters"),
        ({"account_id": None}, 400, "missing_parameters"),
        ({"account_id": "none"}, 404, "resource_not_found"),
        ({"attendees_ids": ["nobody"]}, 422, "invalid_recipient"),
        ({"attendees_ids": ["jordan-walke"]}, 422, "invalid_recipient"),
        ({"attendees_ids": [5]}, 400, "invalid_parameters"),
        ({"linkedin": {"api": "sales_navigator"}}, 422, "invalid_recipient"),
        ({"linkedin": {"inmail": "maybe"}}, 400, "invalid_parameters"),
    ],
)
async def test_a_start_that_makes_no_sense_is_refused(api, change, status, type):
    account = api.account()
    body = {"account_id": account["id"], "attendees_ids": account["recipients"][:1], "text": "Hi"}
    answer = await api.post("/chats", json=body | change)
    assert (answer.status, answer.type) == (status, type)


async def test_instagram_is_written_to_under_its_messaging_id(api):
    account = api.account("INSTAGRAM")
    body = {"account_id": account["id"], "text": "Hi"}
    wrong = await api.post("/chats", json=body | {"attendees_ids": account["relations"][-1:]})
    right = await api.post("/chats", json=body | {"attendees_ids": account["recipients"][-1:]})
    assert (wrong.status, right.status) == (422, 201)


async def test_two_requests_at_once_are_two_messages(api):
    chat = api.account()["chats"][0]
    answers = await asyncio.gather(*(api.send(chat, str(n)) for n in range(20)))
    assert len({answer.json["message_id"] for answer in answers}) == 20
    rows = (await api.get(f"/chats/{chat}/messages?limit=20")).items
    assert {row["text"] for row in rows} == {str(n) for n in range(20)}


async def test_who_is_shown_as_typing_sends_after_that_though_nobody_waits_for_it(api, sandbox):
    chat = api.account("WHATSAPP")["chats"][0]
    start, begun = sandbox.clock.time(), asyncio.Event()
    pause_of = sandbox._engine.pause_of

    def noticed(request):
        begun.set()
        return pause_of(request)

    sandbox._engine.pause_of = noticed
    body = {"text": "Hello", "typing_duration": "200000"}
    asking = asyncio.ensure_future(api("POST", f"/chats/{chat}/messages", json=body))
    await begun.wait()
    await sandbox.advance(100.0)
    assert not sandbox.journal(route="POST /chats/{chat_id}/messages")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    async with asyncio.timeout(30):
        while not (seen := sandbox.journal(route="POST /chats/{chat_id}/messages")):
            await sandbox.advance(10.0)
            await asyncio.sleep(0.01)
    (entry,) = seen
    assert entry.committed
    assert entry.at >= start + 200.0
