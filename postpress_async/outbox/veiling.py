"""Rows without whom they are to: for files that others may read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.storage.outbox.rows import Filter

from . import contents
from .contents import ProfileRead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.rows import Row
    from postpress_async.storage.outbox.store import Store

__all__ = ["veiled", "veiled_rows"]

_APART: Final = "\x1f"
"""Between the parts of a thread: what it is of, the account, and the id."""
_SOMEBODY: Final = re.compile(
    r"""(?<![\w@.+-])(?:
        [\w.+-]+(?::\d+)?@[\w.-]*\w  # an address, as of mail or WhatsApp
      | urn:li:[\w:(),%-]+
      | A[A-Z][A-Za-z]AA[\w-]{8,}  # a LinkedIn id
      | \+\d[\d ]{5,}\d            # a phone number …
      | \d{9,}                     # … and one as ids have it
    )(?![\w-])""",
    re.VERBOSE | re.ASCII,
)
_HIDDEN: Final = "…"


async def veiled_rows(store: Store, rows: Sequence[Row]) -> list[Row]:
    """Return rows that were read without bodies, and say nothing of whom they are to."""
    # A look at a profile has no thread that would say whose; what failed is little, and short.
    wanted = tuple(row.serial for row in rows if row.kind == "profile" and row.error)
    looks = await store.find(Filter(serials=wanted), limit=len(wanted)) if wanted else ()
    known = {row.serial: _looked_for(row) for row in looks}
    return [veiled(row, looked_for=known.get(row.serial)) for row in rows]


def veiled(row: Row, *, looked_for: str | None = None) -> Row:
    """Return a row without the id that it is to, in its recipient and in its error.

    A name that the caller gave it as its recipient stays, unless it is that very id.

    Args:
        row: the row; its body does not matter.
        looked_for: of a profile, whose it is.
    """
    kind, _, rest = row.thread.partition(_APART)
    whom = rest.rpartition(_APART)[2] or looked_for
    filled = kind == "person" and row.recipient == (whom or "").strip()
    return msgspec.structs.replace(
        row,
        recipient=None if filled else row.recipient,
        error=None if row.error is None else _hushed(row.error, whom),
    )


def _hushed(error: str, whom: str | None) -> str:
    if whom is None:  # emptied since: what stands behind the first words may name anybody
        return error.partition(":")[0]
    named = rf"(?<!\w){re.escape(whom)}(?!\w)"
    return _SOMEBODY.sub(_HIDDEN, re.sub(named, _HIDDEN, error, flags=re.IGNORECASE))


def _looked_for(row: Row) -> str | None:
    try:
        content = contents.decode(row.body)
    except ConfigurationError:
        return None
    return content.identifier if isinstance(content, ProfileRead) else None
