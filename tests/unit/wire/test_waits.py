"""How long an answer asks to wait, whatever stands in its headers."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpress_async.wire.waits import retry_after, until_reset

NOW = 1_800_000_000
DAY = 86_400
MONTH = 31 * DAY
THE_LAST_DAY = 253_402_300_799  # 31 December 9999

times = st.integers(0, THE_LAST_DAY)
dates = times.map(lambda at: formatdate(at, usegmt=True))
unzoned = dates.map(lambda date: date.replace("GMT", "-0000"))
numbers = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "+", "-"]),
    times | st.integers(0, 10**20),
    st.sampled_from(["", "", ".0", ".999999999", "."]),
)
anything = st.one_of(
    numbers, dates, unzoned, st.text(), st.text("0123456789+-.:, GMTJan\u0663\u00b2")
)
clocks = st.one_of(st.floats(0, 4e9), st.integers(NOW, NOW + DAY).map(float))
forms = pytest.mark.parametrize(
    "form",
    [
        pytest.param(str, id="seconds"),
        pytest.param(lambda at: str(1000 * at), id="milliseconds"),
        pytest.param(lambda at: formatdate(at, usegmt=True), id="date"),
    ],
)


@given(anything, st.none() | anything, clocks)
@example("1795406400", None, float(NOW))
@example("999999999999", None, 0.0)
@example("Fri, 31 Dec 9999 23:59:59 GMT", None, float(NOW))
def test_a_wait_is_between_nothing_and_a_month_or_none(text, date, now):
    headers = {"Retry-After": text} | ({} if date is None else {"Date": date})
    seconds = retry_after(headers, now)
    assert seconds is None or 0 <= seconds <= MONTH


@given(anything, st.none() | anything, clocks)
@example("86400.1", None, float(NOW))
@example("1800086401", None, float(NOW))
def test_a_reset_is_between_nothing_and_a_day_or_none(text, date, now):
    headers = {"x-ratelimit-reset": text} | ({} if date is None else {"Date": date})
    seconds = until_reset(headers, now)
    assert seconds is None or 0 <= seconds <= DAY


@given(st.floats(0, MONTH).map(lambda seconds: f"{seconds:.6f}"))
@example("2678400")
def test_seconds_up_to_a_month_are_obeyed_in_full(text):
    assert retry_after({"Retry-After": text}, NOW) == float(text)


@given(st.integers(MONTH + 1, 10**9))
@example(10**9)
def test_seconds_beyond_a_month_and_before_any_epoch_are_none(seconds):
    assert retry_after({"Retry-After": f"{seconds}"}, NOW) is None


@forms
@given(st.integers(-400 * DAY, MONTH), st.integers(-DAY, DAY), st.booleans())
def test_an_instant_counts_from_the_answers_own_date_in_each_form(form, ahead, skew, dated):
    theirs = NOW + skew if dated else NOW  # our clock is off, theirs agrees with itself
    headers = {"Retry-After": form(theirs + ahead)}
    if dated:
        headers["Date"] = formatdate(theirs, usegmt=True)
    assert retry_after(headers, NOW) == max(ahead, 0)


@forms
@given(st.integers(MONTH + 1, 50 * 366 * DAY))
def test_an_instant_more_than_a_month_ahead_is_none(form, ahead):
    assert retry_after({"Retry-After": form(NOW + ahead)}, NOW) is None
