"""One connection to a Redis or Valkey server, and what it says of itself."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn, cast

from redis import exceptions
from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.redis.faults import code_of, meaning
from postpress_async.storage.redis.trust import checked, guess, mistrust
from postpress_async.storage.remote.swaps import NotDoneError

if TYPE_CHECKING:
    from postpress_async.storage.urls import StoreUrl

__all__ = ["Link", "MovedAwayError", "place_of"]

CONNECT_WITHIN: Final = 2.0  # seconds, all of it: names, TLS, password
_HOST, _PORT = "localhost", 6379

_WORDS: Final = (  # what a server says, and not the network
    exceptions.ResponseError,
    exceptions.AuthenticationError,
    exceptions.BusyLoadingError,
)


class MovedAwayError(NotDoneError):
    """Say that another node of the cluster has the keys: `host` and `port`."""

    host: str = ""
    port: int = 0


def place_of(url: StoreUrl) -> str:
    """Return where a server is, without who asks it."""
    database = f"/{url.database}" if url.database else ""
    if url.path is not None:
        return f"unix://{url.path}{'?db=' if database else ''}{url.database or ''}"
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host or _HOST
    return f"redis{'s' if url.tls else ''}://{host}:{url.port or _PORT}{database}"


class Link:
    """Talk to a server over one connection, one command at a time.

    Attributes:
        loop: where it was opened.
        where: the server, and the node of its cluster, in a few words for messages.
        info: what the server says of itself, as of the connection; empty where it may not.
        refused: the code of what it refused in words last; empty where it refused nothing.
    """

    def __init__(self, where: str, connection: Connection | UnixDomainSocketConnection) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.info: dict[str, str] = {}
        self.refused: str = ""
        self.where = where
        self._connection = connection

    @classmethod
    async def open(cls, url: StoreUrl, *, at: tuple[str, int] | None = None) -> Link:
        """Connect.

        Args:
            url: where to, and as whom.
            at: another node of the same cluster.

        Raises:
            NotDoneError, ConfigurationError: it cannot be reached, or used.
        """
        where = place_of(url) + (f", node {at[0]}:{at[1]}" if at is not None else "")
        link = cls(where, _connection(url, at))
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await link._connection.connect()  # type: ignore[no-untyped-call]  # redis-py has no types here
                with suppress(exceptions.ResponseError):
                    link.info = _read(await link._ask("INFO"))
        except TimeoutError:
            await link.drop()
            said = f"{where} does not answer within {CONNECT_WITHIN:g} s: look whether it is frozen"
            plain = " or speaks no TLS" if url.tls else ""
            raise NotDoneError(f"{said}{plain} or a firewall is between") from None
        except BaseException as error:  # noqa: BLE001 - all of it is raised again, explained
            await link.drop()
            try:
                link._explain(error)
            except StateUnavailableError as explained:
                raise NotDoneError(*explained.args) from None
        return link

    async def usable(self) -> bool:
        """Tell whether nothing has come that nobody asked for, such as its end."""
        if self.loop is not asyncio.get_running_loop() or not self._connection.is_connected:
            return False
        try:
            return not await self._connection.can_read()
        except (exceptions.RedisError, OSError):
            return False

    async def ask(self, *command: str | bytes | int) -> object:
        """Send a command and return the answer, its strings as bytes.

        Whatever goes wrong, the connection is not used any more, unless the server refused in
        words; nobody else then reads what comes late.

        Raises:
            StateUnavailableError, ConfigurationError: it cannot be reached, or refuses.
            MovedAwayError: another node has the keys.
            redis.exceptions.NoScriptError: it does not know the script.
        """
        try:
            return await self._ask(*command)
        except BaseException as error:  # noqa: BLE001 - the same
            if not isinstance(error, exceptions.NoScriptError):
                await self.drop()
            self._explain(error)

    async def drop(self) -> None:
        """Close it, without waiting for what is under way. Safe to repeat."""
        with suppress(exceptions.RedisError, OSError, RuntimeError):
            await self._connection.disconnect(nowait=True)

    async def _ask(self, *command: str | bytes | int) -> object:
        connection = self._connection
        await connection.send_packed_command(_packed(command), check_health=False)
        return cast("object", await connection.read_response(disable_decoding=True))

    def _explain(self, error: BaseException) -> NoReturn:
        """Raise what an error means."""
        if isinstance(error.__cause__, _WORDS):
            error = error.__cause__  # over a unix socket it is wrapped as if nobody were there
        if isinstance(error, exceptions.MovedError):
            moved = MovedAwayError(f"{self.where}: its cluster keeps the keys on another node")
            # Its text is, after the code: slot host:port, where an empty host is this one.
            moved.host, _, port = str(error).rpartition(" ")[2].rpartition(":")
            moved.port = int(port)
            raise moved from None
        if isinstance(error, exceptions.NoScriptError):
            raise error
        if isinstance(error, _WORDS):
            self.refused = code_of(text := _text(error))
            raise meaning(self.where, text) from None
        if isinstance(error, (exceptions.RedisError, OSError, UnicodeError)):
            _unreachable(self.where, error)
        raise error


def _connection(
    url: StoreUrl, at: tuple[str, int] | None
) -> Connection | UnixDomainSocketConnection:
    """Return a connection that is not made yet; RESP2, which every server and proxy speaks."""
    user, password, database = url.user, url.password, int(url.database or 0)
    checked(url.options, where=place_of(url), tls=url.tls)
    if url.path is not None:
        return UnixDomainSocketConnection(
            path=url.path, username=user, password=password, db=database, protocol=2,
            socket_timeout=None, socket_connect_timeout=CONNECT_WITHIN,
        )  # fmt: skip
    host, port = at or (url.host or _HOST, url.port or _PORT)
    if not url.tls:
        return Connection(
            host=host, port=port, username=user, password=password, db=database, protocol=2,
            socket_timeout=None, socket_connect_timeout=CONNECT_WITHIN,
        )  # fmt: skip
    file = url.options.get
    return SSLConnection(
        host=host, port=port, username=user, password=password, db=database, protocol=2,
        socket_timeout=None, socket_connect_timeout=CONNECT_WITHIN, ssl_check_hostname=True,
        ssl_ca_certs=file("ssl_ca_certs"), ssl_certfile=file("ssl_certfile"),
        ssl_keyfile=file("ssl_keyfile"),
        ssl_password="",  # or OpenSSL asks the terminal for one
    )  # fmt: skip


def _packed(command: tuple[str | bytes | int, ...]) -> bytes:
    """Write a command as the protocol has it; the library's own way takes three times as long."""
    parts = [b"*%d\r\n" % len(command)]
    for part in command:
        data = part if isinstance(part, bytes) else str(part).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def _text(error: BaseException) -> str:
    """Return an error as the server wrote it, its code first."""
    text = str(error)
    code = getattr(error, "status_code", None)
    if code in {None, "", "ERR"} and (inner := re.search(r"(?:^|-)([A-Z]{3,}) ", text)):
        code, text = inner[1], text[inner.end() :]  # before 7.0 a script's own error stands last
    return text if not code or text.startswith(f"{code} ") else f"{code} {text}"


def _unreachable(where: str, error: BaseException) -> NoReturn:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    tls = where.startswith("rediss:")
    if tls and (step := mistrust(reason)) is not None:
        raise ConfigurationError(f"{where}: {step} ({reason})") from None
    raise StateUnavailableError(
        f"{where} cannot be reached: look {guess(reason, tls=tls)}; the next call tries again "
        f"({reason})"
    ) from None


def _read(info: object) -> dict[str, str]:
    text = info.decode(errors="replace") if isinstance(info, bytes) else ""
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in lines if colon}
