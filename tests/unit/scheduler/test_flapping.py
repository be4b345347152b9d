"""A store that comes and goes: what goes without it stays the share that is stated."""

import asyncio
import random
from contextlib import suppress
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from postpress_async import Limit, Limits, StateUnavailableError, WaitTooLongError
from postpress_async.limits import DONE
from postpress_async.scheduler.scheduler import Scheduler
from postpress_async.scheduler.shares import Share
from postpress_async.storage.memory import MemoryImages

from .rehearsal import VirtualClock, dismiss, examples, now, run_virtually
from .test_sharing import Named

PER = 60.0


class Line:
    """Reach the images while it is up; each way takes its time, and each loss is noticed late."""

    trouble, lead = "", 0.0

    def __init__(self, images, draw, slow):
        self.images, self.draw, self.slow = images, draw, slow
        self.up = True

    async def step(self, work):
        await asyncio.sleep(self.draw.uniform(0.0, 0.02))
        if not self.up:
            await asyncio.sleep(self.draw.choice([0.0, self.slow]))
            raise StateUnavailableError("the server is gone")
        result = await self.images.step(work)
        await asyncio.sleep(self.draw.uniform(0.0, 0.02))
        if not self.up:
            raise StateUnavailableError("cut off")
        return result

    async def aclose(self):
        pass


class Process:
    """Be a process whose clients take what they can.

    With `jobs` it has two at once, and closes each after a few calls, to make another one.
    """

    def __init__(self, name, line, draw, *, amount, jobs):
        self._name, self._line, self._draw = name, line, draw
        self._amount, self._jobs = amount, jobs
        self._share = Share()
        self.went = []  # when

    def begin(self):
        """Return its tasks."""
        return [asyncio.ensure_future(self._work()) for _ in range(2 if self._jobs else 1)]

    async def _work(self):
        while True:
            one = self._client()
            try:
                await self._take(one, self._draw.choice([1, 5, 20]) if self._jobs else inf)
            finally:
                one.close()
                await one.flush()

    def _client(self):
        made = Scheduler(
            Limits.none().add(Limit("invite", self._amount, per=PER)), clock=VirtualClock(),
            random=self._draw.random, max_queue=1_000, places=100, state=self._line,
            processes=Named(self._name), alone=True, share=self._share,
        )  # fmt: skip
        made.resign("acc_1")
        return made

    async def _take(self, one, times):
        draw = self._draw
        with suppress(StateUnavailableError):
            await one.snapshot("acc_1")
        while times > 0:
            times -= 1
            await asyncio.sleep(draw.uniform(0.0, 0.4))
            try:
                slot = await one.take("acc_1", "invite", max_wait=0.3)
            except (StateUnavailableError, WaitTooLongError):
                continue
            try:
                await asyncio.sleep(draw.choice([0.0, 0.0, 0.3, 3.0]))
            finally:
                self.went.append(now())
                one.report(slot, DONE)


async def play(seed, times, *, amount, processes, together, jobs=False, slow=1.0):
    """Let processes take what they can while the store comes and goes; return who went when."""
    draw = random.Random(seed)
    images = MemoryImages(clock=VirtualClock().time)
    lines = [Line(images, draw, slow) for _ in range(processes)]
    made = [Process(f"p{n}", line, draw, amount=amount, jobs=jobs) for n, line in enumerate(lines)]

    async def flap(some):
        for up, down in times if together else [(draw.uniform(0, u), d) for u, d in times]:
            await asyncio.sleep(up)
            for line in some:
                line.up = False
            await asyncio.sleep(down)
            for line in some:
                line.up = True

    working = [task for one in made for task in one.begin()]
    if together:
        await flap(lines)
    else:
        await asyncio.gather(*(flap([line]) for line in lines))
    await asyncio.sleep(5.0)
    await dismiss(*working)
    return [at for one in made for at in one.went]


def most(went, per=PER):
    """Return the most that went in any rolling window."""
    went, first, found = sorted(went), 0, 0
    for last, at in enumerate(went):
        while went[first] + per <= at:
            first += 1
        found = max(found, last - first + 1)
    return found


@examples(0.15)
@given(
    seed=st.integers(0, 2**32),
    times=st.lists(st.tuples(st.floats(0.05, 8.0), st.floats(0.05, 8.0)), min_size=1, max_size=8),
    amount=st.sampled_from([10, 30, 100]),
    processes=st.sampled_from([2, 5, 10]),
    together=st.booleans(),
    jobs=st.booleans(),
)
def test_each_process_adds_at_most_a_tenth_of_the_limit_whatever_the_store_does(
    *, seed, times, amount, processes, together, jobs
):
    played = play(seed, times, amount=amount, processes=processes, together=together, jobs=jobs)
    assert most(run_virtually(played)) <= amount + processes * amount // 10
