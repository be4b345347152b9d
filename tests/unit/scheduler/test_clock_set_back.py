"""A clock that was ahead for a moment: windows go by the store's time, which never goes back, and
hours, ages and dates by the clock as it is now."""

import pytest

from postpress_async import Limit, WaitTooLongError, WorkingHours
from postpress_async.storage.memory import MemoryImages

from .rehearsal import MONDAY, VirtualClock
from .test_alone import lose
from .test_alone import process as alone
from .test_sharing import done, process

pytestmark = pytest.mark.looptime
HOUR = 3600.0
PLENTY = Limit("profile", 100, per="day")
AFTERNOON = WorkingHours("13:00-15:00", tz="UTC", days="all")  # it is eight


class Machine:
    """Have a clock that may be wrong, and a store that goes by it."""

    def __init__(self):
        self.wrong_by = 0.0
        clock = VirtualClock()
        self.images = MemoryImages(clock=lambda: clock.time() + self.wrong_by)
        self.images._time._steady = clock.monotonic  # it goes on, as a machine's does

    async def is_wrong(self, made, seconds):
        """Let the clock be ahead while somebody asks the store, and set it right."""
        self.wrong_by = seconds
        await made.snapshot("acc_1")
        self.wrong_by = 0.0


@pytest.fixture
def machine():
    return Machine()


@pytest.mark.parametrize("who", ["who saw it", "who comes later", "who is alone"])
async def test_hours_are_the_clocks_that_was_set_right(machine, who):
    made = alone(machine.images, PLENTY, AFTERNOON)
    await machine.is_wrong(made, 6 * HOUR)
    if who == "who comes later":
        made = process(machine.images, PLENTY, AFTERNOON)
    if who == "who is alone":
        await made.snapshot("acc_1")
        lose(made)
    with pytest.raises(WaitTooLongError, match="working hours") as caught:
        await made.take("acc_1", "profile", max_wait=1.0)
    assert caught.value.retry_after == pytest.approx(5 * HOUR, abs=1)
    if who != "who is alone":
        (blocker,) = await made.explain("acc_1", "profile")
        assert blocker.until == pytest.approx(MONDAY + 5 * HOUR, abs=1)


async def test_whoever_waits_for_the_hours_goes_when_they_come(machine):
    made = process(machine.images, PLENTY, AFTERNOON)
    await machine.is_wrong(made, 6 * HOUR)
    assert await done(made) == pytest.approx(5 * HOUR, abs=1)


@pytest.mark.parametrize("account", ["acc_1", "*"])
async def test_a_pause_ends_by_the_clock(machine, account):
    made = process(machine.images, PLENTY)
    await machine.is_wrong(made, 6 * HOUR)
    await made.pause(account, until=MONDAY + HOUR, reason="lunch")
    (lane,) = await made.snapshot("acc_1")
    assert lane.paused == "lunch"
    assert await done(made) == pytest.approx(HOUR, abs=1)


async def test_what_was_done_elsewhere_was_done_by_the_clock(machine):
    made = process(machine.images, Limit("profile", 1, per="hour"))
    await machine.is_wrong(made, 6 * HOUR)
    await made.record("acc_1", "profile", at=MONDAY - HOUR / 2)
    assert await done(made) == pytest.approx(HOUR / 2, abs=1.1)


async def test_windows_end_by_the_stores_time_and_never_sooner(machine):
    made = process(machine.images, Limit("profile", 1, per="hour"))
    await machine.is_wrong(made, 6 * HOUR)
    await done(made)
    assert await done(made) == pytest.approx(HOUR, abs=1.1)


async def test_a_clock_that_was_never_wrong_moves_nothing(machine):
    made = process(machine.images, PLENTY)
    await done(made)
    assert made._sharer._courier._shelf.setting.skew() == 0.0
