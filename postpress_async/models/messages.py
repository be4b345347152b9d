"""Messages, and what the service answers when one is sent."""

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

    Attributes:
        message_id: May be null although the message went out.
    """

    object: str | None = None
    message_id: str | None = None


class MessageReactionAdded(Model, frozen=True, kw_only=True):
    """The answer to a reaction."""

    object: str | None = None
    success: Flag = None
