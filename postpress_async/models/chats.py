"""Chats, and what the service answers when one is started, changed, synced or deleted."""

from datetime import datetime

from msgspec import field

from ._base import Flag, Many, Model, empty_list, first_text, lists_never_null
from ._words import moment
from .messages import Message

_FOREVER = -1
_OVER = frozenset({"SYNC_DONE", "SYNC_ERROR", "CHAT_DELETED"})


@lists_never_null
class Chat(Model, frozen=True, kw_only=True):
    """A conversation: with one person, a group, or a broadcast list.

    Source: Retrieve a chat.

    Attributes:
        account_type: `WHATSAPP`, `LINKEDIN`, `SLACK`, `TWITTER`, `MESSENGER`, `INSTAGRAM`,
            `TELEGRAM`.
        attendee_provider_id: The other person, in a chat of two.
        attendee_public_identifier: The phone number's id beside an `@lid`, on WhatsApp.
        type: 0 with one person, 1 a group, 2 a broadcast list.
        timestamp: The last activity.
        muted_until: -1 for ever, a time, or None when not muted.
        read_only: 0, 1 or 2; the meanings are not documented.
        disabledFeatures: `reactions`, `reply`.
        content_type: `inmail`, `sponsored`, `linkedin_offer` or `invitation`.
        folder: `INBOX`, `INBOX_LINKEDIN_CLASSIC`, … and names of the user's own.
        lastMessage: Only where a single chat was asked for.
    """

    object: str | None = None
    id: str | None = None
    account_id: str | None = None
    account_type: str | None = None
    provider_id: str | None = None
    attendee_provider_id: str | None = None
    attendee_public_identifier: str | None = None
    name: str | None = None
    type: int | None = None
    timestamp: str | None = None
    unread: Flag = None
    unread_count: int | None = None
    archived: Flag = None
    muted_until: int | str | None = None
    read_only: Flag = None
    disabledFeatures: Many[str] = field(default_factory=empty_list)  # noqa: N815 - the wire's word
    subject: str | None = None
    organization_id: str | None = None
    mailbox_id: str | None = None
    content_type: str | None = None
    folder: Many[str] = field(default_factory=empty_list)
    pinned: Flag = None
    lastMessage: Message | None = None  # noqa: N815 - the wire's word

    @property
    def provider(self) -> str | None:
        """The provider, in capitals."""
        return self.account_type.upper() if self.account_type else None

    @property
    def last_message(self) -> Message | None:
        """The newest message, where a single chat was asked for."""
        return self.lastMessage

    @property
    def disabled_features(self) -> list[str]:
        """What cannot be done here: `reactions`, `reply`."""
        return self.disabledFeatures

    @property
    def last_activity_at(self) -> datetime | None:
        """`timestamp` as a moment with its time zone."""
        return moment(self.timestamp)

    @property
    def is_group(self) -> bool:
        """Whether more than two people can write here."""
        return self.type == 1

    @property
    def is_unread(self) -> bool:
        """Whether something waits to be read."""
        return bool(self.unread) or bool(self.unread_count)

    @property
    def is_muted_forever(self) -> bool:
        """Whether it is muted without an end."""
        return self.muted_until == _FOREVER


class ChatStarted(Model, frozen=True, kw_only=True):
    """The answer to a chat that was started; an existing one between the two is used again.

    Source: Start a chat.

    Attributes:
        chat_id: May be null or missing.
        message_id: May be null although the message went out, as LinkedIn does.
    """

    object: str | None = None
    chat_id: str | None = None
    message_id: str | None = None


class ChatPatched(Model, frozen=True, kw_only=True):
    """The answer to a chat that was changed, or that was asked for its link.

    Providers may say yes and change nothing, for want of a right in the group.

    Source: Perform an action on a chat.
    """

    object: str | None = None

    @property
    def invite_link(self) -> str | None:
        """The link that `GetInviteLink` asked for.

        The documents do not name its key: it is the first text of the answer that is a link.
        """
        return first_text(
            *(
                text
                for text in self.raw.values()
                if isinstance(text, str) and text.startswith(("https://", "http://"))
            )
        )


class ChatHistorySync(Model, frozen=True, kw_only=True):
    """How far the sync of a chat's history has come.

    Source: Sync a chat's history (of Unipile's reference: no page of postpress's own was seen).

    Attributes:
        status: `SYNC_STARTED`, `SYNC_RUNNING`, `SYNC_DONE`, `SYNC_ERROR` or `CHAT_DELETED`.
    """

    object: str | None = None
    chat_id: str | None = None
    status: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not; the next look would start another one."""
        return (self.status or "").upper() in _OVER

    @property
    def is_done(self) -> bool:
        """Whether all of the history is there."""
        return (self.status or "").upper() == "SYNC_DONE"


class ChatDeleted(Model, frozen=True, kw_only=True):
    """The answer to a chat that was deleted; what it holds is not documented, so see `raw`."""

    object: str | None = None
