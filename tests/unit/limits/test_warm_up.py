"""Warm-ups: a factor of an account's age, in steps of a whole day."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpress_async import ConfigurationError, Limits, WarmUp
from postpress_async.limits import RECOMMENDED, warmed

DAY = 86400.0


@st.composite
def warm_ups(draw):
    days = draw(st.floats(0.01, 60.0))
    part = st.one_of(st.just(0.0), st.floats(0.0, days), st.just(days))
    start = draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)))
    return WarmUp(start, days, steady=draw(part), quiet=draw(part))


AGES = st.one_of(st.floats(0.0, 70 * DAY), st.integers(0, 70).map(lambda day: day * DAY))


@given(row=warm_ups(), age=AGES)
def test_the_factor_is_never_above_the_line_nor_falls(row, age):
    line = (age / DAY - row.steady) / (row.days - row.steady) if row.days > row.steady else 1.0
    bound = row.start + (1 - row.start) * min(max(line, 0.0), 1.0)
    assert 0.0 <= row.factor(age) <= max(bound, row.start) + 1e-9
    assert row.factor(age) <= row.factor(age + 3600) <= 1.0


@given(row=warm_ups(), age=AGES)
@example(row=WarmUp(0.0, 10, steady=3.5, quiet=5.5), age=2 * DAY)
def test_it_changes_when_it_says_and_not_before(row, age):
    at = row.changes_at(age)
    assert at > age
    if at == math.inf:
        assert row.factor(1e9) == row.factor(age)
    else:
        assert row.factor(at) != row.factor(age)
        assert row.factor(math.nextafter(at, 0.0)) == row.factor(age)
        assert row.factor((age + at) / 2) == row.factor(age)


def test_whatsapp_starts_with_a_day_of_quiet_and_three_a_day():
    (row,) = RECOMMENDED.warm_ups_for("WHATSAPP", "first_message")
    amounts = [warmed(30, row.factor(day * DAY)) for day in range(23)]
    assert amounts[:9] == [0, 3, 3, 3, 3, 3, 3, 3, 4]
    assert amounts == sorted(amounts)
    assert amounts[20:] == [28, 30, 30]
    assert row.changes_at(0.0) == DAY
    assert row.changes_at(DAY) == 8 * DAY
    assert row.changes_at(20.5 * DAY) == 21 * DAY
    assert row.changes_at(21 * DAY) == math.inf


def test_the_default_starts_with_a_fifth():
    row = WarmUp()
    assert [row.factor(day * DAY) for day in (-1, 0, 0.99, 21)] == [0.2, 0.2, 0.2, 1.0]
    assert row.factor(10.5 * DAY) == pytest.approx(0.2 + 0.8 * 10 / 21)
    assert WarmUp(0.5, 10) == WarmUp(start=0.5, days=10)


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_percentage_of_a_hundred_is_that_many(percent):
    assert warmed(100, percent / 100) == percent
    assert warmed(30, 0.1) == 3


@given(amount=st.integers(0, 10**9), factor=st.floats(0.0, 1.0))
def test_a_warmed_amount_is_rounded_down_but_lets_one_go(amount, factor):
    found = warmed(amount, factor)
    assert 0 <= found <= amount
    assert (found > 0) == (amount > 0 and factor > 0)
    assert found <= max(1.0, amount * factor * (1 + 1e-9) + 1e-9)


def test_which_hold():
    general, linkedin = WarmUp(), WarmUp(0.5, provider="LINKEDIN", actions=("invite", "message"))
    limits = Limits.none().add(general, linkedin)
    assert limits.warm_ups_for("LINKEDIN", "invite") == (general, linkedin)
    assert limits.warm_ups_for(None, "invite") == (general, linkedin)
    assert limits.warm_ups_for("TELEGRAM", "invite") == (general,)
    assert limits.warm_ups_for("LINKEDIN", "profile") == (general,)
    assert limits.warm_ups_for("LINKEDIN", "read") == ()


def test_without_takes_the_action_out_of_those_that_name_it():
    general, named = WarmUp(), WarmUp(0.5, actions=("invite", "message"))
    only = WarmUp(0.1, actions="invite", provider="LINKEDIN")
    limits = Limits.none().add(general, named, only).without("invite", "LINKEDIN")
    assert limits.warm_ups_for("LINKEDIN", "invite") == (general,)
    assert limits.warm_ups_for("LINKEDIN", "message") == (general, named)
    assert limits.warm_ups_for("TELEGRAM", "invite") == (general, named)
    everywhere = limits.without("invite")
    assert everywhere.warm_ups_for("TELEGRAM", "invite") == (general,)
    assert everywhere.warm_ups_for("TELEGRAM", "message")[1].actions == ("message",)


BAD = {
    "WarmUp(-0.1)": "WarmUp.start must be zero or more, not -0.1",
    "WarmUp(20)": "WarmUp.start must be 1 or less, not 20: 0.2 is a fifth",
    'WarmUp("0.2")': "WarmUp.start must be a number",
    "WarmUp(None)": "WarmUp.start must be a finite number, not None",
    "WarmUp(0.2, 0)": "WarmUp.days must be more than zero",
    "WarmUp(0.2, float('inf'))": "WarmUp.days must be a finite number",
    "WarmUp(0.2, 1814400)": "WarmUp.days must be 3660 or less, not 1814400: it counts days",
    "WarmUp(steady=22)": "WarmUp.steady (22) must not be above WarmUp.days (21.0)",
    "WarmUp(quiet=22)": "WarmUp.quiet (22) must not be above WarmUp.days (21.0)",
    "WarmUp(quiet=-1)": "WarmUp.quiet must be zero or more",
    "WarmUp(actions=())": "WarmUp.actions must name at least one action",
    'WarmUp(actions=["invite"])': "WarmUp.actions must be an action or a tuple of actions",
    'WarmUp(actions="invites")': "action 'invites' is not one of",
    'WarmUp(actions="read")': "WarmUp.actions: `read` never reaches",
    'WarmUp(provider="X")': "WarmUp.provider must be a wire word",
}


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_work_names_its_field(source):
    with pytest.raises(ConfigurationError) as caught:
        eval(source)
    assert BAD[source] in str(caught.value)
