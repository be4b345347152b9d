"""A Retry-After is obeyed wholly, or raised at once; nobody waits less."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from postpress_async import (
    Limits,
    PostpressError,
    RateLimitedError,
    RequestOptions,
    Retries,
    ServiceUnavailableError,
    WaitTooLongError,
)
from postpress_async.wire.codec import retry_after
from postpress_async.wire.waits import date_of

if TYPE_CHECKING:
    from postpress_async.sandbox.clock import SandboxClock

NOW = 1_800_000_000.0
LIMITED = "429 too_many_requests"


def said(status: int, **headers: str) -> Any:
    """Answer once with a status and headers, then well."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def script(c: Any) -> None:
        while True:
            request = await c.request()
            if len(c.server.seen) == 1:
                c.answer(status, b'{"type":"errors/x","title":"No"}', named)
            elif request.method == "POST":
                c.answer(200, b'{"object":"MessageSent","message_id":"m1"}')
            else:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')

    return script


# -- reading it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("0.25", 0.25),
        (" 7 ", 7.0),
        ("+3", 3.0),
        ("-5", 0.0),
        ("-0.1", 0.0),
        ("2678400", 2_678_400.0),
        ("2678400.1", None),
        ("1000000000", None),
        ("1800000060", 60.0),
        ("1800000060.5", 60.5),
        ("1800000060500", 60.5),
        ("1799999000", 0.0),
        ("1802678401", None),
        ("999999999999", None),
        ("9999999999999", None),
        ("18000000605000", None),
        ("", None),
        ("   ", None),
        ("soon", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("0x10", None),
        ("1,5", None),
        ("1 2", None),
        ("٣", None),
        ("9" * 400, None),
        ("1" + "0" * 5000, None),
        ("Thu, 99 Foo 2020 00:00:00 GMT", None),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
def test_seconds(text, seconds):
    assert retry_after({"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90.0), (0, 0.0), (-3600, 0.0)])
def test_a_date_counts_from_the_answers_own_date(ahead, seconds):
    for skew in (0, 7200, -7200):  # our clock is off, theirs agrees with itself
        headers = {
            "Retry-After": formatdate(NOW + skew + ahead, usegmt=True),
            "Date": formatdate(NOW + skew, usegmt=True),
        }
        assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_a_date_counts_from_our_clock_where_the_answer_has_none(date):
    headers = {"Retry-After": formatdate(NOW + 30, usegmt=True)}
    if date is not None:
        headers["Date"] = date
    assert retry_after(headers, NOW) == 30.0


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this machine live elsewhere."""

    def live(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield live
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_the_old_forms_of_dates_are_read(zone, in_zone):
    in_zone(zone)
    assert retry_after({"Retry-After": "Fri, 15 Jan 2027 08:01:00 GMT"}, NOW) == 60.0
    assert retry_after({"Retry-After": "Friday, 15-Jan-27 08:01:00 GMT"}, NOW) == 60.0
    for unzoned in ("Fri Jan 15 08:01:00 2027", "Fri, 15 Jan 2027 08:01:00 -0000"):
        assert retry_after({"Retry-After": unzoned}, NOW) == 60.0
        assert date_of({"Date": unzoned}) == NOW + 60.0


# -- obeying it --------------------------------------------------------------------------------


def sits_out(talker: Any) -> bool:
    """Tell whether a call backs off, or waits in a lane."""
    return bool(talker.client._pipeline.home._sleepers or talker.waiting)


@pytest.fixture
def waits(clock: SandboxClock, until: Any) -> Any:
    """Check that a call goes on only when so many seconds have passed, and then does."""

    async def check(talker: Any, task: asyncio.Task[Any], seconds: float) -> None:
        await until(lambda: sits_out(talker))
        clock.advance(seconds - 1.0)
        for _ in range(20):
            await asyncio.sleep(0.002)
        assert sits_out(talker)
        assert not task.done()
        clock.advance(1.0 + 0.06 * seconds)  # a lane adds up to 5 %
        await asyncio.wait_for(task, 20.0)

    return check


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "fraction", "date", "date of theirs"])
@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_it_is_waited_for_wholly(  # noqa: PLR0917 - fixtures
    serve, talk, clock, waits, column, form, status
):
    seconds, headers = 20.0, {}
    if form == "seconds":
        headers["Retry_After"] = "20"
    elif form == "fraction":
        seconds, headers["Retry_After"] = 20.5, "20.5"
    elif form == "date":
        seconds, headers["Retry_After"] = 19.5, formatdate(clock.time() + 20, usegmt=True)
    else:
        headers["Date"] = formatdate(clock.time() - 9000, usegmt=True)
        headers["Retry_After"] = formatdate(clock.time() - 9000 + 20, usegmt=True)
    if status == 503 and column == "POST":
        column = "POST+key"  # only then may it be repeated at all
    raw = await serve(said(status, **headers))
    talker = talk(raw, clock=clock, max_wait=25.0)
    task = asyncio.create_task(talker(column))
    await waits(talker, task, seconds)
    assert len(raw.seen) == 2
    assert talker.told.finished.waited >= seconds - 0.1
    talker.nothing_is_held()


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_above_max_wait_it_is_raised_at_once(serve, talk, clock, column):
    raw = await serve(said(429, Retry_After="3600"))
    # with a limit of a day, the lane would learn from such a wait that the day is used up
    talker = talk(raw, clock=clock, max_wait=30.0, limits=Limits.none())
    error = await asyncio.wait_for(talker.fails(column), 20.0)
    assert type(error) is RateLimitedError
    assert (error.retry_after, error.outcome, error.attempts) == (3600.0, "refused", 1)
    assert error.retryable
    assert len(raw.seen) == 1

    # and the lane stays closed for its time: nothing else of this account goes
    for other in ("GET", "PUT", "POST"):
        refused = await talker.fails(other)
        assert type(refused) is WaitTooLongError
        assert 3500 < refused.retry_after <= 3600 * 1.05
        assert "cool-down" in str(refused)
        assert (refused.outcome, refused.attempts) == ("not_sent", 0)
    (lane,) = await talker.client.scheduler.snapshot("acc_1")
    assert lane.cooling_until is not None
    assert 3500 < lane.cooling_until - clock.time() <= 3600 * 1.05
    assert len(raw.seen) == 1

    # another account, and reads of the service's own copy, still go
    await talker.client.users.get("jordan", account_id="acc_2")
    await talker.client.request("GET", "/chats/1", type=dict, account_id="acc_1", action="read")

    clock.advance(3600 * 1.06)
    await talker(column)
    assert len(raw.seen) == 4


async def test_a_503_above_max_wait_is_raised_at_once(serve, talk, clock):
    raw = await serve(said(503, Retry_After="31"))
    talker = talk(raw, clock=clock, max_wait=30.0)
    error = await talker.fails("GET")
    assert type(error) is ServiceUnavailableError
    assert (error.retry_after, error.attempts) == (31.0, 1)
    assert len(raw.seen) == 1


async def test_waits_add_up_against_max_wait(serve, talk, clock, until):
    raw = await serve("503 no_channel in 20 s")
    talker = talk(raw, clock=clock, max_wait=50.0, retries=Retries(attempts=9))
    task = asyncio.create_task(talker.fails("POST"))
    for attempts in (1, 2):
        await until(lambda attempts=attempts: len(raw.seen) == attempts and sits_out(talker))
        clock.advance(20.0)
    error: PostpressError = await asyncio.wait_for(task, 20.0)
    assert error.attempts == 3  # 20 + 20 fit into 50, another 20 do not
    assert len(raw.seen) == 3


async def test_one_call_may_have_less_patience(serve, talk, clock):
    raw = await serve(said(429, Retry_After="20"))
    talker = talk(raw, clock=clock, max_wait=300.0)
    error = await talker.fails("GET", options=RequestOptions(max_wait=5.0))
    assert error.attempts == 1


@pytest.mark.parametrize("text", ["-5", "0", "soon"])
@pytest.mark.parametrize("status", [503])
async def test_nothing_to_wait_for(serve, talk, status, text):
    raw = await serve(said(status, Retry_After=text))
    await talk(raw)("GET")
    assert len(raw.seen) == 2


async def test_without_one_a_429_closes_the_lane_for_a_while(serve, talk, clock):
    raw = await serve(said(429))
    talker = talk(raw, clock=clock)
    error = await talker.fails("GET")
    assert type(error) is RateLimitedError
    assert error.retry_after is None
    (lane,) = await talker.client.scheduler.snapshot("acc_1")
    assert lane.cooling_until is not None
    assert 30.0 <= lane.cooling_until - clock.time() <= 60.0


async def test_a_429_on_a_read_is_the_keys_own(serve, talk, clock, waits):
    raw = await serve(said(429, Retry_After="20"))
    talker = talk(raw, clock=clock)
    task = asyncio.create_task(
        talker.client.request("GET", "/chats/1", type=dict, account_id="acc_1", action="read")
    )
    await waits(talker, task, 20.0)
    (lane,) = await talker.client.scheduler.snapshot("acc_1")
    assert lane.cooling_until is None


async def test_too_early_waits_a_moment(serve, talk, clock, waits):
    raw = await serve(said(425))
    talker = talk(raw, clock=clock)
    task = asyncio.create_task(talker("POST"))
    await waits(talker, task, 2.0)
    assert len(raw.keys) == 1


async def test_after_a_cool_down_the_rest_goes_too(serve, talk, clock, until):
    raw = await serve(said(429, Retry_After="20"))
    talker = talk(raw, clock=clock, max_wait=100.0)
    calls = [asyncio.create_task(talker("GET")) for _ in range(3)]
    await until(lambda: sits_out(talker) and not talker.under_way)
    clock.advance(22.0)
    await asyncio.wait_for(asyncio.gather(*calls), 20.0)
    assert len(raw.seen) == 4
    talker.nothing_is_held()
