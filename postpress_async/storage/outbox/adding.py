"""Put items in: by INSERT alone, where it happens in anybody's transaction."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from postpress_async.errors import StateUnavailableError
from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.erasing import FORGOTTEN
from postpress_async.storage.outbox.heads import locked, refreshed, upkeep
from postpress_async.storage.outbox.reading import row_of
from postpress_async.storage.outbox.rows import Added, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import New

__all__ = ["add", "add_several"]

_CHUNKS: Final = (100, 10, 1)  # rows of one statement
_MOST: Final = 1_000  # rows of one statement, where each column is a list

_Fate: TypeAlias = tuple[int, float]  # serial, created_at


def add_several(items: Sequence[New]) -> Steps[tuple[list[Added], bool]]:
    """Put items in where nobody else writes meanwhile; tell whether their threads know of them.

    They do not as long as others are fresh which came before them: these go first.
    """
    if (yield sql.ANY_FRESH, {})[0][0]:
        yield from upkeep()
    sort = not (yield sql.ANY_FRESH, {})[0][0]
    told = yield from add(items, sort=sort)
    return told, sort


def add(items: Sequence[New], *, lists: bool = False, sort: bool = False) -> Steps[list[Added]]:
    """Put items in, and tell what became of each.

    Args:
        items: what is new.
        lists: whether a value can be a list.
        sort: whether to let their threads know at once, where nobody can write meanwhile: neither
            what would wait for these threads, nor who forgets a recipient.
    """
    gone = yield from _forgotten(items)
    kept: dict[str, _Fate] = {}
    rest = [item for item in items if not gone or not _marks(item) & gone.keys()]
    for some in _chunks(rest, (_MOST,) if lists else _CHUNKS):
        rows = yield (_insert_lists if lists else _insert)(some, fresh=not sort)
        kept |= {name: (serial, at) for name, serial, at in rows}
    known = yield from _known(items, kept)
    new = dict(kept)
    told: list[Added] = []
    for item in items:
        if gone and (found := _marks(item) & gone.keys()):
            told.append(_refused(item, gone[min(found)]))
        elif (fate := new.pop(item.id, None)) is not None:  # once, where it was given twice
            told.append(Added(row=_row(item, *fate), kind="new"))
        else:
            told.append((yield from _older(item, known)))
    if kept and sort:
        threads = yield from locked(item.thread for item in items if item.id in kept)
        yield from refreshed(threads)
    if kept:
        yield sql.TELL, {}
    return told


def _forgotten(items: Sequence[New]) -> Steps[dict[str, float]]:
    """Return the tombstones among those of the items, and the time."""
    marks = {one.hex() for item in items for one in item.tombstones}
    if not marks:
        return {}
    rows = yield sql.ENTOMBED, {"tombstones": sorted(marks)}
    if not rows:
        return {}
    now = yield sql.NOW, {}
    return {row[0]: now[0][0] for row in rows}


def _marks(item: New) -> set[str]:
    """Return the tombstones of all who would be written to."""
    return {one.hex() for one in item.tombstones}


def _chunks(items: Sequence[New], sizes: tuple[int, ...]) -> Iterator[Sequence[New]]:
    """Part items into whole chunks, the large ones first, and what is left."""
    place = 0
    for size in sizes:
        while len(items) - place >= size:
            yield items[place : place + size]
            place += size
    if place < len(items):
        yield items[place:]


def _insert_lists(items: Sequence[New], *, fresh: bool) -> tuple[str, dict[str, object]]:
    columns = map(list, zip(*map(_values, items), strict=True))
    values: dict[str, object] = dict(zip(sql.VALUES, columns, strict=True))
    return _LISTS, values | {"fresh": fresh, "no": False}


def _insert(items: Sequence[New], *, fresh: bool) -> tuple[str, dict[str, object]]:
    given = chain.from_iterable(map(_values, items))
    values: dict[str, object] = dict(zip(_NAMES[len(items)], given, strict=True))
    return _STATEMENTS[len(items)], values | {"fresh": fresh, "no": False}


_LISTS: Final = sql.insert_lists()
_STATEMENTS: Final = {size: sql.insert(size) for size in _CHUNKS}
_NAMES: Final = {
    size: [f"{name}{n}" for n in range(size) for name in sql.VALUES] for size in _CHUNKS
}


def _values(item: New) -> tuple[object, ...]:
    """Return the values of an item, in the order of `statements.VALUES`."""
    return (
        item.id,
        item.key,
        item.digest,
        item.kind,
        item.account_id,
        item.action,
        item.thread,
        item.body,
        item.group,
        item.recipient,
        item.tombstone.hex() or None,
        item.person.hex() or None,
        item.text_digest,
        item.loose_digest,
        item.priority,
        float(item.due_at),
        None if item.expires_at is None else float(item.expires_at),
        "held" if item.hold else "queued",
    )


def _known(items: Sequence[New], kept: Mapping[str, _Fate]) -> Steps[dict[str, Row]]:
    """Return the rows that stand under the keys of items which were not put in."""
    if len(kept) == len(items):
        return {}
    twice = Counter(item.id for item in items)
    keys = {item.key for item in items if item.id not in kept or twice[item.id] > 1}
    rows = yield sql.BY_KEYS, {"keys": sorted(keys)}
    return {row.key: row for row in map(row_of, rows)}


def _older(item: New, known: dict[str, Row]) -> Steps[Added]:
    """Tell of an item that was not put in what stands in its way."""
    kind: Literal["same", "conflict"] = "conflict"
    if (row := known.get(item.key)) is not None:
        return Added(row=row, kind="same" if row.digest == item.digest else kind)
    found = yield sql.INVITED, {"account_id": item.account_id, "thread": item.thread}
    if not found or item.kind != "invite":
        found = yield sql.BY_IDS, {"ids": [item.id]}
    if not found:
        raise StateUnavailableError(
            f"what stood in the way of the item {item.id} has just ended: the next call tries again"
        )
    return Added(row=row_of(found[0]), kind=kind)


def _refused(item: New, now: float) -> Added:
    row = _row(item, 0, now, state="cancelled", error=FORGOTTEN)
    return Added(row=row, kind="forgotten")


def _row(
    item: New,
    serial: int,
    now: float,
    *,
    state: Literal["cancelled"] | None = None,
    error: str | None = None,
) -> Row:
    """Return an item as it was just put in."""
    return Row(
        id=item.id,
        serial=serial,
        key=item.key,
        digest=item.digest,
        kind=item.kind,
        account_id=item.account_id,
        action=item.action,
        thread=item.thread,
        body=item.body,
        group=item.group,
        recipient=item.recipient,
        text_digest=item.text_digest,
        loose_digest=item.loose_digest,
        priority=item.priority,
        due_at=item.due_at or now,
        expires_at=item.expires_at,
        state=state or ("held" if item.hold else "queued"),
        fence=0,
        attempts=0,
        retry_at=None,
        look_at=None,
        looks=0,
        needs_decision=False,
        owner=None,
        lease=None,
        result_id=None,
        error=error,
        idempotency_key=item.id,
        created_at=now,
        changed_at=now,
    )
