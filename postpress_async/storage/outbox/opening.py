"""From a URL to the outbox that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.storage.urls import parse_outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.outbox.store import Store

__all__ = ["is_there", "open_outbox"]


def open_outbox(url: str, *, clock: Callable[[], float] | None = None) -> Store:
    """Return the store of an outbox that a URL names; nothing is opened before its first use.

    Args:
        url: `sqlite:///path` with `?timeout=` (seconds to wait for other processes, 30), or
            `postgresql://host/name` with `?prefix=` (the schema of its tables, `postpress`).
        clock: tells seconds since the epoch in place of the store's clock; may be asked in
            another thread.

    Raises:
        ConfigurationError: the URL names no store, or one that loses what it was told.
    """
    store = parse_outbox(url)
    if store.path is not None:
        from postpress_async.storage.outbox.sqlite import SqliteOutbox  # noqa: PLC0415 - lazily

        timeout = float(store.options.get("timeout", "30"))
        return SqliteOutbox(store.path, clock=clock, timeout=timeout)
    from postpress_async.storage.outbox.postgres import PostgresOutbox  # noqa: PLC0415 - lazily

    return PostgresOutbox(store, clock=clock)


async def is_there(url: str) -> bool:
    """Tell whether an outbox is there that a look could be taken at, without making one.

    Raises:
        ConfigurationError: the URL names no store, or what is there is another program's.
        StateUnavailableError: the server cannot be reached.
    """
    store = parse_outbox(url)
    if store.path is not None:
        from postpress_async.storage.sqlite import place  # noqa: PLC0415 - lazily

        return place.identity(place.absolute(store.path)) is not None
    from postpress_async.storage.outbox.connections import Connections  # noqa: PLC0415 - lazily
    from postpress_async.storage.outbox.dialect import postgres  # noqa: PLC0415 - lazily

    return await Connections(store, lambda schema: postgres(schema, clock=False)).is_there()
