"""What a lane costs while nobody waits: CPU a call, and memory an account."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter
from harness import compared, interleaved
from rows import Row, alone, at_most, figure

from postpress_async import Limit, Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.lane import Lane, Setting
from postpress_async.scheduler.queue import Queues, Waiter
from postpress_async.scheduler.rules import Rules
from postpress_async.scheduler.windows import Burst

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "lanes"
MANY = 10**6
BUDGETS = {
    "one window": ("day",),
    "two windows": ("day", "week"),
    "three windows": ("minute", "day", "week"),
}
SETTING = Setting(lambda: 0.5, lambda: 0.0)


def _rules(pers: tuple[str, ...], amount: int = MANY) -> Rules:
    rows = (Limit("invite", amount, per=per) for per in pers)
    return Rules(Limits.none().add(*rows), "LINKEDIN", None)


THREE = _rules(BUDGETS["three windows"])
FULL = Rules(
    Limits.none().add(
        Limit("invite", 60, per="minute"),
        Limit("invite", MANY, per="day"),
        Limit("invite", MANY, per="week"),
    ),
    "LINKEDIN",
    None,
)


# -- CPU ------------------------------------------------------------------------------------------


def _turn(rules: Rules, apart: float, calls: int) -> float:
    """Ask, take and report, so many seconds apart."""
    lane = Lane("a", rules, SETTING, 0.0)
    tally = lane.tally("invite", 0.0)
    ready_at, take, report, now = lane.ready_at, lane.try_take, lane.report, 0.0
    start = time.process_time()
    for _ in range(calls):
        now += apart
        if ready_at(tally, 1, now) <= now:
            slot = take(tally, 1, now)
            assert slot is not None
            report(slot, DONE, now)
    return (time.process_time() - start) / calls


def _burst(calls: int) -> float:
    burst, now = Burst(1e-4, 10), 0.0
    ready_at, hold = burst.ready_at, burst.hold
    start = time.process_time()
    for _ in range(calls):
        now += 0.001
        if ready_at(1, now) <= now:
            hold(1, now)
    return (time.process_time() - start) / calls


def _aiolimiter(calls: int) -> float:
    async def acquired() -> float:
        limiter = AsyncLimiter(MANY, 1.0)
        start = time.process_time()
        for _ in range(calls):
            await limiter.acquire()
        return (time.process_time() - start) / calls

    return asyncio.run(acquired())


def cost_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of the lane's arithmetic, beside aiolimiter's in the same rounds."""
    calls, rounds = (2_000, 3) if quick else (20_000, 60)
    parts = {
        "calm": partial(_turn, THREE, 0.001, calls),
        "full": partial(_turn, FULL, 1.0, calls),
        "burst": partial(_burst, calls),
        "aiolimiter": partial(_aiolimiter, calls),
    }
    times = interleaved(parts, rounds)
    what = "lane: ready, take, report, three windows"
    yield alone(what, GROUP, median(times["calm"]), 1.5)
    yield alone(f"{what}, at the minute's cap", GROUP, median(times["full"]), 1.5)
    yield alone("lane: GCRA alone, ready and hold", GROUP, median(times["burst"]), 0.3)
    beside = compared(times["calm"], times["aiolimiter"])
    yield at_most(f"{what}: aiolimiter's acquire", GROUP, beside, 2.0)


# -- memory ---------------------------------------------------------------------------------------


def _bytes(rules: Rules, lanes: int, events: int, *, left: bool = False, queue: int = 0) -> float:
    """Return what a lane of one action takes, after so many calls a second apart."""
    kept, end = [], float(events)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(lanes):
        lane = Lane("a", rules, SETTING, 0.0)
        tally = lane.tally("invite", 0.0)
        for second in range(events):
            slot = lane.try_take(tally, 1, float(second))
            assert slot is not None
            lane.report(slot, DONE, float(second))
        if left:
            assert lane.idle(end + 8 * 86400.0)
        if queue:
            lane.queues = Queues()
        for _ in range(queue):
            lane.queues.push(Waiter(tally, None, since=end, deadline=end + 30.0))  # type: ignore[union-attr,arg-type]  # nobody is told
        kept.append(lane)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / lanes - 8.0  # the list's own reference


def memory_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of bytes: exact, but for what an array keeps in reserve."""
    lanes = 50 if quick else 1000
    what = "memory of a lane, one action"
    for name, pers in BUDGETS.items():
        rules = _rules(pers)
        idle = _bytes(rules, lanes, 20, left=True)
        yield figure(f"{what}, {name}: idle", GROUP, idle, "B", 700.0)
        waits = _bytes(rules, lanes, 20, left=True, queue=1)
        yield figure(f"{what}, {name}: one waits", GROUP, waits, "B", 1300.0)
        if pers == BUDGETS["two windows"]:
            many = _bytes(rules, max(lanes // 10, 5), 20, left=True, queue=101)
            each = (many - waits) / 100
            yield figure(f"{what}: each more that waits, beside its future", GROUP, each, "B")
    for events in (80, 200, 2000):
        more = _bytes(_rules(BUDGETS["two windows"]), max(lanes // 10, 5), events)
        name = f"{what}, two windows: {events:,} events"
        yield figure(name, GROUP, more, "B", 700.0 + 9.0 * events)
