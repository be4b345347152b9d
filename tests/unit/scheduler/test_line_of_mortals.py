"""Processes that wait in a line and are killed at it leave little of what the limits allow."""

import asyncio
from bisect import bisect_right
from collections import Counter
from itertools import count
from random import Random

import pytest

from postpress_async import Limit, Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, dismiss, now, over
from .test_sharing import Named, Store

pytestmark = pytest.mark.looptime
CAPS = ((6, 2.0), (100, 60.0))
SECONDS = 75.0


class Mortal(Named):
    """Be a process of whose death others on its machine are certain."""

    def __init__(self, own, dead):
        super().__init__(own)
        self._dead = dead

    def gone(self, name):
        return name in self._dead


def allowed(seconds):
    """Return how many calls the caps allow: each as early as it may go."""
    went, at = [], 0.0
    while True:
        at = max([at, *(went[-amount] + per for amount, per in CAPS if len(went) >= amount)])
        if at >= seconds:
            return bisect_right(went, seconds)
        went.append(at)


class Fleet:
    """Keep processes that call one account all the time."""

    def __init__(self, chance, late=None, scope="account"):
        self.went, self.dead, self.chance, self.serial = [], set(), chance, count()
        self.late, self.scope, self.sent = late, scope, Counter()
        self.images = MemoryImages(clock=VirtualClock().time)

    def start(self):
        """Start one of two callers; return it, its name and its calls."""
        name = f"p{next(self.serial)}"
        made = Scheduler(
            Limits.none().add(
                *(Limit("profile", amount, per=per, scope=self.scope) for amount, per in CAPS)
            ),
            clock=VirtualClock(), random=lambda: 0.0, max_queue=100, places=10,
            state=Store(self.images, seconds=0.004), processes=Mortal(name, self.dead),
        )  # fmt: skip
        made.resign("acc_1")
        return made, name, [asyncio.ensure_future(self.call(made, name)) for _ in range(2)]

    async def call(self, made, name):
        while now() < SECONDS:
            slot = await made.take("acc_1", "profile", max_wait=1e6)
            self.sent[name] += 1
            await asyncio.sleep(self.chance.random() * 0.04)
            self.sent[name] -= 1
            if now() < SECONDS:
                self.went.append((now(), 1))
            made.report(slot, DONE)

    async def kill(self, made, name, calls):
        """Let one end without a word to the store; what it has sent may arrive all the same."""
        self.dead.add(name)
        if self.late is not None:
            self.went += [(now() + self.late, 1)] * self.sent[name]
        made._waker.close()
        tasks = [desk.task for desk in made._sharer._desks.values() if desk.task]
        await dismiss(*tasks, *calls)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nearly_all_that_may_go_do_while_one_dies_each_second(seed):
    fleet = Fleet(Random(seed))
    running = [fleet.start() for _ in range(8)]
    for turn in range(int(SECONDS)):
        await asyncio.sleep(0.5)
        await fleet.kill(*running[turn % 8])
        await asyncio.sleep(0.5)
        running[turn % 8] = fleet.start()
    assert len(fleet.went) >= 0.97 * allowed(SECONDS)
    assert not any(over(fleet.went, *cap) for cap in CAPS)
    for one in running:
        await fleet.kill(*one)


@pytest.mark.parametrize("scope", ["account", "key"])
@pytest.mark.parametrize("late", [0.9, 2.5, 4.9])
async def test_what_the_dead_have_sent_may_arrive_within_five_seconds(late, scope):
    fleet = Fleet(Random(4), late, scope)
    running = [fleet.start() for _ in range(4)]
    killed = 0
    while now() < SECONDS - 10:
        await asyncio.sleep(0.01)
        busy = next((n for n, one in enumerate(running) if fleet.sent[one[1]]), None)
        if busy is not None and now() > 3.0 * killed:
            killed += 1
            await fleet.kill(*running[busy])
            running[busy] = fleet.start()
    assert killed > 10
    assert not any(over(fleet.went, *cap) for cap in CAPS)
    for one in running:
        await fleet.kill(*one)
