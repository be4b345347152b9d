"""`client.users`: profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from postpress_async.errors import ConfigurationError
from postpress_async.identifiers import Identifier, identify
from postpress_async.models import AccountOwner, LinkedInProfile, Profile
from postpress_async.models.decoding import Reader
from postpress_async.wire import routes, target

from ._base import Namespace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.options import RequestOptions

_NO_PERSON: Final = frozenset({"company", "group", "post"})
_READ_AS: Final = ("urn:", "+", "00", "tel:")  # written for people: `identify` takes the id out
_TELLING: Final = ("AC", "AD", "AE", *_READ_AS)  # how LinkedIn's own ids begin, too
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
        max_age: float | None = None,
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
            max_age: seconds that an answer may be old; this version keeps none, so only None.
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
        if max_age is not None:
            msg = "max_age: this version keeps no answers, so leave it out"
            raise ConfigurationError(msg)
        account_id = self._account(account_id)
        known = _known(identifier)
        if known is None:
            text = identifier
        else:
            text = self._checked(known, identifier, account_id)
            if linkedin_api is None and known is identifier and known.linkedin_api != "classic":
                linkedin_api = known.linkedin_api  # an id of another product is read through it
        query = target.account(account_id)
        if linkedin_sections is not None or linkedin_api is not None or notify is not None:
            query = target.query(
                {
                    "account_id": account_id,
                    "linkedin_sections": linkedin_sections,
                    "linkedin_api": linkedin_api,
                    "notify": notify,
                }
            )
        profile = await self._send(
            routes.GET_USER,
            _PROFILE,
            path="/users/" + target.segment("identifier", text),
            query=query,
            account_id=account_id,
            options=options,
        )
        self._pipeline.scheduler.learn(account_id, profile.provider)
        if linkedin_sections is not None:  # no section comes unless it is asked for
            self._warn(account_id, profile)
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
            query=target.account(account_id),
            account_id=account_id,
            options=options,
        )

    def _warn(self, account_id: str | None, profile: Profile) -> None:
        """Remember that the provider held sections back: a first sign of looking at too many."""
        held_back = profile.throttled_sections if isinstance(profile, LinkedInProfile) else ()
        if held_back and account_id is not None:
            words = f"throttled_sections: {', '.join(held_back)}"
            self._pipeline.scheduler.warn(account_id, words)

    def _checked(self, known: Identifier, given: object, account_id: str | None) -> str:
        """Return what goes on the wire; refuse what certainly is no person of this provider."""
        provider = None
        if account_id is not None:
            provider = self._pipeline.scheduler.lane(account_id).provider
        if provider is not None and known.conflicts_with(provider):
            msg = (
                f"identifier {str(known)!r} is an id of {known.provider}, but account "
                f"{account_id} is {provider}: use an account of {known.provider}"
            )
            raise ConfigurationError(msg)
        elsewhere = known.kind == "unknown" and known.certain  # a link, but to nobody's profile
        if known.kind in _NO_PERSON or elsewhere:
            what = "a link" if elsewhere else f"a {known.kind}"
            msg = f"identifier {str(given)[:200]!r} is {what}, not a person: users.get reads people"
            raise ConfigurationError(msg)
        if known.kind == "phone" and provider == "TELEGRAM":
            return str(known).partition("@")[0]  # there the digits alone are the public id
        written_for_people = "/" in str(given) or str(given).startswith(_READ_AS)
        if isinstance(given, str) and (known.kind == "unknown" or not written_for_people):
            return given  # never rewritten: the service takes both kinds of ids
        return str(known)


def _known(identifier: object) -> Identifier | None:
    """Return what a text proves of itself; None for a plain id, which needs no reading."""
    if isinstance(identifier, Identifier):
        return identifier
    if not isinstance(identifier, str):
        msg = f"identifier must be text or an Identifier, not {type(identifier).__name__}"
        raise ConfigurationError(msg)
    telling = "/" in identifier or "@" in identifier or identifier.startswith(_TELLING)
    return identify(identifier) if telling else None
