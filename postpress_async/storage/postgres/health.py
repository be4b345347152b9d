"""Whether a PostgreSQL is fit to keep counts, and what to change; nothing is made or written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError, PostpressError
from postpress_async.storage.health import Finding, in_plain_words, of_its_time
from postpress_async.storage.urls import parse

from .schema import OLDEST, standing
from .server import PostgresServer
from .statements import FUNCTION, LEAD, LOOK_AROUND, MAY, STANDBYS, grants, owned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.storage.health import Level

    from .link import Link

__all__ = ["health"]

_OFF: Final = 2.0  # seconds by which two clocks may differ without a word
_FAR_OFF: Final = 60.0
_FEW: Final = 10  # connections left
_FORGOTTEN: Final = "a failover grants again what it forgets, and an outbox there may send twice"


class _Around(msgspec.Struct, frozen=True, kw_only=True):
    """Say what a server tells of itself; in the order of `LOOK_AROUND`."""

    version: int
    user: str
    synchronous_commit: str
    fsync: str
    full_page_writes: str
    standby: bool
    read_only: str
    isolation: str
    now: float
    connections: int
    limit: int


async def health(url: str) -> list[Finding]:
    """Look at a server and at the tables of counts in it.

    The findings are `reachable`, or `login` where it does not let us in; and if it does `tls` where
    a password goes without, `version`, `writable`, `synchronous_commit`, `fsync`,
    `full_page_writes`, `isolation`, `standbys` where there are or should be any, `clock`,
    `connections`, `schema`, `time` where counts go by another one, and `permissions`.

    Raises:
        ConfigurationError: the URL names no PostgreSQL, or psycopg is not installed.
    """
    store = parse(url)
    if store.kind != "postgresql":
        raise ConfigurationError(
            f"{store.kind}: is no PostgreSQL: give a URL such as postgresql://host/name"
        )
    server = PostgresServer(store)
    found: list[Finding] = []
    try:
        await server.look(lambda link: _look(link, server, found))
    except PostpressError as error:
        name = "login" if isinstance(error, ConfigurationError) else "reachable"
        found.append(Finding(name=name, level="error", said=str(error)))
    finally:
        await server.aclose()
    return found


async def _look(link: Link, server: PostgresServer, found: list[Finding]) -> None:
    began = time.time()
    row = await link.row(LOOK_AROUND, ())
    between = (began + time.time()) / 2
    around = msgspec.convert(dict(zip(_Around.__struct_fields__, row or (), strict=True)), _Around)
    found.append(Finding(name="reachable", level="ok", said=f"{server.where} answers"))
    if (plain := _plain(link)) is not None:
        found.append(plain)
    found += _of_server(around)
    found += await _standbys(link, around)
    found.append(_clock(around.now - between))
    found.append(_connections(around))
    if around.version >= OLDEST:
        found += await _of_tables(link, server, around)


def _plain(link: Link) -> Finding | None:
    if link.encrypted or not link.has_password:
        return None
    remedy = "turn ssl on there, and write ?sslmode=verify-full&sslrootcert="
    return in_plain_words(link.host, remedy=remedy)


def _of_server(around: _Around) -> Iterator[Finding]:
    major = around.version // 10_000
    yield _finding(
        "version",
        f"PostgreSQL {major}",
        None if around.version >= OLDEST else "use 12 or newer",
        "error",
    )
    writable, step = "takes writes", None
    if around.standby:
        writable, step = "is a standby, which takes no writes", "name the server that is written to"
    elif around.read_only == "on":
        writable = "default_transaction_read_only is on"
        step = f"have an administrator run: {_alter(around.user)} default_transaction_read_only"
    yield _finding("writable", writable, step, "error")
    off = around.synchronous_commit == "off"
    yield Finding(
        name="synchronous_commit",
        level="note" if off else "ok",
        said=f"synchronous_commit {around.synchronous_commit}"
        + (": counts are kept with it on all the same" if off else ""),
    )
    for name, value, lost in (
        ("fsync", around.fsync, "a crash of the machine can destroy all of it"),
        ("full_page_writes", around.full_page_writes, "a crash of the machine can destroy rows"),
    ):
        step = None if value == "on" else f"have an administrator run: ALTER SYSTEM SET {name} = on"
        yield _finding(name, f"{name} {value}" + (f": {lost}" if step else ""), step, "warning")
    step = f"have an administrator run: {_alter(around.user)} default_transaction_isolation"
    yield _finding(
        "isolation",
        f"transactions are {around.isolation}",
        None if around.isolation == "read committed" else step,
        "error",
    )


async def _standbys(link: Link, around: _Around) -> list[Finding]:
    """Say what is lost when a standby takes over, if it can be seen."""
    import psycopg  # noqa: PLC0415 - lazily

    try:
        names, attached, synchronous = await link.row(STANDBYS, ()) or ("", 0, 0)
    except psycopg.errors.InsufficientPrivilege:
        return []
    if around.standby or not (names or attached):
        return []
    waits = around.synchronous_commit != "local"
    level: Level = "ok"
    said, step = "commits wait for a standby, which can take over", ""
    if not (names and waits):
        level = "warning"
        said = f"no commit waits for a standby, and {attached} may lag: {_FORGOTTEN}"
        step = "name those that may take over in synchronous_standby_names"
        if names:
            step = f"have an administrator run: {_alter(around.user)} synchronous_commit"
    elif not synchronous:
        level = "error"
        said = f"commits wait for {names} (synchronous_standby_names), and none of these is there"
        step = "attach it, or empty the setting and reload"
    return [Finding(name="standbys", level=level, said=said, next_step=step)]


def _clock(ahead: float) -> Finding:
    if abs(ahead) <= _OFF:
        return Finding(name="clock", level="ok", said="its clock is ours")
    which = "ahead of" if ahead > 0 else "behind"
    return Finding(
        name="clock",
        level="warning" if abs(ahead) > _FAR_OFF else "note",
        said=f"its clock is {abs(ahead):.0f} s {which} ours; counts go by its clock",
        next_step="set the one right that is wrong",
    )


def _connections(around: _Around) -> Finding:
    left = around.limit - around.connections
    return _finding(
        "connections",
        f"{left} of {around.limit} connections are left; each process needs one",
        None if left >= _FEW else "raise max_connections, or put a pooler before it",
        "warning",
    )


async def _of_tables(link: Link, server: PostgresServer, around: _Around) -> list[Finding]:
    schema, user = server.space, around.user
    may_make, may_use, has_function = await link.row(MAY, (schema, FUNCTION)) or (None, None, None)
    if may_use is not False:  # or there are none
        try:
            version, known = await link.use(
                lambda connection: standing(connection, schema, where=server.where)
            )
        except ConfigurationError as error:
            return [Finding(name="schema", level="error", said=str(error))]
        said, step = f"the tables of counts in {schema} are made at first use", None
        if version is not None:
            said = f"the tables of counts in {schema} have format {version}; ours is {known}"
            if not has_function:
                said = f"the tables of counts in {schema} have lost their function {FUNCTION}"
                step = "put it back, or drop the tables to begin anew"
        found = [_finding("schema", said, step, "error")]
        if version is not None:
            (lead,) = await link.row(LEAD.format(schema=schema).encode(), ()) or (0.0,)
            found += of_its_time(lead or 0.0)
    else:
        found = []
    what, may, step = "use", may_use, f"have their owner run: {grants(schema, user)}"
    if may_use is None:
        what, may = "make", may_make
        step = f"have an administrator run there: {owned(schema, user)}"
    said = f"{user} may{'' if may else ' not'} {what} them"
    return [*found, _finding("permissions", said, None if may else step, "error")]


def _finding(name: str, said: str, next_step: str | None, bad: Level) -> Finding:
    """Be all right where there is nothing to do."""
    level = "ok" if next_step is None else bad
    return Finding(name=name, level=level, said=said, next_step=next_step or "")


def _alter(user: str) -> str:
    return f'ALTER ROLE "{user}" RESET'
