"""What the pretend service answers: a documented example, a full profile, a page of messages."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
KEY = "pp_live_0123456789abcdef0123456789abcdef"
ACCOUNT = "acc_linkedin_01HXYZ4QK3WJ8FN3M6QH7TZ8GR"
IDENTIFIERS = {"example": "jordan-walke", "full": "ada-fuller"}
"""Who is asked for, by the body that comes back."""


@cache
def body(name: str) -> bytes:
    """Return a JSON file as it travels: without spaces, not escaped."""
    text = (DATA / f"profile_{name}.json").read_text(encoding="utf-8")
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False).encode()


@cache
def messages_page(rows: int = 250) -> bytes:
    """Return a page of messages of a busy chat."""
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
            "attachments": [],
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
    page = {"object": "MessageList", "items": items, "cursor": "eyJvZmZzZXQiOjI1MH0"}
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()
