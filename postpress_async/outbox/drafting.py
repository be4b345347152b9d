"""From a line of a file to a content: fill in, check, and say which column is to blame."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.resources._base import checked_account

from . import composing
from .putting import Wishes
from .recipes import WHOM, ImportProblem, templates_of, unheard, zone_of
from .templates import Template, UnfilledError, folded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from .contents import Content
    from .recipes import Recipe

__all__ = ["Cook", "Draft"]

_MOST_HEADS: Final = 100  # JSON lines may differ in their names
_FIELD: Final = re.compile(r"[a-z_]+")


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
        self._zone = zone_of(recipe.timezone)
        self._fields = templates_of(recipe)
        self._files = [Template("attachments", one) for one in recipe.attachments]
        self._used = {name for one in (*self._fields.values(), *self._files) for name in one.places}
        self._unheard = unheard(recipe)
        self._heads: dict[tuple[str, ...], list[tuple[str | None, str]]] = {}

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
        if lost := self._lost(columns):
            wrong = lost + wrong
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

    def _lost(self, columns: Mapping[str, object]) -> list[tuple[str | None, str]]:
        """Return the columns that would be lost: fields but for their spelling, and `unheard` ones.

        Lines of a file have the same columns, so that this is found out once.
        """
        head = tuple(columns)
        if head not in self._heads:
            if len(self._heads) > _MOST_HEADS:
                self._heads.clear()
            left = [(name, folded(name)) for name in head if name not in self._used]
            self._heads[head] = [
                (name, f"reads like {field}: rename it so, or leave it out")
                for name, field in left
                if field in self._fields
            ]
            self._heads[head] += [
                (name, self._unheard[field]) for name, field in left if field in self._unheard
            ]
        return self._heads[head]

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
            if template.places and (why := self._astray(path)):
                wrong.append((template.places[0], why))
            elif name:
                paths.append(path)
        return paths, wrong

    def _astray(self, path: Path) -> str | None:
        """Return what is wrong with where an attachment lies that a line names."""
        try:
            inside = path.resolve().is_relative_to(self._folder.resolve())
        except (OSError, RuntimeError, ValueError):  # links in a circle, or a NUL character
            return "names nothing that could be a file: give the path of one"
        return None if inside else "leads out of the folder of attachments: put the file into it"

    async def _content(
        self,
        said: Mapping[str, str | None],
        files: list[Path],
        account_id: str,
        provider: str | None,
    ) -> Content:
        whom = said[WHOM[self._recipe.kind]] or ""
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


def _key_of(group: str | None, columns: Mapping[str, object]) -> str:
    """Return a name for all that a line says, within a group."""
    told = sorted((name, "" if value is None else value) for name, value in columns.items())
    digest = blake2b(msgspec.json.encode(told), digest_size=16).hexdigest()
    return f"import/{digest}" if group is None else f"import/{group}/{digest}"
