"""From a URL to the store that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError
from postpress_async.storage.images import kept
from postpress_async.storage.memory import MemoryImages
from postpress_async.storage.remote.timing import Expectations
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.images import Images, Mend
    from postpress_async.storage.remote.swaps import Server
    from postpress_async.storage.urls import StoreUrl

__all__ = ["lacks_redis", "open_images"]

_EXPECTATIONS = Expectations()  # of this process, whose clients come and go


def open_images(url: str, *, clock: Callable[[], float] | None = None, mend: Mend = kept) -> Images:
    """Return the counts' store that a URL names; nothing is opened before its first step.

    Args:
        url: `memory:`, or `sqlite:///path` with `?timeout=` (seconds to wait for other processes,
            5) and `synchronous=full` (forget nothing even when the power fails),
            `postgresql://host/name`, or `redis://host`, also `rediss:` and `unix:`; these with
            `?prefix=` to keep programs apart.
        clock: tells seconds since the epoch in place of the store's clock; may be asked in
            another thread.
        mend: what is known when a store has lost what it had told.

    Raises:
        ConfigurationError: the URL names no store, or one that this version does not know.
    """
    store = parse(url)
    if store.kind == "memory":
        return MemoryImages(clock=clock)
    if store.kind == "sqlite" and store.path is not None:
        from postpress_async.storage.sqlite.images import SqliteImages  # noqa: PLC0415 - lazily

        full = store.options.get("synchronous", "").lower() == "full"
        return SqliteImages(
            store.path,
            clock=clock,
            synchronous="FULL" if full else "NORMAL",
            mend=mend,
            timeout=float(store.options.get("timeout", "5")),
        )
    from postpress_async.storage.remote.images import RemoteImages  # noqa: PLC0415 - lazily

    server = _server(store, strict=clock is None)
    return RemoteImages(server, clock=clock, mend=mend, expectations=_EXPECTATIONS)


def _server(store: StoreUrl, *, strict: bool) -> Server:
    """Return the driver of a server; its library is an extra."""
    if store.kind == "redis":
        try:
            from postpress_async.storage.redis.server import RedisServer  # noqa: PLC0415 - lazily
        except ModuleNotFoundError as error:
            raise lacks_redis(error) from error
        return RedisServer(store, strict=strict)
    from postpress_async.storage.postgres.server import PostgresServer  # noqa: PLC0415 - lazily

    return PostgresServer(store, strict=strict)


def lacks_redis(error: ModuleNotFoundError) -> ConfigurationError:
    """Say what is to be installed."""
    return ConfigurationError(
        f"redis: needs a package that is not installed, {error.name}: "
        "pip install 'postpress-async[redis]'"
    )
