"""From a line of a file to the content of an item: which column says what.

Every field of a `Recipe` is a template; a field that was left out is the column of its name, word
for word. What stands in a line is data: it is never a template, and names no file of its own.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from hashlib import blake2b
from pathlib import Path  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet, of_kind
from postpress_async.resources._base import checked_account
from postpress_async.resources._checks import one_of, struct_of
from postpress_async.resources.linkedin_options import LinkedInOptions

from . import composing
from .putting import Wishes
from .templates import Template, UnfilledError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from .contents import Content

__all__ = ["Cook", "Draft", "ImportKind", "ImportProblem", "ImportRefusedError", "Recipe"]

ImportKind: TypeAlias = Literal["message", "start_chat", "invite", "follow"]
"""What lines can become."""

_WHOM: Final = {
    "message": "chat_id", "start_chat": "to", "invite": "provider_id", "follow": "provider_id",
}  # fmt: skip
_SAID: Final = {
    "message": ("text",), "start_chat": ("text", "subject"), "invite": ("text", "user_email"),
    "follow": (),
}  # fmt: skip
_NEEDED: Final = frozenset({"account_id", "chat_id", "to", "provider_id"})
_WISHES: Final = ("key", "group", "recipient", "not_before", "expires_at")
_FIELD: Final = re.compile(r"[a-z_]+")


class Recipe(Discreet, frozen=True, kw_only=True):
    """Say what becomes of the lines of a file. Each text is a template, such as `Hi {first_name}`.

    `{name}` is the column of that name, `{name|there}` says `there` where it is missing or empty,
    `{{` is a brace. A field that is None is the column of its own name, where the file has one.

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
        one_of("kind", self.kind, tuple(_WHOM))
        mine = {_WHOM[self.kind], *_SAID[self.kind]}
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
        _zone(self.timezone)
        _templates(self)

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
        problems: what is wrong, in the order of the file; at most as many as were asked for.
        lines: how many lines are wrong in all.
    """

    def __init__(self, message: str, *, problems: tuple[ImportProblem, ...], lines: int) -> None:
        super().__init__(message)
        self.problems = problems
        self.lines = lines


class Draft(NamedTuple):
    """Be what a line becomes."""

    content: Content
    account_id: str
    wishes: Wishes
    provider: str | None


class _WrongError(Exception):
    def __init__(self, found: list[tuple[str | None, str]]) -> None:
        super().__init__()
        self.found = found


class Cook:
    """Follow a recipe.

    Args:
        recipe: it.
        folder: where attachments are if the recipe does not say so.
        provider_of: tells an account's provider, None where nobody knows; raises
            ConfigurationError for an account that cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        folder: Path,
        provider_of: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._recipe = recipe
        self._folder = recipe.folder or folder
        self._provider_of = provider_of
        self._zone = _zone(recipe.timezone)
        self._fields = _templates(recipe)
        self._files = [Template("attachments", one) for one in recipe.attachments]

    async def draft(
        self, number: int, columns: Mapping[str, object]
    ) -> Draft | list[ImportProblem]:
        """Return what a line becomes, or all that is wrong with it."""
        try:
            return await self._draft(columns)
        except _WrongError as wrong:
            return [
                ImportProblem(line=number, column=name, message=why) for name, why in wrong.found
            ]
        except ConfigurationError as error:
            column, why = self._blame(str(error))
            return [ImportProblem(line=number, column=column, message=why)]

    async def _draft(self, columns: Mapping[str, object]) -> Draft:
        said, wrong = self._filled(columns)
        files, wrong_files = self._paths(columns)
        if wrong or wrong_files:
            raise _WrongError(wrong + wrong_files)
        account_id = checked_account(said["account_id"])
        wishes = Wishes(
            key=said["key"] or _key_of(said["group"], columns),
            group=said["group"],
            recipient=said["recipient"],
            not_before=self._time("not_before", said["not_before"]),
            expires_at=self._time("expires_at", said["expires_at"]),
            hold=self._recipe.hold,
            priority=self._recipe.priority,
        )
        provider = await self._provider_of(account_id)
        content = await self._content(said, files, account_id, provider)
        return Draft(content, account_id, wishes, provider)

    def _filled(
        self, columns: Mapping[str, object]
    ) -> tuple[dict[str, str | None], list[tuple[str | None, str]]]:
        said: dict[str, str | None] = {}
        wrong: list[tuple[str | None, str]] = []
        for name, template in self._fields.items():
            try:
                said[name] = template.fill(columns) or None
            except UnfilledError as error:
                wrong.append((error.column, str(error)))
        return said, list(dict.fromkeys(wrong))

    def _paths(
        self, columns: Mapping[str, object]
    ) -> tuple[list[Path], list[tuple[str | None, str]]]:
        paths: list[Path] = []
        wrong: list[tuple[str | None, str]] = []
        for template in self._files:
            try:
                name = template.fill(columns)
            except UnfilledError as error:
                wrong.append((error.column, str(error)))
                continue
            path = self._folder / name
            # Whoever wrote the list must not be able to send our keys to somebody.
            if template.places and not path.resolve().is_relative_to(self._folder.resolve()):
                why = "leads out of the folder of attachments: put the file into it"
                wrong.append((template.places[0], why))
            elif name:
                paths.append(path)
        return paths, wrong

    async def _content(
        self,
        said: Mapping[str, str | None],
        files: list[Path],
        account_id: str,
        provider: str | None,
    ) -> Content:
        whom = said[_WHOM[self._recipe.kind]] or ""
        text = said.get("text")
        match self._recipe.kind:
            case "message":
                return await composing.message(
                    chat_id=whom, text=text, attachments=files, voice_message=None,
                    video_message=None, quote_id=None, thread_id=None, typing_duration=None,
                )  # fmt: skip
            case "start_chat":
                return await composing.start_chat(
                    to=whom, text=text, subject=said["subject"], attachments=files,
                    voice_message=None, video_message=None, linkedin=self._recipe.linkedin,
                    account_id=account_id, provider=provider,
                )  # fmt: skip
            case "invite":
                return composing.invite(
                    whom, message=text, user_email=said["user_email"], account_id=account_id,
                    provider=provider,
                )  # fmt: skip
            case "follow":
                return composing.follow(whom, account_id=account_id, provider=provider)

    def _time(self, field: str, text: str | None) -> datetime | None:
        if text is None:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            msg = f"{field} {text[:40]!r} is no time: write 2026-01-05T09:00+01:00"
            raise ConfigurationError(msg) from None
        if at.tzinfo is not None:
            return at
        if self._zone is None:
            msg = f"{field} {text[:40]!r} has no time zone: write one, or give timezone="
            raise ConfigurationError(msg)
        return at.replace(tzinfo=self._zone)

    def _blame(self, message: str) -> tuple[str | None, str]:
        """Return which column a refusal of a field is about."""
        found = _FIELD.match(message)
        name = found[0] if found else ""
        name = {"message": "text"}.get(name, name)
        template = self._fields.get(name)
        if template is None:
            return None, message
        return next(iter(template.places), name), message


def _templates(recipe: Recipe) -> dict[str, Template]:
    """Return the template of each field; of one that was left out, the column of its name."""
    for one in recipe.attachments:
        Template("attachments", one)
    templates: dict[str, Template] = {}
    for name in ("account_id", _WHOM[recipe.kind], *_SAID[recipe.kind], *_WISHES):
        given: object = getattr(recipe, name)
        own = f"{{{name}}}" if name in _NEEDED else f"{{{name}|}}"
        templates[name] = Template(name, own if given is None else given)
    return templates


def _key_of(group: str | None, columns: Mapping[str, object]) -> str:
    """Return a name for all that a line says, within a group."""
    told = sorted((name, "" if value is None else value) for name, value in columns.items())
    digest = blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()
    return f"import/{digest}" if group is None else f"import/{group}/{digest}"


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        msg = f"timezone {name!r} is not known: write one such as 'Europe/Paris'"
        raise ConfigurationError(msg) from None
