"""Messages: reading, sending, changing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Bytes, Call
from postpress_async.sandbox.paging import Walk, below, read, take
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import Listing, One, forget
from postpress_async.sandbox.world.files import content_of
from postpress_async.sandbox.world.talk import message_json

from .sending import contents, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.sandbox.bodies import Fields
    from postpress_async.sandbox.paging import Key, Page
    from postpress_async.sandbox.world.things import Chat, Message

_MINUTE: Final = 60_000
_EDITABLE: Final = {"LINKEDIN": 60, "WHATSAPP": 15, "TELEGRAM": 48 * 60}  # minutes
_DELETABLE: Final = {"LINKEDIN": 60, "WHATSAPP": 60 * 60}
_LONGEST_REACTION: Final = 16  # code points: an emoji of a family has eleven


def list_messages(call: Call) -> Answer:
    """List messages of one account, or of all, newest first."""
    account_id = call.query.text("account_id")
    if account_id is None:
        return _messages_of_all(call)
    account = call.world.accounts.get(account_id)
    if account is None:
        return messages_page(call, lambda _: iter(()))
    return messages_page(call, call.world.room(account).messages_below)


def _messages_of_all(call: Call) -> Answer:
    world, query = call.world, call.query
    if any(query.text(name) is not None for name in ("sender_id", "before", "after")):
        return messages_page(call, world.messages_below)
    cursor, limit = query.text("cursor"), query.limit(250)
    walk = world.bookmarks.take(cursor)
    if walk is None:
        walk = Walk(world.messages_below(read(cursor, "messages")))
    page = take(walk, name="messages", limit=limit, wanted=_is_there)
    world.bookmarks.keep(page, walk)
    return _listing(page)


def _is_there(message: Message) -> bool:
    return not message.chat.deleted


def _listing(page: Page[Message]) -> Answer:
    return Answer(
        body=Listing(object="MessageList", items=page.items, write=message_json, cursor=page.cursor)
    )


def list_chat_messages(call: Call) -> Answer:
    """List the messages of a chat, newest first."""
    chat = call.world.chat(call.params["chat_id"], call.query.text("account_id"))
    return messages_page(call, lambda key: below(chat.messages, key))


def messages_page(call: Call, walk: Callable[[Key | None], Iterator[Message]]) -> Answer:
    """Take a page of messages, with the filters that all these lists share."""
    query = call.query
    limit, key = query.limit(250), read(query.text("cursor"), "messages")
    sender, before, after = query.text("sender_id"), query.instant("before"), query.instant("after")
    if before is not None:
        key = (before, -1) if key is None else min(key, (before, -1))
    rows = walk(key)
    if after is not None:
        rows = _until(rows, after)
    wanted = None
    if sender is not None:
        wanted = _said_by(sender)
    return _listing(take(rows, name="messages", limit=limit, wanted=wanted))


def _until(rows: Iterator[Message], after: int) -> Iterator[Message]:
    for message in rows:
        if message.key[0] <= after:
            return
        yield message


def _said_by(sender: str) -> Callable[[Message], bool]:
    return lambda message: sender in (message.sender.person.seen_as, message.sender.id)


def get_message(call: Call) -> Answer:
    """Give one message."""
    return Answer(body=One(thing=the_message(call), write=message_json))


def the_message(call: Call) -> Message:
    """Give the message that the path names."""
    return call.world.message(call.params["message_id"])


def get_attachment(call: Call) -> Answer:
    """Give an attachment's bytes."""
    wanted = call.params["attachment_id"]
    found = next((one for one in the_message(call).attachments if one.id == wanted), None)
    if found is None or found.unavailable or found.size is None:
        raise Problem("resource_not_found", "The attachment was not found, or is gone.")
    return Answer(
        body=Bytes(
            content_type=found.mimetype or "application/octet-stream",
            size=found.size,
            pieces=content_of(found),
            name=found.name,
        )
    )


def typing_of(body: Fields) -> float:
    """Tell for how many seconds somebody is shown as typing; the answer comes after that.

    It is documented for WhatsApp; here all do it, so that a client proves that it can wait.
    """
    typing = body.value("typing_duration")
    known = isinstance(typing, str) and typing.isascii() and typing.isdigit()
    return int(typing) / 1000.0 if known and isinstance(typing, str) else 0.0


def send_message(call: Call) -> Answer:
    """Send a message into a chat. It needs a text or a file."""
    chat = call.world.chat(call.params["chat_id"], call.query.text("account_id"))
    guard = call.body.text("account_id")
    if guard is not None and guard != chat.account.id:
        raise Problem("account_mismatch", "The chat belongs to another account.")
    typing = call.body.text("typing_duration")
    if typing is not None and not (typing.isascii() and typing.isdigit()):
        raise Problem("invalid_parameters", "typing_duration is a number of milliseconds")
    text, attachments = contents(call.body, chat.account.provider)
    if not text and not attachments:
        raise Problem("missing_parameters", "text or an attachment is required")
    message = call.world.say(
        chat,
        call.world.room(chat.account).me,
        text,
        call.now,
        attachments=attachments,
        quoted=_quoted(call, chat),
    )
    return Answer(
        body={"object": "MessageSent", "message_id": message.id},
        status=201,
        committed=True,
        text=text,
    )


def _quoted(call: Call, chat: Chat) -> Message | None:
    quote_id = call.body.text("quote_id")
    if quote_id is None:
        return None
    quoted = call.world.find_message(quote_id)
    if quoted is None or quoted.chat is not chat:
        raise Problem("invalid_message", "quote_id is not a message of this chat.")
    return quoted


def edit_message(call: Call) -> Answer:
    """Change an own message. WhatsApp says yes to one that is too old, and does nothing."""
    message = the_message(call)
    provider = message.chat.account.provider
    text = text_of(call.body, provider)
    if not text:
        raise Problem("missing_parameters", "text is required")
    late = _is_late(call, message, _EDITABLE, "edited")
    if late and provider != "WHATSAPP":
        raise Problem("unprocessable_entity", "The message is too old to be edited.")
    if not late:
        message.text, message.edited = text, 1
        _changed(message)
    return Answer(body={"object": "MessageEdited"}, committed=not late, text=text)


def delete_message(call: Call) -> Answer:
    """Take an own message back. It stays in the lists, without its content."""
    message = the_message(call)
    if _is_late(call, message, _DELETABLE, "deleted"):
        raise Problem("unprocessable_entity", "The message is too old to be deleted.")
    message.deleted, message.text, message.attachments = 1, None, ()
    message.reactions = ()
    _changed(message)
    return Answer(body={"object": "MessageDeleted"}, committed=True)


def _is_late(call: Call, message: Message, minutes: dict[str, int], verb: str) -> bool:
    """Tell whether a message can no longer be changed.

    Raises:
        Problem: It never could be.
    """
    provider = message.chat.account.provider
    if provider not in minutes:
        raise Problem("feature_not_implemented", f"On {provider} nothing can be {verb}.")
    if not message.sender.is_self:
        raise Problem("insufficient_permissions", f"Only an own message can be {verb}.")
    if message.deleted:
        raise Problem("resource_not_found", "The message was deleted.")
    return call.now - message.key[0] > minutes[provider] * _MINUTE


def _changed(message: Message) -> None:
    forget(message)
    forget(message.chat)


def forward_message(call: Call) -> Answer:
    """Say a message again in another chat. WhatsApp only."""
    message = the_message(call)
    account = message.chat.account
    if account.provider != "WHATSAPP":
        raise Problem("feature_not_implemented", "Only WhatsApp forwards messages.")
    chat = call.world.chat(call.body.required("chat_id"))
    if chat.account is not account:
        raise Problem("account_mismatch", "The chat belongs to another account.")
    if message.deleted or message.event is not None:
        raise Problem("invalid_message", "There is nothing to forward.")
    me, attachments = call.world.room(account).me, message.attachments
    said = call.world.say(chat, me, message.text, call.now, attachments=attachments)
    return Answer(
        body={"object": "MessageForwarded", "message_id": said.id},
        committed=True,
        text=message.text,
    )


def react(call: Call) -> Answer:
    """React to a message; a new reaction takes the place of the one before."""
    message = the_message(call)
    account, reaction = message.chat.account, call.body.required("reaction")
    if account.provider not in ("WHATSAPP", "LINKEDIN"):
        raise Problem("resource_access_restricted", "Only WhatsApp and LinkedIn have reactions.")
    if len(reaction) > _LONGEST_REACTION or any(one.isalnum() for one in reaction[:1]):
        raise Problem("invalid_parameters", "reaction is one emoji")
    others = [one for one in message.reactions if one[0] is not account.owner]
    message.reactions = [*others, (account.owner, reaction)]
    _changed(message)
    return Answer(body={"object": "MessageReactionAdded", "success": True}, committed=True)
