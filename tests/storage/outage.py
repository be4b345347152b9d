"""What a store's loss does to whoever uses it: clients that count there, a worker of an outbox.

With `stop` nothing goes, with `local` a tenth; of an outbox none is lost, and none goes twice. Here
stores are lost really. What a process alone may do, test_alone.py has in told time, and what may
befall a worker, test_outbox_crashes.py and the campaigns.
"""

import asyncio
import re

from postpress_async import (
    Limit,
    Limits,
    Postpress,
    Spacing,
    StateUnavailableError,
    WaitTooLongError,
)
from postpress_async.hooks import Attempted
from postpress_async.outbox import Outbox, Send
from postpress_async.storage.remote import images

AMOUNT = 48  # a tenth of what two calls leave is four, and still is with a few that are in doubt
LIMITS = Limits.none().add(Limit("profile", AMOUNT, per="day"), Spacing(0.1, 0.1, action="profile"))
SILENT = "does not answer|did not let us in"
ROUTE = "GET /users/{identifier}"


class Outage:
    """Two processes over a store, and what they do while it is lost, and afterwards."""

    def __init__(self, sandbox, state, monkeypatch, caplog):
        self._sandbox, self._patch, self._log = sandbox, monkeypatch, caplog
        self._state = state
        self._stops, self._goes_alone = [
            Process(sandbox, account["id"], state, wish)
            for account, wish in zip(sandbox.world()["accounts"], ("stop", "local"), strict=False)
        ]

    async def __aenter__(self):
        for process in (self._stops, self._goes_alone):
            assert not await process.told()
            assert not await process.told()
            await process.used()  # the store knows that they are over
        await self._sandbox.advance(1.0)
        return self

    async def __aexit__(self, *error):
        for process in (self._stops, self._goes_alone):
            await process.client.aclose()

    async def is_told(self, words):
        """Expect that one stops, that the other goes on alone, and that both say why."""
        with self._patch.context() as shorter:
            # From here on: before, a busy machine takes its time.
            shorter.setattr(images, "PATIENCE", 0.7)
            shorter.setattr(images, "_LITTLE", 0.2)
            stopped, first = await asyncio.gather(
                self._stops.told_why(words), self._goes_alone.told(push=0.0)
            )
            more = [error for _ in range(9) for error in await self._goes_alone.told()]
        assert len(stopped) == 3
        for error in stopped:
            assert isinstance(error, StateUnavailableError)
            assert "\n" not in str(error)
            assert error.outcome == "not_sent"
        assert self._stops.sent == 2
        await self._stops.client.accounts.get(self._stops.account)  # what is not counted goes on
        assert not first
        assert [type(error) for error in more] == [WaitTooLongError] * 6
        assert self._goes_alone.sent == 2 + 4
        said = f"kept alone, at a tenth of what they have left: .*({words}|{SILENT})"
        assert re.search(said, self._log.text)

    async def is_over(self):
        """Expect that both find the store again by themselves, and that it knows of all calls."""
        for process in (self._stops, self._goes_alone):
            async with asyncio.timeout(60):
                while await process.told():
                    pass
            assert await process.used() == process.sent
        said = [line for line in self._log.messages if line.startswith("account limits are")]
        assert [line.split()[3] for line in said] == ["kept", "shared"]  # once each

    async def is_kept(self):
        """Expect that whoever comes after them, and has seen nothing, sees all calls counted."""
        for process in (self._stops, self._goes_alone):
            stranger = Process(self._sandbox, process.account, self._state, "stop")
            async with stranger.client:
                assert not await stranger.told()
                assert await stranger.used() == stranger.sent


class Process:
    """A client, and the account that it works for."""

    def __init__(self, sandbox, account, state, wish):
        self.account, self._sandbox = account, sandbox
        self.client = Postpress(
            sandbox.api_key, base_url=sandbox.url, state=state, clock=sandbox.clock,
            limits=LIMITS, on_state_lost=wish, max_wait=5.0, key_rate=None,
        )  # fmt: skip

    async def told(self, calls=1, *, push=0.2):
        """Make calls at once, pushing the clock, and return the errors that they bring."""
        asked = [
            asyncio.ensure_future(self.client.users.get("jordan-walke", account_id=self.account))
            for _ in range(calls)
        ]
        async with asyncio.timeout(60):
            while not all(one.done() for one in asked):
                await self._sandbox.advance(push)
                await asyncio.sleep(0.02)
        return [error for one in asked if (error := one.exception()) is not None]

    async def told_why(self, words):
        """Make calls until the reason is told: who is busy may be silent for too long first."""
        async with asyncio.timeout(60):
            while errors := await self.told(3, push=0.0):
                if all(re.search(words, str(error)) for error in errors):
                    break
                assert all(re.search(f"{words}|{SILENT}", str(error)) for error in errors), errors
        return errors

    async def used(self):
        """Return how much of the limit the store knows to be used."""
        (lane,) = await self.client.scheduler.snapshot(self.account)
        return lane.limits[0].used

    @property
    def sent(self):
        """How much of it the service has seen."""
        return len(self._sandbox.journal(account_id=self.account, route=ROUTE))


class Sends:
    """A worker of an outbox whose store is lost at a named moment of its second message.

    Args:
        sandbox: the service.
        caplog: what is logged.
        moment: `mark`, before the durable mark, or `answer`, when the service has it.
        lose, find: what happens to the store.
    """

    def __init__(self, sandbox, caplog, moment, *, lose, find):
        self._sandbox, self._log, self._moment = sandbox, caplog, moment
        self._lose, self._find = lose, find
        self._account = sandbox.world()["accounts"][0]
        self._asked = 0
        self._seen = None  # how many messages the service had when it was lost

    async def wait(self, url, words):
        """Expect that it waits, and says why; that none is lost, and none goes twice."""
        client = Postpress(
            self._sandbox.api_key, base_url=self._sandbox.url, clock=self._sandbox.clock,
            limits=Limits.none(), key_rate=None, hooks=[self._told],
        )  # fmt: skip
        async with client, Outbox(client, url, before_send=self._before_send) as outbox:
            # All in one chat, so that one goes after the other.
            chat, other = self._account["chats"][:2]
            given = {"account_id": self._account["id"]}
            for n in range(3):
                await outbox.message(**given, chat_id=chat, text=f"Hi {n}")
            worker = asyncio.create_task(outbox.run(until_empty=True))
            late = {**given, "chat_id": other, "text": "late", "key": "late"}
            try:
                await self._pushed(self._is_waiting, 0.2)
                (error,) = await asyncio.gather(outbox.message(**late), return_exceptions=True)
                assert isinstance(error, StateUnavailableError), error
                assert re.search(words, str(error)), error
                assert "\n" not in str(error)
                assert len(self._texts) == self._seen == {"mark": 1, "answer": 2}[self._moment]
                self._found()
                await self._pushed(worker.done, 1.0)
            finally:
                self._found()
                worker.cancel()
            await worker
            assert await outbox.counts() == {"sent": 3}
            assert [entry.text for entry in self._texts] == ["Hi 0", "Hi 1", "Hi 2"]
            assert (await outbox.message(**late)).state == "queued"  # it was not in

    @property
    def _texts(self):
        """What the service has of our messages."""
        entries = self._sandbox.journal(route="POST /chats/{chat_id}/messages")
        return [entry for entry in entries if entry.committed]

    async def _before_send(self, item):
        self._asked += 1
        if self._moment == "mark" and self._asked == 2:
            self._is_lost()
        return Send()

    def _told(self, event):
        answered = isinstance(event, Attempted) and event.action == "message"
        if self._moment == "answer" and answered and len(self._texts) == 2:
            self._is_lost()

    def _is_lost(self):
        if self._seen is None:
            self._lose()
            self._seen = len(self._texts)

    def _found(self):
        find, self._find = self._find, lambda: None
        find()

    def _is_waiting(self):
        return "the outbox waits for its store" in self._log.text

    async def _pushed(self, over, step):
        async with asyncio.timeout(60):
            while not over():
                await self._sandbox.advance(step)
                await asyncio.sleep(0.02)
