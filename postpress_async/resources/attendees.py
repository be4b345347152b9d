"""`client.attendees`: the people whom accounts know, and what was said with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.models import Attendee
from postpress_async.models.decoding import Reader
from postpress_async.wire import routes, target

from ._base import Namespace, checked_text
from ._checks import several
from ._times import instant
from .chats import ATTENDEES, CHATS
from .messages import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from postpress_async.models import Chat, Message
    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

    from ._downloads import Download

_ATTENDEE: Final[Reader[Attendee]] = Reader(Attendee)


class Attendees(Namespace):
    """Find the people that the service has synced: contacts, and whoever is in a chat."""

    __slots__ = ()

    def list(
        self,
        *,
        account_id: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Attendee]:
        """Walk over attendees, of one account or of all.

        Counts as `read`: it shows the service's synced copy.

        Args:
            account_id: only this account's; without it, those of all accounts.
            start: the cursor to begin at.
            page_size: attendees on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: a page size that cannot be.

        Source: List all attendees (of Unipile's reference).

        Examples:
            >>> async for attendee in client.attendees.list(account_id="acc_1").limit(10):
            ...     print(attendee.name, attendee.provider_id)
        """
        account_id = self._account(account_id)
        return self._list(
            routes.LIST_ATTENDEES,
            ATTENDEES,
            path=routes.LIST_ATTENDEES.template,
            query={"account_id": account_id},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    async def get(
        self,
        attendee_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> Attendee:
        """Retrieve one attendee.

        Counts as `read`.

        Args:
            attendee_id: the service's own id of the attendee.
            account_id: the account that knows them, where you want to be sure.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such attendee.

        Source: Retrieve an attendee (of Unipile's reference).

        Examples:
            >>> page = await client.chats.attendees("chat_1").page()
            >>> attendee = await client.attendees.get(page.items[0].id)
        """
        account_id = self._account(account_id)
        return await self._send(
            routes.GET_ATTENDEE,
            _ATTENDEE,
            path="/chat_attendees/" + target.segment("attendee_id", attendee_id),
            query=target.account(account_id),
            account_id=account_id,
            options=options,
        )

    def chats(
        self,
        attendee_id: str | Sequence[str],
        *,
        account_id: str | Sequence[str] | None = None,
        before: datetime | str | None = None,
        after: datetime | str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Chat]:
        """Walk over the chats of two that somebody is in.

        Counts as `read`.

        Args:
            attendee_id: the service's own id of the attendee, or the provider's id; or several.
            account_id: only this account's, or these accounts'; without it, those of all.
            before: only those whose last activity was before this instant.
            after: only those whose last activity was after this instant.
            start: the cursor to begin at.
            page_size: chats on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            NotFoundError: there is no such attendee.

        Source: List chats of an attendee.

        Examples:
            >>> page = await client.chats.attendees("chat_1").page()
            >>> chats = [chat async for chat in client.attendees.chats(page.items[-1].id)]
        """
        accounts, lane = self._accounts(account_id)
        if not isinstance(attendee_id, str):
            each = enumerate(several("attendee_id", attendee_id))
            attendee_id = ",".join(checked_text(f"attendee_id[{n}]", one) for n, one in each)
        return self._list(
            routes.LIST_ATTENDEE_CHATS,
            CHATS,
            path=target.path(routes.LIST_ATTENDEE_CHATS.template, {"attendee_id": attendee_id}),
            query={
                "account_id": accounts,
                "before": instant("before", before),
                "after": instant("after", after),
            },
            account_id=lane,
            start=start,
            page_size=page_size,
            options=options,
        )

    def messages(
        self,
        attendee_id: str,
        *,
        account_id: str | None = None,
        before: datetime | str | None = None,
        after: datetime | str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Message]:
        """Walk over the messages that somebody sent, in whichever chat.

        Counts as `read`. The documents do not promise an order.

        Args:
            attendee_id: the service's own id of the attendee, or the provider's id.
            account_id: only this account's; without it, those of all accounts.
            before: only those before this instant.
            after: only those after this instant.
            start: the cursor to begin at.
            page_size: messages on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            NotFoundError: there is no such attendee.

        Source: List messages of an attendee (of Unipile's reference).

        Examples:
            >>> page = await client.chats.attendees("chat_1").page()
            >>> async for message in client.attendees.messages(page.items[-1].id).limit(10):
            ...     print(message.text)
        """
        account_id = self._account(account_id)
        sender = target.segment("attendee_id", attendee_id)
        return self._list(
            routes.LIST_ATTENDEE_MESSAGES,
            MESSAGES,
            path=f"/chat_attendees/{sender}/messages",
            query={
                "account_id": account_id,
                "before": instant("before", before),
                "after": instant("after", after),
            },
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    def picture(
        self,
        attendee_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> Download:
        """Open somebody's picture, or a group's; nothing is asked for before its block.

        Counts as `read`. `async with client.attendees.picture("att_1") as download:` and then
        `await download.save(path)`.

        Args:
            attendee_id: the service's own id of the attendee; or a chat's id, for a group's.
            account_id: whose connection errors are told of; not sent.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such attendee, or no picture.
            DecodeError: the file was cut.

        Source: Retrieve an attendee's picture (of Unipile's reference).

        Examples:
            >>> page = await client.chats.attendees("chat_1").page()
            >>> async with client.attendees.picture(page.items[-1].id) as download:
            ...     picture = await download.read()
        """
        attendee = target.segment("attendee_id", attendee_id)
        return self._download(
            routes.GET_PICTURE,
            path=f"/chat_attendees/{attendee}/picture",
            account_id=self._account(account_id),
            options=options,
        )
