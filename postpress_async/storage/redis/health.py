"""Whether a Redis or Valkey server is fit to keep counts, and what to change."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from postpress_async.errors import ConfigurationError, PostpressError, StateUnavailableError
from postpress_async.storage.redis.connection import Link
from postpress_async.storage.redis.findings import Finding, judged
from postpress_async.storage.redis.server import RedisServer
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from postpress_async.storage.remote.swaps import Answer
    from postpress_async.storage.urls import StoreUrl

__all__ = ["Finding", "health"]

_SKEW: Final = 2.0  # seconds by which clocks may differ before it is worth a word


async def health(url: str) -> list[Finding]:
    """Look at a server, and try what keeping counts needs; counts stay as they are.

    The findings are `reachable`, and if it is `version`, `role`, `appendonly`, `eviction`,
    `appendfsync`, `clock`, `scripting` and `epoch`, as far as the server tells.

    Raises:
        ConfigurationError: the URL names no Redis.
    """
    store = parse(url)
    if store.kind != "redis":
        raise ConfigurationError(f"{store.kind}: is no Redis: give a URL such as redis://host")
    server = RedisServer(store)
    try:
        link = await Link.open(store)
    except PostpressError as error:
        return [Finding(name="reachable", ok=False, said=str(error))]
    found = [Finding(name="reachable", ok=True, said=f"{server.where} answers"), *judged(link.info)]
    if link.info.get("aof_enabled") == "1":
        found.append(await _appendfsync(link))
    await link.drop()
    return [*found, *await _tried(store, server)]


async def _appendfsync(link: Link) -> Finding:
    name = "appendfsync"
    try:
        answer = await link.ask("CONFIG", "GET", "appendfsync")
    except PostpressError:
        return Finding(name=name, ok=None, said="appendfsync is not told to this user")
    match answer:
        case [bytes(), bytes() as value]:
            said = f"appendfsync {value.decode()}"
        case _:
            return Finding(name=name, ok=None, said="appendfsync is not told")
    if value == b"no":
        said += ": a crash of the machine forgets about half a minute; set it to everysec"
    elif value == b"everysec":
        said += ": a crash of the machine forgets up to a second or two, one of the server nothing"
    return Finding(name=name, ok=value != b"no", said=said)


async def _tried(store: StoreUrl, server: RedisServer) -> list[Finding]:
    """Run the script, over two connections."""
    answers: list[Answer] = []
    again = RedisServer(store)
    between = 0.0
    try:
        for one in (server, again):
            began = time.time()
            answers.append(await one.swap([], who=secrets.token_hex(4)))
            between = (began + time.time()) / 2
    except (StateUnavailableError, ConfigurationError) as error:
        return [Finding(name="scripting", ok=False, said=str(error))]
    finally:
        await server.aclose()
        await again.aclose()
    apart = answers[-1].now - between
    side = "ahead of" if apart > 0 else "behind"
    clock = f"its clock is {abs(apart):.1f} s {side} this machine's"
    far = abs(apart) > _SKEW
    if far:
        clock += ": limits follow the server's; set both right, for logs and working hours"
    same = len({answer.identity for answer in answers}) == 1
    epoch = "the namespace is known again over another connection"
    if not same:
        epoch = "the namespace is another one over each connection: let the URL name one server"
    return [
        Finding(name="clock", ok=not far, said=clock),
        Finding(name="scripting", ok=True, said="the script runs"),
        Finding(name="epoch", ok=same, said=epoch),
    ]
