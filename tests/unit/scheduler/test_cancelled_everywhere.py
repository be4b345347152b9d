"""Cancel a call in each single tick of its life: nothing leaks, nobody hangs, the next one goes.

Each scenario is played once in peace. Then it is played again for every tick of the loop, and in
that tick one of its calls is cancelled: while it waits, in the tick of its grant, after it, and in
flight.
"""

import asyncio

import pytest

from postpress_async import Limit, QueueFullError, Spacing, WarmUp, WorkingHours
from postpress_async.limits import DONE, REFUND, Verdict

from .rehearsal import MONDAY, VirtualClock, go, nothing_leaks, now, over, scheduler, virtual_loop

ONE_IN_TEN = Limit("profile", 1, per=10)
PEACE = 10**9  # a tick that never comes


class Play:
    """One scenario, and what happened in it."""

    def __init__(self, made, accounts=("acc_1",) * 3):
        self.made = made
        self.accounts = accounts
        self.calls = []
        self.granted = [None] * len(accounts)
        self.arrived = [None] * len(accounts)
        self.cancelled_at = None

    async def call(self, index):
        slot = await self.made.take(self.accounts[index], "profile", max_wait=1e9)
        self.granted[index] = now()
        verdict = REFUND
        try:
            await asyncio.sleep(1)
            self.arrived[index], verdict = now(), Verdict(effect="no_answer")
            await asyncio.sleep(1)
            verdict = DONE
        finally:
            self.made.report(slot, verdict)


async def a_full_window():
    made = scheduler(ONE_IN_TEN)
    await go(made)
    return Play(made)


async def a_full_queue():
    made = scheduler(ONE_IN_TEN, max_queue=3)
    await go(made)
    return Play(made)


async def a_burst():
    made = scheduler(Limit("profile", 360, per=3600, burst=1))
    await go(made)
    return Play(made)


async def a_spacing():
    made = scheduler(Spacing(10.0, 10.0))
    await go(made)
    return Play(made)


async def an_actions_spacing():
    made = scheduler(Spacing(10.0, 10.0, action="profile"))
    await go(made)
    return Play(made)


async def a_cool_down():
    made = scheduler()
    await go(made, verdict=Verdict(effect="cool_down", retry_after=10.0))
    return Play(made)


async def a_learned_rate():
    made = scheduler()
    for _ in range(4):
        await go(made)
    await go(made, verdict=Verdict(effect="cool_down", retry_after=10.0))
    return Play(made)


async def a_probe_that_is_out():
    made = scheduler()
    await go(made, verdict=Verdict(effect="cool_down", retry_after=1.0))
    made.report_later = asyncio.ensure_future(go(made, seconds=5))
    await asyncio.sleep(2)
    return Play(made)


async def a_refused_key():
    made = scheduler()
    await go(made, "read", verdict=Verdict(effect="cool_key", retry_after=10.0))
    return Play(made, ("acc_1", "acc_2", "acc_3"))


async def a_broken_circuit():
    made = scheduler()
    slots = [await made.take(f"acc_{index % 3}", "profile") for index in range(5)]
    for slot in slots:
        made.report(slot, Verdict(effect="unavailable"))
    return Play(made, ("acc_1", "acc_2", "acc_3"))


async def suspects_of_the_key():
    made = scheduler()
    for slot in [await made.take(f"acc_{index}", "profile") for index in (1, 2, 3)]:
        made.report(slot, Verdict(effect="cool_down", retry_after=5.0))
    return Play(made, ("acc_1", "acc_2", "acc_3"))


async def no_place():
    made = scheduler(places=1)
    made.report_later = asyncio.ensure_future(go(made, "read", account="acc_9", seconds=5))
    await asyncio.sleep(0)
    return Play(made, ("acc_1", "acc_2", "acc_3"))


async def a_window_of_all_accounts():
    made = scheduler(Limit("profile", 1, per=10, scope="key"))
    await go(made)
    return Play(made, ("acc_1", "acc_2", "acc_3"))


async def closed_hours():
    rows = WorkingHours("09:00-18:00", tz="UTC"), ONE_IN_TEN
    return Play(scheduler(*rows, clock=VirtualClock(MONDAY)))


async def a_quiet_first_day():
    return Play(scheduler(ONE_IN_TEN, WarmUp(1.0, days=2, quiet=1)))


async def a_pause_that_ends():
    made = scheduler()
    await made.pause("acc_1", until=MONDAY + 10, reason="lunch")
    return Play(made)


async def a_closed_action():
    made = scheduler()
    await go(made, verdict=Verdict(effect="close_action", reason="422 limit_exceeded"))
    return Play(made)


SCENARIOS = [
    a_full_window, a_full_queue, a_burst, a_spacing, an_actions_spacing, a_cool_down,
    a_learned_rate, a_probe_that_is_out, a_refused_key, a_broken_circuit, suspects_of_the_key,
    no_place, a_window_of_all_accounts, closed_hours, a_quiet_first_day, a_pause_that_ends,
    a_closed_action,
]  # fmt: skip


def play(scenario, victim, at):
    """Play a scenario, and cancel one of its calls in a tick of the loop."""
    found, tick, idle = [], 0, False

    def run_once():
        nonlocal tick, idle
        tick += bool(found) and not (idle and not loop._ready)  # a long sleep is one tick
        idle = not loop._ready
        if found and tick == at and not found[0].calls[victim].done():
            found[0].cancelled_at = loop.time()
            found[0].calls[victim].cancel()
        once()

    async def whole():
        played = await scenario()
        played.calls = [asyncio.ensure_future(played.call(n)) for n in range(3)]
        await asyncio.sleep(0)
        found.append(played)
        if scenario is a_full_queue and at == PEACE:
            with pytest.raises(QueueFullError):
                await played.made.take("acc_1", "profile", max_wait=1e9)
        answers = await asyncio.gather(*played.calls, return_exceptions=True)
        played.ticks = tick
        if (more := getattr(played.made, "report_later", None)) is not None:
            await more
        nothing_leaks(played.made, places=1 if scenario is no_place else 100)
        for index, answer in enumerate(answers):
            expected = asyncio.CancelledError if index == victim and answer else type(None)
            assert type(answer) is expected, answer

    with virtual_loop() as loop:
        once, loop._run_once = loop._run_once, run_once
        loop.run_until_complete(whole())
    return found[0]


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_call_cancelled_in_any_tick_leaves_no_trace(scenario, victim):
    peace = play(scenario, victim, PEACE)
    assert None not in peace.arrived
    assert peace.ticks >= 8
    cancelled = 0
    for tick in range(1, peace.ticks + 1):
        played = play(scenario, victim, tick)
        if played.cancelled_at is None:
            continue
        cancelled += 1
        others = [n for n in range(3) if n != victim]
        assert all(played.arrived[n] is not None for n in others)
        follower = victim + 1
        assert played.granted[follower] <= peace.granted[follower] + 1e-3
        if played.arrived[victim] is None:
            # Nobody saw it: the next one goes in its stead, as soon as it is gone.
            instead = max(peace.granted[victim], played.cancelled_at)
            expected = min(instead, peace.granted[follower])
            assert played.granted[follower] == pytest.approx(expected, abs=1e-3)
        if scenario in {a_full_window, a_window_of_all_accounts, closed_hours, a_quiet_first_day}:
            assert over([(at, 1) for at in played.arrived if at is not None], 1, 10) == 0
    assert cancelled >= 5
