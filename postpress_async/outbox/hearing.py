"""What has changed in the store, whoever changed it: asked for as long as somebody listens."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Final, TypeAlias

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.outbox.rows import Filter, Row

from .contents import lightened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping

    from postpress_async.storage.outbox.rows import Horizon, Stamp
    from postpress_async.storage.outbox.store import Store

__all__ = ["Hearing", "Told", "stamp_of"]

log: Final = logging.getLogger("postpress_async.outbox")

EVERY_SECONDS: Final = 0.5
_MARGIN: Final = 5.0
"""Seconds that a change may be dated before its transaction was to be seen: waits, other clocks."""
_EARLIER: Final = 60.0
_FEWER: Final = 10_000
"""How far the first look goes back, for transactions that were open then; nobody knows how long."""
_PAGE: Final = 1_000
_AT_ONCE: Final = 50
"""Changes that are put in their order at once, each with what its item says."""
_RANKS: Final[dict[str, int]] = {"claimed": 0, "sending": 1, "expired": 3}
_HELD: Final = 0
_REST: Final = 2

Mark: TypeAlias = tuple[int, int, float]
"""A change of an item: its fence, how far it is under that fence, and when."""
Bound: TypeAlias = tuple[float, int]
"""An instant and a serial: what a transaction changes is behind both."""


def stamp_of(row: Row | Stamp) -> Mark:
    """Return a change, in the order in which an item changes.

    That a worker holds it, to send it or to look for it, comes first under each fence.
    """
    taken = row.owner is not None if isinstance(row, Row) else row.taken
    rank = _HELD if row.state == "unknown" and taken else _RANKS.get(row.state, _REST)
    return row.fence, rank, row.changed_at


class Told:
    """Remember what was told of items that may be met again, so that nothing is told twice."""

    def __init__(self, known: Iterable[tuple[int, Mark]]) -> None:
        self._marks: dict[int, Mark] = {}
        for serial, mark in known:
            self.note(serial, mark)

    def note(self, serial: int, mark: Mark) -> bool:
        """Tell whether a change is later than what was told of its item; then it is told."""
        if serial in self._marks and mark <= self._marks[serial]:
            return False
        self._marks[serial] = mark
        return True

    def is_news(self, stamp: Stamp, *, new: bool) -> bool:
        """Tell whether a change is worth a look: later than what was told, and seen by users."""
        mark, known = stamp_of(stamp), self._marks.get(stamp.serial)
        if mark[1] == _HELD:  # users see no claim; but of a new item they have seen nothing yet
            return new and known is None
        return known is None or mark > known

    def forget(self, before: Bound) -> None:
        """Forget what will not be met again."""
        at, serial = before
        self._marks = {
            number: mark for number, mark in self._marks.items() if mark[2] >= at or number > serial
        }


class Hearing:
    """Look for changes from time to time, and deliver each once, an item's in their order.

    Two changes of an item between two looks are one: the later. What the store's transactions
    change is dated when they begin, and seen when they end; so each look goes back to where those
    began that were open at the one before.

    Args:
        store: where items are.
        told: what was told before; shared with who tells what this process does.
        since: seconds since it was begun to listen.
        deliver: takes a change; of two looks, and of what this process does, the later one only.
    """

    def __init__(
        self,
        store: Store,
        *,
        told: Told,
        since: Callable[[], float],
        deliver: Callable[[Row], None],
    ) -> None:
        self._store = store
        self._told = told
        self._since = since
        self._deliver = deliver
        self._last: Bound | None = None
        self._open: Mapping[str, Bound] = {}
        self._warned = False

    async def keep_looking(self, wanted: Callable[[], bool]) -> None:
        """Look as long as it is wanted. A store that is away is asked again, and nothing is lost.

        Raises:
            ConfigurationError: it cannot be used at all.
        """
        while wanted():
            try:
                await self._look()
            except StateUnavailableError as error:
                if not self._warned:
                    log.warning("changes() waits for the store: %s", error)
                self._warned = True
            else:
                self._warned = False
            # Real time, whatever clock the client goes by: others write when they write.
            await asyncio.sleep(EVERY_SECONDS)

    async def _look(self) -> None:
        moment = await self._store.horizon()
        begun = -math.inf if self._last is not None else moment.now - self._since()
        back = self._back(moment, begun)
        async for page in self._pages(back):
            news = self._news(page, begun, new=math.inf if self._last is None else back[1])
            for place in range(0, len(news), _AT_ONCE):
                await self._tell(news[place : place + _AT_ONCE])
        # Only now: a look that was cut is done again from where it began.
        first = self._last or back
        self._open = {name: self._open.get(name, first) for name in moment.writers}
        self._last = moment.now, moment.serial
        self._told.forget(self._back(moment, begun))

    def _back(self, moment: Horizon, begun: float) -> Bound:
        """Return what nothing is before that was committed since the last look."""
        if self._last is None:
            earlier = _EARLIER if moment.writers else _MARGIN
            return min(begun, moment.now) - earlier, moment.serial - _FEWER
        bounds = [self._last, *self._open.values()]
        at = min(moment.now, *(bound[0] for bound in bounds))  # a clock may be set back
        return at - _MARGIN, min(bound[1] for bound in bounds)

    async def _pages(self, back: Bound) -> AsyncGenerator[list[Stamp]]:
        since, after = back
        while page := await self._store.added(after=after, limit=_PAGE):
            yield page
            after = page[-1].serial
        behind = 0
        while page := await self._store.changed(since=since, behind=behind, limit=_PAGE):
            yield page
            since, behind = page[-1].changed_at, page[-1].serial

    def _news(self, page: Iterable[Stamp], begun: float, *, new: float) -> list[int]:
        """Return which are to be told; what was before somebody listened is known from now on."""
        news: list[int] = []
        for one in page:
            if one.changed_at < begun:
                self._told.note(one.serial, stamp_of(one))
            elif self._told.is_news(one, new=one.serial > new):
                news.append(one.serial)
        return news

    async def _tell(self, serials: list[int]) -> None:
        wanted, after, rows = Filter(serials=tuple(serials)), 0, list[Row]()
        while page := await self._store.find(wanted, after=after, limit=len(serials)):
            after = page[-1].serial
            rows += map(lightened, page)
        for row in sorted(rows, key=lambda one: (one.changed_at, one.serial)):
            self._deliver(row)
