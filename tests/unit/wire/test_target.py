"""Paths and queries as they stand on the wire."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from postpress_async import ConfigurationError
from postpress_async.wire import target


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("jordan-walke", "jordan-walke"),
        ("a.b_c~d", "a.b_c~d"),
        (".hidden", ".hidden"),
        ("...", "..."),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("a+b", "a%2Bb"),
        ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("33600000000@s.whatsapp.net", "33600000000%40s.whatsapp.net"),
        ("urn:li:activity:7332661864792854528", "urn%3Ali%3Aactivity%3A7332661864792854528"),
        ("é", "%C3%A9"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("\\", "%5C"),
    ],
)
def test_a_segment(value, segment):
    assert target.segment("id", value) == segment
    assert unquote(segment) == value


@given(st.text())
def test_a_segment_is_one_segment_and_says_the_same(value):
    try:
        segment = target.segment("id", value)
    except ConfigurationError:
        return
    assert unquote(segment) == value
    url = URL(f"http://h/v1/users/{segment}/posts?x=1", encoded=True)
    assert url.raw_path == f"/v1/users/{segment}/posts"
    assert segment.isascii()
    assert not set(segment) & set("/?#%") - {"%"}
    assert segment not in {"", ".", ".."}
    assert urlsplit(f"http://h/{segment}").path == f"/{segment}"


@given(st.text(st.characters(categories=("Cc",)), min_size=1), st.text())
def test_control_characters_never_pass(controls, text):
    for value in (controls + text, text + controls):
        with pytest.raises(ConfigurationError) as caught:
            target.segment("chat_id", value)
        assert "chat_id" in str(caught.value)


def test_a_path_is_filled_once():
    filled = target.path("/chats/{chat_id}/messages/{id}", {"chat_id": "{id}", "id": "x"})
    assert filled == "/chats/%7Bid%7D/messages/x"


@pytest.mark.parametrize(
    ("values", "query"),
    [
        ({}, ""),
        ({"a": None}, ""),
        ({"a": "1"}, "?a=1"),
        ({"a": 1, "b": True, "c": False}, "?a=1&b=true&c=false"),
        ({"a": ["x", "y z"]}, "?a=x%2Cy%20z"),
        ({"a": []}, "?a="),
        ({"a": ""}, "?a="),
        ({"cursor": "YWJj=="}, "?cursor=YWJj%3D%3D"),
        ({"a": "x&b=1"}, "?a=x%26b%3D1"),
        ({"a": "é+ "}, "?a=%C3%A9%2B%20"),
    ],
)
def test_a_query(values, query):
    assert target.query(values) == query


@given(st.dictionaries(st.sampled_from(["a", "cursor", "sender_id"]), st.text()))
def test_a_query_says_the_same_to_a_server(values):
    try:
        query = target.query(values)
    except ConfigurationError:
        return
    assert dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)) == values


@pytest.mark.parametrize("path", ["/users/jordan", "/a%20b/c", "/a:b@c/(d)", "/a..b/...", "/"])
def test_a_whole_path_that_passes(path):
    assert target.checked_path(path) == path
