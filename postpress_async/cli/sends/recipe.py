"""The options of an import, and what they come to."""

# Annotations are read at run time: no `from __future__ import annotations` here.
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from postpress_async.cli.options import Product
from postpress_async.errors import ConfigurationError
from postpress_async.outbox import ImportKind, Recipe
from postpress_async.resources.linkedin_options import LinkedInOptions


def _template(name: str, words: str) -> Parameter:
    return Parameter(name=f"--{name}", help=f"{words}; else the column of this name.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Lines:
    """Hold what becomes of lines: each text is a template, such as 'Hi {first_name|there}'."""

    kind: Annotated[ImportKind, Parameter(name="--kind", help="What each line becomes.")] = (
        "message"
    )
    account_id: Annotated[str | None, _template("account-id", "Who sends")] = None
    chat_id: Annotated[str | None, _template("chat-id", "A message's chat")] = None
    to: Annotated[str | None, _template("to", "Whom a first message is to")] = None
    provider_id: Annotated[str | None, _template("provider-id", "Who is invited")] = None
    text: Annotated[str | None, _template("text", "What it says")] = None
    text_file: Annotated[
        Path | None, Parameter(name="--text-file", help="A file that holds the text's template.")
    ] = None
    subject: Annotated[str | None, _template("subject", "Of a first message")] = None
    user_email: Annotated[str | None, _template("user-email", "Of an invitation")] = None
    key: Annotated[
        str | None,
        Parameter(name="--key", help="What makes a line one item for good: spring/{id}."),
    ] = None
    group: Annotated[str | None, _template("group", "What they are cancelled by")] = None
    recipient: Annotated[str | None, _template("recipient", "A name to forget them by")] = None
    not_before: Annotated[str | None, _template("not-before", "ISO 8601")] = None
    expires_at: Annotated[str | None, _template("expires-at", "ISO 8601")] = None
    timezone: Annotated[
        str | None, Parameter(name="--tz", help="Of times that name none: Europe/Paris.")
    ] = None
    attach: Annotated[
        list[str] | None,
        Parameter(name="--attach", negative="", help="A file's path, a template; repeatable."),
    ] = None
    folder: Annotated[
        Path | None, Parameter(name="--folder", help="Where files are; else beside the list.")
    ] = None
    inmail: Annotated[
        bool, Parameter(name="--inmail", negative="", help="LinkedIn: with start_chat and --api.")
    ] = False
    api: Product = None
    hold: Annotated[
        bool, Parameter(name="--hold", negative="", help="Each waits for outbox release.")
    ] = False
    priority: Annotated[int, Parameter(name="--priority", help="Lower goes first.")] = 0

    def recipe(self) -> Recipe:
        """Return what becomes of a line.

        Raises:
            ConfigurationError: options do not go together, or the text's file cannot be read.
        """
        linkedin = None
        if self.inmail or self.api:
            linkedin = LinkedInOptions(api=self.api, inmail=True if self.inmail else None)
        return Recipe(
            kind=self.kind,
            account_id=self.account_id,
            chat_id=self.chat_id,
            to=self.to,
            provider_id=self.provider_id,
            text=self._said(),
            subject=self.subject,
            user_email=self.user_email,
            key=self.key,
            group=self.group,
            recipient=self.recipient,
            not_before=self.not_before,
            expires_at=self.expires_at,
            timezone=self.timezone,
            attachments=tuple(self.attach or ()),
            folder=self.folder,
            linkedin=linkedin,
            hold=self.hold,
            priority=self.priority,
        )

    def _said(self) -> str | None:
        if self.text_file is None:
            return self.text
        if self.text is not None:
            msg = "--text or --text-file: give one of them, not both"
            raise ConfigurationError(msg)
        try:
            return self.text_file.read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            msg = f"--text-file {self.text_file}: cannot be read: {why}"
            raise ConfigurationError(msg) from None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reading:
    """Hold how the file is read."""

    format: Annotated[
        Literal["csv", "jsonl"] | None,
        Parameter(name="--format", help="Else by its name, or how it begins."),
    ] = None
    encoding: Annotated[
        str | None, Parameter(name="--encoding", help="Else UTF-8, or what its first bytes say.")
    ] = None
    delimiter: Annotated[
        str | None, Parameter(name="--delimiter", help="Of CSV; else found out from the head.")
    ] = None
    problems: Annotated[
        int, Parameter(name="--problems", help="How many lines that cannot be queued are listed.")
    ] = 20
