"""The profile of an X (Twitter) user; the wire's word is `TWITTER`."""

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


@lists_never_null
class XUrls(Part, frozen=True, kw_only=True):
    """Links in a text, as X describes them."""

    urls: Many[object] = field(default_factory=empty_list)


class XEntities(Part, frozen=True, kw_only=True):
    """What X found in a user's texts."""

    description: XUrls | None = None
    url: XUrls | None = None


@lists_never_null
class XUser(Model, frozen=True, kw_only=True):
    """What an X profile and the owner of an X account have in common.

    Attributes:
        screen_name: The username, without `@`.
        created_at: When the X account was opened, as X words it.
    """

    provider: ClassVar[Literal["TWITTER"]] = "TWITTER"

    object: str | None = None
    id: str | None = None
    name: str | None = None
    screen_name: str | None = None
    location: str | None = None
    description: str | None = None
    url: str | None = None
    entities: XEntities | None = None
    protected: Flag = None
    verified: Flag = None
    followers_count: int | None = None
    friends_count: int | None = None
    listed_count: int | None = None
    favourites_count: int | None = None
    statuses_count: int | None = None
    created_at: str | None = None
    profile_banner_url: str | None = None
    profile_image_url_https: str | None = None
    default_profile: Flag = None
    default_profile_image: Flag = None
    withheld_in_countries: Many[str] = field(default_factory=empty_list)
    followed_by: Flag = None
    following: Flag = None
    follow_request_sent: Flag = None
    has_extended_profile: Flag = None
    notifications: Flag = None
    advertiser_account_type: str | None = None
    business_profile_state: str | None = None
    require_some_consent: Flag = None

    @property
    def provider_id(self) -> str | None:
        """The same as `id`, which is what the service calls it for X."""
        return self.id

    @property
    def public_id(self) -> str | None:
        """The username, without `@`."""
        return self.screen_name

    @property
    def display_name(self) -> str | None:
        """The name, else the username."""
        return first_text(self.name, self.screen_name)

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with: the id."""
        return self.id


class XProfile(XUser, frozen=True, kw_only=True, tag_field="provider", tag="TWITTER"):
    """An X (Twitter) user.

    Source: Retrieve a profile.
    """
