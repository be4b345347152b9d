"""The person behind a connected account: what `/users/me` answers, asked or edited."""

from typing import ClassVar, Literal

from msgspec import field

from ._base import (
    UNKNOWN,
    Flag,
    JsonObject,
    Many,
    Model,
    Part,
    empty_list,
    first_text,
    full_name,
    lists_never_null,
)
from .profiles.telegram import TelegramUser
from .profiles.x import XUser


class OwnedOrganization(Part, frozen=True, kw_only=True):
    """A LinkedIn organization that the owner speaks for."""

    id: str | None = None
    mailbox_id: str | None = None
    name: str | None = None


class LinkedInSeat(Part, frozen=True, kw_only=True):
    """A seat in Recruiter or Sales Navigator, or why it cannot be used.

    Attributes:
        error: `MULTIPLE_SESSIONS` or `DISCONNECTED`; then there is nothing else.
    """

    owner_seat_id: str | int | None = None
    contract_id: str | int | None = None
    error: str | None = None


@lists_never_null
class LinkedInOwner(Model, frozen=True, kw_only=True, tag_field="provider", tag="LINKEDIN"):
    """The owner of a LinkedIn account.

    Source: Retrieve own profile.

    Attributes:
        recruiter: None without the product.
        sales_navigator: None without the product.
    """

    provider: ClassVar[Literal["LINKEDIN"]] = "LINKEDIN"

    object: str | None = None
    provider_id: str | None = None
    entity_urn: str | None = None
    object_urn: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    profile_picture_url: str | None = None
    public_profile_url: str | None = None
    public_identifier: str | None = None
    headline: str | None = None
    location: str | None = None
    email: str | None = None
    premium: Flag = None
    open_profile: Flag = None
    occupation: str | None = None
    organizations: Many[OwnedOrganization] = field(default_factory=empty_list)
    recruiter: LinkedInSeat | None = None
    sales_navigator: LinkedInSeat | None = None

    @property
    def display_name(self) -> str | None:
        """First and last name, else the public identifier."""
        return first_text(full_name(self.first_name, self.last_name), self.public_identifier)


class TelegramOwner(TelegramUser, frozen=True, kw_only=True, tag_field="provider", tag="TELEGRAM"):
    """The owner of a Telegram account."""


class XOwner(XUser, frozen=True, kw_only=True, tag_field="provider", tag="TWITTER"):
    """The owner of an X (Twitter) account."""


class GmailAlias(Part, frozen=True, kw_only=True):
    """An address that a Gmail account may send as."""

    email: str | None = None
    display_name: str | None = None
    reply_to: str | None = None
    signature: str | None = None
    is_primary: Flag = None
    is_default: Flag = None
    verification_status: str | None = None
    is_treated_as_alias: str | bool | None = None


@lists_never_null
class GmailOwner(Model, frozen=True, kw_only=True, tag_field="provider", tag="GMAIL"):
    """The owner of a Gmail account."""

    provider: ClassVar[Literal["GMAIL"]] = "GMAIL"

    object: str | None = None
    email: str | None = None
    messages_total: int | None = None
    threads_total: int | None = None
    allowed_scope: Many[str] = field(default_factory=empty_list)
    aliases: Many[GmailAlias] = field(default_factory=empty_list)

    @property
    def provider_id(self) -> str | None:
        """The mail address."""
        return self.email

    @property
    def display_name(self) -> str | None:
        """The name of the primary alias, else the mail address."""
        primary = next((one.display_name for one in self.aliases if one.is_primary), None)
        return first_text(primary, self.email)


class OutlookOwner(Model, frozen=True, kw_only=True, tag_field="provider", tag="OUTLOOK"):
    """The owner of an Outlook account."""

    provider: ClassVar[Literal["OUTLOOK"]] = "OUTLOOK"

    object: str | None = None
    id: str | None = None
    email: str | None = None
    display_name: str | None = None
    given_name: str | None = None
    surname: str | None = None
    user_principal_name: str | None = None
    job_title: str | None = None
    mobile_phone: str | None = None
    preferred_language: str | None = None

    @property
    def provider_id(self) -> str | None:
        """The same as `id`."""
        return self.id


class MailServer(Part, frozen=True, kw_only=True):
    """One side of an IMAP account."""

    username: str | None = None
    port: int | None = None
    host: str | None = None


class MailServers(Part, frozen=True, kw_only=True):
    """Both sides of an IMAP account."""

    imap: MailServer | None = None
    smtp: MailServer | None = None


class ImapOwner(Model, frozen=True, kw_only=True, tag_field="provider", tag="IMAP"):
    """The owner of an IMAP account."""

    provider: ClassVar[Literal["IMAP"]] = "IMAP"

    object: str | None = None
    connection_params: MailServers | None = None

    @property
    def provider_id(self) -> str | None:
        """The user name of the incoming side."""
        return self.display_name

    @property
    def display_name(self) -> str | None:
        """The user name of the incoming side, mostly a mail address."""
        imap = self.connection_params.imap if self.connection_params else None
        return imap.username if imap else None


class UnknownOwner(Model, frozen=True, kw_only=True, tag_field="provider", tag=UNKNOWN):
    """The owner of an account of a provider that this version of the SDK does not know.

    Attributes:
        raw: All that was sent.
    """

    # A field instead of the property, so that it survives pickling: nothing else is kept of it.
    raw: JsonObject = field(  # pyright: ignore[reportIncompatibleMethodOverride]  # as said above
        default_factory=JsonObject
    )

    @property
    def provider(self) -> str | None:
        """The service's word for the provider, where there is one."""
        return first_text(self.raw.get("provider"))

    @property
    def provider_id(self) -> str | None:
        """What the answer calls `provider_id`, else `id`."""
        return first_text(self.raw.get("provider_id"), self.raw.get("id"))

    @property
    def display_name(self) -> str | None:
        """A name, by the keys that other providers use."""
        first, last = (first_text(self.raw.get(key)) for key in ("first_name", "last_name"))
        return first_text(full_name(first, last), *(self.raw.get(k) for k in ("name", "email")))


AccountOwner = (
    LinkedInOwner | TelegramOwner | XOwner | GmailOwner | OutlookOwner | ImapOwner | UnknownOwner
)
"""What `GET /users/me` answers (`AccountOwnerProfile`), told apart by `provider`."""


class ProfileEdited(Model, frozen=True, kw_only=True):
    """The answer to an own profile that was edited.

    Source: Edit own profile.
    """

    object: str | None = None
