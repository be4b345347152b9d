"""The URLs of `state=` and its like: one grammar for every store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Kind", "StoreUrl", "parse", "parse_outbox"]

Kind: TypeAlias = Literal["memory", "sqlite", "postgresql", "redis"]

EXAMPLES = "memory:, sqlite:///counts.db, postgresql://host/name or redis://host"
OUTBOXES = "sqlite:///outbox.db or postgresql://host/name"

_OPTIONS: dict[Kind, frozenset[str]] = {
    "memory": frozenset(),
    "sqlite": frozenset({"synchronous", "timeout"}),
    "postgresql": frozenset(
        {
            *("connect_timeout", "prefix", "sslcert", "sslkey", "sslmode", "sslrootcert"),
            "target_session_attrs",
        }
    ),
    "redis": frozenset({"db", "prefix", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}),
}
_SCHEMES: dict[str, Kind] = {
    "memory": "memory",
    "sqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "redis": "redis",
    "rediss": "redis",
    "unix": "redis",
}
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9._-]+\Z|\[[0-9A-Fa-f:.]+(%25[A-Za-z0-9._-]+)?\]\Z")
_DRIVE = re.compile(r"/[A-Za-z]:")
_LAST_PORT = 65_535
_SESSIONS = ("any", "primary", "read-write")  # no other takes writes
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class StoreUrl(Discreet, frozen=True, kw_only=True):
    """Name a store.

    Attributes:
        kind: `memory`, `sqlite`, `postgresql` or `redis`.
        path: of the SQLite file as it was written (`~/` unresolved), or of Redis' unix socket.
        host: without the brackets of an IPv6 address; None for the driver's default.
        port: None for the driver's default.
        others: more of Postgres' servers, each with its port; the one that takes writes is meant.
        user, password: decoded; the password is never shown.
        database: the name of Postgres' database, or the number of Redis'.
        tls: whether the scheme was `rediss:`.
        options: what stood behind the question mark.
    """

    kind: Kind
    path: str | None = None
    host: str | None = None
    port: int | None = None
    others: tuple[tuple[str, int | None], ...] = ()
    user: str | None = None
    password: str | None = None
    database: str | None = None
    tls: bool = False
    options: Mapping[str, str] = {}

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what is set, without the password."""
        shown = ("kind", "path", "host", "port", "others", "user", "database", "tls", "options")
        for name in shown:
            if value := getattr(self, name):
                yield name, value
        if self.password is not None:
            yield "password", "…"


def parse(url: str) -> StoreUrl:
    """Read a store's URL.

    `sqlite:///` is followed by the path as it is: `sqlite:///counts.db` is relative,
    `sqlite:////var/counts.db` absolute, `sqlite:///~/counts.db` in the home directory and
    `sqlite:///C:/counts.db` on a drive. Percent signs, question marks and the like in any piece are
    written as `%25`, `%3F` and so on. No error ever shows what may be a password.

    Raises:
        ConfigurationError: it names no store, or one that cannot be meant.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance] - users are untyped
        _refuse(f"must be a URL such as {EXAMPLES}, not {type(url).__name__}")
    scheme, colon, rest = url.partition(":")
    kind = _SCHEMES.get(scheme.lower())
    if not colon or kind is None:
        _refuse(_unknown(scheme, colon, rest))
    if _CONTROL.search(rest) or rest != rest.strip() or "#" in rest:
        _refuse("holds a blank, a control character or a #: write it as %20, %0A or %23")
    if _BROKEN.search(rest):
        _refuse("holds a % that begins no %XX: write %25 for a percent sign")
    _check_meant(unquote_to_bytes(rest.encode(errors="surrogatepass")))
    rest, _, query = rest.partition("?")
    options = _options(kind, query)
    if kind == "memory":
        return _memory(rest)
    if not rest.startswith("//"):
        _refuse(f"needs two slashes after {scheme}:, as in {EXAMPLES}")
    if kind == "sqlite":
        return _sqlite(rest[2:], options)
    if scheme.lower() == "unix":
        return _socket(rest[2:], options)
    return _server(kind, rest[2:], options, tls=scheme.lower() == "rediss")


def parse_outbox(url: str) -> StoreUrl:
    """Read an outbox's URL, by the same grammar; advice then names what can keep an outbox.

    Raises:
        ConfigurationError: it names no store, or one that cannot keep an outbox.
    """
    try:
        store = parse(url)
    except ConfigurationError as error:
        msg = str(error).replace("the store's URL", "the outbox's URL", 1)
        for counts in (EXAMPLES, "use memory:", "write memory:"):
            msg = msg.replace(counts, OUTBOXES if counts is EXAMPLES else f"use {OUTBOXES}")
        raise ConfigurationError(msg.replace("counts.db", "outbox.db")) from None
    if store.kind not in {"sqlite", "postgresql"}:
        msg = (
            f"{store.kind}: cannot keep an outbox, which must survive everything: use "
            "sqlite:///outbox.db on one machine, or postgresql://host/name for several"
        )
        raise ConfigurationError(msg)
    return store


def _check_meant(meant: bytes) -> None:
    """Refuse what would be cut off, or be another word, once it is decoded."""
    if b"\0" in meant:
        _refuse("holds %00, a control character that no store takes: leave it out")
    try:
        meant.decode(errors="surrogatepass")  # half a pair is how a path has a byte of its own
    except UnicodeDecodeError:
        readable = False
    else:
        readable = True
    if not readable:  # not from the error, which shows what may be a password
        _refuse("holds a %XX that is no UTF-8: write each byte of a letter as UTF-8 has it")


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(f"the store's URL {message}")


def _unknown(scheme: str, colon: str, rest: str) -> str:
    if rest.startswith("//") and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return f"begins with {scheme}:, which names no store: use {EXAMPLES}"
    if not colon and scheme in {"", "memory"}:
        return "is empty: use memory:" if not scheme else "lacks its colon: write memory:"
    return f"names no store: use {EXAMPLES}; a file's path alone needs sqlite:/// before it"


def _options(kind: Kind, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query.replace("+", "%2B"), keep_blank_values=True):
        known = _OPTIONS[kind]
        if name not in known:
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            plain = repr(name) if re.fullmatch(r"\w{1,40}", name) else "one"
            _refuse(f"has an option, {plain}, that {kind}: does not know: {has}")
        if name in options or not value:
            _refuse(f"gives the option {name!r} twice or empty: give it once, with a value")
        options[name] = value
    if query and not options:
        _refuse("has a ? without name=value behind it: leave it out")
    return options


def _memory(rest: str) -> StoreUrl:
    if rest not in {"", "//"}:
        _refuse("has something behind memory:, which takes nothing: write memory:")
    return StoreUrl(kind="memory")


def _sqlite(rest: str, options: dict[str, str]) -> StoreUrl:
    host, slash, path = rest.partition("/")
    if host == ":memory:" or path == ":memory:":
        _refuse("names SQLite's :memory:, which no other connection could see: use memory:")
    if host:
        _refuse("has a host, and a file has none: write three slashes, as in sqlite:///counts.db")
    path = unquote(path)
    if not slash or not path or path.endswith(("/", "\\")):
        _refuse("names no file: write its path, as in sqlite:///counts.db or sqlite:////var/x.db")
    if _DRIVE.match(path):
        _refuse("has a slash too many before the drive: write sqlite:///C:/counts.db")
    if path.startswith("~") and not path.startswith("~/"):
        _refuse("names another user's home: write the path in full")
    if _CONTROL.search(path):
        _refuse("names a path with a control character in it")
    _check_sqlite(options)
    return StoreUrl(kind="sqlite", path=path, options=options)


def _check_sqlite(options: dict[str, str]) -> None:
    if options.get("synchronous", "normal").lower() not in {"normal", "full"}:
        _refuse("has another synchronous than normal or full")
    timeout = options.get("timeout", "30")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", timeout):
        _refuse("has a timeout that is no number of seconds")


def _socket(rest: str, options: dict[str, str]) -> StoreUrl:
    login, at, path = rest.rpartition("@")
    user, password = _login(login) if at else (None, None)
    path = unquote(path)
    if not path.startswith("/") or path.endswith("/"):
        _refuse("names no socket: write its whole path, as in unix:///run/redis.sock")
    database = _number_of(options.pop("db", None))
    return StoreUrl(
        kind="redis", path=path, user=user, password=password, database=database, options=options
    )


def _server(kind: Kind, rest: str, options: dict[str, str], *, tls: bool) -> StoreUrl:
    place, _, database = rest.partition("/")
    login, at, address = place.rpartition("@")
    user, password = _login(login) if at else (None, None)
    first, *more = address.split(",") if kind == "postgresql" else [address]
    host, port = _address(first)
    others = [_address(one) for one in more]
    if others and not all([host, *[name for name, _ in others]]):
        _refuse("names several hosts, one of them empty: write one,other or one:5432,other:5432")
    if "/" in database or "@" in database:
        _refuse("has a / or @ too many: write %2F or %40 inside a user, password or name")
    if options.get("sslmode", "prefer") not in _TLS_MODES:
        _refuse(f"has another sslmode than {', '.join(_TLS_MODES)}")
    if options.get("target_session_attrs", "any") not in _SESSIONS:
        _refuse(f"has another target_session_attrs than {', '.join(_SESSIONS)}")
    name: str | None = unquote(database) or None
    if kind == "redis":
        if name is not None and "db" in options:
            _refuse("names the database twice: by the path or by db=, not by both")
        name = _number_of(name or options.pop("db", None))
    return StoreUrl(
        kind=kind,
        host=host,
        port=port,
        others=tuple([(name, port) for name, port in others if name is not None]),
        user=user,
        password=password,
        database=name,
        tls=tls,
        options=options,
    )


def _login(text: str) -> tuple[str | None, str | None]:
    user, colon, password = text.partition(":")
    if "@" in text or ":" in password:
        _refuse("has an @ or : inside its user or password: write %40 or %3A")
    return unquote(user) or None, unquote(password) if colon else None


def _address(text: str) -> tuple[str | None, int | None]:
    host, colon, port = text, "", ""
    if not text.endswith("]"):
        host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
    if host and not _HOST.match(host):
        _refuse(
            "names no host that can be read: write name, name:port or [IPv6]:port, and %40, %3A "
            "and %2F for @ : / inside a password"
        )
    if colon and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) <= _LAST_PORT):
        _refuse("has a port that is no number from 1 to 65535")
    return unquote(host.strip("[]")) or None, int(port) if colon else None


def _number_of(database: str | None) -> str | None:
    if database is not None and not re.fullmatch(r"[0-9]{1,5}", database):
        _refuse("names a Redis database that is no number: write /0, /1 or leave it out")
    return database
