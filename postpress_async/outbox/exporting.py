"""Items into a file, each with what became of it: JSON lines for programs, CSV for spreadsheets."""
# ruff: noqa: D417 - what several arguments take is told once

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import of_kind
from postpress_async.resources._checks import one_of

from .listing import filter_of, items_of, states_of
from .veiling import veiled_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
    from datetime import datetime

    from .items import Item, ItemState
    from .outbox import Outbox

__all__ = ["COLUMNS", "ExportFormat", "export_items", "exported"]

ExportFormat: TypeAlias = Literal["jsonl", "csv"]
"""How items are written."""

COLUMNS: Final = (
    "id", "key", "kind", "account_id", "action", "state", "needs_decision", "group", "recipient",
    "priority", "not_before", "expires_at", "retry_at", "attempts", "result_id", "error",
    "next_step", "created_at", "changed_at",
)  # fmt: skip
_SAID: Final = ("text", "chat_id", "person", "message_id", "file_names")
# Also full-width ones, and those behind blanks and marks that are not seen.
_FORMULA: Final = re.compile(
    "[\\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PAGE: Final = 500


async def export_items(
    outbox: Outbox,
    *,
    target: str | os.PathLike[str],
    format: ExportFormat | None = None,
    text: bool = False,
    state: ItemState | Sequence[ItemState] | None = None,
    account_id: str | None = None,
    group: str | None = None,
    recipient: str | None = None,
    needs_decision: bool | None = None,
) -> int:
    """Write items to a file, each with what became of it and the next step.

    The file is there when all of it is written, or not at all; one that was there is replaced. Only
    its owner can read it. What items say, and to whom, is left out unless it is asked for: then
    `recipient` is empty where it is only the id that an item is to, and `error` says … for it. Your
    own names are written as they are: key, group, account and recipient. Items that change
    meanwhile are written as they were when their page was read.

    Args:
        outbox: from where.
        target: the file's path.
        format: `jsonl` or `csv`; None to tell by the name's ending.
        text: whether to write what items say, too, and their chats, people and files' names.
        state: only those in this state, or in one of these.
        account_id, group, recipient: only those of it.
        needs_decision: only those that a person must decide, or only the others.

    Returns:
        How many items were written.

    Raises:
        ConfigurationError: the file cannot be written, or nobody can tell in which format.
        StateUnavailableError: the store cannot be used; no file was written.

    Examples:
        >>> from postpress_async.outbox import Outbox, export_items
        >>> async with Outbox(client, "sqlite:///outbox.db") as outbox:
        ...     item = await outbox.message(account_id="acc_1", chat_id="chat_1", text="Hello")
        ...     await export_items(outbox, target="items.csv", state=["queued", "failed"])
        1
    """
    of_kind("text", text, bool, "True")
    path = Path(target)
    form = format or _ending(path)
    walk = exported(
        outbox, format=form, text=text, state=state, account_id=account_id, group=group,
        recipient=recipient, needs_decision=needs_decision,
    )  # fmt: skip
    count = 0
    try:
        # Beside the file, and not over it: what is cut off leaves the old one as it was.
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = await asyncio.to_thread(_opened, part)
        try:
            async with contextlib.aclosing(walk) as pages:
                async for lines, number in pages:
                    await asyncio.to_thread(handle.write, lines)
                    count += number
            await asyncio.to_thread(_finished, handle, part, path)
        except BaseException:
            with contextlib.suppress(OSError):  # what it could not write, as on a full disk
                handle.close()
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        msg = f"target {path}: it cannot be written: {error.strerror}"
        raise ConfigurationError(msg) from None
    return count


async def exported(
    outbox: Outbox,
    *,
    format: ExportFormat,
    text: bool = False,
    state: ItemState | Sequence[ItemState] | None = None,
    account_id: str | None = None,
    group: str | None = None,
    recipient: str | None = None,
    needs_decision: bool | None = None,
) -> AsyncGenerator[tuple[str, int]]:
    """Yield the lines of a file page by page, each with the number of its items."""
    one_of("format", format, ("jsonl", "csv"))
    columns: tuple[str, ...] = (*COLUMNS, *_SAID) if text else COLUMNS
    if format == "csv":
        yield _table([columns]), 0
    wanted = filter_of(
        states=states_of(state), account_id=account_id, group=group, recipient=recipient,
        needs_decision=needs_decision,
    )  # fmt: skip
    store = outbox._store  # noqa: SLF001 - of this package
    seen = None if text else veiled_rows
    async for page in items_of(store, wanted, page_size=_PAGE, bodies=text, seen=seen).pages():
        rows = [[_of(item, name) for name in columns] for item in page.items]
        if format == "csv":
            yield _table([[_cell(value) for value in row] for row in rows]), len(rows)
        else:
            lines: list[dict[str, object]] = [dict(zip(columns, row, strict=True)) for row in rows]
            yield "".join(map(_line, lines)), len(rows)


def _of(item: Item, name: str) -> object:
    value: object = getattr(item, name)
    return None if name == "key" and value == item.id else value


def _cell(value: object) -> str:
    """Return a value as no spreadsheet runs it: a formula stands behind an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]  # a tuple of anything
    at: datetime | None = value if hasattr(value, "isoformat") else None  # type: ignore[assignment]  # told by its method
    said = _CONTROLS.sub("", str(value) if at is None else at.isoformat())
    return "'" + said if _FORMULA.match(said) else said


def _line(said: Mapping[str, object]) -> str:
    """Return a line of JSON in ASCII: what strangers wrote may end up on a terminal."""
    return json.dumps(msgspec.to_builtins(said), separators=(",", ":")) + "\n"


def _table(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _ending(path: Path) -> ExportFormat:
    endings: dict[str, ExportFormat] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    if (found := endings.get(path.suffix.lower())) is None:
        msg = f"format: {path.name!r} ends in neither .csv nor .jsonl: give format='csv'"
        raise ConfigurationError(msg)
    return found


def _opened(part: Path) -> io.TextIOWrapper:
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return open(handle, "w", encoding="utf-8", newline="")  # noqa: PTH123 - it is open already


def _finished(handle: io.TextIOWrapper, part: Path, path: Path) -> None:
    handle.flush()
    os.fsync(handle.fileno())
    handle.close()
    part.replace(path)
