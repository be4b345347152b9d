"""How items are taken in: by an outbox one by one, and by a batch of it all at once."""
# ruff: noqa: D417 - what several methods take is told once, where it is said

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from postpress_async.resources._base import checked_account, needed

from . import composing, putting
from .putting import Wishes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from postpress_async.client import Postpress
    from postpress_async.resources._files import FileLike
    from postpress_async.resources._people import Person
    from postpress_async.resources.linkedin_options import LinkedInOptions

    from .contents import Content

__all__ = ["Intake"]

R_co = TypeVar("R_co", covariant=True)


class Intake(Generic[R_co]):
    """Check what is to go, and take it in.

    Args:
        client: whose accounts send.
    """

    def __init__(self, client: Postpress) -> None:
        self._client = client

    @abstractmethod
    async def _take(
        self, content: Content, account_id: str, wishes: Wishes, connection: object | None
    ) -> R_co:
        """Take in what was checked."""

    async def message(
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
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in a message into a chat that exists.

        What it says is checked now, and files are read now: 15 MB in all. Messages of a chat go in
        the order of `not_before`, then in that in which they were put in.

        Args:
            chat_id, text, attachments, voice_message, video_message, quote_id, thread_id,
                typing_duration, account_id: as in `messages.send`.
            key: your own name for this item, unique for good: the same key again is the same item.
            group: a name by which several are listed, counted and cancelled.
            recipient: a name of the person, by which all that is to them can be forgotten.
            not_before: not before this instant, with a time zone.
            expires_at: not after it: then it is `expired`.
            hold: wait for `release`.
            priority: lower goes first among chats and people, and in the account's queue.
            connection: your own `sqlite3` connection to the same file, or `psycopg` connection to
                the same database: the item comes to be with the commit of your transaction.

        Returns:
            The item; the older one where the key was there with the same content. In a batch,
            nothing.

        Raises:
            ConfigurationError: it cannot be sent so.
            AttachmentError: a file cannot be read, or is too large.
            OutboxConflictError: the key stands for something else.
            OutboxError: the recipient was forgotten.
            StateUnavailableError: the store cannot be used; nothing was put in, unless it says
                that nobody knows: then put it in again with the same key.

        Source: The outbox, Keys, times, groups.

        Examples:
            >>> item = await outbox.message(
            ...     account_id="acc_1", chat_id="chat_1", text="Hello", key="lead-42/hello"
            ... )
            >>> item.state
            'queued'
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        account = self._account("message", account_id)
        content = await composing.message(
            chat_id=chat_id,
            text=text,
            attachments=attachments,
            voice_message=voice_message,
            video_message=video_message,
            quote_id=quote_id,
            thread_id=thread_id,
            typing_duration=typing_duration,
        )
        return await self._take(content, account, wishes, connection)

    async def start_chat(
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
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in a first message to somebody, or an InMail.

        Args:
            to, text, subject, attachments, voice_message, video_message, linkedin, account_id: as
                in `chats.start`.
            key, group, not_before, expires_at, hold, priority, connection: as in `message`.
            recipient: a name of the person; else their id.

        Raises:
            ConfigurationError, AttachmentError, OutboxConflictError, OutboxError,
                StateUnavailableError: as in `message`.

        Source: The outbox.

        Examples:
            >>> item = await outbox.start_chat(
            ...     account_id="acc_1", to="ACoAAExample1", text="Hi", key="lead-43/hello"
            ... )
            >>> (item.kind, item.action)
            ('start_chat', 'first_message')
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        account = self._account("first_message", account_id)
        content = await composing.start_chat(
            to=to,
            text=text,
            subject=subject,
            attachments=attachments,
            voice_message=voice_message,
            video_message=video_message,
            linkedin=linkedin,
            account_id=account,
            provider=self._provider(account),
        )
        return await self._take(content, account, wishes, connection)

    async def invite(
        self,
        *,
        provider_id: Person,
        message: str | None = None,
        user_email: str | None = None,
        account_id: str | None = None,
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in an invitation. An account has one open invitation to a person at a time.

        Args:
            provider_id, message, user_email, account_id: as in `invitations.send`.
            key, group, not_before, expires_at, hold, priority, connection: as in `message`.
            recipient: a name of the person; else their id.

        Raises:
            ConfigurationError, OutboxError, StateUnavailableError: as in `message`.
            OutboxConflictError: the key stands for something else, or another invitation of this
                account to this person is open.

        Source: The outbox.

        Examples:
            >>> item = await outbox.invite(
            ...     account_id="acc_1", provider_id="ACoAAExample2", message="Shall we connect?"
            ... )
            >>> item.action
            'invite_note'
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        account = self._account("invite", account_id)
        content = composing.invite(
            provider_id,
            message=message,
            user_email=user_email,
            account_id=account,
            provider=self._provider(account),
        )
        return await self._take(content, account, wishes, connection)

    async def follow(
        self,
        *,
        provider_id: Person,
        account_id: str | None = None,
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in a wish to follow somebody: Instagram.

        Args:
            provider_id, account_id: as in `invitations.send`.
            key, group, recipient, not_before, expires_at, hold, priority, connection: as in
                `invite`.

        Raises:
            ConfigurationError, OutboxConflictError, OutboxError, StateUnavailableError: as in
                `message`.

        Source: The outbox.

        Examples:
            >>> item = await outbox.follow(account_id="acc_instagram", provider_id="17841400001")
            >>> item.action
            'follow'
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        account = self._account("follow", account_id)
        provider = self._provider(account)
        content = composing.follow(provider_id, account_id=account, provider=provider)
        return await self._take(content, account, wishes, connection)

    async def react(
        self,
        message_id: str,
        *,
        reaction: str,
        account_id: str | None = None,
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in a reaction to a message.

        Args:
            message_id, reaction, account_id: as in `messages.react`.
            key, group, recipient, not_before, expires_at, hold, priority, connection: as in
                `message`.

        Raises:
            ConfigurationError, OutboxConflictError, OutboxError, StateUnavailableError: as in
                `message`.

        Source: The outbox.

        Examples:
            >>> item = await outbox.react("msg_1", reaction="👍", account_id="acc_1")
            >>> item.message_id
            'msg_1'
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        content = composing.react(message_id=message_id, reaction=reaction)
        return await self._take(content, self._account("react", account_id), wishes, connection)

    async def profile(
        self,
        identifier: str,
        *,
        accounts: Sequence[str],
        linkedin_sections: str | Sequence[str] | None = None,
        linkedin_api: Literal["recruiter", "sales_navigator"] | None = None,
        key: str | None = None,
        group: str | None = None,
        recipient: str | None = None,
        not_before: datetime | None = None,
        expires_at: datetime | None = None,
        hold: bool = False,
        priority: int = 0,
        connection: object | None = None,
    ) -> R_co:
        """Put in a look at a profile, through whichever of some accounts may look first.

        Once it is `sent`, `Item.profile` is what was seen, and `Item.seen_by` through whom. A look
        that was cut is done again: it may count twice.

        Args:
            identifier, linkedin_sections, linkedin_api: as in `users.get`.
            accounts: who may look: accounts of one provider. A worker that runs for some accounts
                only looks through those of its own.
            key, group, recipient, not_before, expires_at, hold, priority, connection: as in
                `message`.

        Raises:
            ConfigurationError, OutboxConflictError, OutboxError, StateUnavailableError: as in
                `message`.

        Source: The outbox, Profiles through several accounts.

        Examples:
            >>> item = await outbox.profile("jordan-walke", accounts=["acc_1", "acc_2"])
            >>> await outbox.run(until_empty=True)
            >>> (await outbox.get(item.id)).profile.first_name
            'Jordan'
        """
        wishes = Wishes(
            key=key, group=group, recipient=recipient, not_before=not_before,
            expires_at=expires_at, hold=hold, priority=priority,
        )  # fmt: skip
        content = composing.profile(
            identifier,
            accounts=accounts,
            linkedin_sections=linkedin_sections,
            linkedin_api=linkedin_api,
        )
        return await self._take(content, putting.pool_of(content), wishes, connection)

    def _account(self, action: str, account_id: str | None) -> str:
        if account_id is None:
            account_id = self._client._account_id  # noqa: SLF001 - of this package
        return checked_account(needed(action, account_id))

    def _provider(self, account_id: str) -> str | None:
        return self._client.scheduler.lane(account_id).provider
