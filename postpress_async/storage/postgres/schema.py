"""What a database must hold before it is used: our tables, of a version that we know."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

from postpress_async.errors import ConfigurationError

from .statements import LOOK, META, NOTE, ONE_AT_A_TIME, UPGRADED, WHAT, grants, migrations, owned

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

__all__ = ["OLDEST", "checked_prefix", "said_of_grants", "settle", "standing"]

OLDEST: Final = 120_000  # as the server numbers its versions
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]{0,39}\Z")


class _Found(NamedTuple):
    """Say what was there."""

    version: int  # of the server
    user: str
    database: str
    schema: bool
    tables: list[str]


def checked_prefix(prefix: str | None) -> str:
    """Return the name of the schema that the tables stand in.

    Raises:
        ConfigurationError: it is no plain name.
    """
    schema = "postpress" if prefix is None else prefix
    if not _PLAIN.match(schema) or schema.startswith("pg_"):
        raise ConfigurationError(
            "the store's URL has a prefix that names no schema: write up to 40 of a-z, 0-9 and _, "
            "as in prefix=postpress"
        )
    return schema


def said_of_grants(schema: str, user: str) -> str:
    """Return the next step of who lacks a permission."""
    return f"have its owner run: {grants(schema, user)}"


async def settle(
    connection: AsyncConnection[TupleRow], schema: str, *, where: str, steps: tuple[str, ...] = ()
) -> str:
    """Check what is there, bring it to this version, and return the user's name.

    Safe to repeat, and to do in several processes at once.

    Args:
        connection: in autocommit.
        schema: the schema's name, checked.
        where: the server, for messages.
        steps: the migrations; those of this version where there are none.

    Raises:
        ConfigurationError: the database is too old, or holds another program's tables or a newer
            version; or nothing may be made in it.
    """
    steps = steps or migrations(schema)
    found = await _look(connection, schema)
    if found.version < OLDEST:
        raise ConfigurationError(
            f"{where} is PostgreSQL {found.version // 10_000}, which is too old: use 12 or newer"
        )
    if await _version(connection, schema, found, where, len(steps)) < len(steps):
        async with connection.transaction():
            # Others may be here as well, and one of them was faster.
            await connection.execute(ONE_AT_A_TIME, (f"{WHAT} {schema}",))
            found = await _look(connection, schema)
            version = await _version(connection, schema, found, where, len(steps))
            if version < len(steps):
                await _migrate(connection, schema, steps, found, version)
    return found.user


async def standing(
    connection: AsyncConnection[TupleRow], schema: str, *, where: str
) -> tuple[int | None, int]:
    """Return the format of the tables that are there, None where there are none, and ours.

    Raises:
        ConfigurationError: they are another program's or a newer version's.
    """
    known = len(migrations(schema))
    found = await _look(connection, schema)
    version = await _version(connection, schema, found, where, known)
    return (version if found.tables else None), known


async def _look(connection: AsyncConnection[TupleRow], schema: str) -> _Found:
    cursor = await connection.execute(LOOK, {"schema": schema})
    return _Found(*(await cursor.fetchone() or ()))


async def _version(
    connection: AsyncConnection[TupleRow], schema: str, found: _Found, where: str, known: int
) -> int:
    """Return how many steps were taken; -1 where the tables are there, and lost who they are."""
    if not found.tables:
        return 0
    if "counts_meta" in found.tables:
        import psycopg  # noqa: PLC0415 - lazily

        try:
            cursor = await connection.execute(META.format(schema=schema).encode())
        except psycopg.errors.UndefinedColumn:
            pass
        else:
            row = await cursor.fetchone()
            if row is not None and row[0] == WHAT and "counts" not in found.tables:
                raise ConfigurationError(
                    f"{where}: the table {schema}.counts was dropped, and {schema}.counts_meta was "
                    "not: put it back, or drop both to begin anew"
                )
            if row is None:
                return -1
            if row[0] == WHAT:
                return _known(int(row[1]), known, schema, where)
    raise ConfigurationError(
        f"{where}: the schema {schema} holds {' and '.join(sorted(found.tables))} of another "
        "program: name a schema of its own, as in ?prefix=pacing"
    )


def _known(version: int, known: int, schema: str, where: str) -> int:
    if version > known:
        raise ConfigurationError(
            f"{where}: the schema {schema} was written by a newer postpress-async (format "
            f"{version}, this one knows {known}): upgrade the package here too, or name another "
            "?prefix="
        )
    return version


async def _migrate(
    connection: AsyncConnection[TupleRow],
    schema: str,
    steps: tuple[str, ...],
    found: _Found,
    version: int,
) -> None:
    import psycopg  # noqa: PLC0415 - lazily

    try:
        if not found.schema:
            await connection.execute(f"CREATE SCHEMA {schema}".encode())
        for step in steps[version:] if version >= 0 else ():
            await connection.execute(step.encode())
        note = NOTE if version <= 0 else UPGRADED
        values = (WHAT, uuid.uuid4().hex, len(steps)) if version <= 0 else (len(steps),)
        await connection.execute(note.format(schema=schema).encode(), values)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the database {found.database} does not let {found.user} make the tables of counts: "
            f"name another ?prefix=, or have an administrator run there: "
            f"{owned(schema, found.user)}"
        ) from error
