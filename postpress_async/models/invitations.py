"""Invitations, sent and received, and what the service answers about them."""

from datetime import datetime
from typing import ClassVar, Literal

from msgspec import field

from ._base import UNKNOWN, JsonObject, Model, Number, Part, first_text
from ._words import moment


class Inviter(Part, frozen=True, kw_only=True):
    """Who invited; the account itself, on invitations that it sent."""

    inviter_name: str | None = None
    inviter_id: str | None = None
    inviter_public_identifier: str | None = None
    inviter_description: str | None = None
    inviter_profile_picture_url: str | None = None


class LinkedInInvitationSpecifics(
    Part, frozen=True, kw_only=True, tag_field="provider", tag="LINKEDIN"
):
    """What only LinkedIn says about an invitation.

    Attributes:
        shared_secret: What an answer to the invitation has to name.
    """

    provider: ClassVar[Literal["LINKEDIN"]] = "LINKEDIN"

    shared_secret: str | None = None


class UnknownInvitationSpecifics(
    Part, frozen=True, kw_only=True, tag_field="provider", tag=UNKNOWN
):
    """What a provider without a model of its own says about an invitation.

    Attributes:
        raw: All that was sent.
    """

    raw: JsonObject = field(default_factory=JsonObject)

    @property
    def provider(self) -> str | None:
        """The service's word for the provider, where there is one."""
        return first_text(self.raw.get("provider"))


InvitationSpecifics = LinkedInInvitationSpecifics | UnknownInvitationSpecifics
"""What one provider only says about an invitation, told apart by `provider`."""


class _Invitation(Model, frozen=True, kw_only=True):
    """What both kinds of invitations have in common."""

    object: str | None = None
    id: str | None = None
    invited_user: str | None = None
    invited_user_id: str | None = None
    invited_user_public_id: str | None = None
    invited_user_description: str | None = None
    invited_user_profile_picture_url: str | None = None
    date: str | None = None
    parsed_datetime: str | None = None
    invitation_text: str | None = None
    inviter: Inviter | None = None
    specifics: InvitationSpecifics | None = None

    @property
    def about(self) -> datetime | None:
        """`parsed_datetime` as a moment: worked out of `date` when asked, so it drifts."""
        return moment(self.parsed_datetime)


class InvitationSent(_Invitation, frozen=True, kw_only=True):
    """An invitation that the account sent and that nobody has answered yet.

    Source: List invitations sent.

    Attributes:
        invited_user_id: The provider's id of whom it asks.
        date: The provider's own words, such as `May 14, 2026` or `Sent 2 months ago`.
        parsed_datetime: What the service makes of `date`; it drifts from look to look.
        invitation_text: The note.
    """


class InvitationReceived(_Invitation, frozen=True, kw_only=True):
    """An invitation that waits for the account's answer.

    Source: List invitations received.

    Attributes:
        inviter: Who asks.
        date: The provider's own words, such as `May 14, 2026` or `Sent 2 months ago`.
        parsed_datetime: What the service makes of `date`; it drifts from look to look.
        invitation_text: The note.
        specifics: Holds the `shared_secret` that a LinkedIn answer needs.
    """

    @property
    def shared_secret(self) -> str | None:
        """What an answer has to name, on LinkedIn."""
        known = self.specifics
        return known.shared_secret if isinstance(known, LinkedInInvitationSpecifics) else None


class UserInvitationSent(Model, frozen=True, kw_only=True):
    """The answer to an invitation, or a follow, that was sent.

    Source: Send an invitation.

    Attributes:
        usage: Percent of the provider's allowance that are used up, told only when 50, 75, 90 or 95
            are passed.
    """

    object: str | None = None
    invitation_id: str | None = None
    usage: Number = None


class InvitationCanceled(Model, frozen=True, kw_only=True):
    """The answer to an invitation that was taken back.

    Source: Cancel an invitation.
    """

    object: str | None = None


class UserInvitationHandled(Model, frozen=True, kw_only=True):
    """The answer to an invitation that was accepted or declined.

    Source: Handle a received invitation.

    Attributes:
        status: `ACCEPTED` or `DECLINED`.
    """

    object: str | None = None
    status: str | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the two are relations now."""
        return (self.status or "").upper() == "ACCEPTED"
