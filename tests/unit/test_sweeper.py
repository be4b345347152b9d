"""The one timer that bounds calls in flight, in virtual time."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest

from postpress_async import OutboxStateError, Timeout
from postpress_async.exchange import sweeper as sweeping
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


# -- a loop that is kept busy ------------------------------------------------------------------


class ToldLoop(asyncio.SelectorEventLoop):
    """A loop whose time only goes on while something keeps it from turning."""

    told = 0.0

    def time(self):
        return self.told


def kept_busy(call, block):
    """Run a call in a loop that stands still for some seconds in each of its turns."""

    async def busy():
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(call())
        while not task.done():
            assert loop.told < 10_000.0, "nothing ends it"
            loop.told += block
            await asyncio.sleep(0)
        return await task

    with asyncio.Runner(loop_factory=ToldLoop) as runner:
        return runner.run(busy())


def longest_delay(block):
    """Two rounds, each a turn late and one to be noticed, and a turn in which the call hears."""
    return 2 * (EVERY + 2 * block) + block + 0.001


@pytest.mark.looptime(enabled=False)
@pytest.mark.parametrize("block", [0.01, 0.2, 0.3, 0.6, 5.0, 61.0])
@pytest.mark.parametrize("bound", ["total", "read"])
def test_a_loop_that_is_always_late_ends_calls_all_the_same(block, bound):
    times = Timeout(**{"total": None, "read": None, bound: 2.0})
    took, said = kept_busy(lambda: bounded(Sweeper(), times), block)
    assert said == f"Timeout.{bound}=2 s"
    assert 2.0 <= took <= 2.0 + longest_delay(block)


@pytest.mark.looptime(enabled=False)
@pytest.mark.parametrize("block", [0.6, 61.0])
def test_an_answer_that_lies_in_the_socket_is_read_by_a_loop_that_is_always_late(block):
    async def call():
        loop, sweeper = asyncio.get_running_loop(), Sweeper()
        here, there = socket.socketpair()
        with closing(here), closing(there):
            here.setblocking(False)
            sending = Sending()
            sending.sent = True
            flight = sweeper.start(Timeout(total=60.0, read=60.0), sending)
            loop.call_at(60.0 - block / 2, there.send, b"it went")
            try:
                return await loop.sock_recv(here, 100)
            finally:
                sweeper.end(flight)

    assert kept_busy(call, block) == b"it went"


@pytest.mark.looptime(enabled=False)
def test_each_call_has_a_late_round_of_its_own():
    """Who is spared in one late round is not in the next, whoever else was."""
    sweeper = Sweeper()

    async def call():
        bounds = [1.0, 1.7, 2.3, 2.9]
        return await asyncio.gather(
            *(bounded(sweeper, Timeout(total=total, read=None)) for total in bounds)
        )

    for total, (took, _) in zip([1.0, 1.7, 2.3, 2.9], kept_busy(call, 0.6), strict=True):
        assert total <= took <= total + longest_delay(0.6)
    assert not sweeper._flights


# -- pieces of a body --------------------------------------------------------------------------


async def flight_of(times, sending):
    flight = Sweeper().start(times, sending)
    flight.boots = sweeping.boot_time()
    return flight


@pytest.mark.parametrize("clock", ["monotonic", "boot"])
async def test_no_piece_leaves_once_the_time_is_over_by_either_clock(clock):
    sending = Sending()
    flight = await flight_of(Timeout(total=60.0), sending)
    flight.piece()
    flight.piece()
    if clock == "monotonic":
        flight.started -= 60.0
    else:
        flight.boots -= 60.0
    with pytest.raises(TimeoutError):
        flight.piece()
    assert flight.over == "Timeout.total=60 s"
    assert sending.sent  # pieces did leave


async def test_a_first_piece_that_is_too_late_means_that_nothing_left():
    sending = Sending()
    flight = await flight_of(Timeout(total=60.0), sending)
    flight.started -= 60.0
    with pytest.raises(TimeoutError):
        flight.piece()
    assert not sending.sent


async def test_what_was_refused_once_stays_refused():
    """A middleware of the user's own may try again what it takes for a lost connection."""
    refused = OutboxStateError("too late", item="i")
    answers = [refused]

    def last_act():
        if answers:
            raise answers.pop()

    sending = Sending(last_act=last_act)
    flight = await flight_of(Timeout(total=60.0), sending)
    for _ in range(3):
        with pytest.raises(OutboxStateError):
            flight.piece()
    assert not sending.sent


async def test_only_the_first_piece_asks_the_last_act():
    asked = []
    sending = Sending(last_act=lambda: asked.append(1))
    flight = await flight_of(Timeout(total=None), sending)
    for _ in range(3):
        flight.piece()
    assert asked == [1]
