"""What is cleared away: texts that are old, items that are over, and people who are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.erasing import COLUMNS, erased
from postpress_async.storage.outbox.heads import locked, refreshed

if TYPE_CHECKING:
    from postpress_async.storage.outbox.dialect import Steps

__all__ = ["CHUNK", "delete", "entomb", "forget", "purge"]

CHUNK: Final = 1_000  # items that a transaction clears away at once

_ENTOMB: Final = (
    "INSERT INTO {tombstones} (tombstone, made_at) VALUES (:tombstone, {now}) "
    "ON CONFLICT DO NOTHING"
)
# Each by an index of its own: an item is to somebody by the name that it was put in with, and by
# the id that it is to, where that is another one.
_THEIRS: Final = (
    f"SELECT {COLUMNS} FROM {{items}} WHERE serial IN "
    "(SELECT serial FROM (SELECT serial FROM {items} WHERE recipient IS NOT NULL "
    "AND recipient = :recipient ORDER BY serial LIMIT :n) AS named "
    "UNION SELECT serial FROM (SELECT serial FROM {items} WHERE person IS NOT NULL "
    "AND person = :tombstone ORDER BY serial LIMIT :n) AS reached) ORDER BY serial LIMIT :n"
)
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
    count = yield from erased(found, tombstone=tombstone.hex(), names=[recipient])
    yield from refreshed(threads)
    return count, True


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
