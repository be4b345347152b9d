"""One connection, which answers nobody any more once somebody has given up on it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence

    from psycopg import AsyncConnection
    from psycopg.pq.abc import PGconn, PGresult
    from psycopg.rows import TupleRow

__all__ = ["LIVES", "Link", "driver"]

T = TypeVar("T")
LIVES: Final = 600.0  # seconds, after which a name, or a proxy, may well lead to another server
_LOOK_EVERY: Final = 1.0  # seconds, whether or not the socket has said anything


def driver() -> None:
    """See that psycopg is there.

    Raises:
        ConfigurationError: it is not.
    """
    try:
        import psycopg  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] - see if it is there
    except ImportError as error:
        raise ConfigurationError(
            "postgresql: needs psycopg: pip install 'postpress-async[postgres]'"
        ) from error


class Link:
    """Be a connection in autocommit that keeps nothing on the server between two statements.

    So it may go through a pooler that gives each transaction another session.
    """

    def __init__(self, connection: AsyncConnection[TupleRow]) -> None:
        self._connection = connection
        self._process = os.getpid()
        self._made = time.monotonic()

    @classmethod
    async def open(cls, parameters: Mapping[str, str | int]) -> Link:
        """Connect.

        Raises:
            ConfigurationError: this event loop cannot be used.
            psycopg.Error: no connection came about.
        """
        import psycopg  # noqa: PLC0415 - lazily

        try:
            connection = await psycopg.AsyncConnection.connect(
                autocommit=True, prepare_threshold=None, **cast("Any", parameters)
            )
        except psycopg.InterfaceError as error:
            if "ProactorEventLoop" not in str(error):
                raise
            raise ConfigurationError(
                "postgresql: needs another event loop on Windows: "
                "asyncio.run(main(), loop_factory=asyncio.SelectorEventLoop)"
            ) from error
        return cls(connection)

    @property
    def usable(self) -> bool:
        """Whether it can carry another statement: nobody has ended it since the last one."""
        if self._connection.closed or self._process != os.getpid():
            return False
        return not _is_over(self._connection.pgconn)

    @property
    def old(self) -> bool:
        """Whether it has lasted for so long that another one should take its place.

        A primary that lost its place, and was not stopped, would else be used for ever.
        """
        return time.monotonic() - self._made >= LIVES

    def spare(self) -> None:
        """Let it last once more: none could be had in its place."""
        self._made = time.monotonic()

    @property
    def broken(self) -> bool:
        """Whether it was lost, not closed."""
        return self._connection.broken

    @property
    def host(self) -> str:
        """Where it leads to; a path for a socket of this machine."""
        return self._connection.info.host

    @property
    def encrypted(self) -> bool:
        """Whether it is over TLS."""
        return self._connection.pgconn.ssl_in_use

    @property
    def has_password(self) -> bool:
        """Whether a password was asked for, and given."""
        return self._connection.pgconn.used_password

    async def row(self, statement: bytes, values: Sequence[object]) -> TupleRow | None:
        """Carry a statement out, and return its first row.

        Raises:
            psycopg.Error: it failed.
        """

        async def ask(connection: AsyncConnection[TupleRow]) -> TupleRow | None:
            cursor = await connection.execute(statement, values, binary=True)
            return await cursor.fetchone() if cursor.description else None

        return await self.use(ask)

    async def call(
        self, statement: bytes, types: Sequence[int], values: Sequence[bytes | None]
    ) -> tuple[bytes | None, ...]:
        """Carry a statement out that returns one row; arguments and row are in binary.

        Without a cursor, and what it translates, it takes half of the CPU.

        Raises:
            psycopg.Error: it failed.
        """
        result = await self._asked(statement, types, values)
        return tuple([result.get_value(0, column) for column in range(result.nfields)])

    async def rows(
        self, statement: bytes, types: Sequence[int], values: Sequence[bytes | None]
    ) -> list[tuple[bytes | None, ...]]:
        """Do the same where any number of rows may come.

        Raises:
            psycopg.Error: it failed.
        """
        result = await self._asked(statement, types, values)
        columns = range(result.nfields)
        return [
            tuple([result.get_value(row, column) for column in columns])
            for row in range(result.ntuples)
        ]

    async def _asked(
        self, statement: bytes, types: Sequence[int], values: Sequence[bytes | None]
    ) -> PGresult:
        from psycopg import errors, generators, pq, waiting  # noqa: PLC0415 - lazily

        wire, task = self._connection.pgconn, asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        wire.send_query_params(statement, values, types, [1] * len(values), result_format=1)
        try:
            results = await waiting.wait_async(
                generators.execute(wire), wire.socket, interval=_LOOK_EVERY
            )
        except BaseException:
            wire.finish()  # nobody is left to read the answer
            raise
        if task is not None and task.cancelling() > before:
            # Python 3.11's wait_for, within, loses a cancellation that comes with the answer.
            raise asyncio.CancelledError
        result: PGresult = results[-1]
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise errors.error_from_result(result)
        return result

    async def use(self, ask: Callable[[AsyncConnection[TupleRow]], Coroutine[Any, Any, T]]) -> T:
        """Do something with the connection; whoever is cancelled meanwhile cuts it.

        psycopg itself would ask the server to cancel, and wait for its answer: one that is frozen
        gives none.
        """
        task = asyncio.get_running_loop().create_task(ask(self._connection))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.cut()
            await _over(task)
            await self.aclose()
            raise

    async def notified(self) -> AsyncGenerator[None]:
        """Yield whenever the server notifies of something that was listened for; while it lives."""
        async for _ in self._connection.notifies(timeout=LIVES):
            yield

    def cut(self) -> None:
        """End the conversation at once; whoever waits for an answer learns that none comes."""
        with suppress(Exception):  # there may be no socket any more
            fileno = os.dup(self._connection.pgconn.socket)
            with socket.socket(fileno=fileno) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    async def aclose(self) -> None:
        """Close it. Safe to repeat."""
        if self._process == os.getpid():
            await self._connection.close()


def _is_over(wire: PGconn) -> bool:
    """Take in what came unasked, which may be the server's last word."""
    from psycopg import OperationalError, pq  # noqa: PLC0415 - lazily

    with suppress(OperationalError):
        wire.consume_input()
        wire.consume_input()  # the end is behind the last word
    return wire.status != pq.ConnStatus.OK


async def _over(task: Awaitable[object]) -> None:
    with suppress(Exception):
        await task
