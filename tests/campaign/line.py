"""A network inside of one loop: requests and answers are late, cut, or lost, as a seed says."""

import asyncio
from email.utils import formatdate

from postpress_async.resources._checks import MOST_TYPING_SECONDS
from postpress_async.sandbox.bodies import BodyReader
from postpress_async.sandbox.outcomes import Incoming, Reply
from postpress_async.storage.outbox.rows import USUAL
from postpress_async.wire import values
from postpress_async.wire.multipart import collected

LATE = (0.5, 5.0, 30.0, 50.0, 100.0, 1e9)
"""Seconds on the way: at most `Reach.total` and `Reach.held` together, as the protocol assumes."""
LONGEST = 300.0  # seconds that a worker of a story gives a request
EVER = LONGEST + MOST_TYPING_SECONDS + USUAL.held  # … until none of it arrives any more


class Line:
    """Carry the requests of one process to a sandbox's engine."""

    lateness = 0.08  # of the requests, times the story's trouble

    def __init__(self, sandbox, process, rng, *, trouble, late=None, told=lambda _: None):
        self._engine = sandbox._engine
        self._key = sandbox.api_key
        self._process = process
        self._rng = rng
        self.trouble = trouble
        self._late = late  # which write is, for certain
        self._told = told  # of its process, when it leaves
        self.writes = 0
        self.faults = 0  # requests that went wrong, here or at the service

    async def exchange(self, request, sending, /):
        rng, loop = self._rng, asyncio.get_running_loop()
        sending.sent = False
        await self._process.gate()
        body = await collected(request.body)
        await asyncio.sleep(rng.random() * 0.05)
        if rng.random() < 0.02 * self.trouble:
            self.faults += 1
            return values.Failed(kind="connect", sent=False, detail="refused")
        if rng.random() < 0.02 * self.trouble:
            await asyncio.sleep(rng.choice((1.0, 29.0, 31.0)))  # a slow handshake
        await self._process.gate()
        sending.leaves()
        answer = loop.create_future()
        if rng.random() < 0.02 * self.trouble:  # it is lost
            self.faults += 1
        else:
            late = rng.random() < self.lateness * self.trouble
            self.faults += late
            asked = self._asked(request, body)
            typing = self._engine.pause_of(asked)
            longest = request.timeout.total - typing + USUAL.held - 5.0
            way = min(rng.choice(LATE), longest) if late else rng.random() * 0.1
            self.writes += request.method == "POST"
            if request.method == "POST" and self.writes == self._late:
                way = longest
                loop.call_soon(self._told, self._process)
            # From here on it is the network's: whoever sent it may die.
            loop.call_later(way + typing, self._arrive, asked, answer)
        return await self._answered(request, answer)

    async def _answered(self, request, answer):
        try:
            async with asyncio.timeout(request.timeout.total):
                outcome = await answer
                await asyncio.sleep(self._rng.random() * 0.1)
                if isinstance(outcome, Reply):
                    pass
                elif outcome is None:
                    return values.Failed(kind="closed", sent=True, detail="reset")
                else:
                    await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return values.Failed(kind="timeout", sent=True, detail="no answer")
        finally:
            await self._process.gate()
        headers = {
            "Content-Type": outcome.content_type,
            "Date": formatdate(self._engine.clock.time(), usegmt=True),
            **outcome.headers,
        }
        if outcome.cut:
            status = outcome.status
            return values.Failed(
                kind="body", sent=True, detail="cut", status=status, headers=headers
            )
        return values.Reply(status=outcome.status, headers=headers, body=outcome.body)

    def _asked(self, request, body):
        headers = {name.lower(): value for name, value in (request.headers or {}).items()}
        reader = BodyReader(headers.get("content-type"), self._engine.vault)
        reader.feed(body)
        return Incoming(
            method=request.method,
            target="/" + request.url.split("/", 3)[3],
            api_key=self._key,
            content_type=headers.get("content-type"),
            idempotency_key=headers.get("idempotency-key"),
            body=reader,
        )

    def _arrive(self, asked, answer):
        outcome = self._engine.handle(asked)
        reply = isinstance(outcome, Reply)
        self.faults += not reply or outcome.cut or outcome.status >= 400
        if not answer.done():
            stall = outcome.__class__.__name__ == "Stall"
            answer.set_result(outcome if reply or stall else None)

    async def aclose(self):
        """Nothing is kept open."""
