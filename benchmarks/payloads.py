"""What the pretend service answers: an example, a full profile, pages of each kind."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
KEY = "pp_live_0123456789abcdef0123456789abcdef"
ACCOUNT = "acc_linkedin_01HXYZ4QK3WJ8FN3M6QH7TZ8GR"
IDENTIFIERS = {"example": "jordan-walke", "full": "ada-fuller"}
"""Who is asked for, by the body that comes back."""

HOLOGRAM = {"id": "h1", "type": "hologram", "file_size": 7, "unavailable": False}


@cache
def body(name: str) -> bytes:
    """Return a JSON file as it travels: without spaces, not escaped."""
    text = (DATA / f"profile_{name}.json").read_text(encoding="utf-8")
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()


@cache
def messages_page(rows: int = 250, *, odd: int = 0) -> bytes:
    """Return a page of messages of a busy chat; an odd one has an attachment of a new kind."""
    items = [
        {
            "object": "Message",
            "id": f"rZ1hU0vYXkm8{row:06d}",
            "provider_id": f"2-MTcxNDU1NzYwMDAwMC{row:06d}",
            "account_id": ACCOUNT,
            "chat_id": "Q1w2E3r4T5y6U7i8",
            "chat_provider_id": "2-ZGJkYmQ3YzktMzQ1Ny00",
            "sender_id": "ACoAACr-1eYBl0mQH8c9vJxGm7c5n3rVqZkT0aY",
            "sender_attendee_id": "uH4kP9sLQm2xVb7c",
            "timestamp": f"2026-05-01T{row % 24:02d}:{row % 60:02d}:00.000Z",
            "text": f"Hello again, this is message {row}. " + "See you there ✨ " * (row % 5),
            "is_sender": row % 2,
            "attachments": [HOLOGRAM] if row < odd else [],
            "reactions": [{"value": "👍", "sender_id": "ACoAA2", "is_sender": False}]
            if row % 10 == 0
            else [],
            "seen": 1,
            "seen_by": {},
            "hidden": 0,
            "deleted": 0,
            "edited": 0,
            "is_event": 0,
            "delivered": 1,
            "behavior": None,
            "original": "{}",
            "message_type": "MESSAGE",
            "attendee_type": "MEMBER",
            "attendee_distance": 1,
        }
        for row in range(rows)
    ]
    return _page("MessageList", items)


@cache
def chats_page(rows: int = 250, *, odd: int = 0) -> bytes:
    """Return a page of chats; an odd one has a type that is no number."""
    items = [
        {
            "object": "Chat",
            "id": f"Q1w2E3r4T5y6{row:06d}",
            "account_id": ACCOUNT,
            "account_type": "LINKEDIN",
            "provider_id": f"2-ZGJkYmQ3YzktMzQ1Ny00{row:06d}",
            "attendee_provider_id": "ACoAACr-1eYBl0mQH8c9vJxGm7c5n3rVqZkT0aY",
            "name": None,
            "type": {"kind": "new"} if row < odd else row % 2,
            "timestamp": f"2026-05-01T{row % 24:02d}:{row % 60:02d}:00.000Z",
            "unread": row % 2,
            "unread_count": row % 7,
            "archived": 0,
            "muted_until": None,
            "read_only": 0,
            "disabledFeatures": [],
            "content_type": "inmail" if row % 10 == 0 else None,
            "folder": ["INBOX", "INBOX_LINKEDIN_CLASSIC"],
            "pinned": 0,
        }
        for row in range(rows)
    ]
    return _page("ChatList", items)


@cache
def relations_page(rows: int = 250, *, odd: int = 0) -> bytes:
    """Return a page of relations; an odd one is connected since a word."""
    items = [
        {
            "object": "UserRelation",
            "first_name": "Ada",
            "last_name": f"Fuller {row}",
            "headline": "Staff Engineer at Acme · Distributed systems · Speaker",
            "public_identifier": f"ada-fuller-{row:06d}",
            "public_profile_url": f"https://www.linkedin.com/in/ada-fuller-{row:06d}",
            "created_at": "yesterday" if row < odd else 1714557600000 + row,
            "member_id": f"ACoAACr-1eYBl0mQH8c9vJxGm7c5n3rVqZk{row:06d}",
            "member_urn": f"urn:li:fsd_profile:ACoAACr-1eYBl0mQH8c9vJxGm7c5n3rVqZk{row:06d}",
            "connection_urn": f"urn:li:fsd_connection:ACoAACr-1eYBl0mQH8c9vJxGm7c5n3rV{row:06d}",
            "profile_picture_url": f"https://media.licdn.com/dms/image/v2/D4E03AQ/{row:06d}?e=17",
        }
        for row in range(rows)
    ]
    return _page("UserRelationsList", items)


def _page(object_: str, items: list[dict[str, object]]) -> bytes:
    page = {"object": object_, "items": items, "cursor": "eyJvZmZzZXQiOjI1MH0"}
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()
