"""Signs of life, what the dead left behind, and items that nobody knows the outcome of."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from postpress_async.errors import PostpressError

from . import protocol
from .ages import Ages
from .protocol import Absent, Found, Undecided
from .results import ends_all, pause_of
from .strays import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Attempt, Row
    from postpress_async.storage.outbox.store import Store

    from .patience import Patience
    from .protocol import Seen, Terms
    from .turn import Looker

__all__ = ["Caretaker", "nobody"]

log: Final = logging.getLogger("postpress_async.outbox")
MOST_LOOKS: Final = 100
MOST_LOOKS_OF_AN_ACCOUNT: Final = 10
"""Looks wait for slots and for syncs, for minutes: those of one account not for all the others."""


def nobody(_row: Row, /) -> None:
    """Tell nobody."""


class Caretaker:
    """Look after a store on behalf of one worker. The store lets each item be cared for by one.

    Attributes:
        beaten_at: when the store last heard from us, by the clock's monotonic time.
    """

    def __init__(
        self,
        store: Store,
        looker: Looker,
        *,
        owner: str,
        terms: Terms,
        clock: Clock,
        random: Callable[[], float],
        patience: Patience,
        boot: Callable[[], float],
        settled: Callable[[], None],
        ended_by: Callable[[BaseException], None],
        told: Callable[[Row], None] = nobody,
        accounts: Sequence[str] | None = None,
    ) -> None:
        self._store = store
        self._looker = looker
        self._owner = owner
        self._terms = terms
        self._clock = clock
        self._random = random
        self._patience = patience
        self._settled = settled
        self._ended_by = ended_by
        self._told = told
        self._accounts = accounts
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._under_way: Counter[str] = Counter()  # looks, by account
        self._unsure = False
        self._given_up = 0  # looks
        self._ahead = 0.0
        self._ages = Ages(clock, boot=boot)
        self.beaten_at: float = clock.monotonic()

    @property
    def alive(self) -> bool:
        """Whether others still know that this worker lives."""
        silent = self._clock.monotonic() - self.beaten_at
        return self._store.certain or silent < self._terms.lease

    async def beat(self) -> None:
        """Give signs of life for ever."""
        while True:
            await self._patience.ask(self._beat_once)
            await self._clock.sleep(self._terms.beat)

    async def _beat_once(self) -> None:
        start, was_alive = self._clock.monotonic(), self.alive
        now = await self._store.beat(self._owner, lease=self._terms.lease)
        self._ages.saw(now)
        self.beaten_at, self._ahead = start, now - start
        if not was_alive:  # claims had stopped for want of it
            self._settled()

    async def care(self) -> None:
        """Take in what the dead left, and look for what is in doubt, for ever.

        Every worker does so, at uneven times; the store hands each item to one of them.
        """
        while True:
            found = await self._patience.ask(self._orphans)
            if found:
                log.warning("%d items of workers that ended are in doubt: looking", len(found))
                self._settled()
            for row in found:
                self._told(row)
            await self._take_doubtful()
            await self._clock.sleep(self._terms.beat * (0.5 + self._random()))

    async def end(self) -> None:
        """Leave off looking: another worker goes on when our lease is over."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    async def _orphans(self) -> list[Row]:
        return await self._store.orphans()

    async def _doubtful(self) -> Row | None:
        given_up = self._given_up
        if self._unsure:
            # A look that ends meanwhile has said what became of its item: that is not to be undone.
            await give_back(self._store, self._owner, state="unknown", known=set(self._looks))
        self._unsure = True  # until the answer is here: perhaps it has taken what we never see
        self._under_way = +self._under_way  # without those that have none
        most = MOST_LOOKS_OF_AN_ACCOUNT
        full = [account_id for account_id, count in self._under_way.items() if count >= most]
        row = await self._store.doubtful(
            self._owner, lease=self._terms.lease, accounts=self._accounts, but=full
        )
        self._unsure = self._given_up != given_up
        if row is not None:
            self._ages.saw(row.changed_at)
        return row

    async def _take_doubtful(self) -> None:
        while len(self._looks) < MOST_LOOKS:
            row = await self._patience.ask(self._doubtful)
            if row is None:
                return
            look = asyncio.create_task(self._look(row))
            self._looks[row.id] = look
            self._under_way[row.account_id] += 1
            look.add_done_callback(partial(self._ended, row.id, row.account_id))

    def _ended(self, item: str, account_id: str, look: asyncio.Task[None]) -> None:
        self._under_way[account_id] -= 1
        if self._looks.get(item) is look:
            del self._looks[item]
        if not look.cancelled() and (error := look.exception()) is not None:
            # The store is away; claims will tell. Our beats would keep the item for ever: it is
            # given back before the next look.
            self._unsure = True
            self._given_up += 1
            log.warning("the look for item %s was given up: %s", item, error)
            if ends_all(error):
                self._ended_by(error)

    async def _look(self, row: Row) -> None:
        """Look for one item, and write what that means."""
        attempts = await self._patience.ask(lambda: self._store.attempts(row.id))
        last = attempts[-1] if attempts else None
        # The store dated it when we took it: it is no earlier now.
        began, age = row.changed_at, 0.0 if last is None else self._ages.of(last.started_at)
        still = protocol.still(last, age=age)
        quiet = began >= protocol.quiet_at(last) and still <= 0.0
        seen = await self._seen(row, attempts, quiet=quiet)
        if protocol.repeatable(row.kind) and not isinstance(seen, Found):
            seen = Absent()  # whatever was seen: a second one changes nothing
        finish = protocol.looked(
            seen,
            row=row,
            attempt=last,
            absences=protocol.absences(attempts),
            now=began,
            still=still,
            hold=self._terms.hold,
        )
        ended = await self._patience.ask(
            lambda: self._store.finish(row.id, row.fence, finish, owner=row.owner)
        )
        if ended is not None:
            self._told(ended)
        if finish.needs_decision:
            log.warning("item %s needs a decision: %s", row.id, finish.error)
        self._settled()

    async def _seen(self, row: Row, attempts: Sequence[Attempt], *, quiet: bool) -> Seen:
        try:
            return await self._looker.look(row, attempts=attempts, quiet=quiet)
        except PostpressError as error:
            if ends_all(error):
                raise
            wait = pause_of(error)
            until = None if wait is None else self._clock.monotonic() + self._ahead + wait
            return Undecided(reason=str(error), until=until)
        except Exception as error:
            log.exception("the look for item %s failed", row.id)
            return Undecided(reason=f"the look failed: {type(error).__name__}")
