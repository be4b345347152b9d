"""What was written of late where an item would go, by the service's time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from postpress_async.errors import NotFoundError
from postpress_async.exchange.capture import capture
from postpress_async.wire import waits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from postpress_async.client import Postpress
    from postpress_async.exchange.capture import Seen
    from postpress_async.models import Message

    from .items import Item

__all__ = ["talks"]

_RIGHT: Final = timedelta(seconds=10)
"""What a clock may be ahead and count as right: dates tell whole seconds, and reading takes time.
Where it is more, so much more is looked at."""
_NONE: Final = timedelta()


async def talks(
    client: Postpress, item: Item, since: datetime, *, by: datetime | None
) -> AsyncGenerator[tuple[Sequence[Message], timedelta]]:
    """Yield what was written since an instant, chat by chat, and how far ahead its clock is.

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
        yield changes.items, off


async def _chats(client: Postpress, item: Item) -> list[str]:
    if item.chat_id is not None:
        return [item.chat_id]
    if item.person is None or item.kind == "profile":
        return []
    try:
        walk = client.attendees.chats(item.person, account_id=item.account_id)
        return [one.id async for one in walk if one.id is not None]
    except NotFoundError:
        return []  # nobody has talked to them yet


def _ahead(by: datetime, seen: Sequence[Seen]) -> timedelta:
    dates = [waits.date_of(one.headers) for one in seen]
    told = max((date for date in dates if date is not None), default=None)
    return _NONE if told is None else by - datetime.fromtimestamp(told, UTC)
