"""`client.messages`: what was said, and saying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.models import Message, MessageSent
from postpress_async.models.decoding import PageReader, Reader
from postpress_async.wire import routes, target

from ._base import Namespace, checked_text, form
from ._times import instant

if TYPE_CHECKING:
    from datetime import datetime

    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

_MESSAGE: Final[Reader[Message]] = Reader(Message)
_MESSAGES: Final[PageReader[Message]] = PageReader(Message)
_SENT: Final[Reader[MessageSent]] = Reader(MessageSent)


class Messages(Namespace):
    """Read messages as far as the service has synced them, and send."""

    __slots__ = ()

    def list(
        self,
        *,
        chat_id: str | None = None,
        account_id: str | None = None,
        sender_id: str | None = None,
        before: datetime | str | None = None,
        after: datetime | str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Message]:
        """Walk over the messages of a chat, of an account, or of all accounts.

        Counts as `read`. The documents do not promise an order; newest first has been seen.

        Args:
            chat_id: only this chat's.
            account_id: only this account's, where no chat is named.
            sender_id: only this sender's.
            before: only those before this instant.
            after: only those after this instant.
            start: the cursor to begin at.
            page_size: messages on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            NotFoundError: there is no such chat.

        Source: List messages; List messages of a chat.
        """
        account_id = self._account(account_id)
        query: dict[str, str | None] = {
            "sender_id": sender_id,
            "before": instant("before", before),
            "after": instant("after", after),
        }
        route, path = routes.LIST_MESSAGES, "/messages"
        if chat_id is None:
            query["account_id"] = account_id
        else:
            route = routes.LIST_CHAT_MESSAGES
            path = f"/chats/{target.segment('chat_id', chat_id)}/messages"
        return self._list(
            route,
            _MESSAGES,
            path=path,
            query=query,
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    async def get(self, message_id: str, *, options: RequestOptions | None = None) -> Message:
        """Retrieve one message.

        Counts as `read`.

        Args:
            message_id: the service's own id; a provider's id is not found.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message.

        Source: Retrieve a message.
        """
        return await self._send(
            routes.GET_MESSAGE,
            _MESSAGE,
            path="/messages/" + target.segment("message_id", message_id),
            account_id=self._account_id,
            options=options,
        )

    async def send(
        self,
        *,
        chat_id: str,
        text: str,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageSent:
        """Send a message into a chat that exists.

        Counts as one `message` of the account, which must be named: it is whose limits are kept,
        and the service refuses a chat of another account. Sent at most once unless you trust the
        idempotency key: where nobody can tell whether it was sent, an error says so.

        Args:
            chat_id: the chat's id.
            text: what to say.
            account_id: the account that sends; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            OutcomeUnknownError: it may have been sent; look into the chat before you repeat it.
            DecodeError: it was sent, but its id could not be read.
            RateLimitedError, WaitTooLongError: not sent; `retry_after` says when.

        Source: Send messages, «in an existing chat».
        """
        account_id = self._account(account_id)
        fields = [("text", checked_text("text", text))]
        if account_id is not None:
            fields.append(("account_id", account_id))
        return await self._send(
            routes.SEND_MESSAGE,
            _SENT,
            path=f"/chats/{target.segment('chat_id', chat_id)}/messages",
            account_id=account_id,
            subject=chat_id,
            body=form(fields, secrets=(text,)),
            options=options,
        )
