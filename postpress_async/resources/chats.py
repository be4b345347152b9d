"""`client.chats`: conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.models import Attendee, Chat
from postpress_async.models.decoding import PageBody, PageReader, Reader
from postpress_async.wire import routes, target

from ._base import Namespace
from ._times import instant

if TYPE_CHECKING:
    from datetime import datetime

    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

_CHAT: Final[Reader[Chat]] = Reader(Chat)
_CHATS: Final[PageReader[Chat]] = PageReader(Chat)
_ATTENDEES: Final[PageReader[Attendee]] = PageReader(Attendee)


class Chats(Namespace):
    """Find and read conversations, as far as the service has synced them."""

    __slots__ = ()

    def list(
        self,
        *,
        account_id: str | None = None,
        account_type: str | None = None,
        unread: bool | None = None,
        before: datetime | str | None = None,
        after: datetime | str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Chat]:
        """Walk over chats, of one account or of all.

        Counts as `read`: it shows the service's synced copy.

        Args:
            account_id: only this account's; without it, those of all accounts.
            account_type: only this provider's, by its wire word.
            unread: True for unread ones only, False for read ones only.
            before: only those whose last activity was before this instant.
            after: only those whose last activity was after this instant.
            start: the cursor to begin at.
            page_size: chats on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Source: List chats.
        """
        account_id = self._account(account_id)
        return self._list(
            routes.LIST_CHATS,
            _CHATS,
            path="/chats",
            query={
                "account_id": account_id,
                "account_type": account_type,
                "unread": unread,
                "before": instant("before", before),
                "after": instant("after", after),
            },
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
            learn=self._learn,
        )

    async def get(
        self,
        chat_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> Chat:
        """Retrieve one chat, with its last message.

        Counts as `read`.

        Args:
            chat_id: the chat's id, or the provider's own id of it; then with its account.
            account_id: the account, needed only for a provider's id.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such chat.

        Source: Retrieve a chat.
        """
        account_id = self._account(account_id)
        return await self._send(
            routes.GET_CHAT,
            _CHAT,
            path="/chats/" + target.segment("chat_id", chat_id),
            query=target.account(account_id),
            account_id=account_id,
            options=options,
        )

    def attendees(
        self, chat_id: str, *, options: RequestOptions | None = None
    ) -> Paginator[Attendee]:
        """Walk over who takes part in a chat; the service sends all of them at once.

        Counts as `read`.

        Args:
            chat_id: the chat's id.
            options: overrides for this call.

        Source: List chat attendees.
        """
        return self._list(
            routes.LIST_CHAT_ATTENDEES,
            _ATTENDEES,
            path=f"/chats/{target.segment('chat_id', chat_id)}/attendees",
            query={},
            account_id=self._account_id,
            start=None,
            page_size=None,
            options=options,
        )

    def _learn(self, page: PageBody[Chat]) -> None:
        for chat in page.items:
            self._pipeline.scheduler.learn(chat.account_id, chat.provider)
