"""Several items changed by hand: one that cannot be does not keep the others from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.cli.exits import Exit
from postpress_async.cli.output import complain
from postpress_async.errors import ConfigurationError, OutboxError

from .shown import print_items

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.outbox import Item, ItemState, Outbox


async def chosen(
    outbox: Outbox, items: Sequence[str], group: str | None, state: ItemState
) -> Sequence[str]:
    """Return the items that were named, or all of a group in a state.

    Raises:
        ConfigurationError: neither was named, or both.
    """
    if bool(items) == (group is not None):
        msg = "name items, or --group, and not both"
        raise ConfigurationError(msg)
    if group is None:
        return items
    return [item.id async for item in outbox.list(state=state, group=group)]


async def each(
    items: Sequence[str], change: Callable[[str], Awaitable[Item]], *, as_json: bool
) -> Exit:
    """Change items one by one; tell of each, and of each that cannot be changed."""
    changed: list[Item] = []
    code = Exit.DONE
    for one in items:
        try:
            changed.append(await change(one))
        except OutboxError as error:
            complain(error, as_json=as_json)
            code = Exit.REFUSED
    print_items(changed, text=False, as_json=as_json)
    return code
