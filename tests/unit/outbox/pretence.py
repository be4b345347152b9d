"""A service that knows what was delivered, and processes that send to it and look there."""

import asyncio
from datetime import UTC, datetime

from postpress_async.errors import (
    ConnectError,
    OutcomeUnknownError,
    RateLimitedError,
    ServiceUnavailableError,
    WaitTooLongError,
)
from postpress_async.models import Message
from postpress_async.outbox.digests import digest, loose
from postpress_async.outbox.matching import Wanted, in_messages
from postpress_async.outbox.protocol import Terms, Undecided, two_looks
from postpress_async.outbox.results import Sent
from postpress_async.outbox.worker import Worker
from postpress_async.scheduler.clock import LoopClock
from postpress_async.storage.outbox.rows import New

from .memory import MemoryStore, Process

TEXT = "Hello"


def new(number, thread="chat_1", **changes):
    """Return the n-th message of a thread; all say the same."""
    known = {
        "id": f"item_{number:04}", "key": f"key_{number}", "digest": b"d", "kind": "message",
        "account_id": "acc_1", "action": "message", "thread": thread, "body": b"{}",
        "text_digest": digest(TEXT), "loose_digest": loose(TEXT),
    }  # fmt: skip
    return New(**{**known, **changes})


class Service:
    """Be where messages arrive: the truth."""

    def __init__(self, place):
        self.place = place
        self.chats = {}  # by thread: [(item, Message)]
        self.requests = 0

    def arrive(self, row):
        messages = self.chats.setdefault(row.thread, [])
        at = datetime.fromtimestamp(self.place.now(), UTC).isoformat()
        name = f"{row.thread}_{len(messages)}"
        messages.append((row.id, Message(id=name, text=TEXT, is_sender=1, timestamp=at)))
        return name

    def delivered(self):
        return [item for messages in self.chats.values() for item, _ in messages]


class ProcessClock(LoopClock):
    """Be the clock of one process: what sleeps in a stopped one wakes when it goes on."""

    def __init__(self, place, process):
        super().__init__()
        self._place, self._process = place, process

    def time(self):
        return self._place.now()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)
        await self._process.gate()


class Pretence:
    """Be the sender and the looker of one process.

    say: `say(row) -> word`: what happens to a request: see `_answered`.
    delays: `delays(word) -> seconds`.
    """

    def __init__(self, service, process, *, say=lambda _: "yes", delays=lambda _: 0.0):
        self.service = service
        self.process = process
        self.say = say
        self.delays = delays
        self.store = MemoryStore(service.place, process)
        self.clock = ProcessClock(service.place, process)

    async def send(self, row, /, *, granted):
        word = self.say(row)
        await self.clock.sleep(self.delays("slot"))
        if word == "limit":
            msg = "the day is full"
            raise WaitTooLongError(msg, retry_after=self.delays("limit"))
        await granted.mark()
        await self.clock.sleep(self.delays("connect"))
        if word == "refused":
            msg = "nobody listens"
            raise ConnectError(msg)
        granted.last_act()
        assert not self.process.dead
        self.service.requests += 1
        return await self._answered(row, word)

    async def _answered(self, row, word):
        loop = asyncio.get_running_loop()
        if word == "429":
            await self.clock.sleep(self.delays("answer"))
            raise RateLimitedError("slow down", status=429, retry_after=self.delays("limit"))
        if word == "503":
            msg = "no handler"
            raise ServiceUnavailableError(msg, status=503, type="errors/no_handler")
        if word != "lost":
            arrived = loop.create_future()
            late = self.delays("late" if word == "cut" else "answer")
            loop.call_later(late, lambda: arrived.set_result(self.service.arrive(row)))
            if word == "yes":
                name = await arrived
                await self.clock.sleep(0.0)
                return Sent(result_id=name)
            if word == "no id":
                await arrived
                return Sent()
            if word == "bug":
                raise RuntimeError(word)
        await self.clock.sleep(self.delays("answer"))
        msg = "the answer was cut"
        raise OutcomeUnknownError(msg)

    async def look(self, row, /, *, attempts, quiet):
        if self.delays("undecided"):
            return Undecided(reason="the account is not there")
        wanted = Wanted(
            text_digest=row.text_digest,
            loose_digest=row.loose_digest,
            started_at=attempts[-1].started_at,
        )
        # What came within the last half minute may not be synced yet.
        first = await self._read(row, wanted, until=self.service.place.now() - 30.0)
        if not quiet:
            return first
        start = self.service.place.now()
        await self.clock.sleep(31.0)
        second = await self._read(row, wanted, until=start)
        return two_looks(first, second, apart=self.service.place.now() - start, terms=Terms())

    async def _read(self, row, wanted, *, until):
        messages = [one for _, one in self.service.chats.get(row.thread, ())]
        bound = await self.store.bound(row.account_id, [one.id for one in messages])
        shown = [one for one in messages if one.sent_at.timestamp() <= until]
        return in_messages(shown, wanted, bound=bound, now=self.service.place.now())


def worker(service, name, *, random=lambda: 0.5, say=None, delays=None, process=None, **options):
    """Return a worker in a process of its own."""
    process = process or Process(name)
    how = {"say": say, "delays": delays}
    pretence = Pretence(service, process, **{k: v for k, v in how.items() if v is not None})
    made = Worker(
        pretence.store,
        sender=pretence,
        looker=pretence,
        owner=name,
        clock=pretence.clock,
        random=random,
        boot=asyncio.get_running_loop().time,
        **options,
    )
    return made, process
