"""What a call counts as where its path alone does not say."""

from __future__ import annotations

import pytest

from postpress_async.wire.deciding import (
    SEARCH_ROWS,
    Asked,
    action_of_invite,
    action_of_start,
    rows_of_search,
    subject_of,
)


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ({}, "first_message"),
        ({"linkedin": {"api": "classic"}}, "first_message"),
        ({"linkedin": {"inmail": False}}, "first_message"),
        ({"linkedin": {"inmail": True}}, "inmail"),
        ({"linkedin[inmail]": "true"}, "inmail"),
        ({"linkedin[inmail]": "True"}, "inmail"),
        ({"linkedin[inmail]": "1"}, "inmail"),
        ({"linkedin[inmail]": "false"}, "first_message"),
        ({"linkedin[inmail]": ""}, "first_message"),
        ({"linkedin": "inmail"}, "first_message"),
        ({"linkedin": None}, "first_message"),
    ],
)
def test_a_chat_starts_with_a_first_message_or_an_inmail(body, action):
    assert action_of_start(Asked(body=body), None) == action
    assert action_of_start(Asked(body=body), "LINKEDIN") == action


@pytest.mark.parametrize(
    ("body", "provider", "action"),
    [
        ({}, "LINKEDIN", "invite"),
        ({"message": ""}, "LINKEDIN", "invite"),
        ({"message": None}, "LINKEDIN", "invite"),
        ({"message": "Hello"}, "LINKEDIN", "invite_note"),
        ({"message": "Hello"}, "INSTAGRAM", "follow"),
        ({}, "instagram", "follow"),
        ({}, None, "invite"),
        ({"message": "Hello"}, None, "invite_note"),
    ],
)
def test_an_invitation_is_a_follow_on_instagram_only(body, provider, action):
    assert action_of_invite(Asked(body=body), provider) == action


@pytest.mark.parametrize(
    ("query", "body", "rows"),
    [
        ({}, {}, SEARCH_ROWS),
        ({"limit": 50}, {}, 50),
        ({"limit": "50"}, {}, 50),
        ({}, {"limit": 25}, 25),
        ({"limit": 50}, {"limit": 25}, 50),
        ({"limit": 0}, {}, 1),
        ({"limit": -5}, {}, 1),
        ({"limit": True}, {}, SEARCH_ROWS),
        ({"limit": "many"}, {}, SEARCH_ROWS),
        ({"limit": "٣"}, {}, SEARCH_ROWS),
        ({"limit": None}, {}, SEARCH_ROWS),
    ],
)
def test_a_search_costs_the_rows_that_it_asks_for(query, body, rows):
    assert rows_of_search(Asked(query=query, body=body)) == rows


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        ({"provider_id": "ACo1"}, "ACo1"),
        ({"attendees_ids": ["ACo1"]}, "ACo1"),
        ({"attendees_ids": "ACo1"}, "ACo1"),
        ({"attendees_ids": ["ACo1", "ACo2"]}, None),
        ({"attendees_ids": []}, None),
        ({"provider_id": 7}, None),
        ({}, None),
    ],
)
def test_whom_a_call_is_about(body, subject):
    assert subject_of(Asked(body=body)) == subject


def test_what_is_asked_is_not_shown():
    asked = Asked(query={"cursor": "c-CANARY"}, body={"message": "m-CANARY"})
    assert "CANARY" not in repr(asked)
    assert "message" in repr(asked)
