"""Accounts, chats, messages, attendees, and how their lists are paged."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

LISTS = ["/accounts", "/chats", "/messages", "/chat_attendees"]
CHAT = """object id account_id account_type provider_id name type timestamp unread_count archived
    read_only"""
MESSAGE = """object id provider_id account_id chat_id chat_provider_id sender_id sender_attendee_id
    timestamp text is_sender attachments reactions seen seen_by hidden deleted edited is_event
    delivered behavior original"""
ATTENDEE = "object id account_id provider_id name is_self"


async def walk(api, path, limit):
    rows, cursor = [], None
    while True:
        more = "" if cursor is None else "&cursor=" + quote(cursor, safe="")
        page = (await api.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{more}")).json
        rows += page["items"]
        cursor = page["cursor"]
        assert len(page["items"]) <= limit
        if cursor is None:
            return rows
        assert cursor.endswith("=")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [3, 250])
async def test_a_walk_meets_every_row_once(api, path, limit):
    if path == "/messages":
        path += f"?account_id={api.account()['id']}"
    whole = (await api.get(f"{path}{'&' if '?' in path else '?'}limit=250")).items
    ids = [row["id"] for row in await walk(api, path, limit)]
    assert ids == [row["id"] for row in whole]
    assert len(set(ids)) == len(ids)


async def test_all_messages_are_listed_newest_first(api):
    rows = await walk(api, "/messages", 250)
    assert len(rows) == 8 * 12 * 20
    stamps = [row["timestamp"] for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert len(set(stamps)) < len(stamps)  # an order by time alone would not be one


async def test_what_arrives_meanwhile_neither_repeats_nor_hides_a_row(api):
    chat = api.account()["chats"][0]
    path = f"/chats/{chat}/messages"
    first = (await api.get(f"{path}?limit=5")).json
    await api.send(chat)
    rest = (await api.get(f"{path}?limit=250&cursor={quote(first['cursor'], safe='')}")).items
    ids = [row["id"] for row in first["items"] + rest]
    assert len(set(ids)) == len(ids) == 20


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("limit", "type"),
    [
        ("251", "limit_too_high"),
        ("99999999999999999999", "limit_too_high"),
        ("0", "invalid_parameters"),
        ("-1", "invalid_parameters"),
        ("ten", "invalid_parameters"),
        ("1.5", "invalid_parameters"),
        ("٣", "invalid_parameters"),
    ],
)
async def test_limits_have_a_range(api, path, limit, type):
    answer = await api.get(f"{path}?limit={quote(limit)}")
    assert (answer.status, answer.type) == (400, type)


@pytest.mark.parametrize(
    "cursor",
    ["x", "WyJjaGF0cyJd", base64.b64encode(b'["messages",{},1]').decode(), "%00", "a" * 500],
)
async def test_a_cursor_that_is_not_ours_is_refused(api, cursor):
    answer = await api.get(f"/messages?cursor={cursor}")
    assert (answer.status, answer.type) == (400, "invalid_parameters")


async def test_a_cursor_of_another_list_or_without_its_padding_is_refused(api):
    cursor = (await api.get("/chats?limit=1")).json["cursor"]
    assert (await api.get(f"/messages?cursor={quote(cursor)}")).status == 400
    assert (await api.get(f"/chats?cursor={cursor.rstrip('=')}")).status == 400
    assert (await api.get(f"/chats?cursor={quote(cursor)}")).status == 200


async def test_an_account_tells_the_status_of_its_sources(api):
    for row in api.accounts.values():
        found = (await api.get(f"/accounts/{row['id']}")).json
        assert found["object"] == "Account"
        assert found["type"] == row["provider"]
        assert "status" not in found
        assert {source["status"] for source in found["sources"]} == {"OK"}
        assert found["connection_params"]["im"]
    assert (await api.get("/accounts/none")).type == "resource_not_found"


async def test_every_list_names_itself(api):
    for path, name in zip(LISTS, ["Account", "Chat", "Message", "ChatAttendee"], strict=True):
        page = (await api.get(path)).json
        assert page["object"] == f"{name}List"
        assert {row["object"] for row in page["items"]} == {name}


async def test_the_documented_fields_are_there(api):
    for path, fields in (("/chats", CHAT), ("/messages", MESSAGE), ("/chat_attendees", ATTENDEE)):
        for row in (await api.get(path)).items:
            assert set(fields.split()) <= set(row)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("unread=true", lambda chat: chat["unread_count"] > 0),
        ("unread=false", lambda chat: chat["unread_count"] == 0),
        ("account_type=TELEGRAM", lambda chat: chat["account_type"] == "TELEGRAM"),
        (
            "before=2026-01-15T05:00:00.000Z",
            lambda chat: chat["timestamp"] < "2026-01-15T05:00:00.000Z",
        ),
        (
            "after=2026-01-15T05:00:00.000Z",
            lambda chat: chat["timestamp"] > "2026-01-15T05:00:00.000Z",
        ),
    ],
)
async def test_chats_are_filtered(api, query, holds):
    everything = await walk(api, "/chats", 250)
    found = await walk(api, f"/chats?{query}", 250)
    assert found == [chat for chat in everything if holds(chat)]
    assert 0 < len(found) < len(everything)


async def test_chats_of_several_accounts(api):
    one, other = list(api.accounts)[:2]
    for query in (f"{one},{other}", f"{one}%2C{other}", f"{one}&account_id={other}"):
        rows = await walk(api, f"/chats?account_id={query}", 250)
        assert {row["account_id"] for row in rows} == {one, other}
        assert len(rows) == 24
    assert (await api.get("/chats?account_id=none")).items == []


@pytest.mark.parametrize(
    "query",
    ["unread=1", "account_type=FAX", "before=yesterday", "after=2026-01-15T05:00:00Z",
     "before=2026-13-45T05:00:00.000Z"],
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_refused(api, query):
    assert (await api.get(f"/chats?{query}")).type == "invalid_parameters"


async def test_a_chat_is_found_by_our_id_or_by_the_providers(api):
    for provider in ("LINKEDIN", "WHATSAPP"):
        account = api.account(provider)
        chat = (await api.get(f"/chats/{account['chats'][0]}")).json
        assert chat["lastMessage"]["chat_id"] == chat["id"]
        foreign = quote(chat["provider_id"], safe="")
        found = await api.get(f"/chats/{foreign}?account_id={account['id']}")
        assert found.json["id"] == chat["id"]
        assert (await api.get(f"/chats/{foreign}")).status == 404


async def test_attendees_of_a_chat_are_all_there_with_oneself(api):
    account = api.account("WHATSAPP")
    sizes = set()
    for chat in account["chats"]:
        page = (await api.get(f"/chats/{chat}/attendees")).json
        assert page["cursor"] is None
        assert sum(row["is_self"] for row in page["items"]) == 1
        sizes.add(len(page["items"]))
    assert sizes == {2, 4}


async def test_attendees_of_one_account(api):
    account = api.account()["id"]
    rows = (await api.get(f"/chat_attendees?account_id={account}&limit=250")).items
    assert {row["account_id"] for row in rows} == {account}
    assert rows[0]["specifics"]["provider"] == "LINKEDIN"


async def test_messages_of_a_sender_and_of_a_time(api):
    chat = api.account()["chats"][0]
    everything = (await api.get(f"/chats/{chat}/messages")).items
    sender, middle = everything[0]["sender_id"], everything[10]["timestamp"]
    for query, holds in (
        (f"sender_id={quote(sender)}", lambda row: row["sender_id"] == sender),
        (f"before={middle}", lambda row: row["timestamp"] < middle),
        (f"after={middle}", lambda row: row["timestamp"] > middle),
    ):
        rows = (await api.get(f"/chats/{chat}/messages?{query}")).items
        assert rows == [row for row in everything if holds(row)]
        assert 0 < len(rows) < 20


async def test_one_message(api):
    row = (await api.get("/messages?limit=1")).items[0]
    assert (await api.get(f"/messages/{row['id']}")).json == row
    assert (await api.get("/messages/none")).status == 404
    assert (await api.get("/chats/none/messages")).status == 404


async def test_history_has_nulls_files_quotes_and_both_senders(api):
    rows = await walk(api, "/messages", 250)
    assert [row for row in rows if row["text"] is None]
    assert {row["is_sender"] for row in rows} == {0, 1}
    assert [row for row in rows if "quoted" in row]
    kinds = {file["type"] for row in rows for file in row["attachments"]}
    assert kinds == {"img", "file", "audio", "video", "linkedin_post", "video_meeting"}
    linkedin = {row["id"] for row in api.accounts.values() if row["provider"] == "LINKEDIN"}
    for row in rows:
        for file in row["attachments"]:
            shared = file["type"] in ("linkedin_post", "video_meeting")
            assert not shared or row["account_id"] in linkedin


async def test_chats_are_as_uneven_as_in_the_wild(api):
    rows = await walk(api, "/chats", 250)
    assert {row.get("muted_until", "absent") for row in rows} >= {None, -1, "absent"}
    assert {"pinned" in row for row in rows} == {True, False}
    assert {row["type"] for row in rows} == {0, 1, 2}
    assert [row for row in rows if row["name"] is None]
    assert [row for row in rows if "attendee_public_identifier" in row]


async def test_one_mount_says_null_and_the_other_leaves_out(api):
    chat = api.account()["chats"][2]
    said = (await api.get(f"/chats/{chat}")).json
    left = (await api.get(f"/chats/{chat}", mount="/api/v1")).json
    assert said["subject"] is None
    assert "subject" not in left
    assert left["name"] is None  # required, and nullable
    page = (await api.get(f"/chats/{chat}/attendees", mount="/api/v1")).json
    assert page["cursor"] is None
