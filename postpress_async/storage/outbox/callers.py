"""Carry transactions out: on an SQLite connection, and on connections that are the caller's own."""

from __future__ import annotations

import json
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from postpress_async.errors import ConfigurationError
from postpress_async.storage.outbox import adding
from postpress_async.storage.outbox.dialect import SQLITE
from postpress_async.storage.sqlite import place
from postpress_async.storage.sqlite.faults import is_fault, unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import Added, New

__all__ = ["add_in_file", "driven", "is_busy"]

T = TypeVar("T")


def driven(
    asked: Steps[T],
    connection: sqlite3.Connection | sqlite3.Cursor,
    now: float,
    lead: float = 0.0,
) -> T:
    """Carry a transaction's queries out one by one, and return its result."""
    try:
        query = next(asked)
        while True:
            text, values = query
            statement, names = _nameless(text)
            cursor = connection.execute(
                statement, _values(names, {**values, "now": now, "lead": lead})
            )
            query = asked.send(cursor.fetchall())
    except StopIteration as end:
        result: T = end.value
        return result


@cache
def _nameless(template: str) -> tuple[str, tuple[str, ...]]:
    return SQLITE.nameless(template)


def _values(names: Sequence[str], values: Mapping[str, object]) -> Sequence[Any]:
    told = map(values.__getitem__, names)
    return [json.dumps(value) if isinstance(value, list) else value for value in told]


def is_busy(connection: object) -> bool:
    """Tell whether a caller is in a transaction, in which nobody else can write.

    Raises:
        ConfigurationError: it was closed.
    """
    if not isinstance(connection, sqlite3.Connection):
        return False
    try:
        return connection.in_transaction
    except sqlite3.ProgrammingError as error:
        raise _unusable(error) from None


def add_in_file(items: Sequence[New], connection: object, *, path: str, now: float) -> list[Added]:
    """Put items in, in the transaction of a caller's connection to the outbox's file.

    Raises:
        ConfigurationError: it is no connection to that file, was closed, belongs to another thread,
            or has no transaction where it begins none by itself.
        StateUnavailableError: the file cannot be written for now.
    """
    if not isinstance(connection, sqlite3.Connection):
        raise ConfigurationError(
            f"connection= must be a sqlite3.Connection to {path}, not {type(connection).__name__}"
        )
    texts = None
    try:
        cursor = connection.cursor()
        cursor.row_factory = None
        texts, connection.text_factory = connection.text_factory, str  # it is no cursor's own
        _check(cursor, path)
        _begin(connection, path)
        cursor.execute("SAVEPOINT postpress_outbox")
        try:
            told = driven(adding.add(items), cursor, now)
        except BaseException:
            if connection.in_transaction:
                cursor.execute("ROLLBACK TO postpress_outbox")
                cursor.execute("RELEASE postpress_outbox")
            raise
        cursor.execute("RELEASE postpress_outbox")
    except sqlite3.ProgrammingError as error:
        raise _unusable(error) from None
    except sqlite3.Error as error:
        if is_fault(error):
            raise unavailable(path, error) from None
        raise
    finally:
        if texts is not None:
            connection.text_factory = texts
    return told


def _unusable(error: sqlite3.ProgrammingError) -> ConfigurationError:
    told = str(error).rstrip(".")
    return ConfigurationError(
        f"connection= cannot be used here: {told}: give one that is open, and of this thread"
    )


def _check(cursor: sqlite3.Cursor, path: str) -> None:
    files = [row[2] for row in cursor.execute("PRAGMA database_list") if row[1] == "main"]
    if not files or not files[0] or place.identity(files[0]) != place.identity(path):
        raise ConfigurationError(
            f"connection= has another file open than the outbox's: connect to {path}, and keep "
            "your tables in it too"
        )
    if not cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'outbox_items'").fetchone():
        raise ConfigurationError(
            f"the outbox's tables in {path} are not made yet, and cannot be while connection= is "
            "in a transaction: enter the outbox before"
        )


def _begin(connection: sqlite3.Connection, path: str) -> None:
    """Begin what the sqlite3 module would begin before an INSERT."""
    if connection.in_transaction:
        return
    # True of connections of Python 3.12 and later that leave all to the database: `commit()` does
    # nothing there, so that what we began would never end.
    alone = getattr(connection, "autocommit", None) is True
    if alone or connection.isolation_level is None:
        raise ConfigurationError(
            f"connection= to {path} has no transaction to be part of: execute BEGIN IMMEDIATE "
            "first, and COMMIT after the call"
        )
    connection.execute(f"BEGIN {connection.isolation_level}")
