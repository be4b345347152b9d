"""Whether a Redis or Valkey server is fit to keep counts, and what to change."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.health import Finding, of_its_time
from postpress_async.storage.redis.connection import Link
from postpress_async.storage.redis.findings import judged, replicas
from postpress_async.storage.redis.script import NOT_OURS
from postpress_async.storage.redis.server import Looked, RedisServer
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from postpress_async.storage.urls import StoreUrl

__all__ = ["health"]

_SKEW: Final = 2.0  # seconds by which clocks may differ before it is worth a word
_FAR: Final = 60.0
_NAMES: Final = {  # of what the script was refused with
    "OOM": "memory",
    "MISCONF": "disk",
    "READONLY": "scripting",
    NOT_OURS: "format",
}


async def health(url: str) -> list[Finding]:
    """Look at a server, and try what keeping counts needs; nothing in it changes.

    The findings are `reachable`, or `login` where it does not let us in; and if it does `cluster`
    where another node has the keys, `tls` where a password goes without, `version`, `role`,
    `appendonly`, `eviction`, `memory`, `replicas` where there are any and `appendfsync`, as far as
    the server tells; and `clock`, `time` where that is another one, `scripting` and `epoch`. What
    hinders the script is `memory`, `disk` or `ready` if it passes, else `format` or `scripting`.

    Raises:
        ConfigurationError: the URL names no Redis.
    """
    store = parse(url)
    if store.kind != "redis":
        raise ConfigurationError(f"{store.kind}: is no Redis: give a URL such as redis://host")
    fresh = secrets.token_bytes(16)  # where nobody has begun, nobody has afterwards
    try:
        server = RedisServer(store)
        first = last = await server.look(who=secrets.token_hex(4), fresh=fresh)
        began = time.time()
        if not isinstance(first.answer, PostpressError):
            last = await server.look(who=secrets.token_hex(4), fresh=fresh)
        between = (began + time.time()) / 2
    except StateUnavailableError as error:
        return [Finding(name="reachable", level="error", said=str(error))]
    except ConfigurationError as error:
        return [Finding(name="login", level="error", said=str(error))]
    found = [Finding(name="reachable", level="ok", said=f"{server.where} answers")]
    found += await _of_server(store, last)
    if isinstance(first.answer, PostpressError) or isinstance(last.answer, PostpressError):
        bad = _hindered(last)
        return [*[one for one in found if one.name != bad.name], bad]
    return [
        *found,
        _clock(last.answer.now - last.answer.lead - between),
        *of_its_time(last.answer.lead),
        Finding(name="scripting", level="ok", said="the script runs"),
        _epoch(same=first.answer.identity == last.answer.identity),
    ]


async def _of_server(store: StoreUrl, looked: Looked) -> list[Finding]:
    """Judge the server that has the keys, whichever the URL names."""
    found: list[Finding] = []
    if looked.node is not None:
        said = f"its node {looked.node[0]}:{looked.node[1]} has the keys: what follows is of that"
        found.append(Finding(name="cluster", level="ok", said=said))
    found += judged(looked.info, store)
    found += replicas(looked.info)
    if not looked.info:
        said = "it tells this user nothing of its version, durability and memory"
        found.append(
            Finding(name="info", level="note", said=said, next_step="allow the user INFO to see it")
        )
    if looked.info.get("aof_enabled") == "1":
        found.append(await _appendfsync(store, looked.node))
    return found


async def _appendfsync(store: StoreUrl, node: tuple[str, int] | None) -> Finding:
    name = "appendfsync"
    try:
        link = await Link.open(store, at=node)
        try:
            answer = await link.ask("CONFIG", "GET", "appendfsync")
        finally:
            await link.drop()
    except PostpressError:
        return Finding(name=name, level="note", said="appendfsync is not told to this user")
    match answer:
        case [bytes(), bytes() as value]:
            said = f"appendfsync {value.decode()}"
        case _:
            return Finding(name=name, level="note", said="appendfsync is not told")
    if value == b"no":
        said += ": a crash of the machine forgets about half a minute"
        return Finding(name=name, level="warning", said=said, next_step="set appendfsync everysec")
    if value == b"everysec":
        said += ": a crash of the machine forgets up to a second or two, one of the server nothing"
    return Finding(name=name, level="ok", said=said)


def _hindered(looked: Looked) -> Finding:
    """Say why the script does not run: what passes is no matter of the configuration."""
    name = _NAMES.get(looked.refused, "scripting")
    if looked.refused not in _NAMES and isinstance(looked.answer, StateUnavailableError):
        name = "ready" if looked.refused else "reachable"
    return Finding(name=name, level="error", said=str(looked.answer))


def _clock(apart: float) -> Finding:
    side = "ahead of" if apart > 0 else "behind"
    said = f"its clock is {abs(apart):.1f} s {side} this machine's"
    if abs(apart) <= _SKEW:
        return Finding(name="clock", level="ok", said=said)
    return Finding(
        name="clock",
        level="note" if abs(apart) <= _FAR else "warning",
        said=f"{said}; limits follow the server's",
        next_step="set both right, for logs and working hours",
    )


def _epoch(*, same: bool) -> Finding:
    if same:
        said = "the namespace is known again over another connection"
        return Finding(name="epoch", level="ok", said=said)
    return Finding(
        name="epoch",
        level="error",
        said="the namespace is another one over each connection",
        next_step="let the URL name one server",
    )
