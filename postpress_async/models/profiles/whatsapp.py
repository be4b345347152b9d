"""The profile of a WhatsApp user."""

from typing import ClassVar, Literal

from postpress_async.models._base import Flag, Model

_PHONE_HOST = "@s.whatsapp.net"


class WhatsAppProfile(Model, frozen=True, kw_only=True, tag_field="provider", tag="WHATSAPP"):
    """A WhatsApp user.

    That this comes back for a phone number is the proof that the number has WhatsApp.

    Source: Retrieve a profile.

    Attributes:
        id: `33600000000@s.whatsapp.net` or `0000000000@lid`, never rewritten.
    """

    provider: ClassVar[Literal["WHATSAPP"]] = "WHATSAPP"

    object: str | None = None
    id: str | None = None
    is_business: Flag = None

    @property
    def provider_id(self) -> str | None:
        """The same as `id`, which is what the service calls it for WhatsApp."""
        return self.id

    @property
    def public_id(self) -> str | None:
        """The id made of the phone number, where this is one."""
        return self.id if self.id and self.id.endswith(_PHONE_HOST) else None

    @property
    def display_name(self) -> str | None:
        """The phone number: `+33600000000`; None behind an `@lid`."""
        return f"+{self.public_id.removesuffix(_PHONE_HOST)}" if self.public_id else None

    @property
    def messaging_id(self) -> str | None:
        """What a chat is started with: the id as it was sent."""
        return self.id
