"""Messages, and what the service answers when one is sent, changed or reacted to."""

from datetime import datetime

from msgspec import field

from ._base import Flag, JsonObject, Many, Model, Part, empty_list, lists_never_null
from ._words import degree_of, moment
from .attachments import Attachment


class Reaction(Part, frozen=True, kw_only=True):
    """A reaction to a message; a new one of the same person replaces it."""

    value: str | None = None
    sender_id: str | None = None
    is_sender: Flag = None


@lists_never_null
class QuotedMessage(Part, frozen=True, kw_only=True):
    """The message that a message quotes, as far as the provider copied it."""

    provider_id: str | None = None
    sender_id: str | None = None
    text: str | None = None
    attachments: Many[Attachment] = field(default_factory=empty_list)


class Receipt(Part, frozen=True, kw_only=True):
    """That somebody saw a message.

    Attributes:
        provider_id: Who, by the provider's id.
        seen: False only where the service says that it was not.
        at: When, where that was told.
    """

    provider_id: str
    seen: bool = True
    at: datetime | None = None


class RepliedMessage(Part, frozen=True, kw_only=True):
    """The message that a message replies to."""

    id: str | None = None
    provider_id: str | None = None
    timestamp: str | None = None
    sender_attendee_id: str | None = None
    sender_id: str | None = None
    text: str | None = None


@lists_never_null
class Message(Model, frozen=True, kw_only=True):
    """A message.

    An invitation's note arrives as a message of one's own as soon as the invitation is accepted.

    Source: Retrieve a message.

    Attributes:
        message_id: Another name for `id`, often absent.
        sender_id: The provider's id of the sender.
        is_sender: Whether the connected account wrote it; see `is_own`.
        seen_by: Who saw it: provider ids, each with a moment or a flag.
        behavior: 0 or null; its meaning is not documented.
        event_type: 0 to 9, for system events; the meanings are not documented.
        original: The provider's raw data: empty on LinkedIn, protocol data on WhatsApp.
        message_type: `MESSAGE`, `INVITATION`, `INMAIL`, `INMAIL_DECLINE`, `INMAIL_REPLY` or
            `INMAIL_ACCEPT`.
        attendee_type: `MEMBER`, `ORGANIZATION` or `OTHER`.
        attendee_distance: 1, 2, 3, 4 (out of network) or -1 (unknown); see `degree`.
    """

    object: str | None = None
    id: str | None = None
    message_id: str | None = None
    provider_id: str | None = None
    account_id: str | None = None
    chat_id: str | None = None
    chat_provider_id: str | None = None
    sender_id: str | None = None
    sender_attendee_id: str | None = None
    sender_public_identifier: str | None = None
    sender_urn: str | None = None
    timestamp: str | None = None
    text: str | None = None
    subject: str | None = None
    is_sender: Flag = None
    attachments: Many[Attachment] = field(default_factory=empty_list)
    quoted: QuotedMessage | None = None
    reply_to: RepliedMessage | None = None
    reactions: Many[Reaction] = field(default_factory=empty_list)
    seen: Flag = None
    seen_by: JsonObject | None = None
    hidden: Flag = None
    deleted: Flag = None
    edited: Flag = None
    is_event: Flag = None
    delivered: Flag = None
    behavior: int | None = None
    event_type: int | None = None
    original: str | None = None
    replies: int | None = None
    reply_by: Many[str] = field(default_factory=empty_list)
    parent: str | None = None
    message_type: str | None = None
    attendee_type: str | None = None
    attendee_distance: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether the connected account wrote it, on whichever device."""
        return bool(self.is_sender)

    @property
    def sent_at(self) -> datetime | None:
        """`timestamp` as a moment with its time zone."""
        return moment(self.timestamp)

    @property
    def degree(self) -> int | None:
        """1, 2 or 3; None when out of network or not told."""
        return degree_of(self.attendee_distance)

    @property
    def receipts(self) -> list[Receipt]:
        """`seen_by`, person by person."""
        return [_receipt(person, told) for person, told in (self.seen_by or {}).items()]

    @property
    def is_system(self) -> bool:
        """Whether it tells of an event, such as somebody who joined, and nobody wrote it."""
        return bool(self.is_event)


def _receipt(person: str, told: object) -> Receipt:
    at = moment(told) if isinstance(told, str) else None
    return Receipt(provider_id=person, seen=bool(told), at=at)


class MessageSent(Model, frozen=True, kw_only=True):
    """The answer to a message that was sent.

    Source: Send a message.

    Attributes:
        message_id: May be null although the message went out.
    """

    object: str | None = None
    message_id: str | None = None


class MessageForwarded(Model, frozen=True, kw_only=True):
    """The answer to a message that was forwarded.

    Source: Forward a message.

    Attributes:
        message_id: May be null although the message went out.
    """

    object: str | None = None
    message_id: str | None = None


class MessageReactionAdded(Model, frozen=True, kw_only=True):
    """The answer to a reaction.

    Source: Add a reaction to a message.
    """

    object: str | None = None
    success: Flag = None


class MessageEdited(Model, frozen=True, kw_only=True):
    """The answer to a message that was edited; what it holds is not documented, so see `raw`.

    WhatsApp may say yes and change nothing, when the message is too old.
    """

    object: str | None = None
    message_id: str | None = None


class MessageDeleted(Model, frozen=True, kw_only=True):
    """The answer to a message that was deleted.

    Source: Delete a message (of Unipile's reference: no page of postpress's own was seen).
    """

    object: str | None = None
