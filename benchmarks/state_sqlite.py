"""Counts in a file: how fast many processes reserve, and what a reservation takes in one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

from rows import Row, figure
from state_fleet import fleet
from state_worker import Reserver

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 15_000.0  # reservations a second, of eight processes
SLOWEST = 10.0  # ms, of 99 in 100
AWAITED = 130e-6  # seconds
IN_A_BATCH = 30e-6


def sqlite_rows(*, quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as place:
        yield from _fleet_rows(f"sqlite:///{place}/fleet.db", 1.0 if quick else 6.0)
        url = f"sqlite:///{place}/client.db"
        yield from asyncio.run(_client_rows(url, 0.5 if quick else 4.0))


def _fleet_rows(url: str, seconds: float) -> Iterator[Row]:
    for at_once in (4, 20):
        title = f"sqlite, 8 processes x {at_once}, 125 accounts each"
        # A busy file would end a worker, and with it the benchmark.
        said = fleet(url, processes=8, accounts=125, at_once=at_once, seconds=seconds, apart=True)
        yield Row(
            name=f"{title}: a reservation",
            group="state",
            ours=1e6 / said.rate,
            goal=1e6 / RATE,
            met=said.rate >= RATE,
            note=f"{said.rate:,.0f} a second; {said.cpu * 1e6:.0f} us of CPU each",
        )
        yield figure(
            f"{title}: 99 of 100 within", "state", said.p99, "ms", SLOWEST,
            note=f"half within {said.median:.1f} ms",
        )  # fmt: skip


async def _client_rows(url: str, seconds: float) -> list[Row]:
    rows: list[Row] = []
    for at_once, goal in ((1, AWAITED), (20, IN_A_BATCH)):
        reserver = Reserver(url, [f"acc_{n}" for n in range(100)])
        await reserver.run(seconds / 4, at_once)
        reserver.latencies.clear()
        start = time.perf_counter()
        await reserver.run(seconds, at_once)
        each = (time.perf_counter() - start) / len(reserver.latencies)
        middle = median(reserver.latencies)
        await reserver.images.aclose()
        rows.append(
            Row(
                name=f"sqlite, a reservation awaited, {at_once} at once, each",
                group="state",
                ours=each * 1e6,
                goal=goal * 1e6,
                met=each <= goal,
                note=f"half within {middle * 1e6:.0f} us",
            )
        )
    return rows
