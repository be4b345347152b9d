"""Messages: reading and sending."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.world.talk import message_json

from .sending import contents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.sandbox.world.things import Chat, Message


def list_messages(call: Call) -> Answer:
    """List messages of one account, or of all, newest first."""
    account_id = call.query.text("account_id")
    rows = call.world.timeline if account_id is None else call.world.messages_of(account_id)
    return messages_page(call, rows)


def list_chat_messages(call: Call) -> Answer:
    """List the messages of a chat, newest first."""
    chat = call.world.chat(call.params["chat_id"], call.query.text("account_id"))
    return messages_page(call, chat.messages)


def messages_page(call: Call, rows: Sequence[Message]) -> Answer:
    """Take a page of messages, with the filters that all these lists share."""
    page = newest_first(
        rows,
        name="messages",
        cursor=call.query.text("cursor"),
        limit=call.query.limit(250),
        wanted=_wanted(call),
    )
    return Answer(
        body={
            "object": "MessageList",
            "items": [message_json(message) for message in page.items],
            "cursor": page.cursor,
        }
    )


def _wanted(call: Call) -> Callable[[Message], bool] | None:
    sender = call.query.text("sender_id")
    before, after = call.query.instant("before"), call.query.instant("after")
    if sender is None and before is None and after is None:
        return None

    def wanted(message: Message) -> bool:
        return (
            (sender is None or sender in (message.sender.person.seen_as, message.sender.id))
            and (before is None or message.key[0] < before)
            and (after is None or message.key[0] > after)
        )

    return wanted


def get_message(call: Call) -> Answer:
    """Give one message."""
    return Answer(body=message_json(call.world.message(call.params["message_id"])))


def send_message(call: Call) -> Answer:
    """Send a message into a chat. It needs a text or a file."""
    chat = call.world.chat(call.params["chat_id"], call.query.text("account_id"))
    guard = call.body.text("account_id")
    if guard is not None and guard != chat.account.id:
        raise Problem("account_mismatch", "The chat belongs to another account.")
    text, attachments = contents(call.body)
    if not text and not attachments:
        raise Problem("missing_parameters", "text or an attachment is required")
    message = call.world.say(
        chat,
        call.world.attendee(chat.account, chat.account.owner),
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
    quoted = call.world.messages.get(quote_id)
    if quoted is None or quoted.chat is not chat:
        raise Problem("invalid_message", "quote_id is not a message of this chat.")
    return quoted
