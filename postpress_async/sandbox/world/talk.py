"""Chats and messages as the service writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.wire import Json, JsonObject, iso, turn

if TYPE_CHECKING:
    from .things import Attachment, Chat, Message

_FOLDERS = {
    "classic": ["INBOX", "INBOX_LINKEDIN_CLASSIC"],
    "recruiter": ["INBOX", "INBOX_LINKEDIN_RECRUITER"],
    "sales_navigator": ["INBOX", "INBOX_LINKEDIN_SALES_NAVIGATOR"],
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
        "timestamp": iso(chat.key[0]),
        "unread_count": chat.unread,
        "unread": 1 if chat.unread else 0,
        "archived": 1 if chat.archived else 0,
        "read_only": chat.read_only,
        "subject": chat.subject,
    }
    if not turn(chat.quirk, 5, 3) or chat.muted == -1:  # may be missing
        fields["muted_until"] = chat.muted
        fields["disabledFeatures"] = ["reactions"] if turn(chat.quirk, 4, 1) else []
    if chat.pinned is not None:  # newer than Unipile's schema
        fields["pinned"] = 1 if chat.pinned else 0
    if account.provider == "LINKEDIN":
        folders: list[Json] = list(_FOLDERS[chat.folder or "classic"])
        fields["folder"] = folders
        fields["content_type"] = chat.content_type
    elif chat.label is not None:
        fields["folder"] = ["INBOX", chat.label]
    if partner and partner.person.seen_as.endswith("@lid"):
        fields["attendee_public_identifier"] = partner.person.public_id
    return fields


def chat_with_last(chat: Chat) -> JsonObject:
    """Write a single chat, which carries its last message."""
    last: Json = message_json(chat.messages[-1]) if chat.messages else None
    return chat_json(chat) | {"lastMessage": last}


def message_json(message: Message) -> JsonObject:
    """Write a message."""
    sender, chat = message.sender, message.chat
    account = chat.account
    linkedin = account.provider == "LINKEDIN"
    mine = 1 if sender.is_self else 0
    fields: JsonObject = {
        "object": "Message",
        "id": message.id,
        "message_id": message.id,
        "provider_id": provider_id(message),
        "account_id": account.id,
        "chat_id": chat.id,
        "chat_provider_id": chat.provider_id,
        "sender_id": sender.person.seen_as,
        "sender_attendee_id": sender.id,
        "timestamp": iso(message.key[0]),
        "text": message.text,
        "is_sender": mine,
        "attachments": [attachment_json(one) for one in message.attachments],
        "reactions": [
            {
                "value": value,
                "sender_id": person.seen_as,
                "is_sender": person is account.owner,
            }
            for person, value in message.reactions
        ],
        "seen": mine and message.seen,
        "seen_by": _seen_by(message),
        "hidden": 0,
        "deleted": message.deleted,
        "edited": message.edited,
        "is_event": 0 if message.event is None else 1,
        "delivered": 0 if mine and not message.seen and turn(message.quirk, 6, 2) else 1,
        "behavior": None if linkedin else 0,
        # raw protocol data on WhatsApp, nothing on LinkedIn
        "original": '{"key":{"fromMe":true}}' if account.provider == "WHATSAPP" else "",
        "subject": chat.subject if message.kind.startswith("INMAIL") else None,
        "message_type": message.kind if linkedin else None,
    }
    if message.event is not None:
        fields["event_type"] = message.event
    if message.quoted is not None:
        fields |= _quoted(message.quoted)
    return fields


def provider_id(message: Message) -> str:
    """Tell what the provider calls a message."""
    if message.chat.account.provider == "LINKEDIN":
        return f"urn:li:msg_message:{message.id}"
    return message.id[:20].upper()


def _quoted(quoted: Message) -> JsonObject:
    said: JsonObject = {
        "provider_id": provider_id(quoted),
        "sender_id": quoted.sender.person.seen_as,
        "text": quoted.text,
    }
    answered: JsonObject = {
        "id": quoted.id,
        "timestamp": iso(quoted.key[0]),
        "sender_attendee_id": quoted.sender.id,
        **said,
    }
    attachments: list[Json] = [attachment_json(one) for one in quoted.attachments]
    return {"quoted": {**said, "attachments": attachments}, "reply_to": answered}


def attachment_json(attachment: Attachment) -> JsonObject:
    """Write an attachment."""
    return {
        "id": attachment.id,
        "file_size": attachment.size,
        "unavailable": attachment.unavailable,
        "mimetype": attachment.mimetype,
        "url": attachment.url,
        "url_expires_at": None,
        **attachment.fields,
    }


def _seen_by(message: Message) -> JsonObject:
    if not turn(message.quirk, 11, 10):
        return {}
    other = message.chat.attendees[0].person.seen_as
    return {other: True if message.quirk % 2 else "2026-01-02T03:04:05.000Z"}
