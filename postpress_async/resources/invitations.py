"""`client.invitations`: asking people to connect, and answering those who ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from postpress_async.errors import ConfigurationError
from postpress_async.models import (
    InvitationCanceled,
    InvitationReceived,
    InvitationSent,
    UserInvitationHandled,
    UserInvitationSent,
)
from postpress_async.models.decoding import PageReader, Reader
from postpress_async.wire import routes, target
from postpress_async.wire.deciding import Asked

from ._base import Namespace, checked_text, needed
from ._checks import json_body, optional_text, short_text
from ._people import invited_id

if TYPE_CHECKING:
    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

    from ._people import Person

MOST_CHARACTERS: Final = 300
"""What a note may have (Send an invitation)."""

_SENT: Final[PageReader[InvitationSent]] = PageReader(InvitationSent)
_RECEIVED: Final[PageReader[InvitationReceived]] = PageReader(InvitationReceived)
_MADE: Final[Reader[UserInvitationSent]] = Reader(UserInvitationSent)
_CANCELED: Final[Reader[InvitationCanceled]] = Reader(InvitationCanceled)
_HANDLED: Final[Reader[UserInvitationHandled]] = Reader(UserInvitationHandled)


class Invitations(Namespace):
    """Invite people, take invitations back, and answer those that came."""

    __slots__ = ()

    async def send(
        self,
        provider_id: Person,
        *,
        account_id: str | None = None,
        message: str | None = None,
        user_email: str | None = None,
        options: RequestOptions | None = None,
    ) -> UserInvitationSent:
        """Invite somebody to connect on LinkedIn, or follow them on Instagram.

        Counts as `invite`, with a message as `invite_note`, on Instagram as `follow`; the account's
        provider is learned first where it is not known. Sent at most once unless you trust the
        idempotency key. What the answer says of the provider's allowance is warned of, and shown in
        `scheduler.snapshot`.

        Args:
            provider_id: whom: the provider's own id, on Instagram also a username; or an
                `Identifier`, a profile, a relation, an attendee.
            account_id: the account that invites; not needed on `client.account(…)`.
            message: a note of at most 300 characters; free accounts have few of them.
            user_email: the person's address, where LinkedIn asks for it.
            options: overrides for this call.

        Raises:
            ConfigurationError: a note that is too long, or no id to invite by.
            ProviderLimitError: already invited, or too many by now; its `type` says which.
            UnprocessableError: cannot be invited, or is connected already.
            OutcomeUnknownError: it may have been sent; look into `sent` before you repeat it.
            RateLimitedError, WaitTooLongError: not sent; `retry_after` says when.

        Source: Send an invitation.

        Examples:
            >>> user = await client.users.get("jordan-walke", account_id="acc_1")
            >>> sent = await client.invitations.send(
            ...     user, account_id="acc_1", message="Hello Jordan"
            ... )
        """
        account_id = needed("invite", self._account(account_id))
        if message is not None:
            short_text("message", message, most=MOST_CHARACTERS, why="the note of an invitation")
        person = invited_id(
            "provider_id", provider_id, provider=self._provider(account_id), account=account_id
        )
        said = {
            "provider_id": person,
            "account_id": account_id,
            "user_email": optional_text("user_email", user_email),
            "message": message,
        }
        sent = await self._send(
            routes.INVITE,
            _MADE,
            path=routes.INVITE.template,
            account_id=account_id,
            asked=Asked(body=said),
            body=json_body(said, message, user_email),
            options=options,
        )
        if sent.usage is not None:
            words = f"invitations: {sent.usage:g} % of the provider's allowance are used"
            self._pipeline.scheduler.warn(account_id, words)
        return sent

    def sent(
        self,
        *,
        account_id: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[InvitationSent]:
        """Walk over the invitations that the account sent and that nobody has answered yet.

        Counts as one `browse` a page: the provider is asked.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            start: the cursor to begin at.
            page_size: invitations on a page; the pages disagree on 1-250 or 1-100.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: no account.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: List invitations sent.

        Examples:
            >>> async for invitation in client.invitations.sent(account_id="acc_1").limit(10):
            ...     print(invitation.invited_user, invitation.date)
        """
        account_id = needed("browse", self._account(account_id))
        return self._list(
            routes.LIST_SENT,
            _SENT,
            path=routes.LIST_SENT.template,
            query={"account_id": account_id},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    def received(
        self,
        *,
        account_id: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[InvitationReceived]:
        """Walk over the invitations that wait for the account's answer.

        Counts as one `browse` a page: the provider is asked.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            start: the cursor to begin at.
            page_size: invitations on a page, 1-100; the service chooses 10.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: no account.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: List invitations received.

        Examples:
            >>> async for invitation in client.invitations.received(account_id="acc_1").limit(10):
            ...     print(invitation.invitation_text)
        """
        account_id = needed("browse", self._account(account_id))
        return self._list(
            routes.LIST_RECEIVED,
            _RECEIVED,
            path=routes.LIST_RECEIVED.template,
            query={"account_id": account_id},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    async def cancel(
        self,
        invitation_id: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> InvitationCanceled:
        """Take back an invitation that was sent; on Instagram, unfollow.

        Counts as `other`.

        Args:
            invitation_id: the invitation's id, as `sent` lists it; on Instagram the user's
                `provider_id`.
            account_id: the account that sent it; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            NotFoundError: there is no such invitation, or it was answered.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: Cancel an invitation.

        Examples:
            >>> async for invitation in client.invitations.sent(account_id="acc_1").limit(1):
            ...     await client.invitations.cancel(invitation.id, account_id="acc_1")
        """
        account_id = self._account(account_id)
        return await self._send(
            routes.CANCEL_SENT,
            _CANCELED,
            path=target.path(routes.CANCEL_SENT.template, {"invitation_id": invitation_id}),
            query=target.account(account_id),
            account_id=account_id,
            options=options,
        )

    async def accept(
        self,
        invitation_id: str | InvitationReceived,
        *,
        shared_secret: str | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> UserInvitationHandled:
        """Accept an invitation: the two are relations from now on.

        Counts as `other`.

        Args:
            invitation_id: the invitation as `received` lists it, or its id.
            shared_secret: with an id, the secret that LinkedIn's list held; Instagram has none.
            account_id: the account that was asked; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: an invitation of LinkedIn without its secret.
            NotFoundError: there is no such invitation, or it was answered.
            OutcomeUnknownError: it may be done; look into `received` before you repeat it.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: Handle a received invitation.

        Examples:
            >>> async for invitation in client.invitations.received(account_id="acc_1").limit(1):
            ...     await client.invitations.accept(invitation, account_id="acc_1")
        """
        return await self._answer("accept", invitation_id, shared_secret, account_id, options)

    async def decline(
        self,
        invitation_id: str | InvitationReceived,
        *,
        shared_secret: str | None = None,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> UserInvitationHandled:
        """Decline an invitation.

        Counts as `other`.

        Args:
            invitation_id: the invitation as `received` lists it, or its id.
            shared_secret: with an id, the secret that LinkedIn's list held; Instagram has none.
            account_id: the account that was asked; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: an invitation of LinkedIn without its secret.
            NotFoundError: there is no such invitation, or it was answered.
            OutcomeUnknownError: it may be done; look into `received` before you repeat it.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: Handle a received invitation.

        Examples:
            >>> async for invitation in client.invitations.received(account_id="acc_1").limit(1):
            ...     await client.invitations.decline(invitation, account_id="acc_1")
        """
        return await self._answer("decline", invitation_id, shared_secret, account_id, options)

    async def _answer(
        self,
        action: Literal["accept", "decline"],
        invitation: str | InvitationReceived,
        secret: str | None,
        account_id: str | None,
        options: RequestOptions | None,
    ) -> UserInvitationHandled:
        account_id = self._account(account_id)
        optional_text("shared_secret", secret)
        id_: str | None
        if isinstance(invitation, InvitationReceived):
            id_, secret = invitation.id, secret or invitation.shared_secret
            checked_text("invitation_id.id", id_)
        else:
            id_ = invitation
        # The body names the provider, and only LinkedIn's invitations have a secret.
        if secret is None and self._provider(account_id) == "LINKEDIN":
            msg = (
                "shared_secret is needed on LinkedIn: give the invitation itself, as "
                "invitations.received lists it"
            )
            raise ConfigurationError(msg)
        said = {
            "provider": "INSTAGRAM" if secret is None else "LINKEDIN",
            "account_id": account_id,
            "shared_secret": secret,
            "action": action,
        }
        return await self._send(
            routes.ANSWER_RECEIVED,
            _HANDLED,
            path=target.path(routes.ANSWER_RECEIVED.template, {"invitation_id": id_}),
            account_id=account_id,
            body=json_body(said, secret),
            options=options,
        )
