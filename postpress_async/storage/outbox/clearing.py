"""What is cleared away: texts that are old, items that are over, and people who are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.heads import FORGOTTEN, locked, refreshed
from postpress_async.storage.outbox.rows import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values
    from postpress_async.storage.outbox.rows import Row

__all__ = ["CHUNK", "SCRUB", "delete", "entomb", "forget", "purge", "scrubbed"]

CHUNK: Final = 1_000  # items that a transaction clears away at once

_ENTOMB: Final = (
    "INSERT INTO {tombstones} (tombstone, made_at) VALUES (:tombstone, {now}) "
    "ON CONFLICT DO NOTHING"
)
# Each by an index of its own: an item is to somebody by the name that it was put in with, and by
# the id that it is to, where that is another one.
_THEIRS: Final = (
    "SELECT serial, thread, key, team, id, recipient FROM {items} WHERE serial IN "
    "(SELECT serial FROM (SELECT serial FROM {items} WHERE recipient IS NOT NULL "
    "AND recipient = :recipient ORDER BY serial LIMIT :n) AS named "
    "UNION SELECT serial FROM (SELECT serial FROM {items} WHERE person IS NOT NULL "
    "AND person = :tombstone ORDER BY serial LIMIT :n) AS reached) ORDER BY serial LIMIT :n"
)
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
SCRUB: Final = f"UPDATE {{items}} SET {_BARE} WHERE serial = :serial"
_PURGE: Final = (
    "UPDATE {items} SET body = :empty WHERE serial IN (SELECT serial FROM {items} "
    f"WHERE {sql.OVER} AND length(body) > 0 "
    "AND changed_at < :before ORDER BY changed_at LIMIT :n) RETURNING serial"
)
_DELETE: Final = (
    "DELETE FROM {items} WHERE serial IN (SELECT serial FROM {items} "
    f"WHERE {sql.OVER} AND changed_at < :before ORDER BY serial LIMIT :n) "
    f"AND {sql.OVER} AND changed_at < :before RETURNING serial"
)
_DELETE_ATTEMPTS: Final = "DELETE FROM {attempts} WHERE item IN :serials[]"


def entomb(tombstone: bytes) -> Steps[None]:
    """Keep a tombstone."""
    yield _ENTOMB, {"tombstone": tombstone.hex()}


def forget(recipient: str, tombstone: bytes) -> Steps[tuple[int, bool]]:
    """Cancel and empty some of a recipient; return how many were cancelled, and whether to go on.

    The tombstone stands already, so that what is put in meanwhile is refused by others.
    """
    wanted = {"recipient": recipient, "tombstone": tombstone.hex(), "n": CHUNK}
    found = yield _THEIRS, wanted
    if not found:
        return 0, False
    threads = yield from locked(row[1] for row in found)
    serials = [row[0] for row in found]
    rows = yield sql.CANCEL, {"serials": serials, "error": FORGOTTEN}
    yield (
        _EMPTY,
        {"serials": serials, "empty": b"", "tombstone": tombstone.hex(), "forgotten": FORGOTTEN},
    )
    yield from _renamed(found, recipient)
    yield from refreshed(threads)
    return len(rows), True


def _renamed(found: Sequence[Values], recipient: str) -> Steps[None]:
    """Take somebody's names out of keys and groups: they are a caller's own, and may hold them."""
    for serial, thread, key, group, id_, known_as in found:
        kind, _, person = thread.partition("\x1f")
        names = {one.casefold() for one in (recipient, known_as) if one}
        if kind == "person":
            names.add(person.rpartition("\x1f")[2].casefold())
        bare = id_ if _names(key, names) else key  # as if it had been given none
        team = None if group is not None and _names(group, names) else group
        if (bare, team) != (key, group):
            yield _RENAME, {"serial": serial, "key": bare, "team": team}


def _names(text: str, names: set[str]) -> bool:
    return any(name in text.casefold() for name in names if name)


def scrubbed(row: Row) -> Steps[None]:
    """Empty the rest of an item whose recipient was forgotten while it was out."""
    if not row.body and row.state not in OPEN:
        yield SCRUB, {"serial": row.serial, "forgotten": FORGOTTEN}


def purge(*, before: float) -> Steps[int]:
    """Empty some bodies; return how many."""
    rows = yield _PURGE, {"before": before, "empty": b"", "n": CHUNK}
    return len(rows)


def delete(*, before: float) -> Steps[int]:
    """Delete some items that are over; return how many."""
    rows = yield _DELETE, {"before": before, "n": CHUNK}
    if rows:
        yield _DELETE_ATTEMPTS, {"serials": [row[0] for row in rows]}
    return len(rows)
