"""A lane's learned rate: never stuck, never wild, and silent about what it cannot know."""

import pickle
from math import inf, isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async.scheduler.adaptive import Adaptive

TIMES = st.floats(0, 400, allow_nan=False)
WAITS = st.none() | st.floats(0, 5000, allow_nan=False)
STEPS = st.lists(st.tuples(st.sampled_from("hhhddrlf"), TIMES, WAITS), max_size=80)


def begun(successes=5, retry_after=4.0, now=1.0):
    adaptive = Adaptive(now, successes, 0.0)
    adaptive.refused(now, now - 0.1, retry_after, now + (retry_after or 30.0))
    return adaptive


def go(adaptive, now):
    at = adaptive.ready_at(now)
    adaptive.hold(at)
    adaptive.done(at + 0.05)
    return at


def test_before_a_refusal_is_told_it_holds_nobody_back():
    adaptive = Adaptive(1.0, 5, 0.0)
    for _ in range(3):
        assert go(adaptive, 1.0) < 1.01


def test_a_first_retry_after_gives_a_windows_own_rate():
    adaptive = begun(successes=30, retry_after=55.0, now=5.0)
    assert adaptive.level == pytest.approx(30 / 60, rel=0.01)
    assert adaptive.ready_at(5.0) == 60.0


def test_two_marks_with_true_waits_give_a_buckets_own_rate():
    adaptive = begun(successes=5, retry_after=4.9, now=0.5)  # 0.2 a second, burst 5
    now = go(adaptive, 5.4)
    adaptive.refused(now + 1, now + 0.9, 4.0, now + 5)
    go(adaptive, now + 5)
    assert adaptive.level == pytest.approx(0.2, rel=0.1)


def test_refusals_of_calls_under_way_count_once():
    adaptive = begun()
    before = adaptive.__getstate__()
    adaptive.refused(1.05, 0.95, 4.0, 5.2)
    assert adaptive.__getstate__() == before


def test_a_success_of_a_call_under_way_does_not_open_it():
    adaptive = begun()
    before = adaptive.__getstate__()
    adaptive.done(1.1)
    assert adaptive.__getstate__() == before


@pytest.mark.parametrize("retry_after", [61.0, 3600.0])
def test_a_long_wait_does_not_touch_the_rate(retry_after):
    adaptive = begun()
    now = 5.0
    for _ in range(20):
        now = go(adaptive, now)
    level = adaptive.level
    assert adaptive.cool_down(now + 1, retry_after) is None
    adaptive.refused(now + 1, now + 0.9, retry_after, now + 1 + retry_after)
    go(adaptive, now + 1 + retry_after)
    assert adaptive.level == level


def test_a_probe_refused_a_minute_later_is_left_to_the_lane():
    adaptive = begun(retry_after=None)
    level, now = adaptive.level, 1.0
    for _ in range(10):
        wait = adaptive.cool_down(now)
        if wait is None:
            break
        now += wait
        adaptive.hold(now)
        adaptive.refused(now + 0.1, now, None, now + 60)
    else:
        pytest.fail("it never gave up")
    assert now > 61.0
    go(adaptive, now + 3600)
    assert adaptive.level == level


def test_it_tells_how_much_too_short_a_retry_after_is():
    adaptive = begun(successes=30, retry_after=3.0, now=1.0)  # 10 s in truth
    assert Adaptive(1.0, 30, 0.0).cool_down(1.0, 3.0) is None
    adaptive.hold(4.0)
    assert adaptive.cool_down(4.0, 2.1) == pytest.approx(7.0, rel=0.05)
    adaptive.refused(4.0, 3.9, 2.1, 11.2)
    adaptive.hold(11.2)
    adaptive.done(11.3)
    assert adaptive.cool_down(15.0, 3.0) == pytest.approx(10.0, rel=0.05)


def test_a_retry_after_that_never_shrinks_is_not_believed():
    adaptive = begun(successes=30, retry_after=1.0, now=1.0)
    probes, now = [], 2.0
    for _ in range(4):
        adaptive.hold(now)
        wait = adaptive.cool_down(now, 1.0)
        assert wait > 1.5
        adaptive.refused(now, now - 0.1, 1.0, now + wait)
        now += wait
        probes.append(now)
    assert [round(probe) for probe in probes] == [10, 20, 30, 60]  # lengths that windows have


def filled(adaptive, now, amount):
    """Grant until a window of that amount refuses; return that instant."""
    for _ in range(amount):
        now = go(adaptive, now)
    now = adaptive.ready_at(now)
    adaptive.hold(now)
    return now


def test_without_a_retry_after_a_window_is_known_after_it_was_filled_twice():
    adaptive = Adaptive(1.0, 30, 0.0)
    adaptive.refused(1.0, 0.9, None, 11.0)  # 30 in 30 seconds
    adaptive.hold(11.0)
    adaptive.refused(11.1, 11.0, None, 20.2)
    adaptive.hold(20.2)
    adaptive.refused(20.3, 20.2, None, 30.1)
    now = filled(adaptive, 30.1, 30)
    until = now + adaptive.cool_down(now)
    adaptive.refused(now, now, None, until)
    go(adaptive, until)
    assert adaptive.level == pytest.approx(1.0, rel=0.02)


def test_a_window_that_fell_is_measured_by_one_more_refusal():
    adaptive = Adaptive(1.0, 30, 0.0)
    adaptive.refused(1.0, 0.9, None, 29.0)
    adaptive.hold(29.0)
    adaptive.refused(29.1, 29.0, None, 30.1)
    now = filled(adaptive, 30.1, 30)
    adaptive.refused(now, now, None, 59.0)
    adaptive.hold(59.0)
    adaptive.refused(59.1, 59.0, None, 60.1)
    now = filled(adaptive, 60.1, 200)  # it falls to 10 in 30 seconds
    adaptive.refused(now, now, None, now + 20)
    now = filled(adaptive, now + 20, 10)
    opens = now + adaptive.cool_down(now)
    adaptive.refused(now, now, None, opens)
    go(adaptive, opens)
    assert adaptive.level == pytest.approx(1 / 3, rel=0.02)


def test_without_a_retry_after_a_buckets_rate_is_the_mean_between_marks():
    adaptive = Adaptive(0.4, 10, 0.0)  # 0.3 a second, burst 10
    adaptive.refused(0.4, 0.3, None, 10.4)
    now = filled(adaptive, 10.4, 3)
    adaptive.refused(now, now, None, now + 4)
    tokens, at = 0.0, now
    now += 4
    while True:
        now = adaptive.ready_at(now)
        adaptive.hold(now)
        tokens, at = min(10.0, tokens + 0.3 * (now - at)), now
        if tokens < 1:
            break
        tokens -= 1
        adaptive.done(now)
    adaptive.refused(now, now, None, now + 7)
    go(adaptive, now + 7)
    assert adaptive.level == pytest.approx(0.3, rel=0.03)


def test_an_idle_lane_does_not_grow():
    adaptive = begun()
    now = go(adaptive, 5.0)
    rate = adaptive.rate
    for _ in range(1000):
        now += 60.0
        adaptive.hold(now)
        adaptive.done(now + 0.1)
    assert adaptive.rate == pytest.approx(rate, rel=0.05)


def test_it_finds_a_limit_that_rose():
    adaptive = begun(successes=60, retry_after=59.0)
    now = 61.0
    for _ in range(3000):
        now = go(adaptive, now)
    assert adaptive.rate > 3.0


def test_one_call_is_never_much_faster_than_the_one_before():
    adaptive = begun(retry_after=None)
    now, rate = 40.0, adaptive.rate
    for _ in range(5000):
        now = go(adaptive, now)
        assert adaptive.rate <= rate * 1.1
        rate = adaptive.rate


def test_a_refunded_grant_leaves_no_gap():
    adaptive = begun()
    now = go(adaptive, 5.0)
    at = adaptive.ready_at(now)
    adaptive.hold(at)
    adaptive.refund(at)
    assert adaptive.ready_at(at) == at


def test_it_pickles_as_it_is():
    adaptive = begun()
    go(adaptive, 5.0)
    again = pickle.loads(pickle.dumps(adaptive))
    assert again.__getstate__() == adaptive.__getstate__()
    assert again.ready_at(6.0) == adaptive.ready_at(6.0)


@settings(max_examples=2 * settings().max_examples)
@given(STEPS, st.integers(0, 1000), TIMES)
def test_whatever_happens_the_rate_stays_sane(steps, successes, since):
    adaptive = Adaptive(400.0, successes, since)
    now, granted = 400.0, 399.9
    for what, passed, wait in steps:
        now += passed / 40
        if what == "h":
            now = adaptive.ready_at(now)
            granted = now
            adaptive.hold(now)
        elif what == "d":
            adaptive.done(now)
        elif what == "f":
            adaptive.refund(now)
        else:
            own = adaptive.cool_down(now, wait)
            assert own is None or 0 < own < inf
            until = now + max(own or 60.0, wait or 0.0)
            adaptive.refused(now, granted if what == "r" else granted - 500, wait, until)
            if what == "r":
                assert adaptive.ready_at(now) >= min(until, adaptive.ready_at(now))
        assert isfinite(adaptive.rate)
        assert 1 / 1200 < adaptive.rate <= 1100.0
        assert now <= adaptive.ready_at(now) < inf
