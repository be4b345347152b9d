"""An outbox in a PostgreSQL, for any number of machines."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.outbox import adding, heads, owners, steps
from postpress_async.storage.outbox import statements as sql
from postpress_async.storage.outbox.calls import called
from postpress_async.storage.outbox.connections import Connections
from postpress_async.storage.outbox.dialect import postgres
from postpress_async.storage.outbox.functions import functions
from postpress_async.storage.outbox.lent import add_in_transaction, driven
from postpress_async.storage.outbox.rows import USUAL
from postpress_async.storage.outbox.shared import SharedOutbox
from postpress_async.storage.postgres.faults import is_passing, was_undone
from postpress_async.storage.postgres.statements import UNATTENDED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Sequence

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

    from postpress_async.storage.outbox.dialect import Steps
    from postpress_async.storage.outbox.rows import (
        Added,
        Attempt,
        Claimed,
        Finish,
        New,
        Nothing,
        Reach,
        Row,
    )
    from postpress_async.storage.postgres.link import Link
    from postpress_async.storage.urls import StoreUrl

__all__ = ["PostgresOutbox"]

T = TypeVar("T")

_TIMES: Final = 5  # that a transaction is tried where others wrote at the same moment
_ANSWER: Final = 10.0  # seconds to wait for an answer to a worker's step
_LONG: Final = 30.0  # … and to all else, some of which looks at every item
_BEGIN: Final = b"BEGIN; SET LOCAL lock_timeout = 5000; " + UNATTENDED  # in one round trip
_SORT_FROM: Final = 10  # new items, that a claim should not have to take in
_SORT_MOST: Final = 1_000  # of them, in one transaction, for which claims of their chats wait


class PostgresOutbox(SharedOutbox):
    """Keep items in PostgreSQL, in tables of its own; all times are the server's.

    The death of a worker is told by leases: see `orphans`. Claims, looks and marks wait for the
    disk; other commits are as durable as `synchronous_commit` of the role says, which should be
    left on.

    Args:
        url: what `urls.parse` made of a `postgresql:` URL.
        clock: tells seconds since the epoch in place of the server's clock.

    Raises:
        ConfigurationError: an option cannot be meant, or psycopg is not installed.
    """

    def __init__(self, url: StoreUrl, *, clock: Callable[[], float] | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._connections = Connections(
            url, lambda schema: postgres(schema, clock=clock is not None)
        )
        self._functions = functions(self._connections.dialect)
        self._left = 0  # claims in a row that left upkeep to others, and were given nothing

    @property
    def certain(self) -> bool:
        """Whether the death of an owner is certain: never, where machines may lose each other."""
        return False

    async def add(
        self, items: Sequence[New], /, *, connection: object | None = None
    ) -> list[Added]:
        """Keep items; as in `Store`.

        Raises:
            ConfigurationError: the connection is none of psycopg's, or is connected to another
                database, or has no transaction to be part of.
        """
        if connection is not None:
            await self._run(owners.owners)  # the tables are there
            return await add_in_transaction(
                items, connection, connections=self._connections, now=self._now()
            )
        told = await self._tried(
            lambda link: link.use(lambda one: self._transact(one, adding.add(items, lists=True))),
            seconds=_ANSWER if len(items) <= _SORT_MOST else _LONG,
            puts=True,
        )
        self._wakeups.tell()
        if len(items) >= _SORT_FROM:
            with suppress(StateUnavailableError, ConfigurationError):  # they are in; claims do it
                await self._run(lambda: heads.upkeep(most=min(len(items), _SORT_MOST)))
        return told

    async def enter(self, owner: str, /) -> None:
        """Begin as a worker. What one of the same name had claimed and not marked is queued."""
        await self._run(lambda: owners.leave(owner), seconds=_ANSWER)

    async def leave(self, owner: str, /) -> None:
        """End as a worker. What it has marked is an orphan when its time is over."""
        self._given.left(owner)
        await self._run(lambda: owners.leave(owner), seconds=_ANSWER)
        self._wakeups.tell()

    async def claim(
        self, owner: str, /, *, lease: float, accounts: Sequence[str] | None = None
    ) -> Claimed | Nothing:
        """Take the head of a thread; as in `Store`.

        Claims of several workers do not wait for each other: what one looks at, others pass by.
        """
        heard = self._wakeups.count
        asked = partial(self._functions.claim, owner, lease=lease, accounts=accounts, probe=True)
        taken, due = await self._call(asked)
        if due:
            alone = await self._run(heads.upkeep)
            taken, _ = await self._call(partial(asked, probe=False))
            self._left = 0 if alone or taken is not None else self._left + 1
        if taken is not None:
            self._given.to(owner, taken.row)
            return taken
        left = self._left if due else 0
        nothing = await self._run(lambda: steps.nothing(accounts, left=left))
        return msgspec.structs.replace(nothing, heard=heard)

    async def mark(
        self,
        item: str,
        fence: int,
        /,
        *,
        seconds: float,
        reach: Reach = USUAL,
        edit: New | None = None,
        owner: str | None = None,
    ) -> Attempt | None:
        """Make an attempt durable before its first byte; None where the item is not ours."""
        if edit is not None:
            return await self._run(
                lambda: _durably(
                    steps.mark(item, fence, seconds=seconds, reach=reach, edit=edit, owner=owner)
                ),
                seconds=_ANSWER,
            )
        return await self._call(
            lambda: self._functions.mark(item, fence, seconds=seconds, reach=reach, owner=owner)
        )

    async def _taken(self, asked: Callable[[], Steps[T]]) -> T:
        return await self._run(lambda: _durably(asked()))

    async def _end(self, item: str, fence: int, finish: Finish, owner: str | None) -> Row | None:
        return await self._call(lambda: self._functions.finish(item, fence, finish, owner=owner))

    async def orphans(self) -> list[Row]:
        """Take in what the late have left; as in `Store`."""
        found = await self._run(owners.late)
        self._wakeups.tell()
        return found

    async def wait(self, seconds: float, /, *, since: Nothing) -> None:
        """Return when something may have been added or freed, by anybody; the server tells."""
        if not self._connections.listen(self._wakeups.tell):
            return
        await self._wakeups.wait(seconds, heard=since.heard)

    async def shrink(self, *, least: int = 0) -> int:
        """Let the server use again what was deleted; where it may wait, the server does it itself.

        Nobody waits for it; the files shrink by `VACUUM FULL` only, which is an administrator's.
        """
        if not least:
            await self._run(owners.owners)  # the tables are there
            async with self._connections.lend() as link:
                for table in ("items", "attempts", "threads"):
                    name = f"{self._connections.schema}.outbox_{table}"
                    await self._said(link, f"VACUUM (ANALYZE) {name}".encode())
        return 0

    async def scrub(self) -> None:
        """Do nothing: what rows were before is cleared by the server's own upkeep."""

    async def _said(self, link: Link, statement: bytes) -> None:
        import psycopg  # noqa: PLC0415 - lazily

        try:
            await link.row(statement, ())
        except psycopg.Error as error:
            raise self._connections.translated(error) from error

    async def aclose(self) -> None:
        """Let go of all connections. Safe to repeat."""
        await self._connections.aclose()

    def _now(self) -> float | None:
        return None if self._clock is None else self._clock()

    def _is_double(self, error: Exception) -> bool:
        import psycopg  # noqa: PLC0415 - lazily

        return isinstance(error, psycopg.errors.UniqueViolation)

    async def _run(self, asked: Callable[[], Steps[T]], *, seconds: float | None = None) -> T:
        return await self._tried(
            lambda link: link.use(lambda connection: self._transact(connection, asked())),
            seconds=_LONG if seconds is None else seconds,
        )

    async def _call(self, asked: Callable[[], Steps[T]]) -> T:
        """Carry out a step that is one call of a function, and needs no BEGIN."""
        return await self._tried(lambda link: self._called(link, asked()), seconds=_ANSWER)

    async def _tried(
        self, work: Callable[[Link], Awaitable[T]], *, seconds: float, puts: bool = False
    ) -> T:
        """Try a transaction, and again where others were in its way.

        Raises:
            StateUnavailableError: nothing was changed; or nobody knows, and it says so.
        """
        import psycopg  # noqa: PLC0415 - lazily

        for left in reversed(range(_TIMES)):
            try:
                lent, bounded = self._connections.lend(puts=puts), self._connections.bounded
                async with lent as link, bounded(seconds):
                    return await work(link)
            except psycopg.errors.UniqueViolation:
                raise
            except psycopg.Error as error:
                if left and (is_passing(error) or was_undone(error)):
                    continue
                raise self._connections.translated(error) from error
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def _transact(self, connection: AsyncConnection[TupleRow], asked: Steps[T]) -> T:
        await connection.execute(_BEGIN)
        try:
            async with connection.cursor() as cursor:
                result = await driven(asked, cursor, self._connections.dialect, self._now())
        except BaseException:
            if not connection.broken:
                await connection.execute(b"ROLLBACK")
            raise
        with self._in_doubt(lambda: connection.broken):
            await connection.execute(b"COMMIT")
        return result

    async def _called(self, link: Link, asked: Steps[T]) -> T:
        with self._in_doubt(lambda: link.broken):
            return await called(asked, link, calls=self._functions.calls, now=self._now())

    @contextmanager
    def _in_doubt(self, broken: Callable[[], bool]) -> Generator[None]:
        """Say that nobody knows where the connection is lost while something is committed."""
        import psycopg  # noqa: PLC0415 - lazily

        try:
            yield
        except psycopg.OperationalError as error:
            if not broken():
                raise
            raise StateUnavailableError(
                f"{self._connections.where}: the connection was lost while it committed: nobody "
                "knows whether anything was changed; the next call tries again"
            ) from error


def _durably(asked: Steps[T]) -> Steps[T]:
    """Let a transaction wait for the disk where its user's do not."""
    yield sql.DURABLE, {}
    return (yield from asked)
