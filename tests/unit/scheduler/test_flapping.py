"""A store that comes and goes: what goes without it stays the share that is stated."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from postpress_async import Limit, Limits, StateUnavailableError, WaitTooLongError
from postpress_async.limits import DONE
from postpress_async.scheduler.scheduler import Scheduler
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


async def play(seed, times, *, amount, processes, together, slow=1.0):
    """Let processes take what they can while the store comes and goes; return who went when."""
    draw = random.Random(seed)
    images = MemoryImages(clock=VirtualClock().time)
    lines = [Line(images, draw, slow) for _ in range(processes)]
    made = [
        Scheduler(
            Limits.none().add(Limit("invite", amount, per=PER)), clock=VirtualClock(),
            random=draw.random, max_queue=1_000, places=100, state=line,
            processes=Named(f"p{n}"), alone=True,
        )
        for n, line in enumerate(lines)
    ]  # fmt: skip
    went = []

    async def work(one):
        one.resign("acc_1")
        await one.snapshot("acc_1")
        while True:
            await asyncio.sleep(draw.uniform(0.0, 0.4))
            try:
                slot = await one.take("acc_1", "invite", max_wait=0.3)
            except (StateUnavailableError, WaitTooLongError):
                continue
            try:
                await asyncio.sleep(draw.choice([0.0, 0.0, 0.3, 3.0]))
            finally:
                went.append(now())
                one.report(slot, DONE)

    async def flap(some):
        for up, down in times if together else [(draw.uniform(0, u), d) for u, d in times]:
            await asyncio.sleep(up)
            for line in some:
                line.up = False
            await asyncio.sleep(down)
            for line in some:
                line.up = True

    working = [asyncio.ensure_future(work(one)) for one in made]
    if together:
        await flap(lines)
    else:
        await asyncio.gather(*(flap([line]) for line in lines))
    await asyncio.sleep(5.0)
    await dismiss(*working)
    for one in made:
        one.close()
        await one.flush()
    return went


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
)
def test_each_process_adds_at_most_a_tenth_of_the_limit_whatever_the_store_does(
    seed, times, amount, processes, together
):
    went = run_virtually(play(seed, times, amount=amount, processes=processes, together=together))
    assert most(went) <= amount + processes * amount // 10
