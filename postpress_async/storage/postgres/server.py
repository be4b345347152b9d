"""PostgreSQL as a server of images: one function there, one round trip a batch."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError

from .faults import is_passing, not_done, translated, was_refused
from .link import Link, driver
from .packing import TYPES, pack, unpack
from .schema import checked_prefix, settle
from .statements import CALL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from psycopg import Error

    from postpress_async.storage.remote.swaps import Answer, Swap
    from postpress_async.storage.urls import StoreUrl


__all__ = ["PostgresServer"]

_CONNECT: Final = 2.0  # seconds to connect in, and to look at what is there
_LEAST: Final = 2.0  # the same for each of several, which no driver gives less
_SILENT: Final = 10  # seconds after which a network that says nothing counts as gone
_TIMES: Final = 3  # that a swap is asked for where others wrote at the same moment


class PostgresServer:
    """Keep images in a PostgreSQL database, in tables of its own.

    Args:
        url: what `urls.parse` made of a `postgresql:` URL. What it leaves out is as libpq has it:
            the variables PGHOST, PGUSER and so on, and the password file.
        strict: whether swaps that were decided at another time than the server's are refused; not
            where the time is somebody else's.

    Raises:
        ConfigurationError: an option cannot be meant, or psycopg is not installed.
    """

    def __init__(
        self,
        url: StoreUrl,
        *,
        strict: bool = True,
    ) -> None:
        driver()
        self._schema = checked_prefix(url.options.get("prefix"))
        self._patience = _patience(url)
        self._secret = url.password
        self._parameters = _parameters(url, self._patience)
        self._where = _where(url)
        self._strict = strict
        self._user = url.user or "this user"
        self._call = CALL.format(schema=self._schema).encode()
        self._link: Link | None = None
        self._connecting: asyncio.Task[Link] | None = None

    def __repr__(self) -> str:
        """Show the server, and no password."""
        return f"PostgresServer({self._where!r})"

    @property
    def where(self) -> str:
        """The server, in a few words for messages."""
        return self._where

    @property
    def space(self) -> str:
        """The name of the schema that the tables stand in."""
        return self._schema

    async def swap(
        self, swaps: Sequence[Swap], /, *, who: str, expected: float | None = None
    ) -> Answer:
        """Carry swaps out; connects where it has to.

        Raises:
            NotDoneError: it cannot be reached or cannot write for now; nothing was done.
            StateUnavailableError: the connection was lost before it answered.
            ConfigurationError: it cannot be used at all.
        """
        import psycopg  # noqa: PLC0415 - lazily

        keys, asked = pack(swaps, who=who, strict=self._strict, expected=expected)
        sent = False
        try:
            link = await self._linked()
            sent = True
            for left in reversed(range(_TIMES)):
                try:
                    return unpack(keys, await link.call(self._call, TYPES, asked))
                except psycopg.Error as error:
                    if not left or not is_passing(error):
                        raise
        except psycopg.Error as error:
            await self._let_go()
            told = self._translated(error)
            raise (told if sent and not was_refused(error) else not_done(told)) from error
        except StateUnavailableError as error:
            await self._let_go()
            raise (error if sent else not_done(error)) from error.__cause__
        except BaseException:
            await self._let_go()
            raise
        raise AssertionError  # pragma: no cover - the loop returns or raises

    async def look(self, looking: Callable[[Link], Awaitable[None]]) -> None:
        """Do something on a connection of its own, for which nothing is made.

        Raises:
            StateUnavailableError: it cannot be reached.
            ConfigurationError: it cannot be used at all.
        """
        import psycopg  # noqa: PLC0415 - lazily

        link: Link | None = None
        try:
            async with asyncio.timeout(self._patience * 2):
                link = await Link.open(self._parameters)
                await looking(link)
        except TimeoutError as error:
            raise self._silent() from error
        except psycopg.Error as error:
            raise self._translated(error) from error
        finally:
            if link is not None:
                await link.aclose()

    async def aclose(self) -> None:
        """Let go of the connection. Safe to repeat."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None and not connecting.done():
            connecting.cancel()
            await asyncio.wait({connecting})
        elif connecting is not None and _came(connecting):
            await connecting.result().aclose()
        await self._let_go()

    async def _let_go(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()

    async def _linked(self) -> Link:
        """Return a connection that can be used.

        Connecting outlives whoever waited for it in vain: the next one goes on from there, or a
        server that is far away would never be reached by those who wait for short times only.
        """
        if self._link is not None and self._link.usable:
            return await self._renewed(self._link)
        self._link = None
        connecting = self._begun()
        await asyncio.wait({connecting})
        self._connecting = None
        self._link = connecting.result()
        return self._link

    async def _renewed(self, link: Link) -> Link:
        """Return the successor of an old connection once there is one, and until then itself."""
        connecting = self._connecting
        if connecting is None and link.old:
            self._begun()
        if connecting is None or not connecting.done():
            return link
        self._connecting = None
        if not _came(connecting) or not connecting.result().usable:
            link.spare()
            return link
        self._link = connecting.result()
        await link.aclose()
        return self._link

    def _begun(self) -> asyncio.Task[Link]:
        made = self._connecting
        if made is None or (_came(made) and not made.result().usable):  # it lay for long
            made = self._connecting = asyncio.get_running_loop().create_task(self._connect())
            made.add_done_callback(_looked_at)
        return made

    async def _connect(self) -> Link:
        import psycopg  # noqa: PLC0415 - lazily

        link: Link | None = None
        try:
            async with asyncio.timeout(self._patience):
                link = await Link.open(self._parameters)
                self._user = await link.use(
                    lambda connection: settle(connection, self._schema, where=self._where)
                )
        except BaseException as error:
            if link is not None:
                await link.aclose()
            if isinstance(error, TimeoutError):
                raise self._silent() from error
            if isinstance(error, psycopg.Error):
                raise self._translated(error) from error
            raise
        return link

    def _silent(self) -> StateUnavailableError:
        return StateUnavailableError(
            f"{self._where} did not let us in within {self._patience:g} s: look whether it "
            "is frozen or far away (?connect_timeout=); the next call tries again"
        )

    def _translated(self, error: Error) -> PostpressError:
        return translated(
            error, where=self._where, schema=self._schema, user=self._user, secret=self._secret
        )


def _came(task: asyncio.Task[Link]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _looked_at(task: asyncio.Task[Link]) -> None:
    """See a failure that nobody may be left to be told of."""
    if not task.cancelled():
        task.exception()


def _seconds(text: str | None) -> float:
    if text is None:
        return _CONNECT
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", text) or not float(text):
        raise ConfigurationError(
            "the store's URL has a connect_timeout that is no number of seconds above 0"
        )
    return float(text)


def _patience(url: StoreUrl) -> float:
    """Return how long to try to connect: each of several servers has its time."""
    seconds = _seconds(url.options.get("connect_timeout"))
    return seconds if not url.others else max(seconds, _LEAST) * (1 + len(url.others))


def _where(url: StoreUrl) -> str:
    places: list[str] = []
    for name, port in ((url.host, url.port), *url.others):
        host = name or "the server of libpq's defaults"
        host = f"[{host}]" if ":" in host else host
        places.append(host if port is None else f"{host}:{port}")
    database = "" if url.database is None else f"/{url.database}"
    return f"PostgreSQL at {','.join(places)}{database}"


def _parameters(url: StoreUrl, patience: float) -> dict[str, Any]:
    places = [(url.host, url.port), *url.others]
    several = len(places) > 1
    first = "read-write" if several else None  # the one that is written to
    given: dict[str, str | int | None] = {
        "host": ",".join([name or "" for name, _ in places]) or None,
        "port": ",".join([str(port or "") for _, port in places]) or None,
        "target_session_attrs": url.options.get("target_session_attrs", first),
        "user": url.user,
        "password": url.password,
        "dbname": url.database,
        "sslmode": url.options.get("sslmode"),
        **{name: url.options.get(name) for name in ("sslrootcert", "sslcert", "sslkey")},
        # Of a key that needs a password, libpq would ask the terminal, and wait.
        "sslpassword": "none" if "sslkey" in url.options else None,
        # Ours ends first; of several servers each has its own.
        "connect_timeout": max(int(patience / len(places)) + (not several), 2),
        "keepalives_idle": _SILENT,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": _SILENT * 1_000,  # ms; what stands between may forget a connection
        "application_name": "postpress-async",
        "client_encoding": "UTF8",
    }
    return {name: value for name, value in given.items() if value is not None}
