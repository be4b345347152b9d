"""Carry transactions out on psycopg's connections: our own, and those of a caller."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox import adding
from postpress_async.storage.outbox.settling import EPOCH
from postpress_async.storage.postgres.faults import is_passing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
    from psycopg.rows import TupleRow

    from postpress_async.storage.outbox.connections import Connections
    from postpress_async.storage.outbox.dialect import Dialect, Steps
    from postpress_async.storage.outbox.rows import Added, New

__all__ = ["add_in_transaction", "driven"]

T = TypeVar("T")

_CANCEL_EVERY: Final = 1.0  # seconds, and how long each may take is ten times that
_THERE = "SELECT to_regclass(%s) IS NOT NULL"


async def driven(
    asked: Steps[T], cursor: AsyncCursor[TupleRow], dialect: Dialect, now: float | None
) -> T:
    """Carry a transaction's queries out one by one, and return its result."""
    try:
        text, values = next(asked)
        while True:
            statement = dialect.statement(text).encode()
            await cursor.execute(statement, _values(values, now), binary=True)
            rows = [] if cursor.rownumber is None else await cursor.fetchall()
            text, values = asked.send(rows)
    except StopIteration as end:
        return cast("T", end.value)


def _driven_here(
    asked: Steps[T], cursor: Cursor[TupleRow], dialect: Dialect, now: float | None
) -> T:
    try:
        text, values = next(asked)
        while True:
            statement = dialect.statement(text).encode()
            cursor.execute(statement, _values(values, now), binary=True)
            rows = [] if cursor.rownumber is None else cursor.fetchall()
            text, values = asked.send(rows)
    except StopIteration as end:
        return cast("T", end.value)


def _values(values: Mapping[str, object], now: float | None) -> dict[str, object]:
    return dict(values) if now is None else {**values, "now": now}


async def add_in_transaction(
    items: Sequence[New], connection: object, *, connections: Connections, now: float | None
) -> list[Added]:
    """Put items in, in the transaction of a caller's connection.

    Raises:
        ConfigurationError: it is none of psycopg's connections, is connected to another database,
            or has no transaction to be part of.
        StateUnavailableError: the server cannot be used for now, or not in this transaction.
    """
    import psycopg  # noqa: PLC0415 - lazily

    try:
        if isinstance(connection, psycopg.AsyncConnection):
            return await _add(items, cast("Any", connection), connections, now)
        if isinstance(connection, psycopg.Connection):
            task = asyncio.ensure_future(
                asyncio.to_thread(_add_here, items, cast("Any", connection), connections, now)
            )
            return await _to_its_end(task, cast("Any", connection))
    except psycopg.Error as error:
        if is_passing(error):  # elsewhere, but not in what this transaction sees
            raise StateUnavailableError(
                f"connection= to {connections.where}: others wrote at the same moment: roll back, "
                f"and begin the transaction anew ({error.sqlstate})"
            ) from error
        raise connections.translated(error) from error
    raise ConfigurationError(
        "connection= must be a psycopg.Connection or psycopg.AsyncConnection to "
        f"{connections.where}, not {type(connection).__name__}"
    )


async def _to_its_end(task: asyncio.Future[T], connection: Connection[Any]) -> T:
    """Wait for a thread that uses the caller's connection, also where he is cancelled."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # It may wait for another's transaction, as long as that goes on. What is said between two
        # statements, or before the first one, is not heard: so it is said again.
        while not task.done():
            await _cancelled(connection)
            await asyncio.wait({task}, timeout=_CANCEL_EVERY)
        raise


async def _cancelled(connection: Connection[Any]) -> None:
    """Have the server leave off what it does on a connection, if it does anything."""
    pool = ThreadPoolExecutor(1)  # its own: threads that wait may have taken all others
    try:
        await asyncio.get_running_loop().run_in_executor(pool, _cancelled_here, connection)
    finally:
        pool.shutdown(wait=False)


def _cancelled_here(connection: Connection[Any]) -> None:
    import psycopg  # noqa: PLC0415 - lazily

    with suppress(psycopg.Error):  # it is gone, and so is what it did
        connection.cancel_safe(timeout=10.0 * _CANCEL_EVERY)


async def _add(
    items: Sequence[New],
    connection: AsyncConnection[Any],
    connections: Connections,
    now: float | None,
) -> list[Added]:
    from psycopg import AsyncCursor  # noqa: PLC0415 - lazily
    from psycopg.rows import tuple_row  # noqa: PLC0415 - lazily

    _check(connection, connections)
    # Not of the caller's own kind: some take no binary values, others no names of values.
    async with AsyncCursor(connection, row_factory=tuple_row) as cursor:
        await cursor.execute("SAVEPOINT postpress_outbox")
        try:
            await cursor.execute(_THERE, (f"{connections.schema}.outbox_meta",))
            there = (await cursor.fetchone() or (False,))[0]
            if there:
                await cursor.execute(connections.dialect.statement(EPOCH).encode())
            _same((await cursor.fetchone() or ("",))[0] if there else "", connections)
            told = await driven(adding.add(items, lists=True), cursor, connections.dialect, now)
        except BaseException:
            if not connection.broken:
                await cursor.execute("ROLLBACK TO postpress_outbox")
                await cursor.execute("RELEASE postpress_outbox")
            raise
        await cursor.execute("RELEASE postpress_outbox")
    return told


def _add_here(
    items: Sequence[New], connection: Connection[Any], connections: Connections, now: float | None
) -> list[Added]:
    from psycopg import Cursor  # noqa: PLC0415 - lazily
    from psycopg.rows import tuple_row  # noqa: PLC0415 - lazily

    _check(connection, connections)
    with Cursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute("SAVEPOINT postpress_outbox")
        try:
            cursor.execute(_THERE, (f"{connections.schema}.outbox_meta",))
            there = (cursor.fetchone() or (False,))[0]
            if there:
                cursor.execute(connections.dialect.statement(EPOCH).encode())
            _same((cursor.fetchone() or ("",))[0] if there else "", connections)
            told = _driven_here(adding.add(items, lists=True), cursor, connections.dialect, now)
        except BaseException:
            if not connection.broken:
                cursor.execute("ROLLBACK TO postpress_outbox")
                cursor.execute("RELEASE postpress_outbox")
            raise
        cursor.execute("RELEASE postpress_outbox")
    return told


def _check(connection: AsyncConnection[Any] | Connection[Any], connections: Connections) -> None:
    from psycopg.pq import PipelineStatus, TransactionStatus  # noqa: PLC0415 - lazily

    where = f"connection= to {connections.where}"
    if connection.closed:
        raise ConfigurationError(f"{where} is closed: open another one")
    status = connection.info.transaction_status
    if status == TransactionStatus.INERROR:
        raise ConfigurationError(f"{where} is in a transaction that has failed: roll it back first")
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        raise ConfigurationError(
            f"{where} is in pipeline mode, in which nothing is answered at once: put items in "
            "outside of `connection.pipeline()`"
        )
    if status == TransactionStatus.IDLE and connection.autocommit:
        raise ConfigurationError(
            f"{where} has no transaction to be part of: use `with connection.transaction():` "
            "around the call"
        )


def _same(epoch: str, connections: Connections) -> None:
    if epoch != connections.epoch:
        raise ConfigurationError(
            f"connection= is connected to another database than the outbox's: connect to "
            f"{connections.where}, whose outbox is in the schema {connections.schema}"
        )
