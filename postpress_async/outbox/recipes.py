"""From a line of a file to the content of an item: which column says what.

Every field of a `Recipe` is a template; a field that was left out is the column of its name, word
for word. What stands in a line is data: it is never a template, and names no file of its own.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet, of_kind
from postpress_async.resources._checks import one_of, struct_of
from postpress_async.resources.linkedin_options import LinkedInOptions

from .putting import Wishes
from .templates import Template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

__all__ = [
    "WHOM",
    "ImportKind",
    "ImportProblem",
    "ImportRefusedError",
    "Recipe",
    "templates_of",
    "unheard",
    "zone_of",
]

ImportKind: TypeAlias = Literal["message", "start_chat", "invite", "follow"]
"""What lines can become."""

WHOM: Final = {
    "message": "chat_id", "start_chat": "to", "invite": "provider_id", "follow": "provider_id",
}  # fmt: skip
_SAID: Final = {
    "message": ("text",), "start_chat": ("text", "subject"), "invite": ("text", "user_email"),
    "follow": (),
}  # fmt: skip
_NEEDED: Final = frozenset({"account_id", "chat_id", "to", "provider_id"})
_NOWHERE: Final = {
    "message": ("voice_message", "video_message", "quote_id", "thread_id", "typing_duration"),
    "start_chat": ("voice_message", "video_message"), "invite": (), "follow": (),
}  # fmt: skip
_WISHES: Final = ("key", "group", "recipient", "not_before", "expires_at")


class Recipe(Discreet, frozen=True, kw_only=True):
    """Say what becomes of the lines of a file. Each text is a template, such as `Hi {first_name}`.

    `{name}` is the column of that name, `{name|there}` says `there` where it is missing or empty,
    `{{` is a brace. A field that is None is the column of its own name, where the file has one.
    A column that is named as something which the call takes, and which no field makes use of, such
    as `attachments` or `hold`, is refused: it would be lost.

    Attributes:
        kind: what each line becomes.
        account_id: who sends.
        chat_id: of a `message`.
        to: of a `start_chat`: an id, or whatever `chats.start` takes.
        provider_id: of an `invite` or a `follow`.
        text: what it says; an invitation's note.
        subject: of a `start_chat`.
        user_email: of an `invite`.
        key: what makes the line one item for good. Where there is neither this nor a column `key`,
            it is made of the group and of all that the line says: the same file imported twice
            queues nothing twice, but a corrected line is another one.
        group, recipient, not_before, expires_at: as in `Outbox.message`; times are ISO 8601.
        timezone: of times that name none, such as `Europe/Paris`; without it, they are refused.
        attachments: a path for each file that goes along, below `folder`; an empty one is left out.
        folder: where attachments are; None for the file's own folder. A line cannot leave it.
        linkedin: of a `start_chat`.
        hold: whether items wait to be released.
        priority: lower goes first.

    Raises:
        ConfigurationError: a template has a brace that stands alone, or a field does not belong to
            this kind.
    """

    kind: ImportKind = "message"
    account_id: str | None = None
    chat_id: str | None = None
    to: str | None = None
    provider_id: str | None = None
    text: str | None = None
    subject: str | None = None
    user_email: str | None = None
    key: str | None = None
    group: str | None = None
    recipient: str | None = None
    not_before: str | None = None
    expires_at: str | None = None
    timezone: str | None = None
    attachments: tuple[str, ...] = ()
    folder: Path | None = None
    linkedin: LinkedInOptions | None = None
    hold: bool = False
    priority: int = 0

    def __post_init__(self) -> None:
        of_kind("kind", self.kind, str, "'message'")
        one_of("kind", self.kind, tuple(WHOM))
        mine = {WHOM[self.kind], *_SAID[self.kind]}
        for name in ("chat_id", "to", "provider_id", "text", "subject", "user_email"):
            if getattr(self, name) is not None and name not in mine:
                msg = f"{name} does not belong to a {self.kind}: leave it out"
                raise ConfigurationError(msg)
        struct_of("linkedin", self.linkedin, LinkedInOptions)
        if self.linkedin is not None and self.kind != "start_chat":
            msg = f"linkedin does not belong to a {self.kind}: leave it out"
            raise ConfigurationError(msg)
        if isinstance(cast("object", self.attachments), str):
            msg = "attachments must be several templates: ('offer.pdf',), not 'offer.pdf'"
            raise ConfigurationError(msg)
        if self.attachments and self.kind not in {"message", "start_chat"}:
            msg = f"attachments do not go with a {self.kind}: leave them out"
            raise ConfigurationError(msg)
        Wishes(hold=self.hold, priority=self.priority)
        zone_of(self.timezone)
        templates_of(self)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what says nothing of anybody."""
        yield "kind", self.kind


class ImportProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is wrong with a line.

    Attributes:
        line: its number, the first one being 1; of records of several lines, the first.
        column: the column, or the field where no column is to blame; None for the line as a whole.
        message: what is wrong, and what to do.
    """

    line: int
    column: str | None
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" if self.column is None else f"line {self.line}, {self.column}"
        return f"{where}: {self.message}"


class ImportRefusedError(ConfigurationError):
    """Report lines that cannot be queued; nothing of the file was.

    Attributes:
        problems: what is wrong, in the order of the file; at most as many as were asked for. A
            column that is not there is told at the first line that lacks it.
        lines: how many lines are wrong in all.
        summary: the message without the problems, for who shows them.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[ImportProblem, ...],
        lines: int,
        summary: str = "",
    ) -> None:
        super().__init__(message)
        self.summary: str = summary or message
        self.problems = problems
        self.lines = lines


def templates_of(recipe: Recipe) -> dict[str, Template]:
    """Return the template of each field; of one that was left out, the column of its name."""
    for one in recipe.attachments:
        Template("attachments", one)
    templates: dict[str, Template] = {}
    for name in ("account_id", WHOM[recipe.kind], *_SAID[recipe.kind], *_WISHES):
        given: object = getattr(recipe, name)
        own = f"{{{name}}}" if name in _NEEDED else f"{{{name}|}}"
        templates[name] = Template(name, own if given is None else given)
    return templates


def unheard(recipe: Recipe) -> dict[str, str]:
    """Return the columns that a call would take under their names, and no line by itself does.

    Each with what to do about it. Not `linkedin`: so many lists call an address.
    """
    lost: dict[str, str] = {}
    for name in _NOWHERE[recipe.kind]:
        lost[name] = "no line can say it: put such items in by calls, or name the column otherwise"
    if recipe.kind in {"message", "start_chat"} and not recipe.attachments:
        lost["attachments"] = (
            "is taken only where the recipe says so: give it attachments=('{attachments}',), or "
            "name the column otherwise"
        )
    if recipe.kind == "invite" and recipe.text is None:
        lost["message"] = "the note is `text` here: rename it so, or give text='{message}'"
    for name in ("hold", "priority"):
        if not getattr(recipe, name):
            lost[name] = f"is of all lines: give the recipe {name}=…, or name the column otherwise"
    return lost


def zone_of(name: str | None) -> tzinfo | None:
    """Return a time zone by its name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        msg = f"timezone {name!r} is not known: write one such as 'Europe/Paris'"
        raise ConfigurationError(msg) from None
