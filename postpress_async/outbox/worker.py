"""A worker: it claims what may go, sends it, and writes what became of it.

Any number of them share a store. Each is one owner, alive while it beats. It claims an item shortly
before it may go, and writes a durable mark before the first byte; after that, whatever happens to
the worker, the store says that this item may have gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from postpress_async.errors import PostpressError, StateUnavailableError
from postpress_async.machine import boot_time
from postpress_async.storage.outbox.rows import Claimed

from . import protocol, results
from .caretaker import Caretaker, nobody
from .patience import Patience
from .protocol import Terms
from .results import Already, Doubtful, Later
from .strays import give_back
from .turn import Turn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from postpress_async.scheduler.clock import Clock
    from postpress_async.storage.outbox.rows import Nothing, Row
    from postpress_async.storage.outbox.store import Store

    from .results import Result
    from .turn import Looker, Sender

__all__ = ["Worker"]

T = TypeVar("T")
log: Final = logging.getLogger("postpress_async.outbox")
POLL_SECONDS: Final = 15.0
"""How long to wait at most before asking again what may go: a net under the store's own bell."""
_SOON_SECONDS: Final = 1.0


class Worker:
    """Work on a store until told to stop. One run for each worker.

    Args:
        store: where the items are.
        sender: sends them.
        looker: looks for those in doubt.
        owner: this worker's name, never used before.
        clock: the client's.
        random: random numbers in [0, 1).
        terms: how long things may take.
        concurrency: items under way at once.
        accounts: only these accounts' items are sent, and looked for; None for all.
        patience: seconds to go on without the store before `run` raises.
        stop_within: seconds that requests under way get at the end.
        boot: seconds since the machine started.
        told: hears of every item whose state this worker changes.
    """

    def __init__(
        self,
        store: Store,
        *,
        sender: Sender,
        looker: Looker,
        owner: str,
        clock: Clock,
        random: Callable[[], float],
        terms: Terms | None = None,
        concurrency: int = 100,
        accounts: Sequence[str] | None = None,
        patience: float = 300.0,
        stop_within: float = 30.0,
        boot: Callable[[], float] = boot_time,
        told: Callable[[Row], None] = nobody,
    ) -> None:
        self._store = store
        self._told = told
        self._sender = sender
        self._owner = owner
        self._clock = clock
        self._random = random
        self._terms = terms or Terms()
        self._concurrency = concurrency
        self._accounts = accounts
        self._stop_within = stop_within
        self._boot = boot
        self._patience = Patience(clock=clock, random=random, seconds=patience)
        self._looker = looker
        self._wake = asyncio.Event()
        self._stop: asyncio.Event | None = None
        self._stopping = self._unsure = False
        self._turns: dict[asyncio.Task[None], Turn] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def run(self, *, until_empty: bool = False, stop: asyncio.Event | None = None) -> None:
        """Work until told to stop, or until nothing is left that could go.

        At the end nothing more is claimed, what was claimed goes back, and what is being sent gets
        `stop_within` seconds; what has no answer by then stays marked, and is looked for later.

        Args:
            until_empty: end when all is settled: waits for items of the future, but not for those
                that are held, need a decision, stand behind one that does, or are of other
                accounts than ours.
            stop: ends the run when set.

        Raises:
            StateUnavailableError: the store could not be used for `patience` seconds.
            ClientClosedError: what sends was closed.
            ConfigurationError: what sends, or what counts, cannot work at all: no item failed.
        """
        self._stop = stop
        try:
            await self._asked(lambda: self._store.enter(self._owner))
        except StateUnavailableError:
            if stop is None or not stop.is_set():
                raise
            return  # nothing was begun
        caretaker = Caretaker(
            self._store,
            self._looker,
            owner=self._owner,
            terms=self._terms,
            clock=self._clock,
            random=self._random,
            patience=self._patience,
            boot=self._boot,
            settled=self._wake.set,
            ended_by=self._end_by,
            told=self._told,
            accounts=self._accounts,
        )
        helpers = [self._helper(caretaker.beat()), self._helper(caretaker.care())]
        if stop is not None:
            helpers.append(self._helper(self._watch(stop)))
        try:
            await self._claims(caretaker, until_empty=until_empty)
        except StateUnavailableError:
            if stop is None or not stop.is_set():
                raise
        finally:
            await self._end(caretaker, helpers)
        if self._failure is not None:
            raise self._failure

    # -- claiming --------------------------------------------------------------------------

    async def _claims(self, caretaker: Caretaker, *, until_empty: bool) -> None:
        while not self._stopping and self._failure is None:
            self._wake.clear()
            if len(self._turns) >= self._concurrency or not caretaker.alive:
                await self._pause(POLL_SECONDS)
                continue
            since = self._clock.monotonic()
            claimed = await self._asked(self._claim)
            if isinstance(claimed, Claimed):
                self._begin(claimed, since)
                continue
            seconds = POLL_SECONDS if claimed.at is None else claimed.at - claimed.now
            idle = until_empty and not self._turns and seconds > _SOON_SECONDS
            if idle and await self._asked(self._empty):
                return
            await self._pause(min(max(seconds, 0.0), POLL_SECONDS), since=claimed)

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask the store as long as we are patient, and are not told to stop."""
        return await self._patience.ask(question, unless=self._stop)

    async def _claim(self) -> Claimed | Nothing:
        if self._unsure:
            known = {turn.row.id for turn in self._turns.values()}
            await give_back(self._store, self._owner, state="claimed", known=known)
        self._unsure = True  # until the answer is here: perhaps it has claimed what we never see
        claimed = await self._store.claim(
            self._owner, lease=self._terms.lease, accounts=self._accounts
        )
        self._unsure = False
        return claimed

    async def _pause(self, seconds: float, *, since: Nothing | None = None) -> None:
        """Wait for the store's bell, for something of our own to end, or for some seconds."""
        waits: list[asyncio.Task[object]] = [
            asyncio.create_task(self._wake.wait()),
            asyncio.create_task(self._slept(seconds)),
        ]
        if since is not None:
            waits.append(asyncio.create_task(self._rung(seconds, since)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _slept(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _rung(self, seconds: float, since: Nothing) -> None:
        try:
            await self._store.wait(seconds, since=since)
        except StateUnavailableError:
            await self._clock.sleep(min(seconds, 1.0))  # the next claim will say it again

    async def _empty(self) -> bool:
        """Tell whether nothing is left, of the accounts we work for, that could go by itself."""
        return not await self._store.going(self._accounts)

    # -- sending ---------------------------------------------------------------------------

    def _begin(self, claimed: Claimed, since: float) -> None:
        turn = Turn(
            claimed,
            store=self._store,
            terms=self._terms,
            clock=self._clock,
            since=since,
            boot=self._boot,
            stopping=lambda: self._stopping,
        )
        task = asyncio.create_task(self._go(turn))
        self._turns[task] = turn
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._turns.pop(task, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    async def _go(self, turn: Turn) -> None:
        """Go once at an item; whatever happens, what is known of it gets written."""
        stopped = Doubtful(reason="the worker was stopped before the answer came")
        result: Result = stopped
        fault = False
        try:
            result = await self._sender.send(turn.row, granted=turn)
        except PostpressError as error:
            result = results.of_error(error, kind=turn.row.kind)
            if results.ends_all(error):
                self._end_by(error)
        except Exception as error:
            log.exception("item %s: the sender failed", turn.row.id)
            result = Doubtful(reason=f"the sender failed: {type(error).__name__}: see the log")
            fault = True
        finally:
            if isinstance(result, Doubtful) and not turn.asked:
                # Whatever went wrong, no byte left; and a worker that stops is no reason to wait.
                seconds = 0.0 if result is stopped else None
                result = Later(reason=result.reason, seconds=seconds, fault=fault)
            # In a task of its own: who cancels us must not keep it from being written.
            writing = asyncio.create_task(self._write(turn, result))
            self._writing.add(writing)
            writing.add_done_callback(self._written)
        await asyncio.shield(writing)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        self._helped(task)

    async def _write(self, turn: Turn, result: Result) -> None:
        if turn.lost:
            return
        row, replay = turn.row, False
        if isinstance(result, Already):
            attempts = await self._patience.ask(lambda: self._store.attempts(row.id))
            replay = protocol.doubted(attempts, fence=row.fence)
        finish = protocol.after(
            result, row=row, now=turn.now(), jitter=self._random(), replay=replay, lead=turn.lead
        )
        ended = await self._patience.ask(
            lambda: self._store.finish(row.id, row.fence, finish, owner=row.owner)
        )
        if ended is not None:
            self._told(ended)

    # -- the end ---------------------------------------------------------------------------

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._wake.set()

    def _helper(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._helped)
        return task

    def _helped(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _end_by(self, error: BaseException) -> None:
        """End the run with an error that every item would meet, unless it ends anyhow."""
        if not self._stopping:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the run with an error, the first one."""
        self._failure = self._failure or error
        self._wake.set()

    async def _end(self, caretaker: Caretaker, helpers: Sequence[asyncio.Task[None]]) -> None:
        """Give back what was not begun, wait for what was, and go."""
        self._stopping = True
        try:
            for task, turn in list(self._turns.items()):
                if not turn.marking:
                    task.cancel()
            await self._until_done(self._turns, self._stop_within)
        finally:
            for task in list(self._turns):
                task.cancel()
            await self._until_done(self._turns, 1.0)
            await self._until_done(self._writing, min(self._stop_within, 10.0))
            for helper in (*helpers, *self._writing):
                helper.cancel()
            await asyncio.gather(*helpers, *self._writing, return_exceptions=True)
            await caretaker.end()
            # Without it, others find out by themselves that this worker has ended.
            with contextlib.suppress(StateUnavailableError):
                await self._store.leave(self._owner)

    async def _until_done(
        self, tasks: dict[asyncio.Task[None], Turn] | set[asyncio.Task[None]], seconds: float
    ) -> None:
        if not tasks:
            return
        bound = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            while tasks and not bound.done():
                await asyncio.wait({bound, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            bound.cancel()
