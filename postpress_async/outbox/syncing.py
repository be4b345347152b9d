"""Syncs of chats, and of whole accounts: what the service copies late is there at their end."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from postpress_async.errors import NotImplementedByProviderError, PostpressError
from postpress_async.resources._polling import until_over
from postpress_async.wire import target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.client import Postpress
    from postpress_async.models import Account, ChatHistorySync
    from postpress_async.options import RequestOptions

__all__ = ["Synced", "Syncs"]

_PROVIDERS: Final = frozenset({"LINKEDIN", "TELEGRAM"})
_STARTED: Final = "SYNC_STARTED"
_ASKING_MOST: Final = 1_000  # doubts whose first question is known; one that is not asks anew


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


class _Sync(Protocol):
    @property
    def status(self) -> str | None: ...
    @property
    def is_over(self) -> bool: ...


S = TypeVar("S", bound=_Sync)


class _Whole:
    """Be the sync of an account, which all its doubts have in common: an end is told only once."""

    __slots__ = ("asking", "began", "ended", "failed", "heard", "lock", "seen", "seen_at")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # of who asks; the others wait for what they are told
        self.seen: Synced | None = None  # last, by whoever waited for an end
        self.failed: PostpressError | None = None  # in place of what would have been seen
        self.seen_at = -inf
        self.began = -inf  # the one that is under way
        self.ended = -inf  # when the last one had begun that was done
        self.asking: dict[str, float] = {}  # since when each doubt has asked
        self.heard: Synced | None = None  # last, by anybody

    def read(self, sync: Synced) -> Synced:
        """Return what was told, with the start of a further chunk as what it is: no beginning."""
        before, self.heard = self.heard, sync
        if sync.status == _STARTED and before is not None and not before.is_over:
            return Synced(status="SYNC_RUNNING")
        return sync

    def unfinished(self) -> Synced | None:
        """Return what whoever waited last saw in place of an end, or raise what stopped it."""
        if self.failed is not None:
            raise self.failed
        return None if self.seen is None or self.seen.is_done else self.seen


class Syncs:
    """Have chats and accounts synced anew, for what may have been sent there.

    A sync that began before may have passed by what it was too early for, so its end does not
    count: only that of one which began after we asked.

    Args:
        client: what asks.
        seconds: how long to wait for an end; a later look goes on with it.
        options: of each call.
    """

    def __init__(self, client: Postpress, *, seconds: float, options: RequestOptions) -> None:
        self._client = client
        self._seconds = seconds
        self._options = options
        self._begun: set[tuple[str, str]] = set()  # what, for which item, and has not ended yet
        self._wholes: dict[tuple[str, str | None], _Whole] = {}

    async def of_chat(self, chat: str, *, account_id: str, item: str) -> ChatHistorySync:
        """Return how far a sync of a chat is that was begun for an item."""

        async def wait(told: Callable[[ChatHistorySync], None]) -> ChatHistorySync:
            return await self._client.chats.sync(
                chat,
                account_id=account_id,
                wait=self._seconds,
                progress=told,
                options=self._options,
            )

        return await self._fresh(wait, (chat, item))

    async def of_account(
        self, account: Account, *, item: str, product: str | None
    ) -> Synced | None:
        """Return how far a sync of an account is that was begun for an item; None without one.

        What is synced already is kept, and no span is named: which end of it `before` and `after`
        mean is documented in two ways.

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
        whole = self._wholes.setdefault((account.id, product), _Whole())

        async def look() -> Synced:
            sync = await self._client.request(
                "GET", path, type=Synced, account_id=account.id, query=query, options=self._options
            )
            return whole.read(sync)

        async def wait(told: Callable[[Synced], None]) -> Synced:
            pipeline = self._client._pipeline  # noqa: SLF001 - of this package
            return await until_over(look, pipeline, seconds=self._seconds, progress=told)

        name = (account.id, product or "")
        try:
            return await self._shared(whole, item, lambda told: self._fresh(wait, name, told=told))
        except NotImplementedByProviderError:
            return None

    async def _shared(
        self,
        whole: _Whole,
        item: str,
        fresh: Callable[[Callable[[Synced], None]], Awaitable[Synced]],
    ) -> Synced:
        """Wait for an end, or for who waits for it; it counts for all who had asked before."""
        clock = self._client._pipeline._clock  # noqa: SLF001 - of this package
        came = clock.monotonic()
        asked = whole.asking.setdefault(item, came)
        if len(whole.asking) > _ASKING_MOST:  # some were settled otherwise, and never come again
            del whole.asking[next(iter(whole.asking))]
        end = -inf  # of the sync before

        def told(sync: Synced) -> None:
            nonlocal end
            if sync.status == _STARTED:
                whole.began = clock.monotonic()
            if sync.is_over:
                whole.began, end = max(whole.began, end), clock.monotonic()

        async with whole.lock:
            while True:
                if whole.ended >= asked:
                    whole.asking.pop(item, None)
                    return Synced(status="SYNC_DONE")
                if whole.seen_at > came and (seen := whole.unfinished()) is not None:
                    return seen  # who has just waited has waited for us
                whole.failed = None
                try:
                    sync = whole.seen = await fresh(told)
                except PostpressError as error:
                    whole.failed, whole.seen_at = error, clock.monotonic()
                    raise
                whole.seen_at = clock.monotonic()
                if not sync.is_done:
                    return sync
                whole.ended = whole.began

    async def _fresh(
        self,
        wait: Callable[[Callable[[S], None]], Awaitable[S]],
        name: tuple[str, str],
        *,
        told: Callable[[S], None] | None = None,
    ) -> S:
        """Wait for an end; once more where that is of a sync whose beginning nobody saw."""

        def seen(sync: S) -> None:
            if sync.status == _STARTED:
                self._begun.add(name)
            if told is not None:
                told(sync)

        sync = await wait(seen)
        if sync.is_over and name not in self._begun:
            sync = await wait(seen)
        if sync.is_over:
            self._begun.discard(name)
        return sync
