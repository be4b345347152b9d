"""Lists on the screen: pages as they come, and where to go on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from postpress_async.options import whole
from postpress_async.resources.messages import MOST_ON_A_PAGE

from .output import console, print_json, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.models import Chat, Message
    from postpress_async.pagination import Paginator

T = TypeVar("T", "Chat", "Message")


def page_size(limit: int | None) -> int | None:
    """Return how long pages are, so that as few as can be end behind the limit.

    Raises:
        ConfigurationError: the limit is below one.
    """
    if limit is None:
        return None
    whole("--limit", limit, least=1)
    pages = -(-limit // MOST_ON_A_PAGE)
    return -(-limit // pages)


async def show(
    walk: Paginator[T],
    *,
    limit: int | None,
    head: Sequence[str],
    row: Callable[[T], Sequence[object]],
    as_json: bool,
) -> None:
    """Print a list page by page; nothing is kept, and a reader may leave at any time.

    Where a limit ended it, the cursor to go on with is told on stderr.
    """
    walk = walk if limit is None else walk.limit(limit)
    left = limit
    async for page in walk.pages():
        if as_json:
            for item in page.items:
                print_json(item.raw)
        elif page.items:
            print_rows(head, [row(item) for item in page.items])
        if left is not None:
            left -= len(page.items)
    if left == 0 and walk.cursor is not None:
        tell_cursor(walk.cursor, as_json=as_json)


def tell_cursor(cursor: str, *, as_json: bool) -> None:
    """Say on stderr where to go on."""
    if as_json:
        print_json({"cursor": cursor}, stderr=True)
    elif console(stderr=True).is_terminal:
        sys.stderr.write(f"more with: --start {cursor}\n")
