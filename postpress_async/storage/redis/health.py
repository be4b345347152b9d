"""Whether a Redis or Valkey server is fit to keep counts, and what to change."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.health import Finding, of_its_time
from postpress_async.storage.redis.connection import Link
from postpress_async.storage.redis.findings import judged
from postpress_async.storage.redis.server import RedisServer
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from postpress_async.storage.remote.swaps import Answer
    from postpress_async.storage.urls import StoreUrl

__all__ = ["health"]

_SKEW: Final = 2.0  # seconds by which clocks may differ before it is worth a word
_FAR: Final = 60.0


async def health(url: str) -> list[Finding]:
    """Look at a server, and try what keeping counts needs; nothing in it changes.

    The findings are `reachable`, or `login` where it does not let us in; and if it does `tls` where
    a password goes without, `version`, `role`, `appendonly`, `eviction`, `appendfsync`, `clock`,
    `time` where that is another one, `scripting` and `epoch`, as far as the server tells.

    Raises:
        ConfigurationError: the URL names no Redis.
    """
    store = parse(url)
    if store.kind != "redis":
        raise ConfigurationError(f"{store.kind}: is no Redis: give a URL such as redis://host")
    try:
        server = RedisServer(store)
        link = await Link.open(store)
    except StateUnavailableError as error:
        return [Finding(name="reachable", level="error", said=str(error))]
    except ConfigurationError as error:
        return [Finding(name="login", level="error", said=str(error))]
    found = [Finding(name="reachable", level="ok", said=f"{server.where} answers")]
    found += judged(link.info, store)
    if not link.info:
        said = "it tells this user nothing of its version, durability and memory"
        found.append(
            Finding(name="info", level="note", said=said, next_step="allow the user INFO to see it")
        )
    if link.info.get("aof_enabled") == "1":
        found.append(await _appendfsync(link))
    await link.drop()
    return [*found, *await _tried(store, server)]


async def _appendfsync(link: Link) -> Finding:
    name = "appendfsync"
    try:
        answer = await link.ask("CONFIG", "GET", "appendfsync")
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


async def _tried(store: StoreUrl, server: RedisServer) -> list[Finding]:
    """Run the script, over two connections; where nobody has begun, nobody has afterwards."""
    fresh = secrets.token_bytes(16)
    answers: list[Answer] = []
    again = RedisServer(store)
    between = 0.0
    try:
        for one in (server, again):
            began = time.time()
            answers.append(await one.look(who=secrets.token_hex(4), fresh=fresh))
            between = (began + time.time()) / 2
    except (StateUnavailableError, ConfigurationError) as error:
        return [Finding(name="scripting", level="error", said=str(error))]
    finally:
        await server.aclose()
        await again.aclose()
    same = len({answer.identity for answer in answers}) == 1
    last = answers[-1]
    return [
        _clock(last.now - last.lead - between),
        *of_its_time(last.lead),
        Finding(name="scripting", level="ok", said="the script runs"),
        _epoch(same=same),
    ]


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
