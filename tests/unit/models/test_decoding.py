from __future__ import annotations

import copy
import gc
import json
import logging
import pickle

import msgspec
import pytest

from postpress_async.models import (
    Account,
    Chat,
    LinkedInProfile,
    Message,
    NoteAdded,
    PageReader,
    Profile,
    Reader,
    UnknownActivity,
    UnknownProfile,
    UnreadableError,
    WhatsAppProfile,
)

profiles: Reader[Profile] = Reader(Profile)


def read(**fields):
    return profiles.read(json.dumps({"provider": "LINKEDIN", **fields}).encode())


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"headline": 5}, "headline", "5"),
        ({"headline": 5.5}, "headline", "5.5"),
        ({"headline": ["only"]}, "headline", "only"),
        ({"headline": {"text": "x"}}, "headline", None),
        ({"headline": True}, "headline", None),
        ({"follower_count": "12"}, "follower_count", 12),
        ({"follower_count": " -3 "}, "follower_count", -3),
        ({"follower_count": 3.0}, "follower_count", 3),
        ({"follower_count": 3.5}, "follower_count", None),
        ({"follower_count": "many"}, "follower_count", None),
        ({"follower_count": "--5"}, "follower_count", None),
        ({"follower_count": "\u0661\u0662"}, "follower_count", None),
        ({"follower_count": "9" * 100_000}, "follower_count", None),
        ({"connected_at": "1.5"}, "connected_at", 1.5),
        ({"connected_at": "nan"}, "connected_at", None),
        ({"connected_at": "1e999"}, "connected_at", None),
        ({"is_premium": "True"}, "is_premium", True),
        ({"is_premium": "0"}, "is_premium", False),
        ({"is_premium": "maybe"}, "is_premium", None),
        ({"is_premium": 1.0}, "is_premium", 1),
        ({"websites": "https://a"}, "websites", ["https://a"]),
        ({"websites": ["a", None, 5, {}]}, "websites", ["a", "5"]),
        ({"websites": ""}, "websites", []),
        ({"websites": {"a": 1}}, "websites", []),
        ({"birthdate": "May"}, "birthdate", None),
        ({"birthdate": [[]]}, "birthdate", None),
        ({"company_id": 7}, "headline", None),
    ],
)
def test_what_was_obviously_meant_is_read_so(fields, name, value):
    profile = read(first_name="Ada", **fields)
    assert getattr(profile, name) == value
    assert type(getattr(profile, name)) is type(value)
    assert profile.first_name == "Ada"
    assert profile.raw[next(iter(fields))] == next(iter(fields.values()))


def test_flags_come_as_numbers():
    profile = read(notes=[{"author": {"public_profile_url": 1}}])
    assert profile.notes[0].author.public_profile_url is True


def test_one_object_becomes_a_list_and_a_list_of_one_an_object():
    profile = read(education={"school": "MIT"}, birthdate=[{"month": 5, "day": 1}])
    assert [one.school for one in profile.education] == ["MIT"]
    assert profile.birthdate.month == 5
    assert profile.issues == ("$.birthdate", "$.education")


def test_issues_name_the_nodes_and_nothing_else():
    profile = read(
        headline=5,
        work_experience=[{"position": "a"}, 7, {"position": ["b", "c"], "start": "2010"}],
    )
    assert profile.issues == (
        "$.headline",
        "$.work_experience[1]",
        "$.work_experience[2].position",
    )
    assert [job.position for job in profile.work_experience] == ["a", None]
    assert profile.work_experience[1].start == "2010"


@pytest.mark.parametrize("event", ["DANCE", None, 5, [], {}])
def test_an_unknown_activity_costs_only_itself(event):
    odd = {"event": event, "created_at": "2026"}
    profile = read(recruiting_activity=[{"event": "NOTE_ADDED"}, odd, {"no": "event"}])
    first, second, third = profile.recruiting_activity
    assert isinstance(first, NoteAdded)
    assert isinstance(second, UnknownActivity)
    assert second.raw == odd
    assert third.raw == {"no": "event"}


def test_words_that_tell_variants_apart_ignore_case():
    profile = profiles.read(
        b'{"provider":"LinkedIn","recruiting_activity":[{"event":"note_added"}]}'
    )
    assert isinstance(profile, LinkedInProfile)
    assert isinstance(profile.recruiting_activity[0], NoteAdded)
    assert profile.issues == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"provider": "SLACK", "id": "U1"},
        {"provider": None},
        {"provider": 5},
        {"provider": ["LINKEDIN"]},
        {},
        {"provider_id": "ACoAA1", "first_name": "Ada", "headline": "like LinkedIn"},
    ],
)
def test_an_answer_of_no_known_provider_is_kept_whole(answer):
    profile = profiles.read(json.dumps(answer).encode())
    assert isinstance(profile, UnknownProfile)
    assert profile.raw == answer
    assert profile.issues == ("$",)


def test_half_an_emoji_costs_one_character():
    body = rb'{"provider":"LINKEDIN","headline":"cut \ud83d","summary":"\\ud83d \ud83d\ude00"}'
    profile = profiles.read(body)
    assert profile.headline == "cut \ufffd"
    assert profile.summary == "\\ud83d \U0001f600"
    assert profile.raw["headline"] == "cut \ufffd"
    assert profile.issues == ()


DEEP = b'{"provider":"LINKEDIN","new":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
UNREADABLE = {
    "empty": b"",
    "html": b"<html><body>502</body></html>",
    "truncated": b'{"provider":"LINKEDIN"',
    "trailing": b'{"provider":"LINKEDIN"}}',
    "array": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "nan": b'{"provider":"LINKEDIN","follower_count":NaN}',
    "utf8": b'{"provider":"LINKEDIN","headline":"\xff"}',
    "deep": DEEP,
    "deep_object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "huge_number": b'{"provider":"LINKEDIN","follower_count":' + b"9" * 200_000 + b"}",
    "infinite": b'{"provider":"LINKEDIN","connected_at":1e999}',
    "half_escape": rb'{"provider":"LINKEDIN","headline":"\ud8"}',
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_one_exception(case):
    with pytest.raises(UnreadableError) as caught:
        profiles.read(UNREADABLE[case])
    assert caught.value.path == "$"
    assert len(str(caught.value)) < 300
    assert caught.value.__cause__ is None
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (twin.path, twin.reason) == (caught.value.path, caught.value.reason)


@pytest.mark.parametrize("case", set(UNREADABLE) - {"array"})
def test_pages_raise_the_same_exception(case):
    with pytest.raises(UnreadableError):
        PageReader(Chat).read(b'{"items":[' + UNREADABLE[case] + b'],"x"' if case else b"")
    with pytest.raises(UnreadableError):
        PageReader(Chat).read(UNREADABLE[case])


def test_broken_parts_that_no_field_needs_only_break_raw():
    profile = profiles.read(b'{"provider":"WHATSAPP","id":"1","new":"\xff"}')
    assert profile.id == "1"
    with pytest.raises(UnreadableError):
        _ = profile.raw


def test_other_types_are_read_too():
    class Own(msgspec.Struct):
        size: int
        ratio: float = 0.0

    assert Reader(Own).read(b'{"size":"5","ratio":1}') == Own(5, 1.0)
    assert Reader(object).read(b"[1]") == [1]
    assert Reader(dict[str, int]).read(b'{"a":1}') == {"a": 1}
    with pytest.raises(UnreadableError, match="size"):
        Reader(Own).read(b"{}")
    with pytest.raises(UnreadableError):
        Reader(dict[str, int]).read(b'{"a":"x"}')
    assert PageReader(dict).read(b'{"data":[{"a":1}]}').items == [{"a": 1}]


class TestPages:
    chats = PageReader(Chat)

    @pytest.mark.parametrize(
        ("body", "ids", "cursor"),
        [
            ({"items": [{"id": "a"}], "cursor": "c"}, ["a"], "c"),
            ({"data": [{"id": "a"}], "next_cursor": "c"}, ["a"], "c"),
            ({"data": [{"id": "a"}]}, ["a"], None),
            ({"items": [{"id": "a"}], "paging": {"cursor": "c", "start": 0}}, ["a"], "c"),
            ({"items": [{"id": "a"}], "paging": {"cursor": None}}, ["a"], None),
            ({"items": [{"id": "a"}], "cursor": ""}, ["a"], None),
            ({"items": [{"id": "a"}], "cursor": None, "next_cursor": ""}, ["a"], None),
            ({"items": None, "data": [{"id": "a"}]}, ["a"], None),
            ({"items": [], "data": [{"id": "a"}]}, [], None),
            ({"items": None, "cursor": None}, [], None),
            ({"object": "ChatList", "cursor": None}, [], None),
            ({"items": {"id": "a"}}, ["a"], None),
            ([{"id": "a"}], ["a"], None),
            ({"items": [{"id": "a"}], "cursor": 12}, ["a"], "12"),
            ({"items": [{"id": "a"}], "cursor": False}, ["a"], None),
            ({"items": [{"id": "a"}], "cursor": "c", "paging": []}, ["a"], "c"),
            ({"items": [{"id": 1}, 5, None, {"id": "b"}]}, ["1", "b"], None),
        ],
    )
    def test_every_list_shape_is_read(self, body, ids, cursor):
        page = self.chats.read(json.dumps(body).encode())
        assert [one.id for one in page.items] == ids
        assert page.cursor == cursor

    @pytest.mark.parametrize("body", [b"{}", b'{"error":{"code":"x"}}', b'"x"', b"5", b"null"])
    def test_no_list_is_no_empty_list(self, body):
        with pytest.raises(UnreadableError):
            self.chats.read(body)

    @pytest.mark.parametrize("cursor", [True, {"after": "c"}, ["c"], 1.5])
    @pytest.mark.parametrize("where", ["cursor", "next_cursor", "paging"])
    def test_a_next_page_that_nobody_can_name_is_no_end(self, cursor, where):
        named = {"cursor": cursor} if where == "paging" else cursor
        body = json.dumps({"items": [{"id": "a"}], where: named}).encode()
        with pytest.raises(UnreadableError, match=r"next page is no text .* \$\.cursor"):
            self.chats.read(body)

    @pytest.mark.parametrize("odd", [5, None, "x", []])
    def test_rows_know_what_was_sent_also_behind_a_lost_one(self, odd):
        rows = [{"id": "a", "new": 1}, odd, {"id": "b", "new": 2}]
        page = self.chats.read(json.dumps({"items": rows, "total_items": 3}).encode())
        assert [one.raw for one in page.items] == [rows[0], rows[2]]
        assert page.issues == ("$.items[1]",)
        assert page.raw["total_items"] == 3

    def test_rows_of_a_good_page_know_what_was_sent(self):
        rows = [{"id": str(n), "new": n} for n in range(3)]
        page = self.chats.read(json.dumps({"data": rows}).encode())
        assert [one.raw for one in page.items] == rows
        assert page.items[1] == Chat(id="1")

    def test_unions_make_pages_too(self):
        page = PageReader(Profile).read(b'{"items":[{"provider":"WHATSAPP"},{"provider":"Q"}]}')
        assert [type(one) for one in page.items] == [WhatsAppProfile, UnknownProfile]


def test_nothing_is_logged_here(caplog):
    with caplog.at_level(logging.DEBUG):
        read(headline=5)
        Reader(Account).read(b'{"sources":5}')
        PageReader(Message).read(b'{"items":[5]}')
    assert caplog.records == []


def test_half_an_emoji_in_a_row_costs_half_an_emoji():
    rows = [b'{"id": "1"}', b'{"id": 2}', b'{"id": "3", "text": "cut \\ud83d"}']
    page = PageReader(Message).read(b'{"items": [' + b", ".join(rows) + b'], "cursor": "c"}')
    assert [(one.id, one.text) for one in page.items] == [
        ("1", None),
        ("2", None),
        ("3", "cut \ufffd"),
    ]
    assert page.issues == ("$.items[1].id",)
    assert page.cursor == "c"


def test_rows_beside_an_odd_one_keep_their_memories():
    rows = [{"id": str(n), "extra": n, "replies": [] if n == 1 else n} for n in range(4)]
    page = PageReader(Message).read(json.dumps({"data": rows, "next_cursor": "n"}).encode())
    assert [one.raw for one in page.items] == rows
    assert [one.issues for one in page.items] == [(), ("$.data[1].replies",), (), ()]
    assert page.items[0].raw is page.items[0].raw
    kept = page.items.pop()
    del page, rows
    assert kept.raw["extra"] == 3


def test_what_a_value_remembers_is_no_field_and_weighs_little():
    page = PageReader(Message).read(b'{"items": [{"id": "1", "new": 2}]}')
    (message,) = page.items
    assert message.raw == {"id": "1", "new": 2}
    assert "_raw" not in repr(message)
    assert message == Message(id="1")
    copied = copy.copy(message)
    assert (copied.raw["id"], "new" in copied.raw) == ("1", False)
    assert pickle.loads(pickle.dumps(message)) == message
    assert not hasattr(message, "__dict__")
    assert not gc.is_tracked(message)
    with pytest.raises(AttributeError):
        message._raw = {}
