"""Which pools a worker of some accounts works for: those that have one of its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox.rows import Filter

from . import contents
from .contents import ProfileRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.store import Store

__all__ = ["Pools"]

_EVERY: Final = 15.0
"""Seconds between two looks for pools that others have put something into."""


class Pools:
    """Keep a list of accounts, and of the pools that they belong to.

    A look that several accounts may do is in a lane of its own, named after all of them, so that
    whoever works for some accounts has to learn which pools there are.

    Args:
        store: where items are.
        accounts: whom the worker works for.

    Attributes:
        names: what to claim from; it grows as pools are found.
    """

    def __init__(self, store: Store, accounts: Sequence[str]) -> None:
        self.names: list[str] = list(accounts)
        self._store = store
        self._accounts = frozenset(accounts)
        self._known: set[str] = set()

    async def look(self, *, all_of_them: bool = False) -> None:
        """Find pools that are new."""
        for name in await self._store.pools(all_of_them=all_of_them):
            if name not in self._known and (members := await self._members(name)):
                self._known.add(name)
                if members & self._accounts:
                    self.names.append(name)

    async def keep_looking(self, clock: Clock) -> None:
        """Look from time to time, for ever."""
        while True:
            await clock.sleep(_EVERY)
            try:
                await self.look()
            except StateUnavailableError:
                continue  # the worker says so, and loudly

    async def _members(self, name: str) -> frozenset[str]:
        """Return the accounts of a pool, as far as something of it is left to read them from."""
        wanted = Filter(account_id=name, states=("held", "queued", "claimed", "sending"))
        for row in await self._store.find(wanted, limit=1):
            try:
                content = contents.decode(row.body)
            except ConfigurationError:  # of a later version
                continue
            if isinstance(content, ProfileRead):
                return frozenset(content.accounts)
        return frozenset()
