"""Chats: reading, synchronising, deleting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.calls import Answer, Call
from postpress_async.sandbox.paging import numbers, take, write
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import Listing
from postpress_async.sandbox.world.network import attendee_json
from postpress_async.sandbox.world.talk import chat_json, chat_with_last

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.sandbox.wire import JsonObject
    from postpress_async.sandbox.world.room import Ranked
    from postpress_async.sandbox.world.store import World
    from postpress_async.sandbox.world.things import Account, Attendee, Chat

_TYPES: Final = frozenset(
    {"WHATSAPP", "LINKEDIN", "SLACK", "TWITTER", "MESSENGER", "INSTAGRAM", "TELEGRAM"}
)
_SYNC_TAKES: Final = 20_000  # milliseconds


def list_chats(call: Call) -> Answer:
    """List chats, the last active first."""
    world, kind = call.world, call.query.text("account_type")
    if kind is not None and kind not in _TYPES:
        raise Problem("invalid_parameters", "account_type is not one of the documented ones")
    named = call.query.texts("account_id")
    accounts = world.rows
    if named:
        accounts = [world.accounts[one] for one in dict.fromkeys(named) if one in world.accounts]
    if kind is not None:
        accounts = [account for account in accounts if account.provider == kind]
    return chats_page(call, accounts)


def chats_page(
    call: Call, accounts: Sequence[Account], wanted: Callable[[Chat], bool] | None = None
) -> Answer:
    """Take a page of chats, with the filters that all these lists share.

    The order is by last activity, which changes while somebody walks. So a cursor carries when the
    walk began, and the walk sees the order of that time: each chat once.
    """
    limit, cursor = call.query.limit(250), call.query.text("cursor")
    key, since = None, call.world.number()
    if cursor is not None:
        at, number, since = numbers(cursor, "chats", 3)
        key = at, number
    rows = call.world.chats_below(accounts, key, since)
    page = take(rows, name="chats", limit=limit, wanted=_filter(call, wanted))
    last = page.items[-1].key if page.cursor is not None else None
    return Answer(
        body=Listing(
            object="ChatList",
            items=[ranked.chat for ranked in page.items],
            write=chat_json,
            cursor=None if last is None else write("chats", last, since),
        )
    )


def _filter(call: Call, wanted: Callable[[Chat], bool] | None) -> Callable[[Ranked], bool] | None:
    unread = call.query.flag("unread")
    before, after = call.query.instant("before"), call.query.instant("after")
    if wanted is None and unread is None and before is None and after is None:
        return None
    return partial(_is_wanted, unread=unread, before=before, after=after, wanted=wanted)


def _is_wanted(
    ranked: Ranked,
    *,
    unread: bool | None,
    before: int | None,
    after: int | None,
    wanted: Callable[[Chat], bool] | None,
) -> bool:
    chat = ranked.chat
    return (
        (unread is None or (chat.unread > 0) == unread)
        and (before is None or chat.key[0] < before)
        and (after is None or chat.key[0] > after)
        and (wanted is None or wanted(chat))
    )


def list_chat_attendees(call: Call) -> Answer:
    """List who is in a chat: all of them, always."""
    return attendees_listing(call.world, the_chat(call).attendees)


def attendees_listing(
    world: World, attendees: Sequence[Attendee], cursor: str | None = None
) -> Answer:
    """Answer with a list of attendees."""
    return Answer(
        body=Listing(
            object="ChatAttendeeList",
            items=attendees,
            write=partial(write_attendee, world),
            cursor=cursor,
        )
    )


def write_attendee(world: World, attendee: Attendee) -> JsonObject:
    """Write an attendee, as their account sees them."""
    return attendee_json(attendee, world.room(attendee.account))


def get_chat(call: Call) -> Answer:
    """Give one chat, with its last message."""
    return Answer(body=chat_with_last(the_chat(call)))


def the_chat(call: Call) -> Chat:
    """Give the chat that the path names."""
    return call.world.chat(call.params["chat_id"], call.query.text("account_id"))


def sync_chat(call: Call) -> Answer:
    """Start to fetch a chat's history, or tell how far it is; it takes 20 s of the clock.

    After SYNC_DONE was told, the next call starts afresh.
    """
    found = call.world.find_chat(call.params["chat_id"])
    chat = found if found is not None and found.deleted else the_chat(call)
    if chat.deleted:
        status = "CHAT_DELETED"
    elif chat.sync_ends is None:
        status, chat.sync_ends = "SYNC_STARTED", call.now + _SYNC_TAKES
    elif call.now < chat.sync_ends:
        status = "SYNC_RUNNING"
    else:
        status, chat.sync_ends = "SYNC_DONE", None
    return Answer(
        body={"object": "ChatHistorySync", "chat_id": chat.id, "status": status},
        committed=status == "SYNC_STARTED",
    )


def delete_chat(call: Call) -> Answer:
    """Delete a chat, with its messages."""
    the_chat(call).deleted = True
    return Answer(body={"object": "ChatDeleted"}, committed=True)
