"""`client.messages`: what was said, and saying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.models import (
    Message,
    MessageDeleted,
    MessageEdited,
    MessageForwarded,
    MessageReactionAdded,
    MessageSent,
)
from postpress_async.models.decoding import PageReader, Reader
from postpress_async.options import positive
from postpress_async.wire import forms, routes, target

from ._base import Namespace, checked_text, form
from ._changes import OVERLAP, Mark, changes
from ._checks import json_body, number, optional_text, typing_of
from ._outgoing import files_of
from ._times import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Changes, Paginator

    from ._downloads import Download
    from ._files import FileLike

MESSAGES: Final[PageReader[Message]] = PageReader(Message)
MOST_ON_A_PAGE: Final = 250
_MESSAGE: Final[Reader[Message]] = Reader(Message)
_SENT: Final[Reader[MessageSent]] = Reader(MessageSent)
_EDITED: Final[Reader[MessageEdited]] = Reader(MessageEdited)
_DELETED: Final[Reader[MessageDeleted]] = Reader(MessageDeleted)
_FORWARDED: Final[Reader[MessageForwarded]] = Reader(MessageForwarded)
_REACTED: Final[Reader[MessageReactionAdded]] = Reader(MessageReactionAdded)


class Messages(Namespace):
    """Read messages as far as the service has synced them, send, and change what was sent."""

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

        Examples:
            >>> async for message in client.messages.list(chat_id="chat_1").limit(10):
            ...     print(message.sent_at, message.text)
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
            MESSAGES,
            path=path,
            query=query,
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    async def since(
        self,
        mark: str | datetime | None,
        *,
        chat_id: str | None = None,
        account_id: str | None = None,
        overlap: float = OVERLAP,
        options: RequestOptions | None = None,
    ) -> Changes[Message]:
        """Return the messages that are new since a mark, each once, and the mark behind them.

        No order is promised and messages come late, so each call lists again what is not older
        than `overlap` before the newest one, and leaves out what it has handed on. A message that
        the service gets later than that is not seen; nor are edits, deletions and reactions, which
        move no timestamp. Counts as a `read` for each page. Keep the mark once the items are dealt
        with: whoever asks with the old one gets the same again. It grows by some 22 letters for
        each message within the overlap.

        Args:
            mark: `Changes.mark` of the last time; None for all that there is, which may be long;
                an instant for all from then on.
            chat_id: only this chat's.
            account_id: only this account's, where no chat is named.
            overlap: seconds by which a message may be late; a larger one costs pages.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: the mark is none, or was made with another chat or account.
            PaginationError: the service's pages go in a circle; the old mark still holds.

        Source: List messages; List messages of a chat.

        Examples:
            >>> changes = await client.messages.since(None, account_id="acc_1")
            >>> later = await client.messages.since(changes.mark, account_id="acc_1")
            >>> later.items
            []
        """
        account_id = self._account(account_id)
        positive("overlap", overlap, zero=True)
        number("overlap", overlap)
        scope = f"account {account_id}" if chat_id is None else f"chat {chat_id}"

        def walk(after: datetime | None) -> Paginator[Message]:
            return self.list(
                chat_id=chat_id,
                account_id=account_id,
                after=after,
                page_size=MOST_ON_A_PAGE,
                options=options,
            )

        begun = Mark.read(mark, scope)
        return await changes(begun, walk, now=self._pipeline.now(), overlap=overlap)

    async def get(self, message_id: str, *, options: RequestOptions | None = None) -> Message:
        """Retrieve one message.

        Counts as `read`.

        Args:
            message_id: the service's own id; a provider's id is not found.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message.

        Source: Retrieve a message.

        Examples:
            >>> page = await client.messages.list(chat_id="chat_1").page()
            >>> message = await client.messages.get(page.items[0].id)
            >>> message == page.items[0]
            True
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
        text: str | None = None,
        attachments: Sequence[FileLike] = (),
        voice_message: FileLike | None = None,
        video_message: FileLike | None = None,
        quote_id: str | None = None,
        thread_id: str | None = None,
        typing_duration: float | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageSent:
        """Send a message into a chat that exists: a text, files, or both.

        Counts as one `message` of the account, which must be named: it is whose limits are kept,
        and the service refuses a chat of another account. Sent at most once unless you trust the
        idempotency key: where nobody can tell whether it was sent, an error says so.

        Args:
            chat_id: the chat's id.
            text: what to say.
            attachments: files: paths, bytes, file objects, async iterators, or `File`; 15 MB in
                all, and providers may take less.
            voice_message: spoken words: LinkedIn (.m4a), WhatsApp (.mp3, .m4a).
            video_message: a video message: LinkedIn.
            quote_id: the message that this one quotes.
            thread_id: the thread to answer in: Slack.
            typing_duration: seconds to show as typing before it goes out, at most 300: WhatsApp.
                The answer is awaited for so much longer than `Timeout` says.
            account_id: the account that sends; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: neither a text nor a file.
            AttachmentError: a file is missing, too large, or of the wrong kind.
            OutcomeUnknownError: it may have been sent; look into the chat before you repeat it.
            DecodeError: it was sent, but its id could not be read.
            RateLimitedError, WaitTooLongError: not sent; `retry_after` says when.

        Source: Send messages, «in an existing chat»; Send a message.

        Examples:
            >>> from postpress_async import File
            >>> sent = await client.messages.send(
            ...     chat_id="chat_1",
            ...     text="Here it is.",
            ...     attachments=[File(b"%PDF-1.7", name="offre été.pdf")],
            ...     account_id="acc_1",
            ... )
        """
        account_id = self._account(account_id)
        path = target.path(routes.SEND_MESSAGE.template, {"chat_id": chat_id})
        said = {
            "text": text,
            "account_id": account_id,
            "quote_id": optional_text("quote_id", quote_id),
            "thread_id": optional_text("thread_id", thread_id),
            "typing_duration": typing_of(typing_duration),
        }
        files = await files_of(
            text=text,
            attachments=attachments,
            voice_message=voice_message,
            video_message=video_message,
        )
        return await self._send(
            routes.SEND_MESSAGE,
            _SENT,
            path=path,
            account_id=account_id,
            subject=chat_id,
            body=form(forms.fields(said), secrets=() if text is None else (text,), files=files),
            longer=typing_duration or 0.0,
            options=options,
        )

    async def edit(
        self,
        message_id: str,
        *,
        text: str,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageEdited:
        """Replace the text of a message that was sent.

        Counts as `other`. WhatsApp allows it for a while only, and a yes may have had no effect.

        Args:
            message_id: the service's own id of the message.
            text: what it says from now on.
            account_id: the account that sent it; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message.
            UnprocessableError, NotImplementedByProviderError: it cannot be edited any more, or not
                on this provider.

        Source: Edit a message (of Unipile's reference; the field `text` is what follows from it).

        Examples:
            >>> account = client.account("acc_whatsapp")
            >>> sent = await account.messages.send(chat_id="chat_whatsapp", text="Helo")
            >>> edited = await account.messages.edit(sent.message_id, text="Hello")
        """
        return await self._send(
            routes.EDIT_MESSAGE,
            _EDITED,
            path=target.path(routes.EDIT_MESSAGE.template, {"message_id": message_id}),
            account_id=self._account(account_id),
            body=json_body({"text": checked_text("text", text)}, text),
            options=options,
        )

    async def delete(
        self,
        message_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageDeleted:
        """Delete a message for everybody: WhatsApp, and LinkedIn within 60 minutes of sending.

        Counts as `other`.

        Args:
            message_id: the service's own id of the message.
            account_id: the account that sent it; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message.
            UnprocessableError, NotImplementedByProviderError: it cannot be deleted any more, or not
                on this provider.

        Source: Delete a message (of Unipile's reference).

        Examples:
            >>> account = client.account("acc_1")
            >>> sent = await account.messages.send(chat_id="chat_1", text="To the wrong person")
            >>> deleted = await account.messages.delete(sent.message_id)
        """
        return await self._send(
            routes.DELETE_MESSAGE,
            _DELETED,
            path=target.path(routes.DELETE_MESSAGE.template, {"message_id": message_id}),
            account_id=self._account(account_id),
            options=options,
        )

    async def react(
        self,
        message_id: str,
        *,
        reaction: str,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageReactionAdded:
        """React to a message: WhatsApp, and LinkedIn with a fixed set. It replaces an older one.

        Counts as `react`. No way to take a reaction back is documented.

        Args:
            message_id: the service's own id of the message.
            reaction: an emoji, such as "👍".
            account_id: the account that reacts; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message.
            PermissionDeniedError: another provider.
            OutcomeUnknownError: it may have been done; doing it again does no harm.

        Source: Add a reaction to a message.

        Examples:
            >>> account = client.account("acc_1")
            >>> page = await account.messages.list(chat_id="chat_1").page()
            >>> reacted = await account.messages.react(page.items[0].id, reaction="👍")
        """
        return await self._send(
            routes.REACT,
            _REACTED,
            path=target.path(routes.REACT.template, {"message_id": message_id}),
            account_id=self._account(account_id),
            body=json_body({"reaction": checked_text("reaction", reaction)}),
            options=options,
        )

    async def forward(
        self,
        message_id: str,
        *,
        chat_id: str,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> MessageForwarded:
        """Forward a message into another chat of the same account: WhatsApp.

        Counts as one `message`.

        Args:
            message_id: the service's own id of the message.
            chat_id: the chat that gets it.
            account_id: the account that forwards; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such message, or no such chat.
            OutcomeUnknownError: it may have been sent; look into the chat before you repeat it.

        Source: Forward a message.

        Examples:
            >>> account = client.account("acc_whatsapp")
            >>> sent = await account.messages.send(chat_id="chat_whatsapp", text="Look")
            >>> forwarded = await account.messages.forward(
            ...     sent.message_id, chat_id="chat_whatsapp_2"
            ... )
        """
        return await self._send(
            routes.FORWARD_MESSAGE,
            _FORWARDED,
            path=target.path(routes.FORWARD_MESSAGE.template, {"message_id": message_id}),
            account_id=self._account(account_id),
            subject=chat_id,
            body=json_body({"chat_id": checked_text("chat_id", chat_id)}),
            options=options,
        )

    def attachment(
        self,
        message_id: str,
        attachment_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> Download:
        """Open a file of a message, to be walked or saved; nothing is asked for before its block.

        Counts as `read`. `async with client.messages.attachment(…) as download:` and then
        `await download.save(path)`, or `async for piece in download`.

        Args:
            message_id: the service's own id of the message.
            attachment_id: the attachment's id, as its message names it.
            account_id: whose connection errors are told of; not sent.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such file, or the provider no longer has it.
            DecodeError: the file was cut.

        Source: Retrieve a message's attachment (of Unipile's reference).

        Examples:
            >>> async for message in client.messages.list(account_id="acc_1").limit(50):
            ...     for one in message.attachments:
            ...         if one.type == "file" and not one.unavailable:
            ...             file = client.messages.attachment(message.id, one.id)
            ...             async with file as download:
            ...                 await download.save(download.name or one.id)
        """
        ids = {"message_id": message_id, "attachment_id": attachment_id}
        return self._download(
            routes.GET_ATTACHMENT,
            path=target.path(routes.GET_ATTACHMENT.template, ids),
            account_id=self._account(account_id),
            options=options,
        )
