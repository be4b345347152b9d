"""Workers of an outbox are killed at random moments; then the service tells what arrived.

The service is the sandbox, which resets connections, stalls, answers in halves and with 429, 502
and 503, before and after it did what it was asked to; it does not honour idempotency keys, so that
it shows every double. One worker after the other dies by `kill -9`, and another takes its place.
Time runs faster than real, for all of them alike; the protocol and its terms are the product's.

At the end nothing fails any more, until no item can move by itself. Then each item must be in the
service once, in the order of its chat, or the store must say that it is not.

    python tests/campaign/sends.py --store postgres --kills 200
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from counts import store_of
from fast import hasten
from items import Items, faults
from judging import at_rest, judged, kept

from postpress_async import Sandbox, StateUnavailableError
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Filter

HERE = Path(__file__).parent
CAPS = (("message", 40, 60.0), ("message", 4_000, 86_400.0), ("invite_note", 20, 3_600.0))
STOPS = 0.1  # of the blows are no kills: the worker only stands still
STOPPED_SECONDS = 100.0  # of told time: longer than a lease and a deadline
SLOWEST = 4.0  # times as fast as real: slow enough for any machine that moves at all
BACKLOG = 60  # items that wait at least, while there are kills to come


class Nursery:
    """Start workers in no time, and kill them."""

    def __init__(self, told, log, program=HERE / "worker_of_sends.py"):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(program), json.dumps(told)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1,
        )  # fmt: skip
        self.workers = []
        self._still = set()  # of them, those that are stopped
        self.kills = self.stops = 0
        self.fallen = 0  # before they were killed: a fault of theirs

    async def start(self, word="another"):
        """Fork one more worker; the word is for it."""
        self._process.stdin.write(f"{word}\n")
        said = await asyncio.to_thread(self._process.stdout.readline)
        self.workers.append(int(said))

    def kill(self, n):
        """End one worker at once."""
        self.kills += 1
        try:
            os.kill(self.workers.pop(n), signal.SIGKILL)
        except ProcessLookupError:
            self.fallen += 1

    def stop(self, n, seconds):
        """Have one worker stand still for a while, as a suspended machine would."""
        worker = self.workers[n]
        if worker in self._still:
            return
        try:
            os.kill(worker, signal.SIGSTOP)
        except ProcessLookupError:
            self.fallen += 1
            return
        self.stops += 1
        self._still.add(worker)
        asyncio.get_running_loop().call_later(seconds, self._go_on, worker)

    def _go_on(self, worker):
        self._still.discard(worker)
        if worker in self.workers:  # else it was killed meanwhile
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)

    def end(self):
        """End all, and the nursery."""
        while self.workers:
            self.kill(0)
        self._process.kill()
        self._process.communicate()


async def something_happened(sandbox, count):
    """Wait for some requests, so that a slow machine's workers get to something, too."""
    journal = sandbox._engine.journal
    n, until = _last(journal) + count, time.monotonic() + 1.0
    while _last(journal) < n and time.monotonic() < until:  # noqa: ASYNC110 - a journal tells nobody
        await asyncio.sleep(0.005)


def _last(journal):
    return max((entry.n for entry in journal.tail(1)), default=0)


async def patiently(ask):
    """Ask a store until it answers: its server may just be starting again."""
    while True:
        try:
            return await ask()
        except StateUnavailableError:
            await asyncio.sleep(0.1)


async def rage(options, rng, *, nursery, items, store, sandbox, again):
    """Kill and stop workers as often as wished, and keep something to do for the others."""
    for _ in range(options.workers):
        await nursery.start()
    restarts = 0
    while (killing := nursery.kills < options.kills) or nursery.stops < options.stops:
        counts = await patiently(lambda: store.counts(Filter(states=("queued",))))
        if sum(counts.values()) < BACKLOG:
            more = items.more(BACKLOG)
            await patiently(lambda more=more: store.add(more))
        await something_happened(sandbox, rng.choice((0, 1, 2, 3, 5, 8)))
        await asyncio.sleep(rng.random() * 0.05)
        which = rng.randrange(len(nursery.workers))
        if rng.random() < STOPS or not killing:
            nursery.stop(which, STOPPED_SECONDS / options.speed)
            continue
        nursery.kill(which)
        await nursery.start()
        if again and nursery.kills > options.kills * (restarts + 1) / (options.restarts + 1):
            restarts += 1
            await asyncio.to_thread(again)


async def drained(store, seconds):
    """Wait until nothing moves by itself; return whether that came in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if await patiently(lambda: at_rest(store)):
            return True
        await asyncio.sleep(0.2)
    return False


async def settled(options, nursery_at, *, store, clock):
    """Let workers end what is left; return whether they did, and how many of them fell.

    A time-out of told time is short in real time. Where a machine is too busy for that, workers
    end nothing: then time slows down, for new workers, until they do.
    """
    fallen = 0
    while True:
        nursery = nursery_at()
        try:
            for _ in range(options.workers):
                await nursery.start()
            slowest = clock.speed <= SLOWEST
            quiet = await drained(store, options.drain * (10.0 if slowest else 1.0))
        finally:
            nursery.end()
            fallen += nursery.fallen
        if quiet or slowest:
            return quiet, fallen
        clock.slow(clock.speed / 2.0)


def told_to_workers(sandbox, place, clock):
    """Return what every worker must know."""
    postgres = place.url.startswith("postgresql:")
    state = place.url if postgres else place.url.replace("counts.db", "lanes.db")
    return {
        "url": sandbox.url, "key": sandbox.api_key, "state": state, "outbox": place.url,
        "accounts": [one["id"] for one in sandbox.world()["accounts"]], "caps": CAPS,
        "speed": clock.speed, "epoch": clock.epoch, "ahead": clock.ahead,
        "total": 48.0 / clock.speed,
    }  # fmt: skip


async def run(options):
    """Carry out a campaign, and return what became of it."""
    rng = random.Random(options.seed)
    place, again = store_of(options.store)
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - read at the end
    began = time.monotonic()
    try:
        async with Sandbox(seed=options.seed) as sandbox:
            sandbox.reset(accounts={"LINKEDIN": options.accounts}, chats=6, messages=1)
            sandbox.idempotency(honoured=False)
            sandbox.limits([{"action": a, "amount": n, "per": per} for a, n, per in CAPS])
            sandbox.faults(faults())
            clock = hasten(sandbox, options.speed)
            items = Items(sandbox, rng, now=clock.time)
            store = open_outbox(place.url, clock=clock.time)
            await store.add(items.more(2 * BACKLOG))

            def nursery_at():
                return Nursery(told_to_workers(sandbox, place, clock), log)

            nursery = nursery_at()
            try:
                await rage(
                    options, rng, nursery=nursery, items=items, store=store, sandbox=sandbox,
                    again=again,
                )  # fmt: skip
                kills = nursery.kills
                sandbox.faults([])
            finally:
                nursery.end()
            quiet, fallen = await settled(options, nursery_at, store=store, clock=clock)
            fallen += nursery.fallen
            told = await judged(items, sandbox, store)
            await store.aclose()
    finally:
        getattr(place, "remove", place.stop)()
    log.seek(0)
    return {
        "store": options.store, "seed": options.seed, "kills": kills, "stops": nursery.stops,
        "quiet": quiet, "speed": clock.speed, "fallen": fallen,
        "seconds": round(time.monotonic() - began, 1), **told, "said": log.read()[-1500:],
    }  # fmt: skip


def main():
    """Run one campaign; end with 1 where a promise did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=0, help="of workers, past their lease")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=6)
    parser.add_argument("--speed", type=float, default=60.0, help="of time")
    parser.add_argument("--restarts", type=int, default=1, help="of a server, by kill -9")
    parser.add_argument("--drain", type=float, default=60.0, help="seconds till time slows down")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    told = asyncio.run(run(options))
    print(json.dumps(told, indent=1))  # noqa: T201 - what it is for
    return int(not (told["quiet"] and kept(told)) or told["fallen"] > 0)


if __name__ == "__main__":
    sys.exit(main())
