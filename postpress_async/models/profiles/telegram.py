"""The profile of a Telegram user."""

from typing import ClassVar, Literal

from msgspec import field

from postpress_async.models._base import (
    Flag,
    Many,
    Model,
    Number,
    Part,
    empty_list,
    first_text,
    full_name,
    lists_never_null,
)


class TelegramStatus(Part, frozen=True, kw_only=True):
    """When somebody is or was online.

    Attributes:
        expires: A number; its unit is not documented, seconds by all we know.
        was_online: The same.
    """

    name: str | None = None
    expires: Number = None
    was_online: Number = None


class RestrictionReason(Part, frozen=True, kw_only=True):
    """Why Telegram restricted a user."""

    platform: str | None = None
    reason: str | None = None
    text: str | None = None


@lists_never_null
class TelegramUser(Model, frozen=True, kw_only=True):
    """What a Telegram profile and the owner of a Telegram account have in common.

    Attributes:
        restriction_reason: Always a list here, also where the service sent one object.
    """

    provider: ClassVar[Literal["TELEGRAM"]] = "TELEGRAM"

    object: str | None = None
    provider_id: str | None = None
    profile_picture_url: str | None = None
    self: Flag = None
    contact: Flag = None
    mutual_contact: Flag = None
    deleted: Flag = None
    bot: Flag = None
    verified: Flag = None
    restricted: Flag = None
    fake: Flag = None
    premium: Flag = None
    close_friend: Flag = None
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    phone: str | None = None
    lang_code: str | None = None
    status: TelegramStatus | None = None
    restriction_reason: Many[RestrictionReason] = field(default_factory=empty_list)

    @property
    def public_id(self) -> str | None:
        """The username, else the phone number: both are taken where a user is looked up."""
        return first_text(self.username, self.phone)

    @property
    def display_name(self) -> str | None:
        """First and last name, else the username or phone number."""
        return first_text(full_name(self.first_name, self.last_name), self.public_id)

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with: the provider id."""
        return self.provider_id


class TelegramProfile(
    TelegramUser, frozen=True, kw_only=True, tag_field="provider", tag="TELEGRAM"
):
    """A Telegram user.

    Source: Retrieve a profile.
    """
