"""The path of a call, on one screen: slot, key, network, answer, and whether to go on."""

from __future__ import annotations

import asyncio
from copy import copy
from functools import partial
from logging import DEBUG
from math import inf
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec

from postpress_async.errors import (
    ConfigurationError,
    PostpressError,
    SchedulerError,
    WaitTooLongError,
)
from postpress_async.limits import DONE, REFUND, Verdict
from postpress_async.options import Discreet, Retries, Timeout, of_kind
from postpress_async.wire import codec
from postpress_async.wire.values import Bad, Good, Reply, Sending

from . import retry
from .capture import capturing
from .guarding import STALE, taken
from .opened import Opened
from .quota import SUCCESS, RetryQuota, cost_of
from .running import Run, in_doubt, log, read_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from postpress_async.hooks import Hook
    from postpress_async.scheduler.clock import Clock
    from postpress_async.scheduler.scheduler import Scheduler
    from postpress_async.scheduler.tally import Slot
    from postpress_async.wire.values import Call

    from .guarding import Guard
    from .home import Home
    from .key_gate import KeyGate
    from .learning import Learner

T = TypeVar("T")
_CANCELLED = Verdict(effect="no_answer", settle=codec.SETTLE)


class Terms(Discreet, frozen=True, kw_only=True):
    """Hold what one client, or one call, does differently over the same pipeline.

    Attributes:
        timeout, retries, max_wait: as in the client's options.
        hooks: who is told.
        headers: further headers of each request.
        priority: lower goes first.
    """

    timeout: Timeout
    retries: Retries
    max_wait: float
    hooks: tuple[Hook, ...] = ()
    headers: Mapping[str, str] | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        of_kind("timeout", self.timeout, Timeout, "Timeout(total=30)")
        of_kind("retries", self.retries, Retries, "Retries(attempts=2)")

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield header names without their values, which may be secrets."""
        yield "timeout", self.timeout
        yield "retries", self.retries
        yield "max_wait", self.max_wait
        yield "headers", None if self.headers is None else sorted(self.headers)
        yield "priority", self.priority


class Pipeline:
    """Carry calls: what a client and all its copies share.

    Attributes:
        home: the loop, the network and their end.
        scheduler: the lanes.
        key_taken: whether the service has answered a call of this key as it should.
    """

    def __init__(
        self,
        *,
        home: Home,
        scheduler: Scheduler,
        gate: KeyGate,
        learner: Learner,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.home = home
        self.scheduler = scheduler
        scheduler.look_up = learner.learn
        self._gate = gate
        self._learner = learner
        self._clock = clock
        self._random = random
        self._serial = 0
        self._quota = RetryQuota()
        self._refusal: PostpressError | None = None  # the last one of the key
        self.key_taken: bool = False

    async def send(
        self, call: Call[T], terms: Terms, decide: Callable[[str | None], str] | None = None
    ) -> T:
        """Carry one logical call to its value, or raise what became of it.

        Args:
            call: what to send.
            terms: how.
            decide: names the call's action, given its account's provider, which is learned first.
        """
        self.home.enter()
        self._serial += 1
        watched = bool(terms.hooks) or log.isEnabledFor(DEBUG)
        run = Run(self._serial, call, terms.hooks, self._clock.monotonic, terms.max_wait, watched)
        run.guard = taken()
        if watched:
            run.begins()
        try:
            if decide is not None:
                call = await self._decided(call, decide, run)
            result = await self._attempt(call, terms, run)  # bare: most calls never see tenacity
            if isinstance(result, Bad):
                result = await self._again(call, terms, run, result)
            if self._quota.spent and isinstance(result, Good):
                self._quota.earn(run.paid or SUCCESS)
        except BaseException as error:  # noqa: BLE001 - told and raised again, whatever it is
            if run.doubt is not None and isinstance(error, PostpressError):
                error = run.doubt.error  # refused at the door now, but perhaps done before
            cause = error.__cause__ if isinstance(error, ConfigurationError) else None
            raise self._marked(error, call, run) from cause
        if isinstance(result, Good):
            self.key_taken = True
            if watched:
                run.ended(None)
            return result.value
        raise self._marked(in_doubt(result, run.doubt, call.route), call, run)

    def now(self) -> float:
        """Return the clock's seconds since the epoch."""
        return self._clock.time()

    async def aclose(self, seconds: float) -> None:
        """Turn away whoever waits, give those under way some seconds, and let go of the network."""
        if self.home.closed:
            return
        self.home.shut()
        self._learner.close()
        self.scheduler.close()
        try:
            await self.scheduler.drain(seconds)
        finally:
            try:
                await self.scheduler.flush()
            finally:
                await self.home.leave()

    async def _attempt(self, call: Call[T], terms: Terms, run: Run) -> Good[T] | Bad:
        """Carry one request through its slot; every path gives the slot back with a verdict."""
        slot = self.scheduler.try_take(call.account_id, call.action, call.cost)
        queueing = None if slot is None else self._gate.enter()
        if slot is None or queueing is not None:
            slot = await self._turn(slot, queueing, call, terms, run)
        verdict, sending, held = REFUND, Sending(), None
        try:
            if run.guard is not None:
                await self._guarded(run.guard, slot, sending, call)
            run.attempts += 1
            verdict, start = _CANCELLED, self._clock.monotonic() if run.watched else 0.0
            try:
                answer = await self.home.network().exchange(call.request, sending)
            except BaseException:
                run.maybe_sent = sending.sent
                verdict = _CANCELLED if sending.sent else REFUND
                raise
            result = codec.read(call, answer, key=self.home.key, now=self._clock.time)
            verdict = DONE if isinstance(result, Good) else self._heeded(result, slot, run)
            if call.request.streamed and isinstance(answer, Reply) and isinstance(result, Good):
                held = run.opened = self._opened(call, answer, slot, run)
                result = Good(cast("T", held))
        finally:
            if held is None:  # a file gives its slot back with its connection, when it ends
                self.scheduler.report(slot, verdict)
        if run.watched or capturing.get() is not None:
            secrets = codec.secrets_of(call, self.home.key)
            run.tried(answer, result, self._clock.monotonic() - start, secrets)
        return result

    async def _guarded(
        self, guard: Guard, slot: Slot, sending: Sending, call: Call[object]
    ) -> None:
        """Ask who has a say; what it took its time over may not go any more."""
        await guard.ask()
        self._still_held(slot, call)
        await guard.before()
        self._still_held(slot, call)
        guard.last_act()  # not every network tells the step before the first byte
        sending.last_act = guard.last_act

    def _still_held(self, slot: Slot, call: Call[object]) -> None:
        if not self.scheduler.holds(slot):
            msg = "the slot went stale before the request was begun: ask again"
            raise WaitTooLongError(
                msg, account_id=call.account_id, action=call.action, limit=STALE, retry_after=1.0
            )

    def _opened(self, call: Call[T], reply: Reply, slot: Slot, run: Run) -> Opened:
        report = partial(self.scheduler.report, slot)
        key, now = self.home.key, self._clock.time
        return Opened(call, reply, report, attempts=run.attempts, key=key, now=now)

    async def _again(self, call: Call[T], terms: Terms, run: Run, first: Bad) -> Good[T] | Bad:
        """Go on after a failure, for as long as the table, the attempts and the patience allow."""
        door_shut = False

        def plan(bad: Bad, number: int) -> retry.Decision:
            if bad.error.outcome == "unknown" and call.route.repeatable != "safe":
                run.doubt = run.doubt or bad
            decision = retry.decide(bad, call.route, number, terms.retries, self._random())
            if not isinstance(decision, retry.Wait):
                return decision
            if door_shut or decision.seconds > run.patience or read_once(call, bad):
                return retry.STOP  # never less than was asked for, so not at all
            # What the lane's own cool-down paces needs no other bound.
            if not run.pays(self._quota, 0 if decision.reason == "cool_down" else cost_of(bad)):
                return retry.STOP
            run.retried(number, decision.seconds, decision.reason)
            return decision

        async def attempt(last: Bad, _: int) -> Good[T] | Bad:
            nonlocal door_shut
            try:
                return await self._attempt(call, terms, run)
            except SchedulerError:
                door_shut = True  # no more waiting: what the service said is worth more
                self._quota.earn(run.paid)
                return last

        async def sleep(seconds: float) -> None:
            if seconds > 0:
                run.waited += await self.home.sleep(seconds, self._clock)

        return await retry.repeat(first, attempt, plan, sleep)

    def _heeded(self, bad: Bad, slot: Slot, run: Run) -> Verdict:
        """Return what a failure means for the lane, after seeing to what it means beyond it."""
        if run.since is None:
            run.since = slot.at  # the next attempt queues before those who came later
        if bad.verdict.effect == "key_refused":
            told = copy(bad.error)
            told.outcome = "not_sent"  # whoever waits was never asked about
            self._refusal = told
            self.scheduler.turn_all_away(told)
        return bad.verdict

    async def _decided(
        self, call: Call[T], decide: Callable[[str | None], str], run: Run
    ) -> Call[T]:
        """Learn whose account it is, then say what a call counts as; the strictest if unknown."""
        account_id, provider = call.account_id, None
        start = self._clock.monotonic()
        if account_id is not None:
            await self._learner.told(account_id, run.patience)
            provider = self.scheduler.lane(account_id).provider
        run.call = call = msgspec.structs.replace(call, action=decide(provider))
        run.has_waited(self._clock.monotonic() - start, "slot")
        return call

    async def _turn(
        self,
        slot: Slot | None,
        queueing: Awaitable[None] | None,
        call: Call[T],
        terms: Terms,
        run: Run,
    ) -> Slot:
        """Wait for a slot, then for the key; a slot that went stale meanwhile is given back."""
        while True:
            if slot is None:
                slot = await self._slot(call, terms, run)
                queueing = self._gate.enter()
            good = False
            try:
                if queueing is not None:
                    await self._wait_for_key(queueing, call, run)
                # The lane may have cooled down or closed since the grant, at the gate or before.
                good = self.scheduler.holds(slot)
            finally:
                if not good:
                    self.scheduler.report(slot, REFUND)
            if good:
                return slot
            slot = None

    async def _slot(self, call: Call[T], terms: Terms, run: Run) -> Slot:
        start = self._clock.monotonic()
        if run.since is None:
            run.since = start
        account_id = call.account_id
        if account_id is not None and self.scheduler.unsure(account_id, call.action):
            await self._learner.learn(account_id, run.patience)
        slot = await self.scheduler.take(
            account_id,
            call.action,
            cost=call.cost,
            priority=terms.priority,
            max_wait=max(run.patience - (self._clock.monotonic() - start), 0.0),
            since=run.since,
        )
        try:
            run.has_waited(self._clock.monotonic() - start, "slot")
        except BaseException:  # a hook that ends the program must not take the slot with it
            self.scheduler.report(slot, REFUND)
            raise
        return slot

    async def _wait_for_key(self, queueing: Awaitable[None], call: Call[T], run: Run) -> None:
        refusal = self._refusal
        now = asyncio.get_running_loop().time  # the key's rate is real, whatever clock lanes have
        start = now()
        try:
            async with asyncio.timeout(max(run.patience, 0.0) if run.patience < inf else None):
                await queueing
        except TimeoutError:
            msg = (
                "the API key's own rate (key_rate) would keep this call waiting longer than "
                "max_wait: send less at once, raise max_wait, or raise key_rate to your tier"
            )
            raise WaitTooLongError(
                msg, account_id=call.account_id, action=call.action, limit="key_rate"
            ) from None
        run.has_waited(now() - start, "key")
        if self._refusal is not None and self._refusal is not refusal:
            raise copy(self._refusal)  # the key was refused meanwhile: no need to hear it again

    def _marked(self, error: BaseException, call: Call[T], run: Run) -> BaseException:
        """Write on an error what the call knows of itself."""
        if isinstance(error, PostpressError):
            error.attempts, error.idempotency_key = run.attempts, call.key
        run.ended(error)
        return error
