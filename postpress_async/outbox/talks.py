"""What was written of late where an item would go, by the service's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async import spellings
from postpress_async.errors import NotFoundError
from postpress_async.exchange.capture import capture
from postpress_async.wire import waits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from postpress_async.client import Postpress
    from postpress_async.exchange.capture import Seen
    from postpress_async.models import Attendee, Message

    from .items import Item

__all__ = ["Talk", "chat_of", "synced", "talks"]

_RIGHT: Final = timedelta(seconds=10)
"""What a clock may be ahead and count as right: dates tell whole seconds, and reading takes time.
Where it is more, so much more is looked at."""
_NONE: Final = timedelta()
_MOST: Final = 250
"""What a page of attendees may hold."""


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """Be what was written of late in a chat.

    Attributes:
        chat_id: in which.
        messages: as the service has them.
        off: how far ahead the clock is by which they were asked for.
    """

    chat_id: str
    messages: Sequence[Message]
    off: timedelta


async def talks(
    client: Postpress, item: Item, since: datetime, *, by: datetime | None
) -> AsyncGenerator[Talk]:
    """Yield what was written since an instant, chat by chat.

    Messages bear the service's time, and `since` that of a clock of ours. Where that is ahead, a
    reply seems older than it is, and would stop nothing. A clock that is behind shows too much
    rather than too little, and is believed.

    Args:
        client: what reads.
        item: for which to look.
        since: by our clock, or by the store's.
        by: what that clock said a moment ago; None where `since` is the service's own time.
    """
    off = _NONE
    for chat_id in await _chats(client, item):
        while True:
            with capture() as seen:
                changes = await client.messages.since(
                    since - off, chat_id=chat_id, account_id=item.account_id
                )
            if by is None or (ahead := _ahead(by, seen)) <= max(off, _RIGHT):
                break
            off = ahead + _RIGHT
        yield Talk(chat_id=chat_id, messages=changes.items, off=off)


async def chat_of(client: Postpress, item: Item) -> str | None:
    """Return the chat that an item goes into: of a reaction, that of its message."""
    if item.message_id is None:
        return item.chat_id
    try:
        message = await client.account(item.account_id).messages.get(item.message_id)
    except NotFoundError:
        return None
    return message.chat_id


async def synced(client: Postpress, item: Item) -> Attendee | None:
    """Return whom it is to as chats know them, where that is by another id than the item's.

    Following on Instagram takes a public identifier, and WhatsApp has hidden ids (`…@lid`). Nothing
    asks for one attendee by these: all of the account are walked over, 250 a read. None where there
    is nobody of that name, or the item's id is the one that chats have.
    """
    person = item.person
    if person is None or not (item.action == "follow" or person.endswith("@lid")):
        return None
    async for one in client.attendees.list(account_id=item.account_id, page_size=_MOST):
        if person == one.provider_id or person in _hidden(one):
            return one
    return None


def _hidden(attendee: Attendee) -> set[object]:
    return {getattr(attendee.specifics, name, None) for name in ("public_identifier", "lid")}


async def _chats(client: Postpress, item: Item) -> list[str]:
    if item.chat_id is not None or item.message_id is not None:
        chat_id = await chat_of(client, item)
        return [] if chat_id is None else [chat_id]
    if item.person is None or item.kind == "profile":
        return []
    known = await synced(client, item)
    # Digits alone are an id in most places, and a number on WhatsApp.
    ids = [item.person, spellings.meant(item.person)]
    if known is not None and known.provider_id is not None:
        ids.insert(0, known.provider_id)
    found: dict[str, None] = {}
    for one in dict.fromkeys(ids):
        found.update(dict.fromkeys(await _with(client, one, item.account_id)))
    return list(found)


async def _with(client: Postpress, person: str, account_id: str) -> list[str]:
    try:
        walk = client.attendees.chats(person, account_id=account_id)
        return [one.id async for one in walk if one.id is not None]
    except NotFoundError:
        return []  # nobody has talked to them yet


def _ahead(by: datetime, seen: Sequence[Seen]) -> timedelta:
    dates = [waits.date_of(one.headers) for one in seen]
    told = max((date for date in dates if date is not None), default=None)
    return _NONE if told is None else by - datetime.fromtimestamp(told, UTC)
