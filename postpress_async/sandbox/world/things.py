"""The things of the world. Small and mutable; written as JSON only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDERS: Final = ("LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER")


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    """Somebody on one provider."""

    provider: str
    number: int
    first: str
    last: str
    internal_id: str
    """What the profile calls them: `provider_id`, or `id` on WhatsApp and X."""
    public_id: str
    """A slug, a user name, or a phone number in its provider's form."""
    seen_as: str
    """What chats, messages, attendees and relations call them."""
    messaging_id: str
    """What a chat is started with."""
    other_ids: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further names: LinkedIn's ids a product, Telegram's user name."""

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A connected account."""

    id: str
    provider: str
    owner: Person
    created_at: int
    key: tuple[int, int]
    features: tuple[str, ...] = ()
    status: str = "OK"
    inmails: int = 0
    relations: dict[str, Person] = field(default_factory=dict[str, Person])
    related_at: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(slots=True, kw_only=True, eq=False)
class Attendee:
    """A person whom an account knows."""

    id: str
    account: Account
    person: Person
    key: tuple[int, int]

    @property
    def is_self(self) -> bool:
        """Whether it is the account's owner."""
        return self.person is self.account.owner


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message. `key` is its place: its instant, and a number that no other message has."""

    id: str
    chat: Chat
    sender: Attendee
    key: tuple[int, int]
    text: str | None
    attachments: list[JsonObject] = field(default_factory=list[JsonObject])
    subject: str | None = None
    kind: str = "MESSAGE"
    quoted: Message | None = None
    quirk: int = 0
    written: JsonObject | None = None
    """How it was last written as JSON; whoever changes the message forgets this."""


@dataclass(slots=True, kw_only=True, eq=False)
class Chat:
    """A conversation of an account."""

    id: str
    account: Account
    provider_id: str
    type: int
    attendees: list[Attendee]
    created_at: int
    number: int
    name: str | None = None
    subject: str | None = None
    unread: int = 0
    quirk: int = 0
    content_type: str | None = None
    messages: list[Message] = field(default_factory=list[Message])

    @property
    def timestamp(self) -> int:
        """The last activity."""
        return self.messages[-1].key[0] if self.messages else self.created_at

    @property
    def key(self) -> tuple[int, int]:
        """Its place in a list: by last activity."""
        return (self.timestamp, self.number)

    @property
    def partner(self) -> Attendee | None:
        """The other one, when there are only two."""
        others = [attendee for attendee in self.attendees if not attendee.is_self]
        return others[0] if self.type == 0 and others else None


@dataclass(slots=True, kw_only=True, eq=False)
class Invitation:
    """An invitation that waits for its answer. `sent` tells the direction."""

    id: str
    account: Account
    person: Person
    sent: bool
    key: tuple[int, int]
    message: str | None
    shared_secret: str
