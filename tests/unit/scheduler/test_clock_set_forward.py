"""A clock that is set forward: windows go by the store's time, which does not follow it, and hours
and dates by the clock as it is now."""

import pytest

from postpress_async import LaneClosedError, Limit, WaitTooLongError, WarmUp, WorkingHours
from postpress_async.storage.instants import NOTHING, BootTime
from postpress_async.storage.memory import MemoryImages

from .rehearsal import MONDAY, VirtualClock
from .test_alone import lose
from .test_alone import process as alone
from .test_sharing import done, process

pytestmark = pytest.mark.looptime
HOUR, DAY = 3600.0, 86_400.0
PLENTY = Limit("profile", 100, per="day")
AFTERNOON = WorkingHours("13:00-15:00", tz="UTC", days="all")  # it is eight
ONE = Limit("profile", 1, per="hour")


class Machine:
    """Have a clock that may be set, and a store that goes by the machine's boot."""

    def __init__(self):
        self.set_by = 0.0
        clock = VirtualClock()
        self.images = MemoryImages()
        self.images._time = BootTime(
            lambda: clock.time() + self.set_by, clock.monotonic, lambda: "one"
        )
        self.settle = lambda: self.images._time.settle(NOTHING)


@pytest.fixture
async def machine():
    made = Machine()
    made.settle()
    return made


async def test_a_clock_that_is_ahead_for_a_moment_ends_no_window(machine):
    made = process(machine.images, ONE)
    await done(made)
    machine.set_by = DAY
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", "profile", max_wait=1.0)
    assert caught.value.retry_after == pytest.approx(HOUR, abs=2)
    machine.set_by = 0.0
    assert await done(made) == pytest.approx(HOUR, abs=2)


@pytest.mark.parametrize("who", ["who saw it", "who comes later", "who is alone"])
async def test_hours_are_the_clocks_that_was_set_right(machine, who):
    made = alone(machine.images, PLENTY, AFTERNOON)
    await made.snapshot("acc_1")
    machine.set_by = 6 * HOUR  # it is two in the afternoon
    if who == "who comes later":
        made = process(machine.images, PLENTY, AFTERNOON)
    if who == "who is alone":
        await made.snapshot("acc_1")
        lose(made)
    assert await done(made) == pytest.approx(0.0, abs=1)
    machine.set_by = 8 * HOUR
    if who != "who is alone":
        (blocker,) = await made.explain("acc_1", "profile")
        assert blocker.until == pytest.approx(MONDAY + DAY + 5 * HOUR, abs=2)


@pytest.mark.parametrize("account", ["acc_1", "*"])
async def test_a_pause_ends_by_the_clock(machine, account):
    made = process(machine.images, PLENTY)
    await made.snapshot("acc_1")
    machine.set_by = 6 * HOUR
    await made.pause(account, until=MONDAY + 7 * HOUR, reason="lunch")
    (lane,) = await made.snapshot("acc_1")
    assert lane.paused_until == pytest.approx(MONDAY + 7 * HOUR, abs=1)
    assert await done(made) == pytest.approx(HOUR, abs=1)


@pytest.mark.parametrize("account", ["acc_1", "*"])
async def test_no_pause_ends_because_a_clock_is_ahead_for_a_moment(machine, account):
    made = process(machine.images, PLENTY)
    await made.pause(account, until=MONDAY + HOUR, reason="lunch")
    machine.set_by = DAY
    with pytest.raises(LaneClosedError):
        await made.take("acc_1", "profile", max_wait=1.0)
    machine.set_by = 0.0
    assert await done(made) == pytest.approx(HOUR, abs=2)


async def test_what_was_done_elsewhere_was_done_by_the_clock(machine):
    made = process(machine.images, ONE)
    await made.snapshot("acc_1")
    machine.set_by = 6 * HOUR
    await made.record("acc_1", "profile", at=MONDAY + 5.5 * HOUR)
    assert await done(made) == pytest.approx(HOUR / 2, abs=1.1)


@pytest.mark.parametrize(
    ("wrong_by", "days", "granted"), [(-500, 400, 10), (60, 1, 1)], ids=["behind", "ahead"]
)
async def test_an_account_is_as_old_as_the_clock_says_now(machine, wrong_by, days, granted):
    made = process(machine.images, Limit("profile", 10, per="day"), WarmUp(0.1, days=21, steady=14))
    machine.set_by = wrong_by * DAY  # before it asked a time server
    made.describe("acc_1", "LINKEDIN", connected_at=MONDAY - days * DAY, ok=True)
    await done(made)
    machine.set_by = 0.0
    for _ in range(granted - 1):
        await made.take("acc_1", "profile", max_wait=1.0)
    with pytest.raises(WaitTooLongError) as caught:
        await made.take("acc_1", "profile", max_wait=1.0)
    assert caught.value.retry_after > HOUR
