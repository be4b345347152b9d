"""One story: a few items, the workers that send them, and what goes wrong, in told time."""

import asyncio
import contextlib
import logging
import random
import tempfile
from functools import partial
from pathlib import Path

from flaky import Bell, Flaky
from items import Items, faults
from judging import arrived, at_rest, judged
from line import EVER, LONGEST, Line
from people import Hands, Minds
from told_time import Deadlock, VirtualLoop, the_only
from virtual import Killed, Process, ProcessClock, inline_files

from postpress_async import Limit, Limits, Postpress, Timeout
from postpress_async.outbox.lookback import ClientLooker
from postpress_async.outbox.pools import Pools
from postpress_async.outbox.protocol import Terms
from postpress_async.outbox.sending import ClientSender
from postpress_async.outbox.worker import Worker
from postpress_async.resources._checks import MOST_TYPING_SECONDS
from postpress_async.sandbox import Sandbox
from postpress_async.storage.outbox import sqlite
from postpress_async.storage.outbox.sqlite import SqliteOutbox

EPOCH = 1_800_000_000.0
CAPS = (("message", 3, 60.0), ("message", 40, 86_400.0))
CALM_AFTER = 3_000.0  # seconds of told time; from then on all goes well, so that stories end
REST_SECONDS = 20.0  # of told time, between two looks whether nothing moves
TYPING = 5  # which of eleven seeds types
HORIZON = 86_400.0  # seconds of told time, by when everything must have come to rest


LAST = frozenset({"worker_99", "worker_100"})


class Own:
    """Look for what is in doubt, and remember where that is not this worker's to do.

    It may take its time: others must wait for it, as long as its worker lives.
    """

    def __init__(self, looker, accounts, astray, *, clock, slow):
        self._looker, self._accounts, self._astray = looker, accounts, astray
        self._clock, self._slow = clock, slow

    async def look(self, row, /, *, attempts, quiet):
        mine = self._accounts is None or row.account_id in self._accounts
        if not mine and row.kind != "profile":  # for which nobody looks anywhere
            self._astray.append(row.account_id)
        if self._slow:
            await self._clock.sleep(self._slow)
        return await self._looker.look(row, attempts=attempts, quiet=quiet)


class Story:
    """One seed."""

    def __init__(self, seed, directory, *, wide=True):
        self.rng = rng = random.Random(seed)
        self.until_empty = seed % 4 < 2  # else workers work until they are asked to end
        random.seed(seed)  # what has no generator of its own
        self.path = f"{directory}/outbox.db"
        self.state = f"sqlite:///{directory}/lanes.db"
        self.trouble = rng.choice((0.0, 1.0, 1.0, 2.0, 4.0))
        self.away = rng.choice((0.0, 0.0, 0.01, 0.05))
        self.totals = rng.choice(((60.0,), (60.0,), (60.0, LONGEST), (20.0, 60.0, LONGEST)))
        self.holding = rng.choice((0.0,) * 10 + (0.5, 1.0))  # of the workers
        self.parted = rng.random() < 0.15  # each worker is for one account, mostly
        self.workers = rng.choice((1, 1, 1, 1, 2))  # of each process: they share its store
        self.slow = rng.choice((0.0, 0.0, 0.0, 0.0, 100.0))  # seconds more, that a look takes
        self.astray = []  # accounts for which somebody else looked
        self.ahead = 0.0  # seconds, the machine's clock of the service's
        self.bell = Bell()
        self.lines, self.flakies = [], []
        self.running = {}
        self.kills = self.stops = 0
        self.sandbox = sandbox = Sandbox(
            seed=seed % 5 + 1, accounts={"LINKEDIN": 2}, chats=2, messages=1
        )
        loop = asyncio.get_running_loop()
        sandbox.clock.monotonic = loop.time
        sandbox.clock.time = lambda: EPOCH + loop.time()
        sandbox.idempotency(honoured=False)
        sandbox.limits([{"action": a, "amount": n, "per": per} for a, n, per in CAPS])
        sandbox.faults(faults(self.trouble))
        typing = None if seed % 11 != TYPING else (30.0, 100.0, MOST_TYPING_SECONDS)[seed % 3]
        self.items = Items(sandbox, rng, now=sandbox.clock.time, wide=wide, typing=typing)
        share = rng.choice((0.0, 0.0, 0.05, 0.2))
        self.minds = Minds(self.items, rng, now=sandbox.clock.time, share=share)
        self.hands = None  # of whoever changes items meanwhile
        self.accounts = [one["id"] for one in sandbox.world()["accounts"]]

    def time(self):
        """Return what the machine's clock shows, right or wrong."""
        return self.sandbox.clock.time() + self.ahead

    def open(self):
        return SqliteOutbox(self.path, clock=self.time)

    def late(self, process):
        """Hear that a write of a process has left, and will be late."""

    def start(self, n, *, fate=None, failing=None, late=None):
        """Start a worker in a process of its own, or two."""
        process = Process(f"worker_{n}", self.rng, fate)
        stop = asyncio.Event()
        store = self.open()
        work = self._crew(process, stop, store, failing, late)
        self.running[n] = (process, stop, store, process.start(work))

    async def _crew(self, process, stop, store, failing, late):
        names = [process.name, f"{process.name}_too"][: self.workers]
        work = partial(self._work, failing=failing, late=late)
        crew = (work(process, name, stop, store) for name in names)
        await asyncio.gather(*crew)

    async def _work(self, process, name, stop, store, *, failing, late):
        clock, rng = ProcessClock(process, self.time), self.rng
        terms = Terms(total=rng.choice(self.totals), hold=rng.random() < self.holding)
        line = Line(
            self.sandbox, process, rng, trouble=self.trouble, late=late, told=self.late
        )  # fmt: skip
        self.lines.append(line)
        client = Postpress(
            self.sandbox.api_key, base_url="http://127.0.0.1:1", state=self.state, clock=clock,
            limits=Limits.none().add(*(Limit(a, n, per=per) for a, n, per in CAPS)),
            transport=line, key_rate=None, timeout=Timeout(total=terms.total),
            providers=dict.fromkeys(self.accounts, "LINKEDIN"),
        )  # fmt: skip
        seen = Flaky(store, process, rng, share=self.away, bell=self.bell, failing=failing)
        self.flakies.append(seen)
        mine = self._mine(process) if self.parted else None
        pools = None if mine is None else Pools(seen, mine)
        looker = Own(
            ClientLooker(client, seen, clock=clock, terms=terms), mine, self.astray,
            clock=clock, slow=self.slow,
        )  # fmt: skip
        sender = ClientSender(client, before_send=self.minds.of(process), accounts=mine)
        worker = Worker(
            seen, sender=sender, looker=looker, accounts=None if pools is None else pools.names,
            owner=name, clock=clock, random=rng.random, patience=1e9, terms=terms,
            concurrency=rng.choice((1, 3, 100)), boot=clock.monotonic,
        )  # fmt: skip
        looking = None if pools is None else process.start(pools.keep_looking(clock))
        try:
            await worker.run(until_empty=self.until_empty, stop=stop)
        finally:
            if looking is not None:
                looking.cancel()
            if not process.dead:
                await client.aclose()

    def _mine(self, process):
        """Return the accounts of a worker; None where it is the one for the rest, or for all."""
        if process.name in LAST or self.rng.random() < 0.2:
            return None
        return frozenset({self.rng.choice(self.accounts)})

    async def _kill(self, n):
        process, _, store, task = self.running.pop(n)
        process.kill()
        self.kills += 1
        await asyncio.wait({task})
        # What dies with a process: its connection, and its locks.
        store._file._writer._handle.close()
        store._workers.leave_all()

    async def _something(self, n):
        """Let something happen to one of the workers, and start another in its place."""
        rng = self.rng
        which = rng.choice(list(self.running))
        process, stop, _, _ = self.running[which]
        match rng.choice(("kill", "kill", "stop", "end")):
            case "kill":
                await self._kill(which)
            case "stop":
                process.stop(rng.choice((2.0, 29.0, 40.0, 61.0, 200.0)))
                self.stops += 1
                return
            case "end":
                stop.set()
        self.start(n)

    def calm(self):
        """Let nothing go wrong any more."""
        self.trouble = self.away = self.minds.share = 0.0
        self.sandbox.faults([])
        for line in self.lines:
            line.trouble = 0.0
        for seen in self.flakies:
            seen.share = 0.0

    async def live(self):
        """Live through the story, and return what became of the items."""
        rng = self.rng
        store = self.open()
        self.hands = Hands(
            store, self.items, rng, now=self.sandbox.clock.time,
            arrived=lambda item: item in arrived(self.sandbox),
        )  # fmt: skip
        asyncio.get_running_loop().call_later(CALM_AFTER, self.calm)
        await store.add(self.items.more(rng.randint(3, 10)))
        hands = asyncio.ensure_future(self.hands.busy(rng.choice((0, 0, 2, 10))))
        for n in range(rng.randint(1, 3)):
            self.start(n)
        for n in range(10, 10 + rng.randint(0, 6)):
            await asyncio.sleep(rng.choice((0.05, 0.2, 1.0, 10.0, 100.0)) * rng.random())
            await self._something(n)
        await hands
        await self.hands.release_all()
        quiet = True
        try:
            async with asyncio.timeout(HORIZON):
                await self._end(store)
        except TimeoutError:
            quiet = False
        await asyncio.sleep(EVER)  # until what is on its way has arrived
        told = await judged(self.items, self.sandbox, store)
        for n in list(self.running):
            await self._kill(n)
            self.kills -= 1
        store._file._writer._handle.close()
        return {
            **told, "quiet": quiet, "kills": self.kills, "stops": self.stops,
            "faults": sum(line.faults for line in self.lines),
            "away": sum(seen.faults for seen in self.flakies),
            "astray": len(self.astray), "decided": self.minds.count, "by_hand": self.hands.count,
            "at": self.sandbox.clock.time(),
            "mark": self.rng.getrandbits(32),  # of the whole story: all that happened drew from it
        }  # fmt: skip

    async def _end(self, store):
        """Wait until nothing moves by itself, and all workers have ended."""
        if self.parted:
            self.start(99)
        while not self.until_empty and not await at_rest(store):  # noqa: ASYNC110 - a store tells nobody
            await asyncio.sleep(REST_SECONDS)
        for _, stop, _, task in list(self.running.values()):
            if not self.until_empty:
                stop.set()
            await task
        if not await at_rest(store):
            self.until_empty = True
            self.start(100)  # all were asked to end before the last item was sent
            await self.running[100][3]


def told(story_in, *, certain):
    """Tell a story in a loop and a directory of its own; whether the death of workers is certain.

    Where it is not, leases tell, as they do on a server.
    """
    known = sqlite.CERTAIN
    sqlite.CERTAIN = known and certain
    loop = VirtualLoop()
    loop.set_task_factory(Process.factory)
    loop.set_exception_handler(lambda *_: None)
    logging.disable(logging.CRITICAL)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="pp-", dir=_quick()) as directory,
            inline_files(),
            contextlib.closing(loop),
            the_only(loop),
        ):

            async def story():
                return await story_in(directory).live()

            return loop.run_until_complete(story())
    except (Deadlock, Killed, Exception) as error:  # noqa: BLE001 - each seed is told of
        return {"broke": f"{type(error).__name__}: {error}"}
    finally:
        sqlite.CERTAIN = known
        logging.disable(logging.NOTSET)


def _quick():
    """Return a directory in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
