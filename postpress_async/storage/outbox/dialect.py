"""What differs between the SQL of SQLite and that of PostgreSQL; all else is written once."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

__all__ = ["SQLITE", "Dialect", "Query", "Steps", "Values", "postgres"]

T = TypeVar("T")

Query: TypeAlias = tuple[str, Mapping[str, object]]
"""A template of `statements`, and its values by name."""

Values: TypeAlias = tuple[Any, ...]

Steps: TypeAlias = Generator[Query, Sequence[Values], T]
"""A transaction without a connection: it yields queries, is sent their rows, returns a result."""

_LIST: Final = re.compile(r"(IN|EACH) :(\w+)\[\]")
_NAME: Final = re.compile(r"(?<![:\w]):(\w+)")
_TABLES: Final = ("items", "attempts", "threads", "lanes", "tombstones", "meta")


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Turn templates into statements.

    Attributes:
        name: `sqlite` or `postgresql`.
        prefix: before the names of tables.
        now: the store's time, in seconds since the epoch; steady within a statement.
        lead: by how much that is ahead of the clock, where it is and does not go back.
        skip: behind a SELECT, to lock its rows and pass by what others have locked.
        lock: behind a SELECT, to lock its rows.
        locked: behind a SELECT, the threads among some that are there and locked now; all of them
            where whoever writes has everything locked.
        greatest, least: of several values.
        tell: an expression that wakes those who wait, when the transaction commits.
        try_alone: a statement's first value: whether nobody else does upkeep now.
        writers: an expression, the names of those who write now and have not committed, parted by
            spaces; of those alone that may commit after who asks has looked.
        serial, blob, real, flag: types of columns.
        octets: a function, the length of a text in bytes; of characters where that is no matter.
        rowless: behind a table that is kept in the order of its key, without another one.
    """

    name: str
    prefix: str
    now: str
    lead: str
    skip: str
    lock: str
    locked: str
    greatest: str
    least: str
    tell: str
    try_alone: str
    writers: str
    serial: str
    blob: str
    real: str
    flag: str
    octets: str
    rowless: str

    def statement(self, template: str) -> str:
        """Return the statement of a template.

        `{items}` and the like are tables, `:name` a value, `IN :name[]` a list of values and
        `EACH :name[]` the same as the column `value` of a table `e`.
        """
        return _compiled(self, template)

    @property
    def schema(self) -> str:
        """The name of the schema, where there are any."""
        return self.prefix.partition(".")[0]

    def inside(self, template: str) -> str:
        """Return the statement for a function's body, whose variables are called `_name`."""
        return _NAME.sub(r"_\1", _LIST.sub(_array, _spelled(self, template)))

    def nameless(self, template: str) -> tuple[str, tuple[str, ...]]:
        """Return the statement with places in place of names, and whose value is for which.

        SQLite looks a name up by walking along all of a statement's names.
        """
        return _nameless(self, template)


def _spelled(dialect: Dialect, template: str) -> str:
    """Return a template with the dialect's words in it."""
    words = {field: getattr(dialect, field) for field in Dialect.__struct_fields__}
    words |= {table: f"{dialect.prefix}{table}" for table in _TABLES}
    for field in ("locked", "writers"):
        words[field] = getattr(dialect, field).format(**words)
    return template.format(**words)


@cache
def _compiled(dialect: Dialect, template: str) -> str:
    text = _spelled(dialect, template)
    if dialect.name == "sqlite":
        return _LIST.sub(_json, text)
    return _NAME.sub(r"%(\1)s", _LIST.sub(_array, text))


@cache
def _nameless(dialect: Dialect, template: str) -> tuple[str, tuple[str, ...]]:
    # Without numbers either: Python 3.12 takes a numbered place for a name.
    text = _compiled(dialect, template)
    return _NAME.sub("?", text), tuple(found[1] for found in _NAME.finditer(text))


def _json(found: re.Match[str]) -> str:
    if found[1] == "IN":
        return f"IN (SELECT value FROM json_each(:{found[2]}))"
    return f"json_each(:{found[2]}) AS e"


def _array(found: re.Match[str]) -> str:
    if found[1] == "IN":
        return f"= ANY(:{found[2]})"
    return f"unnest(CAST(:{found[2]} AS text[])) AS e(value)"


SQLITE: Final = Dialect(
    name="sqlite",
    prefix="outbox_",
    now=":now",
    lead=":lead",
    skip="",
    lock="",
    locked="value FROM EACH :threads[]",
    greatest="max",
    least="min",
    tell="1",
    try_alone="1",
    writers="''",  # one writes at a time, and who asks is one
    serial="INTEGER PRIMARY KEY AUTOINCREMENT",
    blob="BLOB",
    real="REAL",
    flag="INTEGER",
    octets="length",
    rowless=" WITHOUT ROWID",
)


def postgres(schema: str, *, clock: bool) -> Dialect:
    """Return the dialect of PostgreSQL.

    Args:
        schema: the schema's name, checked.
        clock: whether the time is told by the client; else it is the server's.
    """
    own = "CAST(:now AS float8)" if clock else "date_part('epoch', statement_timestamp())"
    return Dialect(
        name="postgresql",
        prefix=f"{schema}.outbox_",
        now=own,
        lead="0",  # it follows the server's clock, forwards and back
        skip="FOR UPDATE SKIP LOCKED",
        lock="FOR UPDATE",
        locked="thread FROM {threads} WHERE thread IN :threads[] ORDER BY thread {lock}",
        greatest="greatest",
        least="least",
        tell=f"pg_notify('{schema}_outbox', '')",
        try_alone=f"pg_try_advisory_xact_lock(hashtextextended('{schema} outbox upkeep', 0))",
        # Whoever changes an item holds such a lock until he commits, and a thread's before.
        writers=(
            "(SELECT coalesce(string_agg(DISTINCT virtualtransaction, ' '), '') FROM pg_locks "
            "WHERE locktype = 'relation' AND mode IN ('RowShareLock', 'RowExclusiveLock') "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND relation IN (to_regclass('{items}'), to_regclass('{threads}')))"
        ),
        serial="bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        blob="bytea",
        real="float8",
        flag="boolean",
        octets="octet_length",
        rowless="",
    )
