"""A profile of a provider that this version of the SDK does not know."""

from msgspec import field

from postpress_async.models._base import UNKNOWN, JsonObject, Model, first_text, full_name


class UnknownProfile(Model, frozen=True, kw_only=True, tag_field="provider", tag=UNKNOWN):
    """A user of a provider without a model of its own, or an answer that names no provider.

    Attributes:
        raw: All that was sent.
    """

    # A field instead of the property, so that it survives pickling: nothing else is kept of it.
    raw: JsonObject = field(default_factory=JsonObject)  # pyright: ignore[reportIncompatibleMethodOverride]  # as said above

    @property
    def provider(self) -> str | None:
        """The service's word for the provider, where there is one."""
        return first_text(self.raw.get("provider"))

    @property
    def provider_id(self) -> str | None:
        """What the answer calls `provider_id`, else `id`."""
        return first_text(self.raw.get("provider_id"), self.raw.get("id"))

    @property
    def public_id(self) -> str | None:
        """What the answer calls `public_identifier`, else `username`."""
        return first_text(self.raw.get("public_identifier"), self.raw.get("username"))

    @property
    def display_name(self) -> str | None:
        """A name, by the keys that other providers use."""
        first, last = (first_text(self.raw.get(key)) for key in ("first_name", "last_name"))
        return first_text(self.raw.get("full_name"), full_name(first, last), self.raw.get("name"))

    @property
    def messaging_id(self) -> None:
        """Always None: which id this provider's chats take is not known."""
        return None
