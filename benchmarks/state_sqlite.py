"""Counts in a file: how fast many processes reserve, and what a reservation takes in one."""

from __future__ import annotations

import asyncio
import random
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
STEP = 40e-6  # seconds
AWAITED = 130e-6
IN_A_BATCH = 30e-6


def sqlite_rows(*, quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as place:
        yield from _fleet_rows(f"sqlite:///{place}/fleet.db", 1.0 if quick else 6.0)
        url = f"sqlite:///{place}/client.db"
        yield _step_row(0.5 if quick else 2.0)
        yield from asyncio.run(_client_rows(url, 0.5 if quick else 4.0))


def _fleet_rows(url: str, seconds: float) -> Iterator[Row]:
    for at_once in (4, 6, 8, 20):
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
        fair = at_once * 8 / RATE * 1e3  # by itself, for as many as are under way
        yield figure(
            f"{title}: 99 of 100 within", "state", said.p99, "ms", SLOWEST,
            note=f"half within {said.median:.1f} ms; {fair:.1f} on average at the goal's rate",
        )  # fmt: skip


def _step_row(seconds: float) -> Row:
    """Decide about accounts whose images are there, with no store around it."""
    reserver = Reserver("memory:", [f"acc_{n}" for n in range(100)])
    images: dict[str, bytes | None] = {}
    taken: list[float] = []

    def reserve(account: str) -> None:
        reservation, step = reserver.ask(account)
        its = {key: images.get(key) for key in step.keys}
        start = time.perf_counter()
        changed, outcome = step.run(its, time.time())
        taken.append(time.perf_counter() - start)
        images.update(changed)
        reserver.see(account, reservation, outcome)

    for _ in range(20):
        for account in reserver.accounts:
            reserve(account)
    taken.clear()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reserve(random.choice(reserver.accounts))
    each = sum(taken) / len(taken)
    return Row(
        name="a store's step, decided on images that are there",
        group="state",
        ours=each * 1e6,
        goal=STEP * 1e6,
        met=each <= STEP,
        note=f"half within {median(taken) * 1e6:.0f} us; one image is {_size(images):.1f} KB",
    )


def _size(images: dict[str, bytes | None]) -> float:
    return median(len(image or b"") for image in images.values()) / 1e3


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
