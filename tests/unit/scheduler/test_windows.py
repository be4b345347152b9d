"""Windows count exactly, whatever happens in between."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from postpress_async.scheduler.rules import Cap
from postpress_async.scheduler.windows import Gap, Ring, Window


def window_of(amount, per, ring=None, keep=0):
    """Return a window, with the ring's doings as its own."""
    cap = Cap(
        key=("x",),
        amount=amount,
        per=per,
        room=amount - keep,
        burst=None,
        shared=False,
        name="the limit",
    )
    return Window(Ring() if ring is None else ring, cap)


def hold(window, cost):
    window.ring.held += cost


def refund(window, cost):
    window.ring.held -= cost


class NaiveWindow:
    """The same promise, written as slowly and plainly as it can be."""

    def __init__(self, amount, per):
        self.amount, self.per = amount, per
        self.held = []
        self.done = []

    def used(self, now):
        return sum(self.held) + sum(cost for at, cost in self.done if at + self.per > now)


class WindowAgainstReference(RuleBasedStateMachine):
    @initialize(amount=st.integers(0, 12), per=st.floats(0.5, 100))
    def begin(self, amount, per):
        self.window, self.naive = window_of(amount, per), NaiveWindow(amount, per)
        self.now = 1000.0

    @rule(seconds=st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 200)))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(cost=st.integers(1, 4))
    def hold_if_ready(self, cost):
        ready = self.window.ready_at(cost, self.now)
        fits = self.naive.used(self.now) + cost <= self.naive.amount
        assert (ready <= self.now) == fits
        if fits:
            hold(self.window, cost)
            self.naive.held.append(cost)

    @precondition(lambda self: self.naive.held)
    @rule(settle=st.sampled_from([0.0, 1.0]), data=st.data())
    def answer(self, settle, data):
        cost = self.naive.held.pop(data.draw(st.integers(0, len(self.naive.held) - 1)))
        at = self.now + settle
        latest = max((at for at, _ in self.naive.done), default=at)
        # Done instants never go back: one that would is counted later, which is the safe side.
        still = [at for at, _ in self.naive.done if at + self.naive.per > self.now]
        self.naive.done.append((max(at, latest) if still else at, cost))
        self.window.ring.done(cost, at)

    @precondition(lambda self: self.naive.held)
    @rule(data=st.data())
    def refund(self, data):
        cost = self.naive.held.pop(data.draw(st.integers(0, len(self.naive.held) - 1)))
        refund(self.window, cost)

    @rule(cost=st.integers(1, 4))
    def ready_at_tells_the_first_instant_that_fits(self, cost):
        ready = self.window.ready_at(cost, self.now)
        if ready == inf:
            assert sum(self.naive.held) + cost > self.naive.amount
        elif ready > self.now:
            assert self.naive.used(ready) + cost <= self.naive.amount
            assert self.naive.used(ready - 1e-6) + cost > self.naive.amount

    @rule(cost=st.integers(1, 20))
    def a_forecast_is_a_lower_bound(self, cost):
        ready = self.window.ready_at(min(cost, self.naive.amount or 1), self.now)
        forecast = self.window.forecast(cost, 0, self.now)
        assert forecast >= self.now
        if cost > self.naive.amount:
            assert forecast == inf
        elif ready < inf:
            assert forecast <= ready + 1e-9

    @invariant()
    def counts_agree(self):
        if hasattr(self, "window"):
            assert self.window.used(self.now) == self.naive.used(self.now)


TestWindowAgainstReference = WindowAgainstReference.TestCase
TestWindowAgainstReference.settings = settings(
    max_examples=settings().max_examples * 150 // 100, stateful_step_count=40, deadline=None
)


@given(
    amount=st.integers(1, 8),
    per=st.floats(0.1, 50),
    steps=st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)), max_size=60),
)
def test_no_rolling_window_of_arrivals_is_ever_over(amount, per, steps):
    window, now, arrivals = window_of(amount, per), 0.0, []
    pending = []
    for pause, latency in steps:
        now += pause
        for answered in sorted(at for at in pending if at <= now):
            window.ring.done(1, answered)
            pending.remove(answered)
        if window.ready_at(1, now) <= now:
            hold(window, 1)
            pending.append(now + latency)
            arrivals.append(now + latency / 2)  # anywhere between grant and answer
    arrivals.sort()
    for index, at in enumerate(arrivals):
        inside = [other for other in arrivals[: index + 1] if other + per > at]
        assert len(inside) <= amount


def test_a_window_of_nothing_never_opens():
    window = window_of(0, 60)
    assert window.ready_at(1, 5.0) == inf
    assert window.forecast(1, 0, 5.0) == inf


def test_more_than_the_window_holds_never_fits():
    window = window_of(3, 60)
    assert window.ready_at(4, 5.0) == inf


def test_the_amount_may_change_and_the_counts_stay():
    window = window_of(5, 60)
    for _ in range(5):
        hold(window, 1)
        window.ring.done(1, 10.0)
    window.amount = window.room = 3
    assert window.used(20.0) == 5
    assert window.ready_at(1, 20.0) == 70.0
    window.amount = window.room = 6
    assert window.ready_at(1, 20.0) == 20.0


def test_an_idle_window_holds_no_memory_of_the_past():
    window = window_of(1000, 60)
    for index in range(1000):
        hold(window, 1)
        window.ring.done(1, float(index) / 100)
    assert not window.ring.empty(10.0)
    assert window.used(1000.0) == 0
    assert window.ring.at is None
    assert window.ring.empty(1000.0)


def test_a_busy_window_does_not_grow_with_what_it_forgot():
    window, now = window_of(10, 1.0), 0.0
    for _ in range(5000):
        now += 0.2
        if window.ready_at(1, now) <= now:
            hold(window, 1)
            window.ring.done(1, now)
        window.used(now)
    assert len(window.ring.at) < 200


def test_costs_of_more_than_one_count_in_full():
    window = window_of(10, 60)
    hold(window, 1)
    window.ring.done(1, 0.0)
    hold(window, 7)
    window.ring.done(7, 10.0)
    assert window.used(20.0) == 8
    assert window.ready_at(4, 20.0) == 70.0
    assert window.ready_at(3, 20.0) == 60.0
    assert window.ready_at(2, 20.0) == 20.0


@pytest.mark.parametrize(("jitter", "ready"), [(0.0, 110.0), (0.5, 115.0)])
def test_a_gap_begins_at_the_answer(jitter, ready):
    gap = Gap(10, 20)
    assert gap.ready_at(1, 90.0) == 90.0
    gap.hold(1, 95.0)
    assert gap.ready_at(1, 95.0) == inf
    gap.done(100.0, jitter)
    assert gap.ready_at(1, 100.0) == ready
    assert not gap.empty(100.0)
    assert gap.empty(ready)


def test_a_gap_forgets_what_was_refunded():
    gap = Gap(10, 20)
    gap.hold(1, 95.0)
    gap.refund(1, 0.0, 5.0)
    assert gap.ready_at(1, 5.0) == 5.0
