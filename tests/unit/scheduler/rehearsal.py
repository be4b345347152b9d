"""What the scheduler's tests share: a virtual loop's scheduler, and what must be left of it."""

import asyncio
import contextlib
from collections import deque

import looptime
from hypothesis import settings

from postpress_async import Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.scheduler import Scheduler

MONDAY = 1_772_438_400.0  # 2026-03-02, 08:00 UTC


class VirtualClock(LoopClock):
    """Let the loop's own time move the calendar too."""

    def __init__(self, epoch=MONDAY):
        super().__init__()
        self._epoch = epoch

    def time(self):
        return self._epoch + self.monotonic()


def scheduler(*rows, max_queue=10_000, places=100, jitter=lambda: 0.5, limits=None, clock=None):
    return Scheduler(
        Limits.none().add(*rows) if limits is None else limits,
        clock=clock or VirtualClock(),
        random=jitter,
        max_queue=max_queue,
        places=places,
    )


def now():
    return asyncio.get_running_loop().time()


def later(made, action="profile", *, account="acc_1", max_wait=1e9, **options):
    """Ask for a slot in a task of its own."""
    return asyncio.ensure_future(made.take(account, action, max_wait=max_wait, **options))


async def go(made, action="profile", *, account="acc_1", verdict=DONE, seconds=0.0, **options):
    """Make a call and return when it went."""
    options.setdefault("max_wait", 1e9)
    slot = await made.take(account, action, **options)
    at = now()
    try:
        if seconds:
            await asyncio.sleep(seconds)
    finally:
        made.report(slot, verdict)
    return at


async def dismiss(*tasks):
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


def over(arrivals, amount, per):
    """Count the arrivals, as (instant, cost), that find a rolling window over full."""
    inside, used, found = deque(), 0, 0
    for at, cost in sorted(arrivals):
        while inside and inside[0][0] + per <= at:
            used -= inside.popleft()[1]
        inside.append((at, cost))
        used += cost
        found += used > amount
    return found


def nothing_leaks(made, *, places=100):
    waker = made._waker
    assert waker.out == 0
    assert waker.places == places
    assert not waker.hungry
    assert not waker._braked
    assert not getattr(waker, "_timers", None)
    assert not any(turn.lanes for turn in waker.turns.values())
    for lane in made._lanes:
        assert lane.waiting == 0
        assert lane.queues is None
        assert lane.in_flight == 0
        for tally in lane.tallies.values():
            assert not tally.waiting
            assert all(ring.held == 0 for ring in tally.rings)
            assert all(not getattr(pace, "held", 0) for pace in tally.paces)


@contextlib.contextmanager
def virtual_loop():
    """Make a virtual loop that starts at 0, for one example of many."""
    loop = looptime.new_event_loop(start=0.0, noop_cycles=0)
    with (
        contextlib.closing(loop),
        contextlib.nullcontext() if loop.looptime_on else loop.looptime_enabled(),
    ):
        yield loop


def run_virtually(coroutine):
    with virtual_loop() as loop:
        return loop.run_until_complete(coroutine)


def examples(share):
    """Draw a share of the profile's examples: some machines take longer than others to build."""
    return settings(max_examples=max(int(settings().max_examples * share), 5))
