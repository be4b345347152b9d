"""Whether anybody keeps counts in a store, found out without making anything in it."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import TYPE_CHECKING, Final

from postpress_async.errors import PostpressError
from postpress_async.storage.remote.swaps import NotDoneError
from postpress_async.storage.sqlite.place import absolute

if TYPE_CHECKING:
    from postpress_async.storage.postgres.link import Link
    from postpress_async.storage.redis.server import RedisServer
    from postpress_async.storage.urls import StoreUrl

__all__ = ["is_begun"]

_AT_ONCE: Final = 1.0


async def is_begun(store: StoreUrl) -> bool:
    """Tell whether a store of counts is there; what nobody has begun is not begun by this.

    Raises:
        ConfigurationError: what is there is another program's, or cannot be used.
        StateUnavailableError: the server cannot be reached.
    """
    if store.kind == "sqlite" and store.path is not None:
        return _in_a_file(absolute(store.path))
    if store.kind == "postgresql":
        return await _in_postgres(store)
    if store.kind == "redis":
        return await _in_redis(store)
    return True  # of this process alone


def _in_a_file(path: str) -> bool:
    return os.path.lexists(path)  # what is no file of ours, opening it says


async def _in_postgres(store: StoreUrl) -> bool:
    from postpress_async.storage.postgres.schema import standing  # noqa: PLC0415 - lazily
    from postpress_async.storage.postgres.server import PostgresServer  # noqa: PLC0415 - lazily

    server = PostgresServer(store)
    found = False

    async def look(link: Link) -> None:
        nonlocal found
        version, _ = await link.use(
            lambda connection: standing(connection, server.space, where=server.where)
        )
        found = version is not None

    try:
        await server.look(look)
    finally:
        await server.aclose()
    return found


async def _in_redis(store: StoreUrl) -> bool:
    from postpress_async.storage.opening import lacks_redis  # noqa: PLC0415 - lazily

    try:
        from postpress_async.storage.redis.server import RedisServer  # noqa: PLC0415 - lazily
    except ModuleNotFoundError as error:
        raise lacks_redis(error) from error
    server = RedisServer(store)
    fresh = secrets.token_bytes(16)
    try:
        identity = await _identity(server, fresh)
    finally:
        await server.aclose()
    return not identity.endswith(f"/{fresh.hex()}")  # else nobody has named it yet


async def _identity(server: RedisServer, fresh: bytes) -> str:
    """Ask who a server is; again where it says that it cannot for a moment."""
    until = time.monotonic() + _AT_ONCE
    while True:
        try:
            answer = (await server.look(who=secrets.token_hex(4), fresh=fresh)).answer
        except NotDoneError as error:
            answer = error
        if not isinstance(answer, PostpressError):
            return answer.identity
        if not isinstance(answer, NotDoneError) or time.monotonic() >= until:
            raise answer
        await asyncio.sleep(_AT_ONCE / 4)
