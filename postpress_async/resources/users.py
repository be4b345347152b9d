"""`client.users`: people, the account's own profile, and who is connected to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from postpress_async.errors import ConfigurationError, NotFoundError
from postpress_async.models import (
    AccountOwner,
    Follower,
    LinkedInProfile,
    Profile,
    ProfileEdited,
    Relation,
)
from postpress_async.models.decoding import PageReader, Reader
from postpress_async.wire import forms, routes, target

from ._base import Namespace, form, needed
from ._checks import optional_text
from ._people import READ_AS, check_provider, recognised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.identifiers import Identifier
    from postpress_async.options import RequestOptions
    from postpress_async.pagination import Paginator

    from ._files import FileLike
    from .profile_edits import (
        PictureSettings,
        ProfileEducation,
        ProfileExperience,
        ProfileLocation,
    )

_NO_PERSON: Final = frozenset({"company", "group", "post"})
_NUMBER: Final = "@s.whatsapp.net"  # how WhatsApp writes an id made of a phone number
_WITH_NUMBERS: Final = frozenset({"WHATSAPP", "TELEGRAM"})
_NOBODY: Final = frozenset({"errors/resource_not_found", "errors/invalid_resource_identifier"})
_PROFILE: Final[Reader[Profile]] = Reader(Profile)
_OWNER: Final[Reader[AccountOwner]] = Reader(AccountOwner)
_EDITED: Final[Reader[ProfileEdited]] = Reader(ProfileEdited)
_RELATIONS: Final[PageReader[Relation]] = PageReader(Relation)
_FOLLOWERS: Final[PageReader[Follower]] = PageReader(Follower)


class Users(Namespace):
    """Read people, see who is connected, and edit the account's own profile."""

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

        Examples:
            >>> user = await client.users.get("jordan-walke", account_id="acc_1")
            >>> user.display_name
            'Jordan Walke'
        """
        if max_age is not None:
            msg = "max_age: this version keeps no answers, so leave it out"
            raise ConfigurationError(msg)
        account_id = self._account(account_id)
        known = recognised("identifier", identifier)
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

        Examples:
            >>> me = await client.account("acc_1").users.me()
            >>> me.provider
            'LINKEDIN'
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

    async def edit_me(
        self,
        *,
        account_id: str | None = None,
        headline: str | None = None,
        summary: str | None = None,
        location: ProfileLocation | None = None,
        picture: FileLike | None = None,
        picture_settings: PictureSettings | None = None,
        cover_picture: FileLike | None = None,
        cover_picture_settings: PictureSettings | None = None,
        experience: ProfileExperience | None = None,
        education: ProfileEducation | None = None,
        skills: Sequence[str] = (),
        skills_follow: bool | None = None,
        options: RequestOptions | None = None,
    ) -> ProfileEdited:
        """Edit the account's own profile: LinkedIn.

        Counts as one `edit`. What is left out stays as it is. Done at most once, since it may add;
        where nobody can tell whether it was done, an error says so.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            headline: the line below the name.
            summary: the «about» text.
            location: where the owner lives.
            picture: a new profile picture: a path, bytes, a file object, or `File`.
            picture_settings: how the profile picture is shown.
            cover_picture: a new background picture.
            cover_picture_settings: how the background picture is shown.
            experience: a job to add, or to change by its `id`.
            education: an education to add, or to change by its `id`.
            skills: names of skills to add.
            skills_follow: whether to follow them.
            options: overrides for this call.

        Raises:
            ConfigurationError: nothing to change, or an account of another provider.
            AttachmentError: a picture is missing, too large, or no picture.
            OutcomeUnknownError: it may have been done; look with `me` before you repeat it.
            RateLimitedError, WaitTooLongError: not done; `retry_after` says when.

        Source: Edit own profile.

        Examples:
            >>> from postpress_async import ProfileLocation
            >>> edited = await client.users.edit_me(
            ...     account_id="acc_1",
            ...     headline="Engineer at Acme",
            ...     location=ProfileLocation(id="105015875"),
            ... )
        """
        from .profile_edits import edit_of  # noqa: PLC0415 - seldom needed, and with all of its kinds

        account_id = needed("edit", self._account(account_id))
        provider = self._provider(account_id)
        if provider not in {None, "LINKEDIN"}:
            msg = f"account_id {account_id} is {provider}, and profiles are edited on LinkedIn only"
            raise ConfigurationError(msg)
        edit = await edit_of(
            headline=headline,
            summary=summary,
            location=location,
            picture=picture,
            picture_settings=picture_settings,
            cover_picture=cover_picture,
            cover_picture_settings=cover_picture_settings,
            experience=experience,
            education=education,
            skills=skills,
            skills_follow=skills_follow,
        )
        said = {"type": "LINKEDIN", "account_id": account_id, **edit.said}
        return await self._send(
            routes.EDIT_ME,
            _EDITED,
            path=routes.EDIT_ME.template,
            account_id=account_id,
            body=form(forms.fields(said), secrets=edit.secrets, files=edit.files),
            options=options,
        )

    def relations(
        self,
        *,
        account_id: str | None = None,
        filter: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Relation]:
        """Walk over the people connected to the account.

        Counts as one `browse` a page: the provider is asked.

        Args:
            account_id: the account; not needed on `client.account(…)`.
            filter: only those whose name has this in it.
            start: the cursor to begin at.
            page_size: relations on a page, 1-1000; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: no account.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: List relations.

        Examples:
            >>> async for relation in client.users.relations(account_id="acc_1").limit(10):
            ...     print(relation.display_name, relation.connected_at)
        """
        account_id = needed("browse", self._account(account_id))
        return self._list(
            routes.LIST_RELATIONS,
            _RELATIONS,
            path=routes.LIST_RELATIONS.template,
            query={"account_id": account_id, "filter": optional_text("filter", filter)},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    def following(
        self,
        *,
        account_id: str | None = None,
        user_id: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Relation]:
        """Walk over whom the account follows, or whom somebody follows on Instagram.

        Counts as one `browse` a page: the provider is asked.

        Args:
            account_id: the account that asks; not needed on `client.account(…)`.
            user_id: another user, by `provider_id` or username: Instagram only.
            start: the cursor to begin at.
            page_size: people on a page, 1-1000; the service chooses 100.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: no account.
            NotImplementedByProviderError: this provider has no such list.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: List following.

        Examples:
            >>> page = await client.users.following(account_id="acc_1", page_size=10).page()
            >>> names = [one.display_name for one in page.items]
        """
        account_id = needed("browse", self._account(account_id))
        return self._list(
            routes.LIST_FOLLOWING,
            _RELATIONS,
            path=routes.LIST_FOLLOWING.template,
            query={"account_id": account_id, "user_id": optional_text("user_id", user_id)},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    def followers(
        self,
        *,
        account_id: str | None = None,
        user_id: str | None = None,
        start: str | None = None,
        page_size: int | None = None,
        options: RequestOptions | None = None,
    ) -> Paginator[Follower]:
        """Walk over who follows the account, or follows somebody on Instagram.

        Counts as one `browse` a page: the provider is asked.

        Args:
            account_id: the account that asks; not needed on `client.account(…)`.
            user_id: another user, by `provider_id` or username: Instagram only.
            start: the cursor to begin at.
            page_size: followers on a page, 1-1000.
            options: overrides for each page's call.

        Raises:
            ConfigurationError: no account.
            NotImplementedByProviderError: this provider has no such list.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: List followers (of Unipile's reference).

        Examples:
            >>> page = await client.users.followers(account_id="acc_1", page_size=10).page()
            >>> names = [one.display_name for one in page.items]
        """
        account_id = needed("browse", self._account(account_id))
        return self._list(
            routes.LIST_FOLLOWERS,
            _FOLLOWERS,
            path=routes.LIST_FOLLOWERS.template,
            query={"account_id": account_id, "user_id": optional_text("user_id", user_id)},
            account_id=account_id,
            start=start,
            page_size=page_size,
            options=options,
        )

    async def reachable(
        self,
        phone: str,
        *,
        account_id: str | None = None,
        options: RequestOptions | None = None,
    ) -> bool:
        """Tell whether somebody can be written to at a phone number: WhatsApp, Telegram.

        Counts as one `profile`, whatever the answer; where the account's provider is not known, the
        account is read first. False means that the provider knows nobody there, as far as it says
        so: whoever hides from strangers looks the same.

        Args:
            phone: a number in international notation, `+33 6 …`; or a WhatsApp id made of one.
            account_id: the account to look through; not needed on `client.account(…)`.
            options: overrides for this call.

        Raises:
            ConfigurationError: no phone number, or one without its country, or an account of a
                provider without numbers.
            AccountError: the account needs attention.
            ResponseError: any other answer, which says nothing about the number.
            RateLimitedError, WaitTooLongError: not now; `retry_after` says when.

        Source: Users overview, «test if a number has WhatsApp».

        Examples:
            >>> await client.users.reachable("+1 202 555 0199", account_id="acc_whatsapp")
            False
        """
        known = recognised("phone", phone)
        number = known is not None and (known.kind == "phone" or str(known).endswith(_NUMBER))
        if known is None or not number:
            msg = f"phone {str(phone)[:40]!r} is no phone number: write '+', country code, number"
            raise ConfigurationError(msg)
        account_id = needed("profile", self._account(account_id))
        if account_id is not None and self._provider(account_id) is None:
            from .accounts import Accounts  # noqa: PLC0415 - seldom: most providers are known

            # Each provider writes numbers in its own way: the wrong one would look like nobody.
            await Accounts(self._pipeline, self._terms, account_id).get(options=options)
        provider = self._provider(account_id)
        if provider not in _WITH_NUMBERS:
            msg = f"account_id {account_id} is {provider}: numbers are known on WhatsApp, Telegram"
            raise ConfigurationError(msg)
        try:
            await self.get(known, account_id=account_id, options=options)
        except NotFoundError as error:
            if error.type not in _NOBODY:
                raise
            return False
        return True

    def _warn(self, account_id: str | None, profile: Profile) -> None:
        """Remember that the provider held sections back: a first sign of looking at too many."""
        held_back = profile.throttled_sections if isinstance(profile, LinkedInProfile) else ()
        if held_back and account_id is not None:
            words = f"throttled_sections: {', '.join(held_back)}"
            self._pipeline.scheduler.warn(account_id, words)

    def _checked(self, known: Identifier, given: object, account_id: str | None) -> str:
        """Return what goes on the wire; refuse what certainly is no person of this provider."""
        provider = self._provider(account_id)
        check_provider("identifier", known, provider, account_id)
        elsewhere = known.kind == "unknown" and known.certain  # a link, but to nobody's profile
        if known.kind in _NO_PERSON or elsewhere:
            what = "a link" if elsewhere else f"a {known.kind}"
            msg = f"identifier {str(given)[:200]!r} is {what}, not a person: users.get reads people"
            raise ConfigurationError(msg)
        if known.kind == "phone" and provider == "TELEGRAM":
            return str(known).partition("@")[0]  # there the digits alone are the public id
        written_for_people = "/" in str(given) or str(given).startswith(READ_AS)
        if isinstance(given, str) and (known.kind == "unknown" or not written_for_people):
            return given  # never rewritten: the service takes both kinds of ids
        return str(known)
