"""`client.chats`: conversations, started, changed and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError
from postpress_async.models import (
    Attendee,
    Chat,
    ChatDeleted,
    ChatHistorySync,
    ChatPatched,
    ChatStarted,
)
from postpress_async.models.decoding import PageBody, PageReader, Reader
from postpress_async.options import positive
from postpress_async.wire import forms, routes, target
from postpress_async.wire.deciding import Asked

from ._base import Namespace, form
from ._checks import json_body, several, struct_of
from ._outgoing import first_message
from ._people import check_product, messaging_id
from ._polling import until_over
from ._times import instant
from .chat_actions import body_of
from .linkedin_options import LinkedInOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

    from ._files import FileLike
    from ._outgoing import First
    from ._people import Person
    from .chat_actions import ChatAction

CHATS: Final[PageReader[Chat]] = PageReader(Chat)
ATTENDEES: Final[PageReader[Attendee]] = PageReader(Attendee)
_CHAT: Final[Reader[Chat]] = Reader(Chat)
_STARTED: Final[Reader[ChatStarted]] = Reader(ChatStarted)
_PATCHED: Final[Reader[ChatPatched]] = Reader(ChatPatched)
_SYNC: Final[Reader[ChatHistorySync]] = Reader(ChatHistorySync)
_DELETED: Final[Reader[ChatDeleted]] = Reader(ChatDeleted)
_GROUP: Final = 2  # people besides the account


class Chats(Namespace):
    """Start conversations, find and read them as far as they are synced, and change them."""

    __slots__ = ()

    def list(
        self,
        *,
        account_id: str | Sequence[str] | None = None,
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
            account_id: only this account's, or these accounts'; without it, those of all.
            account_type: only this provider's, by its wire word.
            unread: True for unread ones only, False for read ones only.
            before: only those whose last activity was before this instant.
            after: only those whose last activity was after this instant.
            start: the cursor to begin at.
            page_size: chats on a page, 1-250; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: an instant without a time zone, or a page size that cannot be.
            PaginationError: the service's pages go in a circle.

        Source: List chats.

        Examples:
            >>> async for chat in client.chats.list(account_id="acc_1", unread=True).limit(500):
            ...     print(chat.name, chat.unread_count)
        """
        accounts, lane = self._accounts(account_id)
        return self._list(
            routes.LIST_CHATS,
            CHATS,
            path="/chats",
            query={
                "account_id": accounts,
                "account_type": account_type,
                "unread": unread,
                "before": instant("before", before),
                "after": instant("after", after),
            },
            account_id=lane,
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

        Examples:
            >>> chat = await client.chats.get("chat_1")
            >>> chat.is_group
            False
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

        Raises:
            NotFoundError: there is no such chat.

        Source: List chat attendees.

        Examples:
            >>> names = [one.name async for one in client.chats.attendees("chat_1")]
        """
        return self._list(
            routes.LIST_CHAT_ATTENDEES,
            ATTENDEES,
            path=f"/chats/{target.segment('chat_id', chat_id)}/attendees",
            query={},
            account_id=self._account_id,
            start=None,
            page_size=None,
            options=options,
        )

    async def start(
        self,
        *,
        to: Person,
        text: str | None = None,
        subject: str | None = None,
        attachments: Sequence[FileLike] = (),
        voice_message: FileLike | None = None,
        video_message: FileLike | None = None,
        linkedin: LinkedInOptions | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> ChatStarted:
        """Write to one person, in a chat that exists or in a new one.

        Counts as `inmail` where one is asked for, else as `first_message`, also where the chat
        exists: into a chat that you know, send with `messages.send`. Without InMail, LinkedIn
        delivers to relations only. Sent at most once unless you trust the idempotency key.

        Args:
            to: whom: the id that chats take (a profile's `messaging_id`), an `Identifier` with
                one, or a profile, attendee or relation that an answer held.
            text: what to say; Recruiter takes some HTML.
            subject: of the conversation, such as an InMail's.
            attachments: files, as in `messages.send`.
            voice_message: spoken words: LinkedIn (.m4a), WhatsApp (.mp3, .m4a).
            video_message: a video message: LinkedIn.
            linkedin: which product it goes through, InMail, and what else LinkedIn takes.
            account_id: the account that writes; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: neither text nor file, or somebody who cannot be written to so.
            AttachmentError: a file is missing, too large, or of the wrong kind.
            UnprocessableError: no relation (`no_connection_with_recipient`), no InMail to them
                (`not_allowed_inmail`), no credits (`insufficient_credits`).
            OutcomeUnknownError: it may have been sent; look for the chat before you repeat it.
            RateLimitedError, WaitTooLongError: not sent; `retry_after` says when.

        Source: Send messages, «to a user»; Start a chat.

        Examples:
            >>> from postpress_async import LinkedInOptions
            >>> user = await client.users.get("jordan-walke", account_id="acc_1")
            >>> started = await client.chats.start(
            ...     to=user,
            ...     text="Hello Jordan",
            ...     subject="An idea",
            ...     linkedin=LinkedInOptions(api="classic", inmail=True),
            ...     account_id="acc_1",
            ... )
        """
        account_id = self._account(account_id)
        struct_of("linkedin", linkedin, LinkedInOptions)
        person = messaging_id("to", to, provider=self._provider(account_id), account=account_id)
        check_product("to", person, linkedin.api if linkedin is not None else None)
        first = await first_message(
            to=[person],
            account_id=account_id,
            text=text,
            subject=subject,
            attachments=attachments,
            voice_message=voice_message,
            video_message=video_message,
            linkedin=linkedin,
        )
        return await self._start(first, account_id, options)

    async def start_group(
        self,
        *,
        to: Sequence[Person],
        text: str | None = None,
        subject: str | None = None,
        attachments: Sequence[FileLike] = (),
        voice_message: FileLike | None = None,
        video_message: FileLike | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> ChatStarted:
        """Start a group chat with two people or more.

        Counts as one `first_message`. Sent at most once unless you trust the idempotency key.

        Args:
            to: whom, each as in `start`; the same person twice counts once.
            text: what to say.
            subject: the group's name.
            attachments: files, as in `messages.send`.
            voice_message: spoken words: LinkedIn (.m4a), WhatsApp (.mp3, .m4a).
            video_message: a video message: LinkedIn.
            account_id: the account that writes; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: fewer than two people, or neither text nor file.
            AttachmentError: a file is missing, too large, or of the wrong kind.
            OutcomeUnknownError: it may exist; look for the chat before you repeat it.
            RateLimitedError, WaitTooLongError: not sent; `retry_after` says when.

        Source: Send messages, «create a group chat»; Start a chat.

        Examples:
            >>> account = client.account("acc_whatsapp")
            >>> people = [one async for one in account.attendees.list() if not one.is_self]
            >>> started = await account.chats.start_group(
            ...     to=people[:2], subject="Vacation", text="Hello world!"
            ... )
        """
        account_id = self._account(account_id)
        provider = self._provider(account_id)
        people = [
            messaging_id(f"to[{n}]", one, provider=provider, account=account_id)
            for n, one in enumerate(several("to", to))
        ]
        people = list(dict.fromkeys(people))
        if len(people) < _GROUP:
            msg = f"to names {len(people)} of the two or more that make a group: use chats.start"
            raise ConfigurationError(msg)
        first = await first_message(
            to=people,
            account_id=account_id,
            text=text,
            subject=subject,
            attachments=attachments,
            voice_message=voice_message,
            video_message=video_message,
        )
        return await self._start(first, account_id, options)

    async def update(
        self,
        chat_id: str,
        *,
        action: ChatAction,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> ChatPatched:
        """Do something to a chat: mark it, mute it, label it, change who is in it.

        Counts as `other`. A yes may have had no effect, for want of a right in the group.

        Args:
            chat_id: the chat's id.
            action: `SetReadStatus()`, `SetMuteStatus(False)`, `AddParticipant("33…")`, …
            account_id: the account; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such chat.
            UnprocessableError, NotImplementedByProviderError: not on this provider.

        Source: Perform an action on a chat.

        Examples:
            >>> from postpress_async import SetReadStatus
            >>> patched = await client.chats.update(
            ...     "chat_1", action=SetReadStatus(), account_id="acc_1"
            ... )
        """
        return await self._send(
            routes.UPDATE_CHAT,
            _PATCHED,
            path=target.path(routes.UPDATE_CHAT.template, {"chat_id": chat_id}),
            account_id=self._account(account_id),
            body=json_body(body_of(action)),
            options=options,
        )

    async def sync(
        self,
        chat_id: str,
        *,
        wait: float | None = None,
        progress: Callable[[ChatHistorySync], None] | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> ChatHistorySync:
        """Start the sync of a chat's history, or see how far it is.

        Each look counts as one `other`, and the first look after an end starts another sync. With
        `wait`, it looks again until the sync is over, at growing and uneven intervals from two
        seconds to a minute.

        Args:
            chat_id: the chat's id.
            wait: seconds to go on looking; without it, one look.
            progress: told of every look.
            account_id: the account; not needed on `client.account(…)`.
            options: overrides for each look.

        Returns:
            What the last look saw; `is_over` is False where the time ran out before.

        Raises:
            NotFoundError: there is no such chat.
            WaitTooLongError: the account has no more `other` for now; `retry_after` says when.

        Source: Sync a chat's history (of Unipile's reference).

        Examples:
            >>> sync = await client.chats.sync("chat_1", account_id="acc_1")
            >>> sync.is_over
            False
        """
        account_id = self._account(account_id)
        path = target.path(routes.SYNC_CHAT.template, {"chat_id": chat_id})
        positive("wait", wait, zero=True)

        async def look() -> ChatHistorySync:
            return await self._send(
                routes.SYNC_CHAT, _SYNC, path=path, account_id=account_id, options=options
            )

        return await until_over(look, self._pipeline, seconds=wait or 0.0, progress=progress)

    async def delete(
        self,
        chat_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> ChatDeleted:
        """Delete a chat.

        Counts as `other`. For whom it is gone, and what the answer holds, is not documented.

        Args:
            chat_id: the chat's id.
            account_id: the account; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such chat.

        Source: Delete a chat (of Unipile's reference).

        Examples:
            >>> deleted = await client.chats.delete("chat_2", account_id="acc_1")
        """
        return await self._send(
            routes.DELETE_CHAT,
            _DELETED,
            path=target.path(routes.DELETE_CHAT.template, {"chat_id": chat_id}),
            account_id=self._account(account_id),
            options=options,
        )

    async def _start(
        self, first: First, account_id: str | None, options: RequestOptions | None
    ) -> ChatStarted:
        return await self._send(
            routes.START_CHAT,
            _STARTED,
            path=routes.START_CHAT.template,
            account_id=account_id,
            asked=Asked(body=first.said),
            body=form(forms.fields(first.said), secrets=first.secrets, files=first.files),
            options=options,
        )

    def _learn(self, page: PageBody[Chat]) -> None:
        for chat in page.items:
            self._pipeline.scheduler.learn(chat.account_id, chat.provider)
