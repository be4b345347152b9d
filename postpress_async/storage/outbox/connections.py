"""A few connections to PostgreSQL, and one that listens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ClientClosedError, PostpressError, StateUnavailableError
from postpress_async.storage.outbox.settling import is_there, settle
from postpress_async.storage.postgres.faults import translated
from postpress_async.storage.postgres.link import Link, driver
from postpress_async.storage.postgres.schema import checked_prefix
from postpress_async.storage.postgres.server import _parameters, _patience, _where

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from psycopg import Error

    from postpress_async.storage.outbox.dialect import Dialect
    from postpress_async.storage.urls import StoreUrl

__all__ = ["Connections"]

_MOST: Final = 4  # at once, beside the one that listens
_PLACE: Final = 10.0  # seconds to wait for one of them
_AGAIN: Final = 1.0  # seconds until a lost listener connects again


class Connections:
    """Lend connections, one transaction each; made when they are needed.

    Args:
        url: what `urls.parse` made of a `postgresql:` URL.
        dialect: of the statements.

    Raises:
        ConfigurationError: an option cannot be meant, or psycopg is not installed.
    """

    def __init__(self, url: StoreUrl, dialect: Callable[[str], Dialect]) -> None:
        driver()
        self.schema: str = checked_prefix(url.options.get("prefix"))
        self.dialect: Dialect = dialect(self.schema)
        self.where: str = _where(url)
        self.epoch: str | None = None
        self._patience = _patience(url)
        self._parameters = _parameters(url, self._patience)
        self._user = url.user or "this user"
        self._secret = url.password
        self._free: list[Link] = []
        self._places = asyncio.Semaphore(_MOST)
        self._puts = asyncio.Semaphore(_MOST - 1)  # they may wait for others' transactions
        self._listener: asyncio.Task[None] | None = None
        self._ear: Link | None = None  # what the listener listens by
        self._closed = False

    @asynccontextmanager
    async def lend(self, *, puts: bool = False) -> AsyncGenerator[Link]:
        """Lend a connection. One on which anything failed is not lent again.

        Args:
            puts: whether it is to put items in; one connection is kept for all else.

        Raises:
            StateUnavailableError: there is none to be had for now.
            ConfigurationError: there never is.
        """
        if self._closed:
            raise ClientClosedError(f"{self.where} is closed: open it again")
        async with AsyncExitStack() as places:
            for turn in (self._puts, self._places) if puts else (self._places,):
                await self._place(turn)
                places.callback(turn.release)
            link = await self._kept() or await self.open()
            try:
                yield link
            except BaseException:
                await asyncio.shield(link.aclose())
                raise
            self._free.append(link)
            await self._tidy()

    async def _place(self, turn: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(_PLACE):
                await turn.acquire()
        except TimeoutError as error:
            raise StateUnavailableError(
                f"{self.where}: all connections have been busy for {_PLACE:g} s: look for "
                "what holds them in pg_stat_activity; nothing was asked, and the next call tries "
                "again"
            ) from error

    @asynccontextmanager
    async def bounded(self, seconds: float) -> AsyncGenerator[None]:
        """Give what is asked on a connection so long to be answered.

        Raises:
            StateUnavailableError: there was no answer; whether it was done is not known.
        """
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            await self._let_go()  # what one does not answer, the others may not either
            raise StateUnavailableError(
                f"{self.where} did not answer within {seconds:g} s: look whether it is frozen or "
                "overloaded; nobody knows whether anything was changed; the next call tries again"
            ) from error

    async def open(self) -> Link:
        """Connect, and see that the tables are there; they are made where they are not.

        Raises:
            StateUnavailableError: it cannot be reached for now.
            ConfigurationError: it cannot be used at all.
        """
        return await self._open(self._settle)

    async def is_there(self) -> bool:
        """Connect, and tell whether the tables are there, without making any.

        Raises:
            StateUnavailableError, ConfigurationError: as `open` does.
        """
        found = False

        async def look(link: Link) -> None:
            nonlocal found
            found = await link.use(
                lambda connection: is_there(connection, self.schema, self.dialect, where=self.where)
            )

        link = await self._open(look)
        await asyncio.shield(link.aclose())
        return found

    async def _settle(self, link: Link) -> None:
        if self.epoch is None:
            self.epoch = await link.use(
                lambda connection: settle(connection, self.schema, self.dialect, where=self.where)
            )

    async def _open(self, settled: Callable[[Link], Awaitable[None]]) -> Link:
        """Connect, and do so much more before anybody uses it."""
        import psycopg  # noqa: PLC0415 - lazily

        link: Link | None = None
        try:
            async with asyncio.timeout(self._patience):
                link = await Link.open(self._parameters)
                await settled(link)
        except BaseException as error:
            if link is not None:
                await asyncio.shield(link.aclose())
            if isinstance(error, TimeoutError):
                raise StateUnavailableError(
                    f"{self.where} did not let us in within {self._patience:g} s: look whether it "
                    "is frozen or far away (?connect_timeout=); the next call tries again"
                ) from error
            if isinstance(error, psycopg.Error):
                raise self.translated(error) from error
            raise
        return link

    def translated(self, error: Error) -> PostpressError:
        """Say in one line what is wrong with the server, and what to do next."""
        if (error.sqlstate or "") in {"3F000", "42P01", "42883", "P0002"}:
            self.epoch = None  # look at the tables again, and make them where they are gone
        return translated(
            error,
            where=self.where,
            schema=self.schema,
            user=self._user,
            secret=self._secret,
            what="the outbox",
        )

    def listen(self, heard: Callable[[], None]) -> bool:
        """Call back whenever a transaction told that there is something to do.

        Returns whether it had begun before: else something may have been missed.
        """
        if self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen(heard))
            return False
        return True

    async def aclose(self) -> None:
        """Let go of all connections. Safe to repeat."""
        self._closed = True
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            if self._ear is not None:  # Python 3.11's wait_for, within, may lose a cancellation
                self._ear.cut()
            await asyncio.wait({listener})
        await self._let_go()

    async def _tidy(self) -> None:
        if self._closed:  # meanwhile
            await self._let_go()

    async def _let_go(self) -> None:
        free, self._free = self._free, []
        for link in free:
            await link.aclose()

    async def _kept(self) -> Link | None:
        while self._free:
            link = self._free.pop()
            if link.usable and not link.old:
                return link
            await link.aclose()
        return None

    async def _listen(self, heard: Callable[[], None]) -> None:
        import psycopg  # noqa: PLC0415 - lazily

        while True:
            with suppress(psycopg.Error, PostpressError):  # claims tell what is wrong
                await self._hear(heard)
            if self._closed:
                return
            await asyncio.sleep(_AGAIN)

    async def _hear(self, heard: Callable[[], None]) -> None:
        """Listen over one connection, until it is lost."""
        link = self._ear = await self.open()
        try:
            await link.row(f'LISTEN "{self.schema}_outbox"'.encode(), ())
            heard()  # what happened while nobody listened
            if self._closed:
                return
            async for _ in link.notified():
                heard()
        finally:
            self._ear = None
            await asyncio.shield(link.aclose())
