"""The known users: whoever is in a chat, a group or the contacts of an account."""

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
    lists_never_null,
)
from ._words import degree_of
from .profiles.instagram import RelationshipStatus


class SocialHandle(Part, frozen=True, kw_only=True):
    """An account elsewhere."""

    type: str | None = None
    name: str | None = None


@lists_never_null
class AttendeeContactInfo(Part, frozen=True, kw_only=True):
    """How else an attendee can be reached."""

    emails: Many[str] = field(default_factory=empty_list)
    phone_numbers: Many[str] = field(default_factory=empty_list)
    websites: Many[str] = field(default_factory=empty_list)
    social_handles: Many[SocialHandle] = field(default_factory=empty_list)


class LinkedInSpecifics(Part, frozen=True, kw_only=True, tag_field="provider", tag="LINKEDIN"):
    """What only LinkedIn says about an attendee.

    Attributes:
        member_urn: `urn:li:member:…`; other pages spell it otherwise, so it is never a key.
        network_distance: `SELF`, `DISTANCE_1`, `DISTANCE_2`, `DISTANCE_3` or `OUT_OF_NETWORK`.
    """

    provider: ClassVar[Literal["LINKEDIN"]] = "LINKEDIN"

    member_urn: str | int | None = None
    occupation: str | None = None
    network_distance: str | None = None
    pending_invitation: Flag = None
    location: str | None = None
    headline: str | None = None
    contact_info: AttendeeContactInfo | None = None
    is_company: Flag = None

    @property
    def degree(self) -> int | None:
        """0 for oneself, else 1, 2 or 3; None when out of network or not told."""
        return degree_of(self.network_distance)


class InstagramSpecifics(Part, frozen=True, kw_only=True, tag_field="provider", tag="INSTAGRAM"):
    """What only Instagram says about an attendee."""

    provider: ClassVar[Literal["INSTAGRAM"]] = "INSTAGRAM"

    public_identifier: str | None = None
    relationship_status: RelationshipStatus | None = None


class WhatsAppSpecifics(Part, frozen=True, kw_only=True, tag_field="provider", tag="WHATSAPP"):
    """What only WhatsApp says about an attendee.

    Attributes:
        phone_number: May be the word `hidden`.
    """

    provider: ClassVar[Literal["WHATSAPP"]] = "WHATSAPP"

    phone_number: str | None = None
    lid: str | None = None


class UnknownSpecifics(Part, frozen=True, kw_only=True, tag_field="provider", tag=UNKNOWN):
    """What a provider without a model of its own says about an attendee.

    Attributes:
        raw: All that was sent.
    """

    raw: JsonObject = field(default_factory=JsonObject)

    @property
    def provider(self) -> str | None:
        """The service's word for the provider, where there is one."""
        return first_text(self.raw.get("provider"))


AttendeeSpecifics = LinkedInSpecifics | InstagramSpecifics | WhatsAppSpecifics | UnknownSpecifics
"""What one provider only says about an attendee, told apart by `provider`."""


class Attendee(Model, frozen=True, kw_only=True):
    """Somebody an account knows.

    Source: List all attendees of a chat.

    Attributes:
        id: postpress's own id, what group participants are named by.
        provider_id: The provider's id, what messages name their sender by.
        is_self: Whether this is the connected account itself.
        picture_url: May be a `wapp://…` reference: `attendees.picture` fetches it.
    """

    object: str | None = None
    id: str | None = None
    account_id: str | None = None
    provider_id: str | None = None
    name: str | None = None
    is_self: Flag = None
    hidden: Flag = None
    picture_url: str | None = None
    profile_url: str | None = None
    specifics: AttendeeSpecifics | None = None

    @property
    def provider(self) -> str | None:
        """The provider, where `specifics` names it."""
        return self.specifics.provider if self.specifics else None

    @property
    def display_name(self) -> str | None:
        """The name, as the service sent it."""
        return self.name

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with: chats and attendees speak of people by the same id."""
        return self.provider_id
