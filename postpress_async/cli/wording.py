"""Next steps as a command line has them: the library names its own methods and arguments."""

from __future__ import annotations

import re
from typing import Final

from postpress_async.outbox.templates import NO_COLUMN

__all__ = ["as_commands", "as_options"]

_SENT: Final = "`postpress outbox resolve ID --sent`"
_NOT_SENT: Final = "`postpress outbox resolve ID --not-sent`"
_RESUME: Final = "`postpress limits resume ACCOUNT`"
_COMMANDS: Final = tuple(
    (re.compile(rf"(?<![.\w]){found}"), said)
    for found, said in (
        (r"resolve\((?:id, )?sent=True\)", _SENT),
        (r"resolve\((?:id, )?sent=False\)", _NOT_SENT),
        (r"resolve\(id, sent=…\)", f"{_SENT} or --not-sent"),
        (r"edit\(id, not_before=None\)", "`postpress outbox edit ID --not-before now`"),
        (r"(retry|release|cancel|edit)\((?:id)?\)", r"`postpress outbox \1 ID`"),
        (r"cancel\(id='([^']+)'\)", r"`postpress outbox cancel \1`"),
        (r"explain\('([^']+)'\)", r"`postpress outbox show \1`"),
        (r"(?:explain|get)\(\)", "`postpress outbox show ID`"),
        (r"list\(\)", "`postpress outbox list`"),
        (r"outbox\.run\(\), or postpress outbox run", "`postpress outbox run`"),
        (r"call scheduler\.resume\((?:account_id)?\)", f"run {_RESUME}"),
        (r"scheduler\.resume\((?:account_id)?\)", _RESUME),
        (r"accounts\.get\b", "`postpress accounts get`"),
    )
)


_OPTIONS: Final = tuple(
    (re.compile(found), said)
    for found, said in (
        ("give timezone=", "give --tz"),
        (
            r"is taken only where the recipe says so: give it attachments=\('\{attachments\}',\)",
            "is taken only where you say so: give --attach '{attachments}'",
        ),
        (r"give text='\{message\}'", "give --text '{message}'"),
        (r"give the recipe (\w+)=…", r"give --\1"),
        (r"give text=…, attachments=\[…\], voice_message or so", "give --text or --attach"),
    )
)
_NEEDED: Final = frozenset({"account_id", "chat_id", "to", "provider_id"})


def as_options(text: str, *, column: str | None) -> str:
    """Return what is wrong with a line with the options in the place of a recipe's fields.

    Args:
        text: what the library says.
        column: of which column.
    """
    for found, said in _OPTIONS:
        text = found.sub(said, text)
    if column in _NEEDED and text.startswith(NO_COLUMN):
        text += f"; or give --{column.replace('_', '-')}"
    return text


def as_commands(text: str) -> str:
    """Return what the library says with the commands in the place of its methods."""
    if "(" not in text and "accounts.get" not in text:
        return text
    for found, said in _COMMANDS:
        text = found.sub(said, text)
    return text
