"""Rows of the stores that processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from state_postgres import postgres_rows
from state_sqlite import sqlite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rows import Row


def state_rows(*, quick: bool) -> Iterator[Row]:
    from state_redis import redis_rows  # noqa: PLC0415 - with packages that only it compares with

    yield from sqlite_rows(quick=quick)
    yield from postgres_rows(quick=quick)
    yield from redis_rows(quick=quick)
