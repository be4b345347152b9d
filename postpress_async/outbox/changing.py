"""State changes as they happen, for whoever listens: here at once, elsewhere as they are found."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self
from weakref import WeakSet

from .hearing import Hearing, Told, stamp_of
from .items import item_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.outbox.rows import Row
    from postpress_async.storage.outbox.store import Store

    from .hearing import Mark
    from .items import Item

__all__ = ["ItemChanges", "Listeners"]

log: Final = logging.getLogger("postpress_async.outbox")
_MOST_KEPT: Final = 10_000
"""Changes that wait for a slow listener; then the oldest are dropped, and it is warned."""
_RECENT: Final = 1_000
"""Changes of this process from before anybody listened, so that none is taken for a later one."""


class ItemChanges:
    """Walk over items as they change; it ends when the outbox is closed.

    ```python
    async for item in outbox.changes():
        print(item.id, item.state)
    ```

    Attributes:
        dropped: how many were not seen, because the loop's body was too slow for too long.
        here: whether it hears this process alone.
    """

    def __init__(self, listeners: Listeners, *, here: bool) -> None:
        self.dropped: int = 0
        self.here: bool = here
        self._listeners = listeners
        self._waiting: deque[Item] = deque()  # a row may hold files
        self._bell = asyncio.Event()
        self._closed = False
        self._failure: Exception | None = None
        listeners.add(self)

    def __aiter__(self) -> Self:
        """Go on."""
        return self

    async def __anext__(self) -> Item:
        """Return the next change."""
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            self._listeners.begin()
            self._bell.clear()
            await self._bell.wait()
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop listening."""
        self._listeners.remove(self)
        self.end()

    def tell(self, item: Item) -> None:
        """Take in a change."""
        if len(self._waiting) >= _MOST_KEPT:
            self._waiting.popleft()
            self.dropped += 1
            if self.dropped == 1:
                log.warning("changes() is read too slowly: the oldest changes are dropped")
        self._waiting.append(item)
        self._bell.set()

    def end(self, failure: Exception | None = None) -> None:
        """End behind what waits."""
        self._failure = failure
        self._closed = True
        self._bell.set()


class Listeners:
    """Keep who listens, and look for what others do as long as somebody does.

    Args:
        first: hears of each change that this process makes, before them.
        store: where others make theirs.
        monotonic: seconds, never back.
    """

    def __init__(
        self, first: Callable[[Row], None], *, store: Store, monotonic: Callable[[], float]
    ) -> None:
        self._first = first
        self._store = store
        self._monotonic = monotonic
        # Who leaves a loop by `break` need not say so.
        self._all: WeakSet[ItemChanges] = WeakSet()
        self._recent: deque[tuple[int, Mark]] = deque(maxlen=_RECENT)
        self._told: Told | None = None
        self._began = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many changes those who listen now did not see."""
        return sum(one.dropped for one in self._all)

    def add(self, one: ItemChanges) -> None:
        """Listen from now on."""
        if self._closed:
            one.end()
            return
        self._all.add(one)
        if one.here:
            return
        if self._told is None:
            self._began, self._told = self._monotonic(), Told(self._recent)
        with suppress(RuntimeError):  # without a loop, it begins when somebody waits
            asyncio.get_running_loop()
            self.begin()

    def begin(self) -> None:
        """Look for what others do, unless that goes on already. In a loop."""
        told = self._told
        if self._looking is None and told is not None and self._wanted():
            hearing = Hearing(
                self._store,
                told=told,
                since=lambda: self._monotonic() - self._began,
                deliver=self._deliver,
            )
            self._looking = asyncio.create_task(self._look(hearing))

    def remove(self, one: ItemChanges) -> None:
        """Listen no more; a second time does nothing."""
        self._all.discard(one)

    def tell(self, row: Row | None) -> None:
        """Tell all of a change that this process made, where there was one."""
        if row is None:
            return
        self._first(row)
        self._recent.append((row.serial, stamp_of(row)))
        self._deliver(row, here=True)

    async def aclose(self) -> None:
        """End them all."""
        self._closed = True
        for one in list(self._all):
            one.end()
        self._all.clear()
        if (looking := self._looking) is not None:
            looking.cancel()
            await asyncio.wait({looking})

    def _deliver(self, row: Row, *, here: bool = False) -> None:
        news = self._told is None or self._told.note(row.serial, stamp_of(row))
        ears = [one for one in list(self._all) if (here if one.here else news)]
        if ears:
            item = item_of(row)
            for one in ears:
                one.tell(item)

    def _wanted(self) -> bool:
        return not self._closed and any(not one.here for one in self._all)

    async def _look(self, hearing: Hearing) -> None:
        try:
            await hearing.keep_looking(self._wanted)
        except Exception as error:  # noqa: BLE001 - theirs to see: nobody else waits for it
            for one in list(self._all):
                if not one.here:
                    one.end(error)
                    self._all.discard(one)
        finally:
            self._looking = self._told = None
