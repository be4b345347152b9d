"""What an item takes on its way through a whole worker, beside the request that it sends."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from typing import TYPE_CHECKING

from rows import figure

from postpress_async.outbox.results import Sent
from postpress_async.outbox.worker import Worker
from postpress_async.scheduler.clock import LoopClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rows import Row as Line

    from postpress_async.outbox.protocol import Seen
    from postpress_async.outbox.turn import Turn
    from postpress_async.storage.outbox.rows import Attempt, Row
    from postpress_async.storage.outbox.store import Store

FIRST = 100  # items that are not counted: the worker has just begun
FLOORS = 30  # bare commits before, and as many after


class Nothing:
    """Send nothing, and say that it was sent: what a request takes is not the worker's."""

    async def send(self, row: Row, /, *, granted: Turn) -> Sent:
        await granted.mark()
        granted.last_act()
        await asyncio.sleep(0)
        return Sent(result_id=f"through_{row.serial}")

    async def look(self, row: Row, /, *, attempts: Sequence[Attempt], quiet: bool) -> Seen:
        raise NotImplementedError  # nothing is ever in doubt


async def through(
    store: Store, name: str, *, times: int, goal: float, bare: Callable[[], object]
) -> list[Line]:
    """Have a worker go through items that are there; return what one took, at once and in turns.

    Args:
        store: with at least twice as many items that may go, each in a chat of its own.
        name: of the database.
        times: items to count.
        goal: for an item, in milliseconds, where many are under way at once.
        bare: commits one INSERT.
    """
    rows: list[Line] = []
    for at_once in (100, 1):
        floors = [_timed(bare) for _ in range(FLOORS)]
        sent = await _sent(store, f"through-{at_once}", at_once=at_once, times=FIRST + times)
        floors += [_timed(bare) for _ in range(FLOORS)]
        each = (sent[-1] - sent[FIRST]) / (len(sent) - FIRST - 1)
        note = f"a bare INSERT with its COMMIT meanwhile: {statistics.median(floors) * 1e3:.2f} ms"
        what = f"{name}, an item through a worker, {at_once} at once"
        rows.append(
            figure(what, "outbox", each * 1e3, "ms", goal if at_once > 1 else None, note=note)
        )
    return rows


async def _sent(store: Store, owner: str, *, at_once: int, times: int) -> list[float]:
    """Return when each of some items was told to be sent."""
    sent: list[float] = []
    stop = asyncio.Event()

    def told(row: Row) -> None:
        if row.state == "sent":
            sent.append(time.perf_counter())
            if len(sent) >= times:
                stop.set()

    sender = Nothing()
    worker = Worker(
        store,
        sender=sender,
        looker=sender,
        owner=owner,
        clock=LoopClock(),
        random=random.random,
        concurrency=at_once,
        told=told,
    )
    await worker.run(stop=stop)
    return sent[:times]


def _timed(bare: Callable[[], object]) -> float:
    began = time.perf_counter()
    bare()
    return time.perf_counter() - began
