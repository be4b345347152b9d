"""The kinds of content that an item may hold: fields as calls take them, lane and thread.

A field that is added later has a default and is left out while it has it: then older rows can be
read, and the digest of what was put in stays what it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

from postpress_async.options import Discreet
from postpress_async.resources._files import File
from postpress_async.resources.linkedin_options import FollowUp, LinkedInOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "LATE",
    "Attached",
    "Content",
    "Follow",
    "Invite",
    "MessageContent",
    "ProfileRead",
    "React",
    "StartChat",
    "linked",
]

T = TypeVar("T")
LATE: Final = "linkedin[follow_up][attachments]"
"""The field of files that go with a follow-up, and not at once."""
_APART: Final = "\x1f"  # no id has it

Said: TypeAlias = str | int | float | bool
"""What a field of an option may be."""


class _Content(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """Be a content; what it says is shown to nobody."""

    @property
    def kind(self) -> str:
        """Which of the contents it is."""
        return cast("str", self.__struct_config__.tag)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield ids only."""
        for name in ("chat_id", "message_id"):
            if name in self.__struct_fields__:
                yield name, cast("object", getattr(self, name))


class Attached(Discreet, frozen=True, kw_only=True, omit_defaults=True):
    """Be a file, as it was when its item was put in.

    Attributes:
        field: the form's name for it.
        name: what the recipient sees.
        content_type: its media type.
        data: its bytes.
    """

    field: str
    name: str
    content_type: str
    data: bytes

    def file(self) -> File:
        """Return it as calls take it."""
        return File(self.data, name=self.name, content_type=self.content_type)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield where it stands and how large it is; the name may say whom it is for."""
        yield "field", self.field
        yield "size", len(self.data)


class MessageContent(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="message"):
    """Be a message into a chat that exists; the fields are those of `messages.send`.

    Attributes:
        instead_of: the text that it was put in with, where `before_send` had another one sent.
        under: the idempotency key that it went under the last time, where that is not its own.
    """

    chat_id: str
    text: str | None = None
    files: tuple[Attached, ...] = ()
    quote_id: str | None = None
    thread_id: str | None = None
    typing_duration: float | None = None
    instead_of: tuple[str | None, ...] = ()
    under: str | None = None

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        del provider
        return "message"

    def thread(self, account_id: str) -> str:
        """Return what it must stay in order with: all of its chat."""
        return _APART.join(("chat", account_id, self.chat_id))


class StartChat(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="start_chat"):
    """Be a first message, or an InMail; the fields are those of `chats.start`.

    Attributes:
        to: the person, by the id that chats take.
        linkedin: `LinkedInOptions` by name, without the follow-up.
        follow_up: `FollowUp` by name, without its files.
        instead_of, under: as in `MessageContent`.
    """

    to: str
    text: str | None = None
    subject: str | None = None
    files: tuple[Attached, ...] = ()
    linkedin: dict[str, Said] | None = None
    follow_up: dict[str, Said] | None = None
    instead_of: tuple[str | None, ...] = ()
    under: str | None = None

    @property
    def inmail(self) -> bool:
        """Whether it costs a credit."""
        return bool((self.linkedin or {}).get("inmail"))

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        del provider
        return "inmail" if self.inmail else "first_message"

    def thread(self, account_id: str) -> str:
        """Return what it must stay in order with: all that goes to this person."""
        return _to(account_id, self.to)

    def options(self) -> LinkedInOptions | None:
        """Return what LinkedIn takes, as `chats.start` takes it."""
        if self.linkedin is None:
            return None
        late = None
        if self.follow_up is not None:
            files = [one.file() for one in self.files if one.field == LATE]
            late = _made(FollowUp, self.follow_up, attachments=files)
        return _made(LinkedInOptions, self.linkedin, follow_up=late)


class Invite(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="invite"):
    """Be an invitation; the fields are those of `invitations.send`.

    Attributes:
        instead_of, under: as in `MessageContent`; an invitation may have had no note.
    """

    provider_id: str
    message: str | None = None
    user_email: str | None = None
    instead_of: tuple[str | None, ...] = ()
    under: str | None = None

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        if provider == "INSTAGRAM":
            return "follow"
        return "invite_note" if self.message else "invite"

    def thread(self, account_id: str) -> str:
        """Return what it must stay in order with: all that goes to this person."""
        return _to(account_id, self.provider_id)


class Follow(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="follow"):
    """Be a wish to follow somebody on Instagram."""

    provider_id: str

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        del provider
        return "follow"

    def thread(self, account_id: str) -> str:
        """Return what it must stay in order with: all that goes to this person."""
        return _to(account_id, self.provider_id)


class React(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="react"):
    """Be a reaction to a message; the fields are those of `messages.react`."""

    message_id: str
    reaction: str

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        del provider
        return "react"

    def thread(self, account_id: str) -> str:
        """Return what it must stay in order with: other reactions to this message."""
        return _APART.join(("message", account_id, self.message_id))


class ProfileRead(_Content, frozen=True, kw_only=True, omit_defaults=True, tag="profile"):
    """Be a look at a profile, by whichever account may first.

    Attributes:
        identifier, linkedin_sections, linkedin_api: as `users.get` takes them.
        accounts: any of these may look.
        seen_by: which one did.
        answer: what it saw, as JSON; empty before.
    """

    identifier: str
    accounts: tuple[str, ...] = ()
    linkedin_sections: tuple[str, ...] | str | None = None
    linkedin_api: str | None = None
    seen_by: str | None = None
    answer: bytes = b""

    def action(self, provider: str | None) -> str:
        """Return what it counts as."""
        del provider
        return "profile"

    def thread(self, account_id: str) -> str:
        """Return nothing: looks wait for each other nowhere."""
        del account_id
        return ""


Content: TypeAlias = MessageContent | StartChat | Invite | Follow | React | ProfileRead
"""What an item may hold."""


def linked(
    options: LinkedInOptions | None,
) -> tuple[dict[str, Said] | None, dict[str, Said] | None]:
    """Return options, and their follow-up without its files, as they are kept."""
    if options is None:
        return None, None
    late = options.follow_up
    fields: Mapping[str, object] = {
        name: getattr(options, name) for name in options.__struct_fields__ if name != "follow_up"
    }
    if late is None:
        return _given(fields), None
    said = {name: getattr(late, name) for name in late.__struct_fields__ if name != "attachments"}
    return _given(fields), _given(said)


def _made(kind: Callable[..., T], kept: Mapping[str, Said], **more: object) -> T:
    """Return an option as it was given; it checks what it is made of, so need not be typed."""
    return kind(**kept, **more)


def _given(fields: Mapping[str, object]) -> dict[str, Said]:
    return {name: cast("Said", value) for name, value in fields.items() if value is not None}


def _to(account_id: str, person: str) -> str:
    return _APART.join(("person", account_id, person))
