"""Messages as lines of a file: JSON as the service sent it, or a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final, NamedTuple

from postpress_async.cli.output import line_of
from postpress_async.cli.plain import plain_lines
from postpress_async.models import FileAttachment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.models import Attachment, Message

COLUMNS: Final = (
    "id",
    "chat_id",
    "account_id",
    "timestamp",
    "sender_id",
    "is_own",
    "message_type",
    "subject",
    "text",
    "attachments",
    "reactions",
    "edited",
    "deleted",
)
_FORMULAS: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # and full-width


class Format(NamedTuple):
    """Say how a file is written.

    Attributes:
        head: what it begins with.
        lines: what messages become in it.
    """

    head: str
    lines: Callable[[Iterable[Message]], str]


def cell(text: str | None) -> str:
    """Return a text that no spreadsheet runs: without controls, a formula behind an apostrophe."""
    said = plain_lines(text or "")
    return "'" + said if said.startswith(_FORMULAS) else said


def described(attachment: Attachment) -> str:
    """Return a word for a file: its name, or its kind."""
    name = attachment.file_name if isinstance(attachment, FileAttachment) else None
    return name or attachment.type or "file"


def _as_json(messages: Iterable[Message]) -> str:
    return "".join(line_of(message.raw) for message in messages)


def _as_table(messages: Iterable[Message]) -> str:
    return _table(_row(message) for message in messages)


def _row(message: Message) -> list[str]:
    texts = (
        message.id,
        message.chat_id,
        message.account_id,
        message.timestamp,
        message.sender_id,
        _flag(message.is_sender),
        message.message_type,
        message.subject,
        message.text,
        "; ".join(described(one) for one in message.attachments),
        " ".join(one.value or "" for one in message.reactions),
        _flag(message.edited),
        _flag(message.deleted),
    )
    return [cell(text) for text in texts]


def _flag(value: bool | int | None) -> str:
    return "" if value is None else "true" if value else "false"


def _table(rows: Iterable[Iterable[str]]) -> str:
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    return made.getvalue()


FORMATS: Final = {
    "jsonl": Format("", _as_json),
    "csv": Format(_table([COLUMNS]), _as_table),
}
