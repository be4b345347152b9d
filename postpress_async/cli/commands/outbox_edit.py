"""`postpress outbox edit`: what an item says, and when it goes."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated, Final

from cyclopts import Parameter
from msgspec import UNSET, UnsetType

from postpress_async.cli.commands.send import said
from postpress_async.cli.exits import Exit
from postpress_async.cli.options import AsJson
from postpress_async.cli.pacing.times import instant
from postpress_async.cli.sends.by_hand import each
from postpress_async.cli.sends.opened import Where, looking_at
from postpress_async.errors import ConfigurationError
from postpress_async.outbox import Item

_NOW: Final = "now"
_NEVER: Final = "never"


def edit(
    item: str,
    /,
    *,
    text: Annotated[
        str | None,
        Parameter(
            name="--text",
            allow_leading_hyphen=True,
            help="What it says instead; an invitation's is its note. - reads it from stdin.",
        ),
    ] = None,
    not_before: Annotated[
        str | None,
        Parameter(name="--not-before", help="2026-01-05T09:00, or in how long: 2h; now: at once."),
    ] = None,
    expires_at: Annotated[
        str | None,
        Parameter(name="--expires-at", help="2026-01-05T09:00, or in how long: 7d; or never."),
    ] = None,
    priority: Annotated[
        int | None, Parameter(name="--priority", help="Lower goes first, as in --priority=-1.")
    ] = None,
    outbox: Where = None,
    as_json: AsJson = False,
) -> int:
    """Change what an item says, or when it goes, while it has not begun to go.

    Its key goes on standing for what was put in.

    Args:
        item: its id or key.
        text: what it says instead.
        not_before: not before this instant.
        expires_at: not after this instant.
        priority: lower goes first.
        outbox: where it is.
        as_json: as one line.
    """
    if (text, not_before, expires_at, priority) == (None, None, None, None):
        msg = "say what is to be changed: --text, --not-before, --expires-at or --priority"
        raise ConfigurationError(msg)
    words = said(text)
    start = _instant("--not-before", not_before, _NOW)
    end = _instant("--expires-at", expires_at, _NEVER)

    async def edited() -> Exit:
        async with looking_at(outbox) as box:

            async def change(one: str) -> Item:
                return await box.edit(
                    one, text=words, not_before=start, expires_at=end, priority=priority
                )

            return await each([item], change, as_json=as_json)

    return asyncio.run(edited())


def _instant(option: str, given: str | None, none: str) -> datetime | UnsetType | None:
    """Return the instant that was given: None for the word that stands for none."""
    if given is None:
        return UNSET
    if given.strip().lower() == none:
        return None
    return datetime.fromtimestamp(instant(option, given, now=time.time(), way="ahead"), UTC)
