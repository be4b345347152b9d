"""The things of the world. Small and mutable; written as JSON only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.wire import Json, JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from postpress_async.sandbox.multipart import Upload
    from postpress_async.sandbox.paging import Key

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
    edits: JsonObject = field(default_factory=dict[str, Json])
    """What the owner of an account changed in the own profile."""

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


@dataclass(slots=True, kw_only=True, eq=False)
class Relation:
    """A person whom an account is connected with, since `key`."""

    person: Person
    key: Key
    full: bytes | None = None
    short: bytes | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A connected account. `relations` are in the order in which they began."""

    id: str
    provider: str
    number: int
    index: int
    """Its number among those of its provider."""
    owner: Person
    created_at: int
    features: tuple[str, ...] = ()
    status: str = "OK"
    inmails: int = 0
    sync_ends: int | None = None
    sync_left: int = 0
    """Chats of which a sync has not ended yet."""
    relations: dict[str, Relation] = field(default_factory=dict[str, Relation])

    @property
    def key(self) -> Key:
        """Its place in a list."""
        return (0, self.number)


@dataclass(slots=True, kw_only=True, eq=False)
class Attendee:
    """A person whom an account knows."""

    id: str
    account: Account
    person: Person
    key: Key
    full: bytes | None = None
    short: bytes | None = None

    @property
    def is_self(self) -> bool:
        """Whether it is the account's owner."""
        return self.person is self.account.owner


@dataclass(slots=True, kw_only=True, eq=False)
class Attachment:
    """A file in a message, or a thing like one. `fields` are what its type adds."""

    id: str
    fields: JsonObject
    size: int | None
    lost: bool = False
    mimetype: str | None = None
    url: str | None = None
    name: str | None = None
    upload: Upload | None = None
    """What was uploaded; without it, the content follows from the id."""

    @property
    def unavailable(self) -> bool:
        """Whether its bytes cannot be had (any more)."""
        return self.lost or (self.upload is not None and not self.upload.stored.kept)


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message. `key` is its place: its instant, and a number that no other message has."""

    id: str
    chat: Chat
    sender: Attendee
    key: Key
    text: str | None
    attachments: Sequence[Attachment] = ()
    kind: str = "MESSAGE"
    quoted: Message | None = None
    quirk: int = 0
    reactions: Sequence[tuple[Person, str]] = ()
    seen: int = 0
    edited: int = 0
    deleted: int = 0
    event: int | None = None
    """What happened, when it is no message but an event of the chat."""
    full: bytes | None = None
    short: bytes | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Chat:
    """A conversation of an account. `key` is its place in a list: by last activity."""

    id: str
    account: Account
    index: int
    key: Key
    provider_id: str
    type: int
    attendees: list[Attendee]
    created_at: int
    name: str | None = None
    subject: str | None = None
    unread: int = 0
    quirk: int = 0
    content_type: str | None = None
    archived: bool = False
    pinned: bool | None = None
    muted: int | str | None = None
    read_only: int = 0
    label: str | None = None
    deleted: bool = False
    sync_ends: int | None = None
    folder: str | None = None
    built: int = 0
    """How many messages it had when the world began."""
    newest_built: Key = (0, 0)
    """The place of the last of them."""
    history: Callable[[Chat], list[Message]] | None = None
    """Makes those messages, when they are first asked for."""
    _messages: list[Message] = field(default_factory=list["Message"])
    full: bytes | None = None
    short: bytes | None = None

    @property
    def messages(self) -> list[Message]:
        """Its messages, oldest first. A message is never taken out: it is marked as deleted."""
        if self.history is not None:
            make, self.history = self.history, None
            self._messages = make(self)
        return self._messages

    @property
    def partner(self) -> Attendee | None:
        """The other one, when there are only two."""
        if self.type:
            return None
        return next((one for one in self.attendees if not one.is_self), None)


@dataclass(slots=True, kw_only=True, eq=False)
class Invitation:
    """An invitation that waits for its answer. `sent` tells the direction."""

    id: str
    account: Account
    person: Person
    sent: bool
    key: Key
    message: str | None
    shared_secret: str
