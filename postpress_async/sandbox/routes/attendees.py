"""People whom the accounts know."""

from __future__ import annotations

import heapq
from functools import partial
from typing import TYPE_CHECKING

from postpress_async.sandbox.calls import Answer, Bytes, Call
from postpress_async.sandbox.paging import key_of, read, take
from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.rows import One
from postpress_async.sandbox.world.files import picture_of

from .chats import attendees_listing, chats_page, write_attendee
from .messages import messages_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.sandbox.paging import Key
    from postpress_async.sandbox.world.store import World
    from postpress_async.sandbox.world.things import Account, Attendee, Chat, Message


def list_attendees(call: Call) -> Answer:
    """List attendees of one account, or of all."""
    limit, key = call.query.limit(250), read(call.query.text("cursor"), "attendees")
    rows = call.world.attendees_below(_accounts(call), key)
    page = take(rows, name="attendees", limit=limit)
    return attendees_listing(call.world, page.items, page.cursor)


def _accounts(call: Call, *, several: bool = False) -> list[Account]:
    """Give the accounts that the query names; all, where it names none."""
    world = call.world
    if several:
        named = call.query.texts("account_id")
    else:
        one = call.query.text("account_id")
        named = [one] if one else []
    if not named:
        return world.rows
    return [world.accounts[one] for one in dict.fromkeys(named) if one in world.accounts]


def the_attendees(call: Call, name: str, *, several: bool = False) -> list[Attendee]:
    """Give the attendees whom the path names, by our id or by the provider's.

    Raises:
        Problem: There are none.
    """
    accounts = _accounts(call, several=several)
    identifiers = call.params[name].split(",") if several else [call.params[name]]
    found = {
        one.id: one
        for identifier in identifiers
        for one in call.world.find_attendees(identifier, accounts)
    }
    if not found:
        raise Problem("resource_not_found", "Attendee not found.")
    return list(found.values())


def get_attendee(call: Call) -> Answer:
    """Give one attendee."""
    attendee = the_attendees(call, "id")[0]
    return Answer(body=One(thing=attendee, write=partial(write_attendee, call.world)))


def get_picture(call: Call) -> Answer:
    """Give the picture of an attendee, or of a chat."""
    chat = call.world.find_chat(call.params["id"])
    if chat is not None and not chat.deleted:
        person = chat.attendees[0].person
    else:
        person = the_attendees(call, "id")[0].person
    drawn = picture_of(person)
    return Answer(body=Bytes(content_type="image/png", size=len(drawn), pieces=iter((drawn,))))


def list_attendee_chats(call: Call) -> Answer:
    """List the one-to-one chats with somebody, in every account or in those named."""
    attendees = the_attendees(call, "attendee_id", several=True)

    def is_with(chat: Chat) -> bool:
        partner = chat.partner
        return partner is not None and partner in attendees

    accounts = list({one.account.number: one.account for one in attendees}.values())
    return chats_page(call, accounts, is_with)


def list_attendee_messages(call: Call) -> Answer:
    """List what somebody said, in every account or in the one named."""
    attendees = the_attendees(call, "sender_id")

    def said(key: Key | None) -> Iterator[Message]:
        walks = (_said_by(call.world, one, key) for one in attendees)
        return heapq.merge(*walks, key=key_of, reverse=True)

    return messages_page(call, said)


def _said_by(world: World, attendee: Attendee, key: Key | None) -> Iterator[Message]:
    rows = world.room(attendee.account).messages_below(key)
    return (message for message in rows if message.sender is attendee)
