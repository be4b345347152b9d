"""Relations: who is connected to an account, whom it follows, who follows it."""

from datetime import datetime

from ._base import Flag, Model, Number, first_text, full_name
from ._words import epoch_milliseconds


class Relation(Model, frozen=True, kw_only=True):
    """Somebody connected to an account, or followed by it.

    Source: List relations; List following.

    Attributes:
        created_at: Since when, in milliseconds since 1970.
        member_id: LinkedIn's id, `ACo…`; what other answers call `provider_id`.
        member_urn: `urn:li:fsd_profile:…`; other pages spell it otherwise, so it is never a key.
        connection_urn: `urn:li:fsd_connection:…`.
        id, messaging_id, username, name, is_private, is_verified: What Instagram says of somebody
            followed, by all we know: the documents show LinkedIn's answer alone.
    """

    object: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    headline: str | None = None
    public_identifier: str | None = None
    public_profile_url: str | None = None
    created_at: Number = None
    member_id: str | None = None
    member_urn: str | None = None
    connection_urn: str | None = None
    profile_picture_url: str | None = None
    id: str | None = None
    messaging_id: str | None = None
    username: str | None = None
    name: str | None = None
    is_private: Flag = None
    is_verified: Flag = None

    @property
    def provider_id(self) -> str | None:
        """The provider's id: `member_id`, else `id`."""
        return first_text(self.member_id, self.id)

    @property
    def public_id(self) -> str | None:
        """The public identifier, or the username."""
        return first_text(self.public_identifier, self.username)

    @property
    def display_name(self) -> str | None:
        """First and last name, else the name, else the public id."""
        return first_text(full_name(self.first_name, self.last_name), self.name, self.public_id)

    @property
    def connected_at(self) -> datetime | None:
        """`created_at` as a moment in UTC."""
        return epoch_milliseconds(self.created_at)


class Follower(Model, frozen=True, kw_only=True):
    """Somebody who follows an account.

    LinkedIn and Instagram fill different fields, and the answer does not name the provider.

    Source: List followers.

    Attributes:
        id: The provider's id.
        urn, headline, profile_url, profile_picture_url_large: On LinkedIn.
        messaging_id, username, is_private, is_verified: On Instagram.
    """

    object: str | None = None
    id: str | None = None
    name: str | None = None
    urn: str | None = None
    headline: str | None = None
    profile_url: str | None = None
    profile_picture_url: str | None = None
    profile_picture_url_large: str | None = None
    messaging_id: str | None = None
    username: str | None = None
    is_private: Flag = None
    is_verified: Flag = None

    @property
    def provider_id(self) -> str | None:
        """The same as `id`."""
        return self.id

    @property
    def display_name(self) -> str | None:
        """The name, else the username."""
        return first_text(self.name, self.username)
