"""What is new since a mark: nothing lost, nothing twice, however messages arrive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async import Changes, ConfigurationError, Limits, PaginationError, Postpress
from postpress_async.resources._changes import OVERLAP
from postpress_async.testing import FakeRequest, FakeTransport

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return f"{(START + timedelta(seconds=seconds)).isoformat(timespec='milliseconds')[:-6]}Z"


class Clock:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now.timestamp()

    def __getattr__(self, name: str) -> Any:
        from postpress_async.scheduler.clock import LoopClock  # noqa: PLC0415 - beside its use

        return getattr(LoopClock(), name)


class Service:
    """A list of messages that honours `after`, in an order of its own, page by page."""

    def __init__(self, *, inclusive: bool = False, shuffle: Any = None, size: int = 3) -> None:
        self.messages: list[dict[str, Any]] = []
        self.inclusive = inclusive
        self.shuffle = shuffle or (lambda rows: rows[::-1])
        self.size = size
        self.asked: list[FakeRequest] = []
        self.clock = Clock()
        self.ignores_after = False

    def add(self, name: str, sent: str | None) -> None:
        self.messages.append({"object": "Message", "id": name, "timestamp": sent})

    def __call__(self, request: FakeRequest) -> dict[str, object]:
        self.asked.append(request)
        after = "" if self.ignores_after else request.query.get("after", [""])[0]
        rows = [
            row
            for row in self.messages
            if row["timestamp"] is None
            or row["timestamp"] > after
            or (self.inclusive and row["timestamp"] == after)
        ]
        rows = self.shuffle(rows)
        start = int(request.query.get("cursor", ["0"])[0])
        end = start + self.size
        cursor = str(end) if end < len(rows) else None
        return {"object": "MessageList", "items": rows[start:end], "cursor": cursor}

    def client(self) -> Postpress:
        return Postpress(
            "k",
            transport=FakeTransport(self),
            limits=Limits.none(),
            key_rate=None,
            clock=self.clock,
        )


async def since(service: Service, mark: Any, **more: Any) -> Changes[Any]:
    more.setdefault("account_id", "acc_1")
    return await service.client().messages.since(mark, **more)


def names(changes: Changes[Any]) -> list[str]:
    return [message.id for message in changes.items]


async def test_the_first_time_brings_all_oldest_first():
    service = Service()
    for number in (3, 1, 2, 0, 4):
        service.add(f"m{number}", at(number))
    changes = await since(service, None)
    assert names(changes) == ["m0", "m1", "m2", "m3", "m4"]
    assert "after" not in service.asked[0].query
    assert service.asked[0].query["limit"] == ["250"]
    again = await since(service, changes.mark)
    assert again.items == []
    service.add("m5", at(5))
    assert names(await since(service, again.mark)) == ["m5"]


async def test_an_instant_begins_there():
    service = Service()
    for number in range(5):
        service.add(f"m{number}", at(number))
    changes = await since(service, START + timedelta(seconds=2))
    assert names(changes) == ["m2", "m3", "m4"]
    service.add("older", at(1))
    assert (await since(service, changes.mark)).items == []


async def test_nobody_has_said_anything_yet():
    service = Service()
    changes = await since(service, None)
    assert changes.items == []
    service.add("first", at(-(10**8)))
    assert names(await since(service, changes.mark)) == ["first"]


async def test_a_late_message_is_seen_and_one_beyond_the_overlap_is_not():
    service = Service()
    service.add("newest", at(0))
    changes = await since(service, None)
    service.add("late", at(-OVERLAP))
    service.add("too late", at(-OVERLAP - 0.001))
    changes = await since(service, changes.mark)
    assert names(changes) == ["late"]
    assert (await since(service, changes.mark)).items == []


@pytest.mark.parametrize("inclusive", [False, True])
async def test_after_may_mean_the_instant_too(inclusive):
    service = Service(inclusive=inclusive)
    service.add("edge", at(-OVERLAP))
    service.add("newest", at(0))
    changes = await since(service, None)
    service.add("edge too", at(-OVERLAP))
    assert names(await since(service, changes.mark)) == ["edge too"]


async def test_a_timestamp_of_next_year_hides_nothing():
    service = Service()
    service.add("future", at(365 * 86400))
    changes = await since(service, None)
    service.add("now", at(0))
    changes = await since(service, changes.mark)
    assert names(changes) == ["now"]
    assert (await since(service, changes.mark)).items == []


async def test_our_clock_may_be_years_off():
    for years in (-5, 5):
        service = Service()
        service.clock.now = START + timedelta(days=365 * years)
        service.add("a", at(0))
        changes = await since(service, None)
        service.add("b", at(-1))
        changes = await since(service, changes.mark)
        assert names(changes) == ["b"]
        assert (await since(service, changes.mark)).items == []


@pytest.mark.parametrize("shuffle", [None, list], ids=["newest first", "oldest first"])
async def test_messages_without_a_time_come_once(shuffle):
    service = Service(shuffle=shuffle)
    service.add("timeless", None)
    service.add("a", at(0))
    changes = await since(service, None)
    assert names(changes) == ["a", "timeless"]
    for hours in range(1, 30):
        service.add(f"h{hours}", at(3600 * hours))
        service.clock.now = START + timedelta(hours=hours)
        changes = await since(service, changes.mark)
        assert names(changes) == [f"h{hours}"]


async def test_messages_of_one_instant_come_in_the_order_they_were_said():
    service = Service()
    for name in ("one", "two", "three", "four"):
        service.add(name, at(0))
    changes = await since(service, None)
    assert names(changes) == ["one", "two", "three", "four"]
    service.add("finer 1", at(1)[:-1] + "100Z")
    service.add("finer 2", at(1)[:-1] + "200Z")
    service.add("last", at(2))
    assert names(await since(service, changes.mark)) == ["finer 1", "finer 2", "last"]


async def test_a_service_that_ignores_after_repeats_nothing():
    service = Service()
    service.ignores_after = True
    changes = await since(service, None)
    for hours in range(30):
        service.add(f"h{hours}", at(3600 * hours))
        service.clock.now = START + timedelta(hours=hours)
        changes = await since(service, changes.mark)
        assert names(changes) == [f"h{hours}"]


async def test_a_larger_overlap_later_brings_nothing_twice():
    service = Service()
    for minutes in range(100):
        service.add(f"m{minutes}", at(60 * minutes))
    service.clock.now = START + timedelta(hours=2)
    changes = await since(service, None, overlap=60.0)
    assert (await since(service, changes.mark, overlap=86400.0)).items == []


async def test_the_mark_stays_as_long_as_the_window_is_full():
    service = Service(size=250)
    changes = await since(service, None)
    lengths = []
    for hours in range(100):
        for number in range(5):
            service.add(f"h{hours}-{number}", at(3600 * hours + number))
        service.clock.now = START + timedelta(hours=hours)
        changes = await since(service, changes.mark)
        lengths.append(len(changes.mark))
    assert lengths[-1] == lengths[10] < 900


async def test_an_error_on_the_way_leaves_the_old_mark_good():
    service = Service(size=1)
    changes = await since(service, None)
    for number in range(3):
        service.add(f"m{number}", at(number))
    real, service.shuffle = service.shuffle, lambda rows: rows

    class Circle(Service):
        def __call__(self, request: FakeRequest) -> dict[str, object]:
            return {**service(request), "cursor": "1"}

    with pytest.raises(PaginationError):
        await since(Circle(), changes.mark)
    service.shuffle = real
    assert names(await since(service, changes.mark)) == ["m0", "m1", "m2"]


async def test_a_mark_is_of_one_list():
    service = Service()
    service.add("m", at(0))
    mark = (await since(service, None)).mark
    for other in ({"account_id": "acc_2"}, {"chat_id": "c1"}):
        with pytest.raises(ConfigurationError, match="mark belongs to another list"):
            await since(service, mark, **other)
    bound = await service.client().account("acc_1").messages.since(mark)
    assert bound.items == []


@pytest.mark.parametrize(
    "bad",
    ["", "x", "m1.", "m1.x", "m1.é", "m1.AAAA", "m2.AAAA", 5, b"m1.", START.replace(tzinfo=None)],
    ids=range(10),
)
async def test_what_is_no_mark(bad):
    service = Service()
    with pytest.raises(ConfigurationError, match="mark must"):
        await since(service, bad)
    assert service.asked == []


async def test_a_mark_that_was_cut_is_none():
    service = Service()
    for number in range(3):
        service.add(f"m{number}", at(number))
    mark = (await since(service, None)).mark
    for length in range(len(mark)):
        with pytest.raises(ConfigurationError):
            await since(service, mark[:length])


@pytest.mark.parametrize("bad", [-1.0, "6", float("nan"), float("inf"), None, True])
async def test_overlaps_that_cannot_be_meant(bad):
    with pytest.raises(ConfigurationError, match="overlap"):
        await since(Service(), None, overlap=bad)


async def test_an_overlap_longer_than_time():
    service = Service()
    service.add("a", at(0))
    changes = await since(service, None, overlap=1e308)
    service.add("years late", at(-(10**9)))
    assert names(await since(service, changes.mark)) == ["years late"]


# -- any arrivals ------------------------------------------------------------------------------

arrivals = st.lists(
    st.tuples(
        st.integers(0, 200),  # how much later than the one before it comes into the list, seconds
        st.integers(0, 100),  # and how old it is by then
        st.booleans(),  # whether somebody asks in between
    ),
    max_size=40,
)


@settings(max_examples=3 * settings().max_examples, deadline=None)
@given(arrivals=arrivals, size=st.integers(1, 7), seed=st.integers(), inclusive=st.booleans())
def test_whatever_comes_within_the_overlap_comes_once(arrivals, size, seed, inclusive):
    def shuffled(rows: list[Any]) -> list[Any]:
        return sorted(rows, key=lambda row: hash((seed, row["id"])))  # one order for all pages

    async def run() -> None:
        service = Service(inclusive=inclusive, size=size, shuffle=shuffled)
        mark: str | None = None
        got: list[str] = []
        now = 0
        for number, (later, age, asks) in enumerate(arrivals):
            now += later
            service.clock.now = START + timedelta(seconds=now)
            service.add(f"m{number}", at(now - age))
            if asks:
                changes = await since(service, mark, overlap=100.0)
                got += names(changes)
                mark = msgspec.json.decode(msgspec.json.encode(changes.mark))  # a text to keep
        got += names(await since(service, mark, overlap=100.0))
        assert sorted(got) == sorted(row["id"] for row in service.messages)

    asyncio.run(run())
