"""How long ago an attempt was, whatever the store's clock does; and that absent waits so long."""

import asyncio

import pytest

from postpress_async.outbox.ages import Ages
from postpress_async.outbox.protocol import Terms

from .memory import MemoryStore, Place
from .pretence import Service, new, worker

pytestmark = [pytest.mark.looptime(noop_cycles=0), pytest.mark.timeout(60)]
LATE = 119.0  # seconds until a cut request arrives: the protocol allows 120


def ages(now):
    clock = type("Clock", (), {"monotonic": lambda _: now[0]})()
    return Ages(clock, boot=lambda: now[1])


def test_it_is_at_least_what_has_passed_since_the_store_was_behind_it():
    now = [0.0, 100.0]
    one = ages(now)
    assert one.of(5.0) == 0.0  # nothing is known
    one.saw(1_000.0)
    now[:] = [30.0, 130.0]
    one.saw(1_030.0)
    now[:] = [40.0, 140.0]
    assert one.of(900.0) == 40.0  # longer ago, but who knows how long
    assert one.of(999.0) == 40.0
    assert one.of(1_000.0) == 10.0  # another process may have dated it a moment later
    assert one.of(1_010.0) == one.of(1_029.0) == 10.0
    assert one.of(1_030.0) == 0.0


def test_a_clock_that_is_set_forward_makes_nothing_older():
    now = [0.0, 0.0]
    one = ages(now)
    one.saw(1_000.0)
    now[:] = [10.0, 10.0]
    one.saw(9_000.0)
    now[:] = [12.0, 12.0]
    assert one.of(1_001.0) == 2.0
    assert one.of(999.0) == 12.0


def test_time_in_which_the_machine_was_suspended_counts():
    now = [0.0, 0.0]
    one = ages(now)
    one.saw(1_000.0)
    now[:] = [1.0, 501.0]
    assert one.of(999.0) == 501.0


def test_it_keeps_no_more_than_it_needs():
    now = [0.0, 0.0]
    one = ages(now)
    for n in range(10_000):
        now[:] = [float(n), float(n)]
        one.saw(1_000.0 + n)
    assert one.of(0.0) >= 4 * (Terms().write + Terms().reach.grace)
    assert one.of(1_000.0 + 9_990.0) >= 1.0
    assert len(one) < 200


def test_a_doubt_of_any_length_grows_old_amid_traffic():
    now = [0.0, 0.0]
    one = ages(now)
    began = 3_600.0
    for n in range(0, 5 * 86_400, 5):
        now[:] = [float(n), float(n)]
        one.saw(1_000.0 + n)
        if n > began and n % 300 == 0:
            assert 0.94 * (n - began) - 12.0 <= one.of(1_000.0 + began) <= n - began
            assert one.of(999.0) == n  # the first is never forgotten
    assert len(one) < 300


async def cut(*, certain=True):
    place = Place(certain=certain)
    await MemoryStore(place).add([new(0), new(1)])
    return Service(place)


def says(service, name):
    said, late = ["cut"], {"late": LATE, "answer": 60.0}
    return worker(
        service, name, say=lambda _: said.pop() if said else "yes",
        delays=lambda what: late.get(what, 0.0) if said == [] and service.requests < 2 else 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("certain", [True, False])
@pytest.mark.parametrize("at", [5.0, 45.0, 75.0])
@pytest.mark.parametrize("killed", [False, True])
async def test_a_step_of_the_stores_clock_doubles_nothing(certain, at, killed):
    service = await cut(certain=certain)
    made, process = says(service, "w")
    task = asyncio.create_task(made.run(until_empty=True))
    await asyncio.sleep(at)
    service.place.epoch += 3_600.0
    if killed:
        process.dead = True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        made, _ = worker(service, "next")
        task = asyncio.create_task(made.run(until_empty=True))
    await task
    await asyncio.sleep(LATE)  # whatever is still under way arrives
    assert service.delivered() == ["item_0000", "item_0001"]


async def test_a_doubt_of_a_request_that_may_take_an_hour_ends():
    place = Place()
    await MemoryStore(place).add([new(0)])
    service, said = Service(place), ["lost"]
    made, _ = worker(
        service, "w", say=lambda _: said.pop() if said else "yes", terms=Terms(total=3_600.0)
    )
    async with asyncio.timeout(4 * 3_600.0):
        await made.run(until_empty=True)
    assert service.delivered() == ["item_0000"]
