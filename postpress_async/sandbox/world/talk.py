"""Chats, messages and attendees as the service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.wire import Json, JsonObject, iso, turn

if TYPE_CHECKING:
    from .things import Account, Attendee, Chat, Message

_FOLDERS = {
    "LINKEDIN": ["INBOX", "INBOX_LINKEDIN_CLASSIC"],
}


def chat_json(chat: Chat) -> JsonObject:
    """Write a chat, with the keys that its provider really sends."""
    account, partner = chat.account, chat.partner
    fields: JsonObject = {
        "object": "Chat",
        "id": chat.id,
        "account_id": account.id,
        "account_type": account.provider,
        "provider_id": chat.provider_id,
        "attendee_provider_id": partner.person.seen_as if partner else None,
        "name": chat.name,
        "type": chat.type,
        "timestamp": iso(chat.timestamp),
        "unread_count": chat.unread,
        "unread": 1 if chat.unread else 0,
        "archived": 1 if turn(chat.quirk, 9, 4) else 0,
        "read_only": chat.quirk % 3 if chat.type else 0,
        "subject": chat.subject,
    }
    if not turn(chat.quirk, 5, 3):  # may be missing
        fields["muted_until"] = (None, -1, "2031-01-01T00:00:00.000Z")[chat.quirk % 3]
        fields["disabledFeatures"] = ["reactions"] if turn(chat.quirk, 4, 1) else []
    if chat.quirk % 2:  # newer than Unipile's schema
        fields["pinned"] = 1 if turn(chat.quirk, 7, 1) else 0
    if account.provider == "LINKEDIN":
        fields["folder"] = list(_FOLDERS["LINKEDIN"])
        fields["content_type"] = chat.content_type
    if partner and partner.person.seen_as.endswith("@lid"):
        fields["attendee_public_identifier"] = partner.person.public_id
    return fields


def chat_with_last(chat: Chat) -> JsonObject:
    """Write a single chat, which carries its last message."""
    last: Json = message_json(chat.messages[-1]) if chat.messages else None
    return chat_json(chat) | {"lastMessage": last}


def message_json(message: Message) -> JsonObject:
    """Write a message. It is written once and then shared: do not change it."""
    if message.written is None:
        message.written = _written(message)
    return message.written


def _written(message: Message) -> JsonObject:
    sender, chat = message.sender, message.chat
    account = chat.account
    linkedin = account.provider == "LINKEDIN"
    mine = 1 if sender.is_self else 0
    attachments: list[Json] = list(message.attachments)
    fields: JsonObject = {
        "object": "Message",
        "id": message.id,
        "message_id": message.id,
        "provider_id": f"urn:li:msg_message:{message.id}" if linkedin else message.id[:12].upper(),
        "account_id": account.id,
        "chat_id": chat.id,
        "chat_provider_id": chat.provider_id,
        "sender_id": sender.person.seen_as,
        "sender_attendee_id": sender.id,
        "timestamp": iso(message.key[0]),
        "text": message.text,
        "is_sender": mine,
        "attachments": attachments,
        "reactions": _reactions(message),
        "seen": mine and message.quirk % 2,
        "seen_by": _seen_by(message),
        "hidden": 0,
        "deleted": 1 if turn(message.quirk, 29, 28) else 0,
        "edited": 1 if turn(message.quirk, 23, 22) else 0,
        "is_event": 1 if turn(message.quirk, 31, 30) else 0,
        "delivered": 1,
        "behavior": None if linkedin else 0,
        # raw protocol data on WhatsApp, nothing on LinkedIn
        "original": '{"key":{"fromMe":true}}' if account.provider == "WHATSAPP" else "",
        "subject": message.subject,
        "message_type": message.kind if linkedin else None,
    }
    if message.quoted is not None:
        quoted = message.quoted
        fields["quoted"] = {
            "provider_id": quoted.id,
            "sender_id": quoted.sender.person.seen_as,
            "text": quoted.text,
            "attachments": [],
        }
    return fields


def _reactions(message: Message) -> list[Json]:
    if not turn(message.quirk, 13, 12):
        return []
    return [{"value": "👍🏽", "sender_id": message.sender.person.seen_as, "is_sender": False}]


def _seen_by(message: Message) -> JsonObject:
    if not turn(message.quirk, 11, 10):
        return {}
    other = message.chat.attendees[0].person.seen_as
    return {other: True if message.quirk % 2 else "2026-01-02T03:04:05.000Z"}


def attendee_json(attendee: Attendee) -> JsonObject:
    """Write an attendee."""
    person = attendee.person
    fields: JsonObject = {
        "object": "ChatAttendee",
        "id": attendee.id,
        "account_id": attendee.account.id,
        "provider_id": person.seen_as,
        "name": person.full_name,
        "is_self": 1 if attendee.is_self else 0,
        "hidden": 0,
        "picture_url": f"wapp://{person.number}" if person.provider == "WHATSAPP" else None,
        "profile_url": _profile_url(attendee),
    }
    specifics = _specifics(attendee)
    return fields if specifics is None else fields | {"specifics": specifics}


def _profile_url(attendee: Attendee) -> str | None:
    person = attendee.person
    if person.provider == "LINKEDIN":
        return f"https://www.linkedin.com/in/{person.public_id}"
    return None


def _specifics(attendee: Attendee) -> JsonObject | None:
    person, account = attendee.person, attendee.account
    match person.provider:
        case "LINKEDIN":
            return {
                "provider": "LINKEDIN",
                "member_urn": f"urn:li:member:{person.number}",
                "occupation": None,
                "network_distance": _distance(attendee, account),
                "pending_invitation": False,
                "is_company": False,
            }
        case "INSTAGRAM":
            return {
                "provider": "INSTAGRAM",
                "public_identifier": person.public_id,
                "relationship_status": {"following": person.seen_as in account.relations},
            }
        case "WHATSAPP":
            hidden = turn(person.number, 3, 0)
            phone = "hidden" if hidden else person.public_id.partition("@")[0]
            return {"provider": "WHATSAPP", "phone_number": phone, "lid": person.internal_id}
        case _:
            return None


def _distance(attendee: Attendee, account: Account) -> str:
    if attendee.is_self:
        return "SELF"
    return "DISTANCE_1" if attendee.person.seen_as in account.relations else "DISTANCE_2"
