"""What a file must be before it is used: ours, of this kind, of a version that we know."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.sqlite import place

__all__ = ["Migration", "Schema", "settle", "standing", "version_of"]

Migration: TypeAlias = str | Callable[[Connection], None]
"""One statement, or a function of the connection; inside the transaction of all of them."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """Describe one kind of store.

    Attributes:
        what: what is kept, in a word for messages, such as `counts`.
        application_id: the number in the file's header that says it is ours and of this kind.
        migrations: every step from an empty file on; `user_version` is how many were taken.
            They are only ever added to: what was released stays as it is.
    """

    what: str
    application_id: int
    migrations: tuple[Migration, ...]


def settle(connection: Connection, schema: Schema, path: str, synchronous: str) -> None:
    """Check the file, close it to other users, switch it to WAL and bring it to this version.

    Safe to repeat, and to do in several processes at once.

    Raises:
        ConfigurationError: the file is another program's, of another kind or a newer version.
        StateUnavailableError: the file system cannot do WAL.
    """
    version = standing(connection, schema, path)
    place.close_to_others(path)  # only now that it is no stranger's
    if _number(connection, "PRAGMA journal_mode=WAL") != "wal":
        raise StateUnavailableError(
            f"{path}: this file system cannot share memory between processes, which SQLite's WAL "
            "needs: choose a path on a local disk"
        )
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("PRAGMA trusted_schema=OFF")
    if version < len(schema.migrations):
        _migrate(connection, schema, path)


def version_of(connection: Connection) -> int:
    """Return how many migrations the file has seen."""
    version = _number(connection, "PRAGMA user_version")
    return version if isinstance(version, int) else 0


def standing(connection: Connection, schema: Schema, path: str) -> int:
    """Return how many migrations the file has seen, changing nothing in what may be a stranger's.

    In one transaction: another process may be making the file at this moment.

    Raises:
        ConfigurationError: the file is another program's, of another kind or a newer version.
    """
    connection.execute("BEGIN")
    try:
        return _check(connection, schema, path)
    finally:
        if connection.in_transaction:  # SQLite may have ended it itself, as on a full disk
            connection.execute("ROLLBACK")


def _migrate(connection: Connection, schema: Schema, path: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _check(connection, schema, path)  # another process may have been faster
        for migration in schema.migrations[version:]:
            if isinstance(migration, str):
                connection.execute(migration)
            else:
                migration(connection)
        connection.execute(f"PRAGMA application_id={schema.application_id}")
        connection.execute(f"PRAGMA user_version={len(schema.migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(connection: Connection, schema: Schema, path: str) -> int:
    application = _number(connection, "PRAGMA application_id")
    version = version_of(connection)
    if application != schema.application_id:
        if application or version or _number(connection, "SELECT count(*) FROM sqlite_master"):
            raise ConfigurationError(
                f"{path} holds something else than the {schema.what} of postpress-async: "
                "name a file of its own"
            )
        return 0
    if version > len(schema.migrations):
        raise ConfigurationError(
            f"{path} was written by a newer postpress-async (format {version}, this one knows "
            f"{len(schema.migrations)}): upgrade the package here too, or name another file"
        )
    return version


def _number(connection: Connection, statement: str) -> object:
    row: tuple[object, ...] | None = connection.execute(statement).fetchone()
    return None if row is None else row[0]
