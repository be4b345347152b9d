"""`client.users`: profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from postpress_async.errors import ConfigurationError
from postpress_async.identifiers import Identifier, identify
from postpress_async.models import AccountOwner, Profile
from postpress_async.models.decoding import Reader
from postpress_async.wire import routes, target

from ._base import Namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.options import RequestOptions

_PROFILE: Final[Reader[Profile]] = Reader(Profile)
_OWNER: Final[Reader[AccountOwner]] = Reader(AccountOwner)


class Users(Namespace):
    """Read people, and the account's own profile."""

    __slots__ = ()

    async def get(
        self,
        identifier: str | Identifier,
        *,
        account_id: str | None = None,
        linkedin_sections: Sequence[str] | None = None,
        linkedin_api: Literal["recruiter", "sales_navigator"] | None = None,
        notify: bool | None = None,
        options: RequestOptions | None = None,
    ) -> Profile:
        """Retrieve a user's profile, through one of your connected accounts.

        Counts as one `profile` of that account, also when nobody is found (404): the look-up
        reached the provider. Waits for its turn at most `max_wait`.

        Args:
            identifier: the provider's internal or public id, as it is; a pasted address of a known
                provider is read as `identify` reads it. Percent-encoded whole.
            account_id: the account to look through; not needed on `client.account(…)`.
            linkedin_sections: `*`, `*_preview` or names, in any mixture; LinkedIn sends no
                sections unless asked, and throttles full ones.
            linkedin_api: look through Sales Navigator or Recruiter, which have ids of their own.
            notify: whether the visit is shown to the person.
            options: overrides for this call.

        Returns:
            One of `LinkedInProfile`, `WhatsAppProfile`, `InstagramProfile`, `TelegramProfile`,
            `XProfile`, or an `UnknownProfile` that keeps what was sent.

        Raises:
            ConfigurationError: an id that cannot be one, or of another provider than the account.
            NotFoundError: nobody goes by this id.
            AccountError: the account needs attention.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: Retrieve a profile.
        """
        account_id = self._account(account_id)
        text = identifier if isinstance(identifier, str) else self._wire_id(identifier)
        if "/" in text or "@" in text or text.startswith(("AC", "AD", "AE")):
            text = self._checked(identifier, account_id)
        profile = await self._send(
            routes.GET_USER,
            _PROFILE,
            path="/users/" + target.segment("identifier", text),
            query={
                "account_id": account_id,
                "linkedin_sections": linkedin_sections,
                "linkedin_api": linkedin_api,
                "notify": notify,
            },
            account_id=account_id,
            options=options,
        )
        self._pipeline.scheduler.learn(account_id, profile.provider)
        return profile

    async def me(
        self, *, account_id: str | None = None, options: RequestOptions | None = None
    ) -> AccountOwner:
        """Retrieve the profile of the account itself.

        Counts as one `profile`: the provider is asked.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            AccountError: the account needs attention.

        Source: Retrieve own profile.
        """
        account_id = self._account(account_id)
        return await self._send(
            routes.GET_ME,
            _OWNER,
            path="/users/me",
            query={"account_id": account_id},
            account_id=account_id,
            options=options,
        )

    def _checked(self, identifier: str | Identifier, account_id: str | None) -> str:
        """Read a pasted address; refuse an id that is certainly another provider's."""
        known = identifier if isinstance(identifier, Identifier) else identify(identifier)
        provider = None
        if account_id is not None:
            provider = self._pipeline.scheduler.lane(account_id).provider
        if provider is not None and known.conflicts_with(provider):
            msg = (
                f"identifier {str(known)!r} is an id of {known.provider}, but account "
                f"{account_id} is {provider}: use an account of {known.provider}"
            )
            raise ConfigurationError(msg)
        if isinstance(identifier, str) and "/" not in identifier:
            return identifier  # never rewritten: the service takes both kinds of ids
        return str(known)

    @staticmethod
    def _wire_id(identifier: object) -> str:
        if not isinstance(identifier, Identifier):
            msg = f"identifier must be text or an Identifier, not {type(identifier).__name__}"
            raise ConfigurationError(msg)
        return str(identifier)
