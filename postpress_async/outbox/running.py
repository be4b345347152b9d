"""Workers of an outbox in this process, and the upkeep that goes with them."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.options import of_kind
from postpress_async.resources._base import checked_account
from postpress_async.resources._checks import several

from . import contents
from .contents import ProfileRead
from .lanes import Mover
from .lookback import ClientLooker
from .pools import Pools
from .sending import ClientSender
from .watching import Watcher
from .worker import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from postpress_async.client import Postpress
    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Row
    from postpress_async.storage.outbox.store import Store

    from .decisions import Decision
    from .items import Item
    from .protocol import Terms

__all__ = ["Crew", "Upkeep"]

_TIDY_SECONDS: Final = 6 * 3600.0
_WORTH_BYTES: Final = 64 * 2**20
"""Free space from which on a worker writes a file anew; whoever deleted less can wait."""


class Upkeep:
    """Clear away what is over, from time to time or at once.

    Args:
        store: where items are.
        now: the store's time.
        keep_texts: seconds after which what is over is emptied; None never.
        keep_items: seconds after which it is deleted; None never.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], Awaitable[float]],
        keep_texts: float | None,
        keep_items: float | None,
    ) -> None:
        self._store = store
        self._now = now
        self._keep_texts = keep_texts
        self._keep_items = keep_items

    async def purge(self, older_than: float) -> int:
        """Empty what was over some seconds ago."""
        return await self._store.purge(before=await self._now() - older_than)

    async def vacuum(self, older_than: float | None, *, least: int = 0) -> int:
        """Delete what was over some seconds ago, and give the space back."""
        count = 0
        if older_than is not None:
            count = await self._store.delete(before=await self._now() - older_than)
        await self._store.shrink(least=least)
        return count

    async def keep(self, clock: Clock) -> None:
        """Do what was wished, from time to time, for ever."""
        while self._keep_texts is not None or self._keep_items is not None:
            with suppress(StateUnavailableError):  # the worker says so, and loudly
                if self._keep_texts is not None:
                    await self.purge(self._keep_texts)
                if self._keep_items is not None:
                    await self.vacuum(self._keep_items, least=_WORTH_BYTES)
            await clock.sleep(_TIDY_SECONDS)


class Crew:
    """Run workers, and end them all.

    Args:
        client: what sends.
        store: where items are.
        clock: the client's.
        upkeep: what goes on while a worker runs.
        new_id: makes names.
        told: hears of every change.
        before_send, before_send_timeout: the last question, and for how long its answer is awaited.
    """

    def __init__(
        self,
        client: Postpress,
        store: Store,
        *,
        clock: Clock,
        upkeep: Upkeep,
        new_id: Callable[[], str],
        told: Callable[[Row], None],
        before_send: Callable[[Item], Awaitable[Decision]] | None,
        before_send_timeout: float | None,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._upkeep = upkeep
        self._new_id = new_id
        self._told = told
        self._before_send = before_send
        self._before_send_timeout = before_send_timeout
        self._running: dict[asyncio.Event, asyncio.Event] = {}  # what ends it, and when it has

    @property
    def workers(self) -> int:
        """How many run now."""
        return len(self._running)

    async def run(
        self,
        *,
        until_empty: bool,
        concurrency: int,
        stop: asyncio.Event | None,
        accounts: Sequence[str] | None,
        terms: Terms,
    ) -> None:
        """Be one worker, until it is stopped; `terms` say how long things may take."""
        of_kind("stop", stop, asyncio.Event, "asyncio.Event()")
        accounts = None if accounts is None else _named(accounts)
        pools = None if accounts is None else Pools(self._store, accounts)
        sender = ClientSender(
            self._client,
            before_send=self._before_send,
            before_send_timeout=self._before_send_timeout,
            told=self._told,
            accounts=None if accounts is None else frozenset(accounts),
        )
        watcher = Watcher(
            Mover(sender, store=self._store, told=self._told),
            store=self._store,
            scheduler=self._client.scheduler,
            clock=self._clock,
            shared=self._client.scheduler._sharer is not None,  # noqa: SLF001 - of this package
            pool_of=accounts_of,
        )
        worker = Worker(
            self._store,
            sender=watcher,
            looker=ClientLooker(self._client, self._store, clock=self._clock, terms=terms),
            owner=f"{os.getpid()}-{self._new_id()}",
            clock=self._clock,
            random=random.random,
            terms=terms,
            concurrency=concurrency,
            accounts=None if pools is None else pools.names,
            told=self._told,
        )
        ending, ended = asyncio.Event(), asyncio.Event()
        helpers = [
            asyncio.create_task(self._upkeep.keep(self._clock)),
            asyncio.create_task(watcher.keep_looking()),
        ]
        if stop is not None:
            helpers.append(asyncio.create_task(_relay(stop, ending)))
        self._running[ending] = ended
        try:
            if pools is not None:
                with suppress(StateUnavailableError):  # the worker waits for it, and says so
                    await pools.look(all_of_them=True)
                helpers.append(asyncio.create_task(pools.keep_looking(self._clock)))
            await worker.run(until_empty=until_empty, stop=ending)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            del self._running[ending]
            ended.set()

    async def aclose(self) -> None:
        """End all of them, as `stop` does, and wait for that."""
        for ending, ended in list(self._running.items()):
            ending.set()
            await ended.wait()


def accounts_of(row: Row) -> tuple[str, ...]:
    """Return the accounts that an item may go through."""
    if row.kind == "profile":
        with suppress(ConfigurationError):  # of a later version, or emptied
            content = contents.decode(row.body)
            if isinstance(content, ProfileRead):
                return content.accounts
    return (row.account_id,)


def _named(accounts: Sequence[str]) -> list[str]:
    """Return whom a worker works for, checked."""
    names = [checked_account(one) for one in several("accounts", accounts)]
    if not names:
        msg = "accounts is empty, and a worker of none sends nothing: leave it out to send for all"
        raise ConfigurationError(msg)
    return names


async def _relay(stop: asyncio.Event, ending: asyncio.Event) -> None:
    await stop.wait()
    ending.set()
