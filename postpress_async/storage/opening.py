"""From a URL to the store that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError
from postpress_async.storage.memory import MemoryImages
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.images import Images

__all__ = ["open_images"]


def open_images(url: str, *, clock: Callable[[], float] | None = None) -> Images:
    """Return the counts' store that a URL names; nothing is opened before its first step.

    Args:
        url: `memory:` or `sqlite:///path`, the latter with `?timeout=` (seconds to wait for other
            processes, 30) and `synchronous=full` (forget nothing even when the power fails).
        clock: tells seconds since the epoch in place of the machine's clock; may be asked in
            another thread.

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
            timeout=float(store.options.get("timeout", "30")),
        )
    raise ConfigurationError(
        f"{store.kind}: is not known to this version, which keeps counts in memory: or "
        "sqlite:///path: use one of these, or upgrade the package"
    )
