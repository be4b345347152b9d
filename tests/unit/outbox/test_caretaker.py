"""One worker's looks at what is in doubt: each item is looked at, by one, and then let go."""

import asyncio

import pytest

from postpress_async.errors import StateUnavailableError
from postpress_async.outbox.caretaker import Caretaker
from postpress_async.outbox.patience import Patience
from postpress_async.outbox.protocol import Terms, Undecided
from postpress_async.scheduler.clock import LoopClock
from postpress_async.storage.outbox.rows import Finish

from .memory import MemoryStore, Place
from .pretence import new

pytestmark = [pytest.mark.looptime(noop_cycles=0), pytest.mark.timeout(60)]
OWNER = "w"


async def in_doubt():
    """Return a place with one item."""
    place = Place()
    store = MemoryStore(place)
    await store.enter(OWNER)
    await store.add([new(0)])
    row = (await store.claim(OWNER, lease=60.0)).row
    await store.mark(row.id, row.fence, seconds=1.0, reach=Terms().reach, owner=OWNER)
    await store.finish(row.id, row.fence, Finish(state="unknown", look_at=0.0), owner=OWNER)
    return place


def caretaker(store, looker):
    clock = LoopClock()
    return Caretaker(
        store, looker, owner=OWNER, terms=Terms(), clock=clock, random=lambda: 0.5,
        patience=Patience(clock=clock, random=lambda: 0.5, seconds=1.0),
        boot=asyncio.get_running_loop().time, settled=lambda: None, ended_by=lambda _: None,
    )  # fmt: skip


class Looker:
    """Look until it may end, and find nothing to say."""

    def __init__(self):
        self.may = asyncio.Event()

    async def look(self, row, *, attempts, quiet):
        await self.may.wait()
        return Undecided(reason="who knows")


async def test_a_look_that_ends_while_strays_are_listed_has_the_last_word():
    place = await in_doubt()
    store, looker = MemoryStore(place), Looker()
    care = caretaker(store, looker)
    await care._take_doubtful()
    (item,) = care._looks
    care._unsure = True  # an answer was lost
    find = store.find

    async def listed(*args, **options):
        rows = await find(*args, **options)
        if care._looks:
            fence = place.items[item].fence
            decided = Finish(state="unknown", needs_decision=True, error="who knows")
            await store.finish(item, fence, decided, owner=OWNER)
            await care.end()
        return rows

    store.find = listed
    await care._take_doubtful()
    assert place.items[item].needs_decision
    assert not care._looks


async def test_what_a_look_gave_up_while_we_asked_is_given_back_later():
    place = await in_doubt()
    store, looker = MemoryStore(place), Looker()
    care = caretaker(store, looker)
    await care._take_doubtful()
    (item,) = care._looks
    doubtful, finish = store.doubtful, store.finish

    async def away(*_, **__):
        raise StateUnavailableError("the store is away")

    store.finish = away  # for as long as it is asked

    async def asked(*args, **options):
        row = await doubtful(*args, **options)
        if care._looks:
            looker.may.set()
            await asyncio.wait(care._looks.values())
            await asyncio.sleep(0)
        return row

    store.doubtful = asked
    await care._take_doubtful()
    assert place.items[item].owner == OWNER
    store.doubtful, store.finish = doubtful, finish
    looker.may.clear()
    await care._take_doubtful()
    assert item in care._looks
    await care.end()
