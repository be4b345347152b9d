"""Lists of items, walked like every other list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError
from postpress_async.models._base import PageMemory
from postpress_async.models.decoding import PageBody
from postpress_async.pagination import Paginator
from postpress_async.resources._base import checked_page_size
from postpress_async.storage.outbox.rows import PAGE_BYTES, Filter

from . import putting
from .items import item_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.storage.outbox.rows import Row, State
    from postpress_async.storage.outbox.store import Store

    from .items import Item, ItemState

__all__ = ["filter_of", "items_of", "states_of"]

PAGE: Final = 100
_DIGITS: Final = 18  # of a cursor: a number that every store knows
_KEPT: Final[dict[str, tuple[State, ...]]] = {
    "held": ("held",),
    "queued": ("queued", "claimed"),
    "sending": ("sending",),
    "sent": ("sent",),
    "unknown": ("unknown",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "expired": ("expired",),
}


def states_of(given: ItemState | Sequence[ItemState] | None) -> tuple[State, ...] | None:
    """Return what states are called where they are kept; None for all.

    Raises:
        ConfigurationError: it is no state.
    """
    if given is None:
        return None
    several = [given] if isinstance(given, str) else list(given)
    for one in several:
        if one not in _KEPT:
            msg = f"state must be one of {', '.join(_KEPT)}, not {one!r}"
            raise ConfigurationError(msg)
    return tuple(kept for one in several for kept in _KEPT[one])


def filter_of(
    *,
    account_id: str | None = None,
    group: str | None = None,
    recipient: str | None = None,
    states: tuple[State, ...] | None = None,
    needs_decision: bool | None = None,
) -> Filter:
    """Return what chooses items by the names that they were put in with.

    Raises:
        ConfigurationError: a name is none that could be kept.
    """
    given = {"account_id": account_id, "group": group, "recipient": recipient}
    for name, value in given.items():
        if value is not None:
            putting.kept_text(name, value)
    return Filter(
        states=states,
        account_id=account_id,
        group=group,
        recipient=None if recipient is None else putting.name_of(recipient),
        needs_decision=needs_decision,
    )


def items_of(
    store: Store,
    wanted: Filter,
    *,
    start: str | None = None,
    page_size: int | None = None,
    bodies: bool = True,
    seen: Callable[[Store, Sequence[Row]], Awaitable[Sequence[Row]]] | None = None,
) -> Paginator[Item]:
    """Return the walk over what a filter chooses; without `bodies`, nothing that items say.

    Rows are read as far as there is room for their files, which no item keeps. Items show of them
    what `seen` leaves.
    """
    checked_page_size(page_size)
    if start is not None and not (start.isascii() and start.isdigit() and len(start) <= _DIGITS):
        msg = f"start must be a cursor of such a list, not {start[:80]!r}"
        raise ConfigurationError(msg)
    size = page_size or PAGE

    async def fetch(cursor: str | None) -> PageBody[Item]:
        items: list[Item] = []
        after, more = int(cursor or 0), True
        while more and len(items) < size:
            left = size - len(items)
            rows = await store.find(wanted, after=after, limit=left, bodies=bodies)
            more = len(rows) == left or sum(len(row.body) for row in rows) >= PAGE_BYTES
            after = rows[-1].serial if rows else after
            items += map(item_of, rows if seen is None else await seen(store, rows))
        return PageBody(items, str(after) if more else None, PageMemory(b"{}", []))

    return Paginator(fetch, start)
