"""What can be done to a chat: `PATCH /chats/{chat_id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import forget
from postpress_async.sandbox.wire import token

from .chats import the_chat

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.sandbox.wire import JsonObject
    from postpress_async.sandbox.world.things import Chat, Person

_BOTH: Final = ("WHATSAPP", "LINKEDIN")
_WHATSAPP: Final = ("WHATSAPP",)
_GROUPS: Final = ("WHATSAPP", "TELEGRAM")
_MAX_LABEL: Final = 100


def act(call: Call) -> Answer:
    """Do one of the documented actions to a chat."""
    chat, action = the_chat(call), call.body.required("action")
    found = _ACTIONS.get(action)
    if found is None:
        raise Problem("invalid_action", f"{action} is no action on a chat")
    providers, do = found
    if chat.account.provider not in providers:
        raise Problem("feature_not_implemented", f"{action} is for {' and '.join(providers)}.")
    more = do(call, chat)
    forget(chat)
    return Answer(body={"object": "ChatPatched", **more}, committed=True)


def _flag(call: Call) -> bool:
    value = call.body.flag("value")
    if value is None:
        raise Problem("missing_parameters", "value is required: true or false")
    return value


def _read(call: Call, chat: Chat) -> JsonObject:
    if _flag(call):
        chat.unread = 0
    else:
        chat.unread = max(chat.unread, 1)
    return {}


def _mute(call: Call, chat: Chat) -> JsonObject:
    chat.muted = -1 if _flag(call) else None
    return {}


def _archive(call: Call, chat: Chat) -> JsonObject:
    chat.archived = _flag(call)
    return {}


def _pin(call: Call, chat: Chat) -> JsonObject:
    chat.pinned = _flag(call)
    return {}


def _label(call: Call, chat: Chat) -> JsonObject:
    label = call.body.required("value")
    if len(label) > _MAX_LABEL:
        raise Problem("invalid_label", f"A label may have {_MAX_LABEL} characters.")
    chat.label = label
    return {}


def _participant(call: Call, chat: Chat) -> Person:
    identifier = call.body.required("value")
    if chat.type != 1:
        raise Problem("unprocessable_entity", "Only a group has participants.")
    directory = call.world.directories[chat.account.provider]
    person = directory.recipient(identifier) or directory.named(identifier)
    if person is None:
        raise Problem("invalid_recipient", f"{identifier} was not found.")
    return person


def _add(call: Call, chat: Chat) -> JsonObject:
    attendee = call.world.room(chat.account).attendee(_participant(call, chat))
    if attendee in chat.attendees:
        raise Problem("action_already_performed", "They are in the group already.")
    _ = chat.messages  # its past is written before the group changes: new people said nothing yet
    chat.attendees.insert(-1, attendee)
    return {}


def _remove(call: Call, chat: Chat) -> JsonObject:
    attendee = call.world.room(chat.account).attendee(_participant(call, chat))
    if attendee not in chat.attendees or attendee.is_self:
        raise Problem("unprocessable_entity", "They are not in the group.")
    _ = chat.messages  # as above: what they said stays theirs
    chat.attendees.remove(attendee)
    return {}


def _invite_link(call: Call, chat: Chat) -> JsonObject:
    if chat.type != 1:
        raise Problem("unprocessable_entity", "Only a group has an invite link.")
    code = token(call.world.seed, chat.id, "link")
    return {"invite_link": f"https://chat.whatsapp.com/{code}"}


_ACTIONS: Final[dict[str, tuple[tuple[str, ...], Callable[[Call, Chat], JsonObject]]]] = {
    "setReadStatus": (_BOTH, _read),
    "setMuteStatus": (_BOTH, _mute),
    "setArchiveStatus": (_WHATSAPP, _archive),
    "setPinnedStatus": (_WHATSAPP, _pin),
    "setLabel": (_WHATSAPP, _label),
    "addParticipant": (_GROUPS, _add),
    "removeParticipant": (_GROUPS, _remove),
    "getInviteLink": (_WHATSAPP, _invite_link),
}
