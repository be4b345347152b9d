"""The one timer that bounds calls in flight, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from postpress_async import Timeout
from postpress_async.exchange.sweeper import EVERY, Flight, Sweeper
from postpress_async.wire.values import Sending

pytestmark = pytest.mark.looptime


async def bounded(sweeper: Sweeper, times: Timeout, *, sent: bool = True) -> tuple[float, str]:
    """Wait under a sweeper until it has had enough; return when that was, and what it said."""
    loop = asyncio.get_running_loop()
    start, sending = loop.time(), Sending()
    sending.sent = sent
    flight = sweeper.start(times, sending)
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        assert flight.caught()
        assert flight.spent is not None
        return loop.time() - start, flight.spent
    finally:
        sweeper.end(flight)
    return loop.time() - start, ""


@pytest.mark.parametrize("seconds", [0.01, 0.25, 0.3, 1.0, 7.77])
@pytest.mark.parametrize("bound", ["total", "read"])
async def test_a_bound_is_kept_at_most_a_quarter_second_late(bound, seconds):
    times = Timeout(**{"total": None, "read": None, bound: seconds})
    took, said = await bounded(Sweeper(), times)
    assert seconds <= took <= seconds + EVERY + 0.001
    assert said == f"Timeout.{bound}={seconds:g} s"
    assert EVERY <= 0.25


async def test_silence_before_the_request_left_is_the_connections():
    took, said = await bounded(Sweeper(), Timeout(total=5.0, read=1.0), sent=False)
    assert "total" in said
    assert took >= 5.0


async def test_without_bounds_nobody_is_disturbed():
    took, said = await bounded(Sweeper(), Timeout(total=None, connect=None, read=None))
    assert (took, said) == (1000.0, "")


async def test_each_of_many_has_its_own_bound():
    sweeper = Sweeper()
    bounds = [0.5, 3.0, 1.0, 2.0]
    found = await asyncio.gather(
        *(bounded(sweeper, Timeout(total=total, read=None)) for total in bounds)
    )
    for total, (took, _) in zip(bounds, found, strict=True):
        assert total <= took <= total + EVERY + 0.001
    await asyncio.sleep(1.0)
    assert sweeper._timer is None  # an idle client has no timer
    assert not sweeper._flights


async def test_a_cancellation_by_somebody_else_is_theirs():
    sweeper = Sweeper()
    task = asyncio.create_task(bounded(sweeper, Timeout(total=10.0)))
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(AssertionError):  # not the sweeper's: nothing was caught
        await task


async def test_both_at_once_is_theirs_too():
    """The sweeper cancels, and in the same turn somebody else does: the call must end cancelled."""
    flights: list[Flight] = []

    async def call() -> str:
        flight = sweeper.start(Timeout(total=1.0), Sending())
        flights.append(flight)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if flight.caught():
                return "timed out"
            raise
        finally:
            sweeper.end(flight)
        return "done"

    sweeper = Sweeper()
    task = asyncio.create_task(call())
    await asyncio.sleep(0.1)
    flights[0].started -= 10.0
    sweeper._sweep(asyncio.get_running_loop())
    assert flights[0].spent
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
