"""State changes as they happen in this process, for whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from .items import item_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.outbox.rows import Row

    from .items import Item

__all__ = ["ItemChanges", "Listeners"]

log: Final = logging.getLogger("postpress_async.outbox")
_MOST_KEPT: Final = 10_000
"""Changes that wait for a slow listener; then the oldest are dropped, and it is warned."""


class ItemChanges:
    """Walk over items as they change; it ends when the outbox is closed.

    ```python
    async for item in outbox.changes():
        print(item.id, item.state)
    ```

    Attributes:
        dropped: how many were not seen, because the loop's body was too slow for too long.
    """

    def __init__(self, listeners: Listeners) -> None:
        self.dropped: int = 0
        self._listeners = listeners
        self._waiting: deque[Row] = deque()
        self._bell = asyncio.Event()
        self._closed = False
        listeners.add(self)

    def __aiter__(self) -> Self:
        """Go on."""
        return self

    async def __anext__(self) -> Item:
        """Return the next change."""
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._bell.clear()
            await self._bell.wait()
        return item_of(self._waiting.popleft())

    async def aclose(self) -> None:
        """Stop listening."""
        self._listeners.remove(self)
        self.end()

    def tell(self, row: Row) -> None:
        """Take in a change."""
        if len(self._waiting) >= _MOST_KEPT:
            self._waiting.popleft()
            self.dropped += 1
            if self.dropped == 1:
                log.warning("changes() is read too slowly: the oldest changes are dropped")
        self._waiting.append(row)
        self._bell.set()

    def end(self) -> None:
        """End behind what waits."""
        self._closed = True
        self._bell.set()


class Listeners:
    """Keep who listens.

    Args:
        first: hears of each change before them.
    """

    def __init__(self, first: Callable[[Row], None]) -> None:
        self._first = first
        self._all: list[ItemChanges] = []

    @property
    def dropped(self) -> int:
        """How many changes those who listen now did not see."""
        return sum(one.dropped for one in self._all)

    def add(self, one: ItemChanges) -> None:
        """Listen from now on."""
        self._all.append(one)

    def remove(self, one: ItemChanges) -> None:
        """Listen no more; a second time does nothing."""
        if one in self._all:
            self._all.remove(one)

    def tell(self, row: Row | None) -> None:
        """Tell all of a change, where there was one."""
        if row is not None:
            self._first(row)
            for one in self._all:
                one.tell(row)

    def end(self) -> None:
        """End them all."""
        for one in self._all:
            one.end()
        self._all.clear()
