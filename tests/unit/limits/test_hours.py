"""Working hours: local wall time, exact across every change of the clock."""

import inspect
import math
import pickle
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async import ConfigurationError, Limits, WorkingHours
from postpress_async.limits import hours as module

# Changes of the clock that went wrong for others: at midnight, by half an hour, by two hours, by
# a whole day, at the end of a day, and backwards in winter. The day before each.
CHANGES = {
    "UTC": (2026, 3, 28),
    "Europe/Berlin": (2026, 3, 28),
    "Europe/Dublin": (2026, 10, 24),
    "America/New_York": (2026, 10, 31),
    "America/St_Johns": (2011, 3, 12),
    "America/Sao_Paulo": (2018, 11, 3),
    "America/Asuncion": (2023, 3, 25),
    "America/Havana": (2026, 10, 31),
    "Asia/Kathmandu": (1985, 12, 31),
    "Asia/Beirut": (2026, 3, 28),
    "Australia/Lord_Howe": (2026, 4, 4),
    "Antarctica/Troll": (2026, 10, 24),
    "Africa/Casablanca": (2026, 2, 14),
    "Pacific/Apia": (2011, 12, 29),
    "Pacific/Chatham": (2026, 9, 26),
}
MINUTE = 60
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(zone, *wall, fold=0):
    return datetime(*wall, tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@cache
def clock(zone, first, last):
    """Return when the zone's clock shows each minute, first and last, by looking every minute."""
    tz, shown = ZoneInfo(zone), {}
    for epoch in range(first, last, MINUTE):
        wall = (EPOCH + timedelta(seconds=epoch)).astimezone(tz)
        shown.setdefault(wall.toordinal() * 1440 + wall.hour * 60 + wall.minute, []).append(epoch)
    return shown


def naive(ranges, days, zone, first, last):
    """Return the openings between two instants: all from a range's first minute to its last."""
    shown = clock(zone, first, last)
    found = []
    for day in range(min(shown) // 1440 - 1, max(shown) // 1440 + 1):
        if (day + 6) % 7 in days:
            for start, end in ranges:
                minutes = range(day * 1440 + start, day * 1440 + end)
                epochs = [epoch for minute in minutes for epoch in shown.get(minute, ())]
                if epochs:
                    found.append((min(epochs), max(epochs) + MINUTE))
    return sorted(found)


def words(ranges):
    return ", ".join(
        f"{start // 60:02}:{start % 60:02}-{_end(end) // 60:02}:{end % 60:02}"
        for start, end in ranges
    )


def _end(end):
    return end if end <= 1440 else end - 1440


@st.composite
def some_ranges(draw):
    found = []
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.one_of(st.integers(0, 1439), st.sampled_from([0, 60, 90, 120, 150, 540])))
        length = draw(st.one_of(st.integers(1, 1439), st.sampled_from([30, 60, 120])))
        found.append((start, start + length))
    return found


@settings(max_examples=settings().max_examples * 60 // 100, deadline=None)
@given(
    zone=st.sampled_from(sorted(CHANGES)),
    ranges=some_ranges(),
    days=st.one_of(st.just(set(range(7))), st.sets(st.integers(0, 6), min_size=1)),
    data=st.data(),
)
def test_they_are_open_when_the_wall_clock_says_so(zone, ranges, days, data):
    change = int(at(zone, *CHANGES[zone], 12) // MINUTE) * MINUTE
    openings = naive(ranges, days, zone, change - 4 * 86400, change + 5 * 86400)
    hours = WorkingHours(words(ranges), tz=zone, days=",".join(WEEK[day] for day in sorted(days)))
    edges = [edge + d for opening in openings for edge in opening for d in (-MINUTE, 0, MINUTE)]
    edges = [edge for edge in edges if change - 2 * 86400 < edge < change + 3 * 86400]
    inside = st.integers(-1440, 2 * 1440).map(lambda minutes: change + minutes * MINUTE)
    asked = data.draw(st.lists(st.one_of(inside, st.sampled_from(edges or [change])), min_size=20))
    for epoch in asked:
        later = [opening for opening in openings if opening[1] > epoch]
        if later and max(later[0][0], epoch) < change + 4 * 86400:
            expected = min(max(start, epoch) for start, _ in later)
            assert hours.open_at(epoch) == expected
            assert hours.closes_at(epoch) == _closes(openings, epoch, change + 4 * 86400, hours)


def _closes(openings, epoch, horizon, hours):
    end = epoch
    for start, until in openings:
        end = max(end, until) if start <= end and until > epoch else end
    return end if end < horizon else hours.closes_at(epoch)


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(
    zone=st.sampled_from(sorted(CHANGES)),
    ranges=some_ranges(),
    epoch=st.floats(-2e9, 4e10),
    days=st.sampled_from(["mon-fri", "all", "fri", "sat-mon", "sun"]),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(zone, ranges, epoch, days):
    hours = WorkingHours(words(ranges), tz=zone, days=days)
    opens = hours.open_at(epoch)
    assert epoch <= opens <= epoch + 15 * 86400
    assert hours.open_at(opens) == opens
    assert hours.closes_at(opens) > opens
    if opens > epoch:
        assert hours.closes_at(epoch) == epoch
        assert hours.open_at((epoch + opens) / 2) == opens


# -- what each change does ------------------------------------------------------------------------


def test_an_office_in_paris():
    office = WorkingHours("09:00-18:00", tz="Europe/Paris")
    friday = at("Europe/Paris", 2026, 3, 27, 18)
    assert office.open_at(friday - 1) == friday - 1
    assert office.open_at(friday) == at("Europe/Paris", 2026, 3, 30, 9)  # the clock changed between
    assert office.closes_at(friday - 1) == friday
    assert office.closes_at(friday) == friday


def test_an_opening_time_that_the_clock_skips_is_the_first_instant_after():
    early = WorkingHours("02:30-05:00", tz="Europe/Berlin", days="all")
    noon = at("Europe/Berlin", 2026, 3, 28, 12)
    assert early.open_at(noon) == at("Europe/Berlin", 2026, 3, 29, 3)
    gone = WorkingHours("02:10-02:50", tz="Europe/Berlin", days="all")
    assert gone.open_at(noon) == at("Europe/Berlin", 2026, 3, 30, 2, 10)


def test_an_hour_that_comes_twice_neither_shuts_nor_opens_again():
    night = WorkingHours("01:30-02:30", tz="Europe/Berlin", days="all")
    first = at("Europe/Berlin", 2026, 10, 25, 1, 30)
    last = at("Europe/Berlin", 2026, 10, 25, 2, 30, fold=1)
    assert last - first == 2 * 3600
    assert night.open_at(first - 1) == first
    assert night.closes_at(first) == last
    assert night.open_at(first + 3600) == first + 3600
    assert night.open_at(last) == at("Europe/Berlin", 2026, 10, 26, 1, 30)


def test_a_day_that_an_island_skips_has_no_hours():
    apia = WorkingHours("09:00-17:00", tz="Pacific/Apia", days="all")
    thursday = at("Pacific/Apia", 2011, 12, 29, 17)
    assert apia.open_at(thursday) == at("Pacific/Apia", 2011, 12, 31, 9)
    assert apia.open_at(thursday) - thursday == 16 * 3600
    fridays = WorkingHours("09:00-17:00", tz="Pacific/Apia", days="fri")
    assert fridays.open_at(thursday) == at("Pacific/Apia", 2012, 1, 6, 9)


def test_a_range_may_pass_midnight_and_belongs_to_the_day_it_starts_on():
    night = WorkingHours("22:00-06:00", tz="UTC", days="fri")
    friday = at("UTC", 2026, 1, 2)
    assert night.open_at(friday) == friday + 22 * 3600
    assert night.closes_at(friday + 23 * 3600) == friday + 30 * 3600
    assert night.open_at(friday + 30 * 3600) == friday + (7 * 24 + 22) * 3600


def test_several_ranges_and_those_that_touch():
    hours = WorkingHours("14:00-18:00, 9:00-12:30,18:00-24:00", tz="UTC", days="mon")
    monday = at("UTC", 2026, 1, 5)
    assert hours.open_at(monday) == monday + 9 * 3600
    assert hours.closes_at(monday + 10 * 3600) == monday + 12.5 * 3600
    assert hours.open_at(monday + 13 * 3600) == monday + 14 * 3600
    assert hours.closes_at(monday + 15 * 3600) == monday + 24 * 3600


@pytest.mark.parametrize(
    "hours", ["00:00-24:00", "00:00-12:00,12:00-00:00", "12:00-11:00,11:00-13:00"]
)
def test_hours_without_an_end(hours):
    always = WorkingHours(hours, tz="Europe/Berlin", days="all")
    for epoch in (0.5, at("Europe/Berlin", 2026, 10, 25, 2, 30, fold=1)):
        assert always.open_at(epoch) == epoch
        assert always.closes_at(epoch) == math.inf


def test_the_whole_of_some_days():
    hours = WorkingHours("00:00-24:00", tz="Europe/Berlin", days="mon-fri")
    monday = at("Europe/Berlin", 2026, 3, 23)
    assert hours.open_at(monday - 1) == monday
    assert hours.closes_at(monday) == at("Europe/Berlin", 2026, 3, 28)


def test_days_may_wrap_and_repeat():
    wrapped = WorkingHours("00:00-24:00", tz="UTC", days="Sat-mon, sun")
    thursday = at("UTC", 2026, 1, 1)
    assert wrapped.open_at(thursday) == thursday + 2 * 86400
    assert wrapped.closes_at(thursday + 3 * 86400) == thursday + 5 * 86400
    sundays = WorkingHours("00:00-24:00", tz="UTC", days="sun-sun")
    assert sundays.closes_at(thursday + 3 * 86400) == thursday + 4 * 86400


def test_long_ago_and_far_ahead():
    office = WorkingHours(tz="Europe/Berlin")
    assert office.open_at(-2.0e9) > -2.0e9  # before zones had whole minutes
    assert office.open_at(4e10) < 4e10 + 4 * 86400
    assert office.open_at(9e11) == math.inf  # the calendar ends first


def test_they_are_plain_values():
    one, other = WorkingHours(tz="UTC"), WorkingHours("09:00-18:00", tz="UTC")
    assert one == other
    assert hash(one) == hash(other)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.tz = "Europe/Paris"
    assert list(inspect.signature(WorkingHours).parameters) == ["hours", "tz", "days", "provider"]


def test_which_hold_for_a_provider():
    paris = WorkingHours(tz="Europe/Paris", provider="LINKEDIN")
    tokyo = WorkingHours(tz="Asia/Tokyo", provider="WHATSAPP")
    everywhere = WorkingHours("06:00-22:00", tz="UTC")
    limits = Limits.none().add(paris, tokyo, everywhere)
    assert limits.hours_for("LINKEDIN") == (paris, everywhere)
    assert limits.hours_for("TELEGRAM") == (everywhere,)
    assert limits.hours_for(None) == (paris, tokyo, everywhere)


# -- refusals -------------------------------------------------------------------------------------

BAD = {
    'WorkingHours("9-18", tz="UTC")': (
        "WorkingHours.hours must be ranges such as '09:00-18:00', not '9-18'"
    ),
    'WorkingHours("09:00-18:00,", tz="UTC")': "WorkingHours.hours must be ranges",
    'WorkingHours("09:00-24:30", tz="UTC")': "WorkingHours.hours end at 24:00 at the latest",
    'WorkingHours("24:00-09:00", tz="UTC")': "WorkingHours.hours must be ranges",
    'WorkingHours("09:60-18:00", tz="UTC")': "WorkingHours.hours must be ranges",
    'WorkingHours("\u0660\u0669:00-18:00", tz="UTC")': "WorkingHours.hours must be ranges",
    'WorkingHours("09:00-09:00", tz="UTC")': "is empty; the whole day is '00:00-24:00'",
    'WorkingHours("", tz="UTC")': "WorkingHours.hours must be a text such as '09:00-18:00'",
    'WorkingHours(9, tz="UTC")': "WorkingHours.hours must be a text such as '09:00-18:00'",
    'WorkingHours(tz="UTC", days="mo-fr")': (
        "WorkingHours.days must be days such as 'mon-fri', 'mon,wed,fri' or 'all', not 'mo-fr'"
    ),
    'WorkingHours(tz="UTC", days="mon-")': "WorkingHours.days must be days",
    'WorkingHours(tz="UTC", days="mon,,tue")': "WorkingHours.days must be days",
    'WorkingHours(tz="UTC", days=["mon"])': "WorkingHours.days must be a text such as 'mon-fri'",
    'WorkingHours(tz="Paris")': "'Europe/Paris', not 'Paris'; did you mean 'Europe/Paris'?",
    'WorkingHours(tz="europe/pariss")': "did you mean 'Europe/Paris'?",
    'WorkingHours(tz="new york")': "did you mean 'America/New_York'?",
    'WorkingHours(tz="+02:00:00:00")': "not '+02:00:00:00': see the list of the tz database",
    'WorkingHours(tz="../zone")': "WorkingHours.tz must be a zone's name",
    'WorkingHours(tz="/etc/passwd")': "WorkingHours.tz must be a zone's name",
    'WorkingHours(tz="a" * 5000)': "WorkingHours.tz must be a zone's name",
    'WorkingHours(tz="a\\0b")': "WorkingHours.tz must be a zone's name",
    'WorkingHours(tz="\\ud800")': "WorkingHours.tz must be a zone's name",
    "WorkingHours(tz=None)": "WorkingHours.tz must be a text such as 'Europe/Paris', not None",
    'WorkingHours(tz="UTC", provider="X")': "WorkingHours.provider must be a wire word",
}


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_work_names_its_field(source):
    with pytest.raises(ConfigurationError) as caught:
        eval(source)
    assert BAD[source] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zone_is_never_taken_for_granted():
    with pytest.raises(TypeError, match="tz"):
        WorkingHours("09:00-18:00")


def test_a_machine_without_zones_says_what_to_install(monkeypatch):
    def nothing(key):
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", nothing)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    module._zone.cache_clear()
    with pytest.raises(ConfigurationError, match=r"no time zones; install .* `pip install tzdata`"):
        WorkingHours(tz="Europe/Paris")
    assert WorkingHours(tz="UTC").tz == "UTC"
