"""Take out of items what says anything of somebody who is forgotten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from postpress_async import spellings
from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.rows import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values
    from postpress_async.storage.outbox.rows import Row

__all__ = ["COLUMNS", "FORGOTTEN", "SCRUB", "erased", "erased_late", "scrubbed"]

FORGOTTEN: Final = "the recipient is not to be written to any more"
_DIGITS: Final = re.compile("[0-9]+")
COLUMNS: Final = "serial, thread, key, team, id, recipient"
"""What is asked of an item that is to be erased."""

# What is out keeps its thread, closed, until it is settled: then `scrubbed` does the rest.
_BARE: Final = (
    "thread = CASE WHEN state IN ('sending', 'unknown') THEN thread ELSE id END, "
    "error = CASE WHEN state = 'sent' THEN NULL ELSE CAST(:forgotten AS text) END"
)
_EMPTY: Final = (
    "UPDATE {items} SET body = :empty, text_digest = :empty, loose_digest = :empty, "
    f"recipient = NULL, tombstone = :tombstone, person = NULL, {_BARE}, changed_at = {{now}} "
    "WHERE serial IN :serials[]"
)
_RENAME: Final = "UPDATE {items} SET key = :key, team = :team WHERE serial = :serial"
_LEFT: Final = (
    f"SELECT {COLUMNS} FROM {{items}} WHERE serial IN :serials[] "
    "AND coalesce(error, '') <> :forgotten"
)
SCRUB: Final = f"UPDATE {{items}} SET {_BARE} WHERE serial = :serial"


def erased(found: Sequence[Values], *, tombstone: str, names: Sequence[str] = ()) -> Steps[int]:
    """Cancel and empty items, whose threads are locked; return how many were cancelled.

    Args:
        found: their `COLUMNS`.
        tombstone: of whom they are to.
        names: what somebody was forgotten by; what an item itself calls them counts, too.
    """
    serials = [row[0] for row in found]
    rows = yield sql.CANCEL, {"serials": serials, "error": FORGOTTEN}
    yield (
        _EMPTY,
        {"serials": serials, "empty": b"", "tombstone": tombstone, "forgotten": FORGOTTEN},
    )
    yield from _renamed(found, names)
    return len(rows)


def erased_late(serials: Sequence[int], *, tombstone: str) -> Steps[None]:
    """Erase what came to be seen only when its recipient was forgotten already.

    Whatever has become of it in between, such as that it expired: nobody else comes by again.
    """
    found = yield _LEFT, {"serials": serials, "forgotten": FORGOTTEN}
    if found:
        yield from erased(found, tombstone=tombstone)


def _renamed(found: Sequence[Values], told: Sequence[str]) -> Steps[None]:
    """Take somebody's names out of keys and groups: they are a caller's own, and may hold them."""
    for serial, thread, key, group, id_, known_as in found:
        kind, _, person = thread.partition("\x1f")
        names = {one for one in (*told, known_as) if one}
        if kind == "person":
            names.add(person.rpartition("\x1f")[2])
        bare = id_ if _names(key, names) else key  # as if it had been given none
        team = None if group is not None and _names(group, names) else group
        if (bare, team) != (key, group):
            yield _RENAME, {"serial": serial, "key": bare, "team": team}


def _names(text: str, names: set[str]) -> bool:
    plain = text.casefold()
    if any(name.casefold() in plain for name in names if name):
        return True
    # A number, with whatever blanks and hyphens.
    digits = "".join(_DIGITS.findall(text))
    return any(number in digits for name in names if (number := spellings.digits_of(name)))


def scrubbed(row: Row) -> Steps[None]:
    """Empty the rest of an item whose recipient was forgotten while it was out."""
    if not row.body and row.state not in OPEN:
        yield SCRUB, {"serial": row.serial, "forgotten": FORGOTTEN}
