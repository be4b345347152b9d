"""Random faults, seed by seed: whatever happens, each message is delivered once, in order."""

import asyncio
import contextlib
import os
import random

import pytest

from .memory import KilledError, MemoryStore, Place
from .pretence import Service, new, worker

pytestmark = [pytest.mark.looptime(noop_cycles=0), pytest.mark.timeout(600)]

# A thousand by SEEDS_OF_WORKERS=1000; the stories of `nox -s campaign` are longer.
SEEDS = int(os.environ.get("SEEDS_OF_WORKERS", "500"))
CHUNK = 100
WORDS = ("yes", "cut", "lost", "429", "503", "refused", "limit", "no id", "bug")
WEIGHTS = (60, 8, 8, 5, 4, 5, 4, 3, 1)


def delays_of(rng):
    """Return how long things take: mostly a moment, sometimes until everybody has given up."""

    def delays(what):
        if what == "late":
            return rng.choice((0.0, 1.0, 30.0, 100.0))
        if what == "answer":
            return rng.choice((0.1, 0.5, 20.0, 55.0))
        if what == "limit":
            return rng.choice((0.5, 60.0, 600.0))
        if what == "undecided":
            return rng.random() < 0.1
        return rng.choice((0.0, 0.01, 1.0))

    return delays


def faults_of(rng, share):
    return lambda _: rng.choice(("before", "after")) if rng.random() < share else None


async def one(seed, *, certain):
    """Let three workers deliver a few messages while one thing after another goes wrong."""
    rng = random.Random(seed)
    share = rng.choice((0.0, 0.0, 0.02, 0.1))
    slow = rng.choice((0.0, 0.0, 0.05))
    place = Place(certain=certain, latency=lambda: rng.random() * slow)
    service = Service(place)
    count = rng.randint(3, 8)
    wanted = [
        new(n, f"chat_{rng.randint(1, 3)}", due_at=place.now() + rng.choice((0, 0, 0, 300)))
        for n in range(count)
    ]
    await MemoryStore(place).add(wanted)
    place.faults = faults_of(rng, share)
    running = {}

    def start(n):
        made, process = worker(
            service,
            f"worker_{n}",
            random=rng.random,
            say=lambda _: rng.choices(WORDS, WEIGHTS)[0],
            delays=delays_of(rng),
            concurrency=rng.choice((1, 3, 100)),
        )
        running[n] = (asyncio.create_task(made.run(until_empty=True)), process)

    for n in range(rng.randint(1, 3)):
        start(n)
    for n in range(10, 10 + rng.randint(0, 8)):
        await asyncio.sleep(rng.choice((0.3, 1.0, 5.0, 60.0)))
        task, process = running[rng.choice(list(running))]
        what = rng.choice(("kill", "kill", "pause", "stop", "cancel"))
        if what == "kill":
            process.dead = True
            task.cancel()
        elif what == "pause":
            process.pause(rng.choice((2.0, 40.0, 70.0, 300.0)))
        elif what == "cancel":
            task.cancel()
        if what != "pause":
            start(n)
    if all(process.dead or task.done() for task, process in running.values()):
        start(99)
    tasks = [task for task, _ in running.values()]
    async with asyncio.timeout(7 * 86_400):
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, KilledError):
                await task
    return place, service, wanted


def judged(place, service, wanted):
    """Return what was wrong."""
    delivered = service.delivered()
    ids = [item.id for item in wanted]
    undecided = {row.id for row in place.items.values() if row.needs_decision}
    behind = {row.thread for row in place.items.values() if row.needs_decision}
    for item in wanted:
        row = place.items[item.id]
        if delivered.count(item.id) > 1:
            yield f"{item.id} was delivered {delivered.count(item.id)} times"
        if row.state == "sent" and item.id not in delivered:
            yield f"{item.id} is sent and was not delivered"
        if row.state == "failed" and item.id in delivered:
            yield f"{item.id} failed and was delivered"
        settled = row.state in {"sent", "failed"} or row.id in undecided or row.thread in behind
        if not settled:
            yield f"{item.id} is {row.state} for ever"
    for thread, messages in service.chats.items():
        places = [ids.index(item) for item, _ in messages]
        dues = [(wanted[n].due_at, n) for n in places]
        if dues != sorted(dues) and not any(item.due_at for item in wanted):
            yield f"{thread} is out of order: {places}"


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
async def test_none_doubled_none_lost(first):
    wrong, requests = {}, 0
    for seed in range(first, first + CHUNK):
        place, service, wanted = await one(seed, certain=seed % 2 == 0)
        requests += service.requests
        if found := list(judged(place, service, wanted)):
            wrong[seed] = found
    assert not wrong
    assert requests > CHUNK  # it did send
