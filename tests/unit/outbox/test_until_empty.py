"""`run(until_empty=True)` ends when nothing moves any more, whatever others do meanwhile."""

import asyncio

import pytest

from .memory import MemoryStore, Place, Process
from .pretence import Service, new, worker

pytestmark = [pytest.mark.looptime(noop_cycles=0), pytest.mark.timeout(60)]


@pytest.mark.parametrize("question", [1, 2])
async def test_what_another_worker_claims_between_two_questions_is_waited_for(question):
    asked = 0

    def claimed_by_another(name):
        nonlocal asked
        asked += name == "going"
        if asked == question and place.items["item_0001"].state == "queued":
            place.put("item_0001", state="claimed", owner="another", lease=place.now() + 600.0)

    place = Place()
    await MemoryStore(place).add([new(1, due_at=place.now() + 3_600.0)])
    place.living["another"] = Process("another")
    place.faults = claimed_by_another
    made, _ = worker(Service(place), "w")
    running = asyncio.create_task(made.run(until_empty=True))
    await asyncio.sleep(120.0)
    assert not running.done()
    assert place.items["item_0001"].state == "claimed"
    place.put("item_0001", state="sent", owner=None, lease=None)
    async with asyncio.timeout(60.0):
        await running
