"""Whose patience ends next is found, whoever left; timers that ring early hurt nobody."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.limits import DONE, Verdict
from postpress_async.scheduler.deadlines import Deadlines
from postpress_async.scheduler.queue import Waiter
from postpress_async.scheduler.tally import Tally

from .rehearsal import VirtualClock, nothing_leaks, scheduler


def waiter(deadline):
    return Waiter(Tally("read"), None, since=0.0, deadline=deadline)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("comes"), st.floats(0, 100)),
        st.tuples(st.just("leaves"), st.integers(0, 1_000)),
        st.tuples(st.just("tidies"), st.none()),
    ),
    max_size=200,
)


@given(first=st.floats(0, 100), steps=STEPS)
def test_the_next_deadline_is_the_least_of_those_who_are_left(first, steps):
    here = [waiter(first)]
    deadlines = Deadlines(here[0])
    for kind, value in steps:
        if kind == "comes":
            here.append(waiter(value))
            deadlines.push(here[-1])
        elif kind == "leaves" and here:
            here.pop(value % len(here)).gone = True
        elif kind == "tidies":
            deadlines.tidy(len(here))
        found = deadlines.first()
        least = min((one.deadline for one in here), default=None)
        assert (None if found is None else found.deadline) == least


def test_those_who_left_do_not_pile_up():
    deadlines = Deadlines(waiter(1.0))
    for index in range(10_000):
        one = waiter(1_000.0 - index)
        deadlines.push(one)
        one.gone = True
        deadlines.tidy(1)
    assert len(deadlines) < 300


class EarlyClock(VirtualClock):
    """Ring half a millisecond before the time, as loops of coarse timers do."""

    def call_at(self, when, f, /):
        return super().call_at(max(when - 0.0005, self.monotonic() + 0.0002), f)


@pytest.mark.looptime
async def test_a_timer_that_rings_early_leaves_nobody_behind():
    made = scheduler(clock=EarlyClock())
    made.report(await made.take("acc_1", "read"), Verdict(effect="cool_key", retry_after=5.0))

    async def one(account):
        slot = await made.take(account, "read", max_wait=60)
        await asyncio.sleep(0.1)
        made.report(slot, DONE)

    async with asyncio.timeout(10):
        await asyncio.gather(*(one(f"acc_{index}") for index in range(5)))
    nothing_leaks(made)
