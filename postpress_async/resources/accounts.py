"""`client.accounts`: the connected accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError
from postpress_async.models import Account
from postpress_async.models.decoding import PageBody, PageReader, Reader
from postpress_async.wire import routes, target

from ._base import Namespace

if TYPE_CHECKING:
    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

_ACCOUNT: Final[Reader[Account]] = Reader(Account)
_ACCOUNTS: Final[PageReader[Account]] = PageReader(Account)


class Accounts(Namespace):
    """See which accounts are connected, and how they are."""

    __slots__ = ()

    def list(
        self,
        *,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Account]:
        """Walk over all connected accounts.

        Counts as `read`. Whatever it shows of an account's provider and tier, its lane learns.

        Args:
            start: the cursor to begin at.
            page_size: accounts on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            AuthenticationError: the key is wrong.

        Source: List accounts.

        Examples:
            >>> async for account in client.accounts.list():
            ...     print(account.id, account.provider)
        """
        return self._list(
            routes.LIST_ACCOUNTS,
            _ACCOUNTS,
            path="/accounts",
            query={},
            account_id=self._account_id,
            start=start,
            page_size=page_size,
            options=options,
            learn=self._learn_all,
        )

    async def get(
        self, account_id: str | None = None, *, options: RequestOptions | None = None
    ) -> Account:
        """Retrieve one connected account.

        Counts as `read`. An account that is in order again opens its lane with this.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such account.

        Source: Retrieve an account.

        Examples:
            >>> account = await client.accounts.get("acc_1")
            >>> account.provider
            'LINKEDIN'
        """
        account_id = self._account(account_id)
        if account_id is None:
            msg = "account_id is needed: give it, or use client.account(…)"
            raise ConfigurationError(msg)
        account = await self._send(
            routes.GET_ACCOUNT,
            _ACCOUNT,
            path="/accounts/" + target.segment("account_id", account_id),
            account_id=account_id,
            options=options,
        )
        self._learn(account, account_id, ok=account.is_ok and bool(account.sources))
        return account

    def _learn_all(self, page: PageBody[Account]) -> None:
        # A page may be older than the answer that closed a lane: it tells what an account is, but
        # only a look at this very account says that it is in order again.
        for account in page.items:
            self._learn(account, account.id, ok=None)

    def _learn(self, account: Account, account_id: str | None, *, ok: bool | None) -> None:
        if account_id is not None:
            self._pipeline.scheduler.describe(
                account_id,
                account.provider,
                tier=account.tier,
                connected_at=_seconds(account.created_at),
                ok=ok,
            )


def _seconds(text: str | None) -> float | None:
    """Return the instant at which an account was connected; None for what is no date."""
    if text is None:
        return None
    from datetime import UTC, datetime  # noqa: PLC0415 - 2 ms that importing need not pay

    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
