"""The sync of a whole account: without it a first message may be there, and its chat not listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import NotImplementedByProviderError
from postpress_async.resources._polling import until_over
from postpress_async.wire import target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.client import Postpress
    from postpress_async.models import Account
    from postpress_async.options import RequestOptions

__all__ = ["AccountSyncs", "Synced"]

_PROVIDERS: Final = frozenset({"LINKEDIN", "TELEGRAM"})
_STARTED: Final = "SYNC_STARTED"


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """Be how far the sync of an account is. After a chunk the next look goes on with the rest."""

    status: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not; the next look would start another one."""
        return self.status in {"SYNC_DONE", "SYNC_ERROR"}

    @property
    def is_done(self) -> bool:
        """Whether all of the account is there."""
        return self.status == "SYNC_DONE"


class AccountSyncs:
    """Have accounts synced anew, for what may have been sent through them.

    Args:
        client: what asks.
        seconds: how long to wait for an end; a later look goes on with it.
        options: of each call.
    """

    def __init__(self, client: Postpress, *, seconds: float, options: RequestOptions) -> None:
        self._client = client
        self._seconds = seconds
        self._options = options
        self._begun: set[str] = set()  # items for which one was begun that has not ended yet

    async def of(self, account: Account, *, item: str, product: str | None) -> Synced | None:
        """Return how a sync ended that began after this was asked; None where there is none.

        A sync that began before may have passed by what it was too early for, so its end does not
        count. What is synced already is kept, and no span is named: which end of it `before` and
        `after` mean is documented in two ways.

        Args:
            account: which one.
            item: for which; what was begun for it counts the next time.
            product: of LinkedIn; None for all that the account has.

        Source: Resynchronize account messaging data.
        """
        if account.id is None or account.provider not in _PROVIDERS:
            return None
        linkedin = account.provider == "LINKEDIN"
        query = {
            "account_id": None,  # the path names it
            "partial": True if linkedin else None,
            "linkedin_product": product if linkedin else None,
        }
        path = "/accounts/" + target.segment("account_id", account.id) + "/sync"

        async def look() -> Synced:
            return await self._client.request(
                "GET", path, type=Synced, account_id=account.id, query=query, options=self._options
            )

        def noted(sync: Synced) -> None:
            if sync.status == _STARTED:
                self._begun.add(item)

        try:
            sync = await self._wait(look, noted)
            if sync.is_over and item not in self._begun:
                sync = await self._wait(look, noted)
        except NotImplementedByProviderError:
            return None
        if sync.is_over:
            self._begun.discard(item)
        return sync

    async def _wait(
        self, look: Callable[[], Awaitable[Synced]], noted: Callable[[Synced], None]
    ) -> Synced:
        pipeline = self._client._pipeline  # noqa: SLF001 - of this package
        return await until_over(look, pipeline, seconds=self._seconds, progress=noted)
