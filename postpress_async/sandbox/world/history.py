"""The messages that a chat begins with. They follow from the seed and the chat's place alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import JsonObject, turn

from .phrases import EMOJIS, EVENTS, TEXTS
from .things import Attachment, Message

if TYPE_CHECKING:
    from postpress_async.sandbox.ids import Ids
    from postpress_async.sandbox.paging import Key

    from .things import Chat

# All history lies before this instant (2026-01-15T12:00:00Z). It is fixed: a world that followed
# the real clock would differ from run to run.
HISTORY_ENDS: Final = 1_768_478_400_000
DAY: Final = 86_400_000
_MINUTE: Final = 60_000
_CHATS: Final = 1 << 17  # most chats an account, and most messages a chat: how places are numbered
_MESSAGES: Final = 1 << 17
LIVE: Final = 1 << 58
"""Numbers from here on belong to what happens after the world began."""

_SIZE: Final[JsonObject] = {"width": 640, "height": 480}
_WIDE: Final[JsonObject] = {"width": 1920, "height": 1080}
# type's own fields, mimetype, name
_KINDS: Final[tuple[tuple[JsonObject, str | None, str | None], ...]] = (
    ({"type": "img", "size": _SIZE, "sticker": False}, "image/png", "photo.png"),
    (
        {"type": "file", "file_name": "résumé (1).pdf"},
        "application/pdf",
        "résumé (1).pdf",
    ),
    ({"type": "audio", "duration": 3.5, "voice_note": True}, "audio/m4a", "voice.m4a"),
    ({"type": "video", "size": _WIDE, "gif": False}, "video/mp4", "clip.mp4"),
    ({"type": "linkedin_post"}, None, None),
    ({"type": "img", "size": _SIZE, "sticker": True}, "image/webp", "sticker.webp"),
    ({"type": "video", "size": _SIZE, "gif": True}, "video/mp4", "wave.mp4"),
    (
        {
            "type": "video_meeting",
            "starts_at": 1_768_550_400_000,
            "expires_at": None,
            "time_range": 1_800_000,
        },
        None,
        None,
    ),
)


def end_of(account: int, chat: int) -> int:
    """Tell when the last message of a chat was said; earlier chats are the later ones."""
    return HISTORY_ENDS - chat * 3_607_000 - (account * 13 + chat) % 60 * 1_000


def place_of(account: int, chat: int, index: int, count: int) -> Key:
    """Tell a message's place. Two share an instant: an order by time alone is not an order."""
    number = (account * _CHATS + chat) * _MESSAGES + index
    return end_of(account, chat) - (count - 1 - index) // 2 * 7 * _MINUTE, number


class History:
    """Writes the past of chats."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def of(self, chat: Chat) -> list[Message]:
        """Write the messages that a chat begins with."""
        rows: list[Message] = []
        for index in range(chat.built):
            rows.append(self._message(chat, index, rows))
        return rows

    def _message(self, chat: Chat, index: int, before: list[Message]) -> Message:
        account, place = chat.account.number, chat.index
        people = chat.attendees
        quirk = index + place * 7 + account * 3
        message = Message(
            id=self._ids.message(account, place, index),
            chat=chat,
            sender=people[(index + index // 3 + place) % len(people)],
            key=place_of(account, place, index, chat.built),
            text=TEXTS[(index + place) % len(TEXTS)],
            quirk=quirk,
            quoted=before[-1] if turn(index, 9, 8) else None,
            seen=quirk % 2,
            edited=1 if turn(quirk, 23, 22) else 0,
        )
        if turn(index, 10, 5):
            message.text = None
            message.attachments = (self._attachment(message, quirk),)
        if turn(quirk, 13, 12):
            who = people[quirk // 13 % len(people)].person
            message.reactions = ((who, EMOJIS[quirk // 13 % len(EMOJIS)]),)
        if turn(quirk, 29, 28):
            message.deleted, message.text, message.attachments = 1, None, ()
        elif turn(quirk, 31, 30):
            message.event = quirk // 31 % 10
            message.text, message.attachments = EVENTS[message.event], ()
        if index == 0 and chat.content_type == "invitation":
            message.kind = "INVITATION"
        elif chat.content_type == "inmail":
            message.kind = "INMAIL" if index == 0 else "INMAIL_REPLY" if index == 1 else "MESSAGE"
        return message

    def _attachment(self, message: Message, quirk: int) -> Attachment:
        fields, mimetype, name = _KINDS[(quirk // 3) % len(_KINDS)]
        if mimetype is None and message.chat.account.provider != "LINKEDIN":
            fields, mimetype, name = _KINDS[0]  # shared posts and meetings are LinkedIn's
        return Attachment(
            id=self._ids.attachment(message.chat.account.number, message.key[1], 0),
            fields=fields,
            size=None if mimetype is None else 1024 + quirk % 5000,
            lost=turn(quirk, 5, 0),
            mimetype=mimetype,
            name=name,
            url=f"att://{message.chat.account.id}/{message.id}",
        )
