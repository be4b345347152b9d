"""Next steps as a command line has them: the library names its own methods and arguments."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["as_commands"]

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


def as_commands(text: str) -> str:
    """Return what the library says with the commands in the place of its methods."""
    if "(" not in text and "accounts.get" not in text:
        return text
    for found, said in _COMMANDS:
        text = found.sub(said, text)
    return text
