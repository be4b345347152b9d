"""The profile of an Instagram user."""

from typing import ClassVar, Literal

from msgspec import field

from postpress_async.models._base import (
    Flag,
    Many,
    Model,
    Part,
    empty_list,
    first_text,
    lists_never_null,
)

_KINDS = {"PERSONNAL": "PERSONAL", "PROFESSIONNAL": "PROFESSIONAL"}


class RelationshipStatus(Part, frozen=True, kw_only=True):
    """Who follows whom, seen from the connected account."""

    following: Flag = None
    followed_by: Flag = None
    has_sent_invitation: Flag = None
    has_received_invitation: Flag = None


class InstagramBusiness(Part, frozen=True, kw_only=True):
    """What a business tells about itself."""

    category: str | None = None
    address_street: str | None = None
    address_city: str | None = None
    address_zipcode: str | None = None
    phone_number: str | None = None
    email: str | None = None


@lists_never_null
class InstagramProfile(Model, frozen=True, kw_only=True, tag_field="provider", tag="INSTAGRAM"):
    """An Instagram user.

    Source: Retrieve a profile.

    Attributes:
        provider_id: What following takes; messages take `provider_messaging_id`.
        profile_type: `PERSONNAL`, `BUSINESS` or `PROFESSIONNAL`, the wire's spelling; see `kind`.
    """

    provider: ClassVar[Literal["INSTAGRAM"]] = "INSTAGRAM"

    object: str | None = None
    provider_id: str | None = None
    provider_messaging_id: str | None = None
    public_identifier: str | None = None
    full_name: str | None = None
    biography: str | None = None
    category: str | None = None
    profile_picture_url: str | None = None
    profile_picture_url_large: str | None = None
    followers_count: int | None = None
    mutual_followers_count: int | None = None
    following_count: int | None = None
    posts_count: int | None = None
    profile_type: str | None = None
    is_verified: Flag = None
    is_private: Flag = None
    external_links: Many[str] = field(default_factory=empty_list)
    relationship_status: RelationshipStatus | None = None
    business: InstagramBusiness | None = None

    @property
    def public_id(self) -> str | None:
        """The username."""
        return self.public_identifier

    @property
    def display_name(self) -> str | None:
        """The full name, else the username."""
        return first_text(self.full_name, self.public_identifier)

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with; None when it was not sent: `provider_id` is another id."""
        return self.provider_messaging_id

    @property
    def kind(self) -> str | None:
        """The profile type in plain spelling: `PERSONAL`, `BUSINESS` or `PROFESSIONAL`."""
        word = self.profile_type.upper() if self.profile_type else None
        return _KINDS.get(word, word) if word else None
