"""A look at whatever store a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError
from postpress_async.storage.health import Finding
from postpress_async.storage.opening import lacks_redis
from postpress_async.storage.urls import parse

if TYPE_CHECKING:
    from postpress_async.storage.urls import Kind

__all__ = ["examine"]


async def examine(url: str) -> list[Finding]:
    """Return what is right and wrong with a store, and what to do; no finding shows a password.

    An error lies with the configuration, unless its name is one of `health.OUTER`. Whatever is
    wrong is a finding: nothing is raised.
    """
    try:
        return await _health(parse(url).kind, url)
    except ConfigurationError as error:
        return [Finding(name="url", level="error", said=str(error))]


async def _health(kind: Kind, url: str) -> list[Finding]:
    if kind == "memory":
        return _of_memory()
    if kind == "sqlite":
        from postpress_async.storage.sqlite import health as of_sqlite  # noqa: PLC0415 - lazily

        return await of_sqlite.health(url)
    if kind == "postgresql":
        from postpress_async.storage.postgres import health as of_postgres  # noqa: PLC0415 - lazily

        return await of_postgres.health(url)
    try:
        from postpress_async.storage.redis import health as of_redis  # noqa: PLC0415 - lazily
    except ModuleNotFoundError as error:
        raise lacks_redis(error) from error
    return await of_redis.health(url)


def _of_memory() -> list[Finding]:
    return [
        Finding(
            name="memory",
            level="note",
            said="counts live in one process, and are forgotten when it ends; two count apart",
            next_step="state='sqlite:///counts.db' keeps them, for all processes of a machine",
        )
    ]
