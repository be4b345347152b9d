"""A store falls back to older copies of itself: those who run know what they did, and no more."""

import asyncio
import random
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from postpress_async import Limit, Limits
from postpress_async.limits import DONE, REFUND
from postpress_async.scheduler.mending import mend
from postpress_async.scheduler.own import OwnCalls
from postpress_async.scheduler.scheduler import Scheduler

from .rehearsal import VirtualClock, dismiss, examples, nothing_leaks, run_virtually
from .test_sharing import Named

ROWS = (
    Limit("invite", 500, per=60.0),  # which has instants kept as they are for a minute
    Limit("invite", 1000, per="day"),
    Limit("invite", 2000, per="day", scope="key"),
)


class Copies:
    """Keep images, and all that they ever were; `fall` puts an older copy in their place."""

    def __init__(self):
        self.clock = VirtualClock()
        self.images = {}  # with the instants of their writing
        self.past = [{}]
        self.falls = 0

    def fall(self, back):
        self.images = dict(self.past[max(len(self.past) - 1 - back, 0)])
        self.falls += 1


class Sight:
    """Carry out steps as a file's process does, and put back what the copy has not got."""

    trouble, lead = "", 0.0

    def __init__(self, copies, own, delay):
        self.copies, self.own, self.delay = copies, own, delay
        self.seen, self.lost, self.falls = {}, {}, 0

    async def step(self, work):
        await asyncio.sleep(self.delay())
        result = self.carry_out(work)
        await asyncio.sleep(self.delay())
        return result

    def carry_out(self, work):
        store = self.copies
        if self.falls != store.falls:
            self.falls = store.falls
            self.lost = {**self.lost, **self.seen}
        now = store.clock.time()
        images = {key: self.found(key) for key in work.keys}
        after, result = work.run(images, now)
        for key, image in {**images, **after}.items():
            if image is not None:
                store.images[key] = self.seen[key] = image, now
            self.lost.pop(key, None)
        store.past.append(dict(store.images))
        return result

    def found(self, key):
        image, written = self.copies.images.get(key, (None, float("-inf")))
        if key not in self.lost:
            return image
        mine, seen = self.lost[key]
        return mend(key, mine, image, seen, written, lasts=self.own.lasts)

    async def aclose(self):
        pass


def process(copies, name, delay):
    own = OwnCalls(lambda: f"{name}:x.")
    made = Scheduler(
        Limits.none().add(*ROWS), clock=copies.clock, random=lambda: 0.0, max_queue=1_000,
        places=100, state=Sight(copies, own, delay), processes=Named(name), own=own,
    )  # fmt: skip
    made.resign("acc_1")
    return made


async def story(seed, falls):
    draw = random.Random(seed)
    copies = Copies()
    made = [process(copies, name, partial(draw.uniform, 0.0, 0.05)) for name in "abc"]
    counted = 0

    async def call(one):
        nonlocal counted
        slot = await one.take("acc_1", "invite", max_wait=100.0)
        verdict = draw.choice([DONE, DONE, REFUND])
        try:
            await asyncio.sleep(draw.expovariate(0.1))
        finally:
            one.report(slot, verdict)
            counted += verdict is DONE

    async def calls(one):
        for _ in range(8):
            await asyncio.sleep(draw.expovariate(0.2))
            calling = asyncio.ensure_future(call(one))
            if draw.random() < 0.2:
                await asyncio.sleep(draw.choice([0.01, 1.0]))
                await dismiss(calling)
            else:
                await calling

    running = [asyncio.ensure_future(calls(one)) for one in made for _ in range(2)]
    for wait, back in falls:
        await asyncio.sleep(wait)
        copies.fall(back)
    await asyncio.gather(*running)
    for _ in range(2):  # each tells what it knows
        for one in made:
            await one.snapshot("acc_1")
    await asyncio.sleep(400)  # longer than any lease
    for one in made:
        (seen,) = await one.snapshot("acc_1")
        assert [one.used for one in seen.limits if one.per > 60] == [counted] * 2
        assert not one._sharer._courier._own._open
        nothing_leaks(one)


@examples(0.15)
@given(
    seed=st.integers(0, 2**32),
    falls=st.lists(st.tuples(st.floats(0.1, 30.0), st.integers(1, 40)), max_size=3),
)
def test_what_those_did_who_run_is_counted_once_and_nothing_else_is(seed, falls):
    run_virtually(story(seed, falls))
