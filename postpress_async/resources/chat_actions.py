"""What can be done to a chat as a whole: one frozen value for each action.

The providers named are the documented ones; the service answers 501 or 422 for others, and may say
yes without an effect where a right in the group is missing.

Source: Perform an action on a chat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

from postpress_async.errors import ConfigurationError

from ._base import checked_text
from ._checks import flag

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Switch(msgspec.Struct, frozen=True, tag_field="action"):
    """What is either on or off."""

    value: bool = True

    def __post_init__(self) -> None:
        flag(f"{type(self).__name__}.value", self.value)


class _Name(msgspec.Struct, frozen=True, tag_field="action"):
    """What names somebody or something."""

    value: str

    def __post_init__(self) -> None:
        checked_text(f"{type(self).__name__}.value", self.value)


class SetReadStatus(_Switch, frozen=True, tag="setReadStatus"):
    """Mark a chat as read, or with False as unread: WhatsApp, LinkedIn."""


class SetMuteStatus(_Switch, frozen=True, tag="setMuteStatus"):
    """Mute a chat, or with False let it sound again: WhatsApp, LinkedIn."""


class SetArchiveStatus(_Switch, frozen=True, tag="setArchiveStatus"):
    """Put a chat into the archive, or with False take it out: WhatsApp."""


class SetPinnedStatus(_Switch, frozen=True, tag="setPinnedStatus"):
    """Pin a chat to the top, or with False unpin it: WhatsApp."""


class AddParticipant(_Name, frozen=True, tag="addParticipant"):
    """Add somebody to a group: WhatsApp, Telegram. Needs the right to.

    Attributes:
        value: the provider's id, such as `33600000000@s.whatsapp.net`; on Telegram also a username
            or a phone number.
    """


class RemoveParticipant(_Name, frozen=True, tag="removeParticipant"):
    """Take somebody out of a group: WhatsApp, Telegram. Needs the right to.

    Attributes:
        value: as in `AddParticipant`.
    """


class SetLabel(_Name, frozen=True, tag="setLabel"):
    """Label a chat; a label that does not exist is made: WhatsApp.

    Attributes:
        value: the label's name.
    """


class GetInviteLink(msgspec.Struct, frozen=True, tag_field="action", tag="getInviteLink"):
    """Ask for a group's link: WhatsApp. The answer's `invite_link` has it."""


ChatAction: TypeAlias = (
    SetReadStatus
    | SetMuteStatus
    | SetArchiveStatus
    | SetPinnedStatus
    | AddParticipant
    | RemoveParticipant
    | SetLabel
    | GetInviteLink
)
"""What `chats.update` does."""


def body_of(action: object) -> Mapping[str, object]:
    """Return an action on the wire; refuse what is none."""
    if not isinstance(action, ChatAction):
        msg = (
            f"action must be SetReadStatus(), AddParticipant('…') or another of ChatAction, not "
            f"{type(action).__name__}"
        )
        raise ConfigurationError(msg)
    return cast("Mapping[str, object]", msgspec.to_builtins(action))
