"""Chats: reading, and starting one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import newest_first
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import token, ulid
from postpress_async.sandbox.world.talk import attendee_json, chat_json, chat_with_last
from postpress_async.sandbox.world.things import Account, Chat, Person

from .sending import contents

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES = frozenset(
    {"WHATSAPP", "LINKEDIN", "SLACK", "TWITTER", "MESSENGER", "INSTAGRAM", "TELEGRAM"}
)


def list_chats(call: Call) -> Answer:
    """List chats, the last active first."""
    query = call.query
    accounts, kind = query.texts("account_id"), query.text("account_type")
    if kind is not None and kind not in _TYPES:
        raise Problem("invalid_parameters", "account_type is not one of the documented ones")
    wanted = _wanted(call, kind)
    limit = query.limit(250)
    if accounts:
        rows = [chat for one in dict.fromkeys(accounts) for chat in call.world.chats_of(one)]
    else:
        rows = list(call.world.chats.values())
    page = newest_first(
        sorted(rows, key=lambda chat: chat.key),
        name="chats",
        cursor=query.text("cursor"),
        limit=limit,
        wanted=wanted,
    )
    return Answer(
        body={
            "object": "ChatList",
            "items": [chat_json(chat) for chat in page.items],
            "cursor": page.cursor,
        }
    )


def _wanted(call: Call, kind: str | None) -> Callable[[Chat], bool]:
    unread = call.query.flag("unread")
    before, after = call.query.instant("before"), call.query.instant("after")

    def wanted(chat: Chat) -> bool:
        return (
            (kind is None or chat.account.provider == kind)
            and (unread is None or (chat.unread > 0) == unread)
            and (before is None or chat.timestamp < before)
            and (after is None or chat.timestamp > after)
        )

    return wanted


def get_chat(call: Call) -> Answer:
    """Give one chat, with its last message."""
    return Answer(body=chat_with_last(the_chat(call)))


def the_chat(call: Call) -> Chat:
    """Give the chat that the path names."""
    return call.world.chat(call.params["chat_id"], call.query.text("account_id"))


def list_chat_attendees(call: Call) -> Answer:
    """List who is in a chat: all of them, always."""
    return Answer(
        body={
            "object": "ChatAttendeeList",
            "items": [attendee_json(one) for one in the_chat(call).attendees],
            "cursor": None,
        }
    )


def start_chat(call: Call) -> Answer:
    """Start a chat, or a group; an existing one-to-one chat is taken up again."""
    account, recipients = call.account(), call.body.texts("attendees_ids")
    if not recipients:
        raise Problem("missing_parameters", "attendees_ids is required")
    text, attachments = contents(call.body)
    people = [_recipient(call, account, one) for one in dict.fromkeys(recipients)]
    inmail = call.body.child("linkedin").flag("inmail") is True
    _check_reach(account, people, inmail=inmail)
    chat = call.world.chat_with(account, people[0]) if len(people) == 1 else None
    if chat is None:
        chat = _new_chat(call, account, people)
    me = call.world.attendee(account, account.owner)
    kind = "INMAIL" if inmail else "MESSAGE"
    said = None
    if text is not None or attachments:
        said = call.world.say(chat, me, text, call.now, attachments=attachments, kind=kind)
    if inmail:
        account.inmails -= 1
    # LinkedIn does not tell the id of a first message
    message_id = said.id if said and not (account.provider == "LINKEDIN" and inmail) else None
    return Answer(
        body={"object": "ChatStarted", "chat_id": chat.id, "message_id": message_id},
        status=201,
        committed=True,
        text=text,
    )


def _recipient(call: Call, account: Account, messaging_id: str) -> Person:
    person = call.world.directories[account.provider].recipient(messaging_id)
    if person is None or person is account.owner:
        raise Problem("invalid_recipient", f"{messaging_id} cannot be written to.")
    if account.provider == "LINKEDIN":
        options = call.body.child("linkedin")
        api = options.text("api") or "classic"
        if api != "classic" and api not in account.features:
            raise Problem("feature_not_subscribed", f"The account has no {api} subscription.")
        if messaging_id != person.other_ids.get(api, person.internal_id):
            raise Problem("invalid_recipient", f"{messaging_id} is no id of the {api} API.")
    return person


def _check_reach(account: Account, people: list[Person], *, inmail: bool) -> None:
    if account.provider != "LINKEDIN":
        return
    if inmail:
        if not account.features:
            raise Problem("feature_not_subscribed", "InMail needs a premium account.")
        if len(people) > 1:
            raise Problem("not_allowed_inmail", "An InMail goes to one person.")
        if account.inmails < 1:
            raise Problem("insufficient_credits", "No InMail credit is left.")
        return
    if any(person.seen_as not in account.relations for person in people):
        raise Problem("no_connection_with_recipient", "New chats are for relations only.")


def _new_chat(call: Call, account: Account, people: list[Person]) -> Chat:
    world, number = call.world, call.world.number()
    group = len(people) > 1
    chat = Chat(
        id="chat_" + ulid(world.seed, account.id, "started", number),
        account=account,
        provider_id=token(world.seed, "thread", number),
        type=1 if group else 0,
        attendees=[
            *(world.attendee(account, person) for person in people),
            world.attendee(account, account.owner),
        ],
        created_at=call.now,
        number=number,
        name=call.body.text("subject") if group else None,
        subject=None if group else call.body.text("subject"),
    )
    world.add_chat(chat)
    return chat
