"""What a PostgreSQL must hold before an outbox uses it: our tables, of a version that we know."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError
from postpress_async.storage.outbox.functions import functions
from postpress_async.storage.outbox.tables import LATER, META, MIGRATIONS
from postpress_async.storage.postgres.schema import OLDEST
from postpress_async.storage.postgres.statements import ONE_AT_A_TIME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from postpress_async.storage.outbox.dialect import Dialect

__all__ = ["EPOCH", "is_there", "settle"]

_WHAT: Final = "postpress-async outbox"
_TABLES: Final = tuple(
    f"outbox_{name}" for name in ("attempts", "items", "lanes", "meta", "threads", "tombstones")
)
_LOOK: Final = """\
SELECT current_setting('server_version_num')::int4, current_user::text, current_database()::text,
    exists (SELECT FROM pg_namespace WHERE nspname = %(schema)s),
    coalesce((SELECT array_agg(relname::text) FROM pg_class
        WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('r', 'p')
            AND relname = ANY(%(tables)s)), '{}'),
    current_setting('default_transaction_isolation')"""
_OURS: Final = "SELECT what, version, epoch FROM {meta}"
_CALLED: Final = """\
SELECT count(DISTINCT proname)::int4 FROM pg_proc
WHERE pronamespace = to_regnamespace(%s) AND proname = ANY(%s)"""
EPOCH: Final = "SELECT epoch FROM {meta}"
_NOTE: Final = "INSERT INTO {meta} (what, epoch, version, seen) VALUES (%s, %s, %s, 0)"
_UPGRADED: Final = "UPDATE {meta} SET version = %s"


async def settle(
    connection: AsyncConnection[TupleRow],
    schema: str,
    dialect: Dialect,
    *,
    where: str,
    steps: tuple[str, ...] = MIGRATIONS + LATER,
) -> str:
    """Check what is there, bring it to this version, and return the name that the outbox got.

    Safe to repeat, and to do in several processes at once.

    Raises:
        ConfigurationError: the server is too old, or holds another program's tables or a newer
            version; or nothing may be made in it.
    """
    epoch, version = await _standing(connection, schema, dialect, where, len(steps))
    made = functions(dialect).made
    if epoch is not None and version == len(steps) and await _called(connection, schema, made):
        return epoch
    async with connection.transaction():
        await connection.execute(ONE_AT_A_TIME.encode(), (f"{_WHAT} {schema}",))
        # Others may have been faster.
        epoch, version = await _standing(connection, schema, dialect, where, len(steps))
        if epoch is None:
            epoch = uuid.uuid4().hex
            await _make(connection, schema, (META, *steps), dialect, where)
            note = dialect.statement(_NOTE).encode()
            await connection.execute(note, (_WHAT, epoch, len(steps)))
        elif version < len(steps):
            await _make(connection, schema, steps[version:], dialect, where)
            await connection.execute(dialect.statement(_UPGRADED).encode(), (len(steps),))
        if not await _called(connection, schema, made):
            await _make(connection, schema, tuple(made.values()), dialect, where)
    return epoch


async def is_there(
    connection: AsyncConnection[TupleRow], schema: str, dialect: Dialect, *, where: str
) -> bool:
    """Tell whether an outbox is there; nothing is made.

    Raises:
        ConfigurationError: what is there cannot be used, as in `settle`.
    """
    known = len(MIGRATIONS + LATER)
    epoch, _ = await _standing(connection, schema, dialect, where, known)
    return epoch is not None


async def _standing(
    connection: AsyncConnection[TupleRow], schema: str, dialect: Dialect, where: str, known: int
) -> tuple[str | None, int]:
    """Return the name and the format of the outbox that is there; None where there is none."""
    cursor = await connection.execute(_LOOK.encode(), {"schema": schema, "tables": list(_TABLES)})
    number, _, _, _, tables, isolation = await cursor.fetchone() or (0, "", "", False, [], "")
    if number < OLDEST:
        raise ConfigurationError(
            f"{where} is PostgreSQL {number // 10_000}, which is too old: use 12 or newer"
        )
    if isolation != "read committed":
        raise ConfigurationError(
            f"{where}: transactions of this user are {isolation}: have an administrator run: "
            "ALTER ROLE … SET default_transaction_isolation = 'read committed'"
        )
    if not tables:
        return None, 0
    missing = sorted(set(_TABLES) - set(tables))
    if "outbox_meta" in tables and not missing:
        row = await _ours(connection, dialect)
        if row is not None and row[0] == _WHAT:
            if row[1] > known:
                raise ConfigurationError(
                    f"{where}: the outbox in the schema {schema} was written by a newer "
                    f"postpress-async (format {row[1]}, this one knows {known}): upgrade the "
                    "package here too, or name another ?prefix="
                )
            return row[2], row[1]
    raise ConfigurationError(
        f"{where}: the schema {schema} holds {' and '.join(sorted(tables))} that are no whole "
        "outbox of ours: put back a copy, or name a schema of its own, as in ?prefix=outbox"
    )


async def _called(
    connection: AsyncConnection[TupleRow], schema: str, made: Mapping[str, str]
) -> bool:
    """Tell whether all functions are there."""
    cursor = await connection.execute(_CALLED.encode(), (schema, list(made)))
    row: tuple[int] | None = await cursor.fetchone()
    return row == (len(made),)


async def _ours(
    connection: AsyncConnection[TupleRow], dialect: Dialect
) -> tuple[str, int, str] | None:
    import psycopg  # noqa: PLC0415 - lazily

    try:
        async with connection.transaction():
            cursor = await connection.execute(dialect.statement(_OURS).encode())
            row: tuple[str, int, str] | None = await cursor.fetchone()
            return row
    except psycopg.errors.UndefinedColumn:
        return None


async def _make(
    connection: AsyncConnection[TupleRow],
    schema: str,
    steps: tuple[str, ...],
    dialect: Dialect,
    where: str,
) -> None:
    import psycopg  # noqa: PLC0415 - lazily

    try:
        cursor = await connection.execute(
            b"SELECT exists (SELECT FROM pg_namespace WHERE nspname = %s)", (schema,)
        )
        if not (await cursor.fetchone() or (False,))[0]:
            await connection.execute(f"CREATE SCHEMA {schema}".encode())
        for step in steps:
            await connection.execute(dialect.statement(step).encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"{where}: this user may not make the tables and functions of the outbox in the schema "
            f"{schema}: have an administrator run: CREATE SCHEMA {schema} AUTHORIZATION …, or name "
            "another ?prefix="
        ) from error
