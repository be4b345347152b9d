"""What waiting costs: CPU a grant with few and with very many waiters, and what cancelling leaves.

A grant is all that a waiter costs from its place in the queue on: the lane's timer, the decision,
the slot, the wake-up of its task, the report, the end of the task. Beside it stands the same with
bare futures, resolved by one timer in lots of the same size: that is the loop's own part.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import defaultdict
from functools import partial
from math import ceil
from random import Random
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from harness import Times, compared, interleaved
from lanes_loop import LONG, run, scheduler
from rows import Row, alone, at_most, figure

from postpress_async import Limit
from postpress_async.limits import DONE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from postpress_async.scheduler.scheduler import Scheduler

GROUP = "lanes"
LOT = 100  # a second on one lane
EACH = 10  # a second on one of a thousand
FLAT = 1.2
SIZES = ((1000, 10), (10_000, 2), (100_000, 1))  # waiters, and how often a round
LOTS = 20  # of cancellations, one a second


class Run(NamedTuple):
    """CPU seconds a waiter, once all of them wait and until all have gone; and before that."""

    grant: float
    queue: float


async def _measured(make: Callable[[int], Coroutine[object, object, None]], count: int) -> Run:
    gc.collect()
    start = time.process_time()
    tasks = [asyncio.ensure_future(make(number)) for number in range(count)]
    await asyncio.sleep(0)  # every task has had its first step
    queued = time.process_time()
    await asyncio.wait(tasks)
    end = time.process_time()
    return Run((end - queued) / count, (queued - start) / count)


async def ours(count: int, lanes: int) -> Run:
    """Let everybody wait, spread over lanes."""
    made = scheduler(Limit("profile", LOT if lanes == 1 else EACH, per=1.0))
    names = [f"acc_{number}" for number in range(lanes)]
    for name in names:
        made.resign(name)
        for _ in range(LOT if lanes == 1 else EACH):  # the first lot is not waited for
            slot = made.try_take(name, "profile")
            assert slot is not None
            made.report(slot, DONE)

    async def one(number: int) -> None:
        made.report(await made.take(names[number % lanes], "profile", max_wait=LONG), DONE)

    return await _measured(one, count)


async def bare(count: int, lanes: int) -> Run:
    """Let as many wait for futures, of which a timer resolves a lot a second."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[None]] = []

    def resolve() -> None:
        size = LOT if lanes == 1 else EACH * lanes
        for _ in range(min(size, len(waiting))):
            waiting.pop().set_result(None)
        if waiting:
            loop.call_at(loop.time() + 1.0, resolve)

    async def one(_: int) -> None:
        waiting.append(future := loop.create_future())
        await future

    loop.call_at(loop.time() + 1.0, resolve)
    return await _measured(one, count)


class Crowd(NamedTuple):
    """So many waiters on so many lanes, so often a round."""

    count: int
    lanes: int
    times: int

    @property
    def name(self) -> str:
        return f"{self.count:,} waiters on {self.lanes:,} lane{'s' * (self.lanes > 1)}"


def _part(crowd: Crowd, kind: str, queueing: dict[tuple[str, Crowd], list[float]]) -> float:
    make = ours if kind == "ours" else bare
    runs = [run(make(crowd.count, crowd.lanes)) for _ in range(crowd.times)]
    queueing[kind, crowd].append(median(one.queue for one in runs))
    return median(one.grant for one in runs)


def waiter_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of CPU a grant."""
    scale, rounds = (100, 1) if quick else (1, 9)
    shapes = [
        [Crowd(count // scale, lanes, times) for count, times in SIZES]
        for lanes in (1, 1000 // scale)
    ]
    queueing: dict[tuple[str, Crowd], list[float]] = defaultdict(list)
    parts = {
        f"{kind} {crowd.name}": partial(_part, crowd, kind, queueing)
        for crowds in shapes
        for crowd in crowds
        for kind in ("ours", "bare")
    }
    times = interleaved(parts, rounds)
    for crowds in shapes:
        for crowd in crowds:
            yield from _crowd_rows(crowd, times, queueing)
        few = crowds[0]
        for crowd in crowds[1:]:
            for kind, whose, goal in (("ours", "", FLAT), ("bare", "bare futures, ", None)):
                growth = compared(times[f"{kind} {crowd.name}"], times[f"{kind} {few.name}"])
                yield at_most(f"{whose}a grant, {crowd.name}: {few.name}", GROUP, growth, goal)


def _crowd_rows(
    crowd: Crowd, times: Times, queueing: dict[tuple[str, Crowd], list[float]]
) -> Iterator[Row]:
    mine, theirs = (times[f"{kind} {crowd.name}"] for kind in ("ours", "bare"))
    yield alone(f"a grant, {crowd.name}", GROUP, median(mine), 25.0)
    name = f"a grant, {crowd.name}: bare futures, resolved in lots"
    yield at_most(name, GROUP, compared(mine, theirs), None)
    asked = compared(queueing["ours", crowd], queueing["bare", crowd])
    yield at_most(f"to queue up, {crowd.name}: bare futures", GROUP, asked, None)


# -- cancelling -----------------------------------------------------------------------------------


async def _cancelled(count: int) -> tuple[int, float, str]:
    """Cancel half of all waiters, some of them just granted; return slots and rate lost."""
    made, went, spent = scheduler(Limit("profile", LOT, per=1.0)), [0], [0.0]
    made.resign("acc_1")
    loop = asyncio.get_running_loop()

    async def one() -> None:
        slot = await made.take("acc_1", "profile", max_wait=LONG)
        went[0] += 1
        made.report(slot, DONE)

    def cancel(victims: list[asyncio.Task[None]]) -> None:
        start = time.process_time()
        for task in victims:
            task.cancel()
        spent[0] += time.process_time() - start

    tasks = [loop.create_task(one()) for _ in range(count)]
    await asyncio.sleep(0)
    victims = Random(1).sample(tasks, count // 2)
    for lot in range(LOTS):  # in the tick of a grant, before the tasks that it wakes
        loop.call_at(loop.time() + lot + 1 + 1e-10, cancel, victims[lot::LOTS])
    await asyncio.wait(tasks)
    cancelled = sum(task.cancelled() for task in tasks)
    ideal = ceil((went[0] - LOT) / LOT)
    lost = _lost(made) + count - cancelled - went[0]
    said = f"{cancelled:,} cancelled, {spent[0] / len(victims) * 1e6:.1f} us of CPU each"
    return lost, 1 - ideal / loop.time(), said


def _lost(made: Scheduler) -> int:
    """Return how many slots are neither back nor counted."""
    lane = made.lane("acc_1")
    held = sum(ring.held for tally in lane.tallies.values() for ring in tally.rings)
    return made._waker.out + held + lane.waiting + lane.in_flight + (100 - made._waker.places)  # noqa: SLF001 - what leaks is inside


def cancel_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of half of the waiters gone."""
    count = 4_000 if quick else 100_000
    lost, share, note = run(_cancelled(count))
    what = f"half of {count:,} waiters cancelled on the way"
    yield figure(f"{what}: slots lost", GROUP, lost, "slots", 0.0, note=note)
    yield figure(f"{what}: of the rate lost", GROUP, 100 * share, "%", 1.0)
