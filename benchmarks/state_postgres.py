"""Counts in PostgreSQL: how fast many processes reserve, what one pays, and what is kept."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rows import Row, alone, figure
from state_fleet import fleet
from state_worker import Reserver

from postpress_async import Limit, Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.shelf import Shelf
from postpress_async.scheduler.steps import Ask, Step
from postpress_async.storage.opening import open_images

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HELPER = Path(__file__).parents[1] / "tests" / "storage" / "postgres_server.py"
RATE = 2_000.0  # reservations a second
SLOWEST = 25.0  # ms, of 99 in 100


def postgres_rows(*, quick: bool) -> Iterator[Row]:
    helper = _helper()
    try:
        with _server(helper) as url:
            yield from _fleet_rows(url, 1.0 if quick else 6.0)
            yield from asyncio.run(_client_rows(url, 0.5 if quick else 4.0))
            for cap in (200, 2_500):
                size = asyncio.run(_size(url, cap))
                yield figure(
                    f"postgres, an account and action, cap {cap:,}", "state", size, "bytes"
                )
    except helper.MissingError as error:
        yield Row(name="postgres", group="state", note=str(error))


def _fleet_rows(url: str, seconds: float) -> Iterator[Row]:
    cases = [
        ("1,000 accounts of all", 1_000, 4, False, True),
        ("125 accounts each", 125, 4, True, True),
        ("8 accounts of all", 8, 4, False, False),
        ("1 account of all", 1, 1, False, False),
    ]
    for name, accounts, at_once, apart, goal in cases:
        said = fleet(
            f"{url}?prefix=fleet_{accounts}",
            processes=8, accounts=accounts, at_once=at_once, seconds=seconds, apart=apart,
        )  # fmt: skip
        title = f"postgres, 8 processes x {at_once}, {name}"
        yield Row(
            name=f"{title}: a reservation",
            group="state",
            ours=1e6 / said.rate,
            goal=1e6 / RATE if goal else None,
            met=said.rate >= RATE if goal else None,
            note=f"{said.rate:,.0f} a second; {said.cpu * 1e6:.0f} us of client CPU each",
        )
        yield figure(
            f"{title}: 99 of 100 within", "state", said.p99, "ms", SLOWEST if goal else None,
            note=f"half within {said.median:.1f} ms",
        )  # fmt: skip


async def _client_rows(url: str, seconds: float) -> list[Row]:
    rows: list[Row] = []
    for at_once in (1, 20):
        reserver = Reserver(f"{url}?prefix=client", [f"acc_{n}" for n in range(100)])
        await reserver.run(seconds / 4, at_once)
        reserver.latencies.clear()
        start = time.process_time()
        await reserver.run(seconds, at_once)
        each = (time.process_time() - start) / len(reserver.latencies)
        await reserver.images.aclose()
        rows.append(
            alone(f"postgres, client CPU of a reservation, {at_once} at once", "state", each)
        )
    return rows


async def _size(url: str, cap: int) -> int:
    """Fill an account's day one call a second, and return the bytes of its row."""
    now = time.time()
    schema = f"size_{cap}"
    images = open_images(f"{url}?prefix={schema}", clock=lambda: now)
    limits = Limits.none().add(Limit("profile", cap, per="day"), Limit("profile", 60, per="minute"))
    shelf, before = Shelf(Rulebook(limits), random.random), ""
    for number in range(cap):
        now += 7.3
        ask = Ask(
            reservation=f"p:{number}", action="profile", cost=1, reply=False, head=True, fresh=True,
            patience=60.0, ahead=0,
        )  # fmt: skip
        reports = [(before, DONE)] if before else []
        step = Step(shelf, "acc", asks=[ask], reports=reports, lease=180.0, room=1, own="p")
        assert (await images.step(step)).granted, number
        before = ask.reservation
    await images.aclose()
    return _asked(url, f"SELECT sum(pg_column_size(c.*)) FROM {schema}.counts c")


def _asked(url: str, statement: str) -> int:
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _server(helper: ModuleType) -> Iterator[str]:
    """Yield the URL of a server: that of POSTGRES_URL, else one of our own."""
    if given := os.environ.get("POSTGRES_URL"):
        yield given
        return
    server = helper.Postgres()
    try:
        server.start()
        yield server.url
    finally:
        server.remove()


def _helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("postgres_server", HELPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["postgres_server"] = module
    spec.loader.exec_module(module)
    return module
