"""The scheduler: takes slots for calls, learns from their answers, and tells what it knows.

A grant takes every limit of the lane and one of the client's connection places in one synchronous
step. Whoever cannot go waits in its lane.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING

from postpress_async.errors import ClientClosedError, ConfigurationError
from postpress_async.limits import DONE, REFUND, Limits
from postpress_async.machine import boot_time
from postpress_async.options import of_kind, whole

from .asking import needs_store
from .brake import Brake
from .checks import (
    check_account,
    check_action,
    check_instant,
    check_priority,
    check_reason,
    check_wait,
)
from .control import Control, InMemory, InStore, Pause
from .knowing import Knowing
from .lane import Setting
from .lanes import Lanes
from .own import own_calls
from .planning import Estimate
from .queue import Queues, Waiter
from .refusals import Door
from .rulebook import Rulebook
from .sharing import ANSWER_WITHIN, USE_WITHIN, Sharer
from .shelf import Shelf
from .telling import Telling, looked_at
from .waking import Waker

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

    from postpress_async.limits import LimitsOf, Verdict

    from .blockers import Blocker
    from .clock import Clock
    from .lane import Lane
    from .own import OwnCalls
    from .planning import Plan, Seen
    from .shares import Share
    from .snapshot import LaneSnapshot
    from .steps import Outcome, Processes, SharedState
    from .tally import Slot, Tally
    from .usher import Usher

_log = logging.getLogger("postpress_async.scheduler")
_LONG_WAIT = 5.0
_LOOK_UP = 10.0  # seconds that a question about an account waits for its provider


class Scheduler:
    """Say when a call of an account may go, and learn from its answer.

    Reached as `client.scheduler`; shared by all clients made with `with_options` and `account`.

    Attributes:
        look_up: asks the service for an account's provider, waiting so many seconds for it; raises
            only what the account's next call would raise too.
    """

    def __init__(
        self,
        limits: Limits | LimitsOf,
        *,
        clock: Clock,
        random: Callable[[], float],
        max_queue: int,
        places: int,
        state: SharedState | None = None,
        processes: Processes | None = None,
        own: OwnCalls | None = None,
        alone: bool = False,
        share: Share | None = None,
        boot: Callable[[], float] = boot_time,
    ) -> None:
        self.look_up: Callable[[str, float], Awaitable[None]] | None = None
        self._clock = clock
        self._boot = boot
        self._max_queue = max_queue
        rulebook = Rulebook(limits)
        skew = lambda: clock.time() - clock.monotonic()  # noqa: E731 - a line, not a name
        self._lanes = Lanes(rulebook, Setting(random, skew, asks=rulebook.asks))
        self._find = self._lanes.find
        # Whose refusals are taken for the key's is found where cool-downs are kept: in memory.
        self._brake = Brake(random, several=state is None)
        self._sharer: Sharer | None = None
        if state is not None:
            gone, lead = processes.gone if processes else _nobody_is, lambda: state.lead
            self._sharer = Sharer(
                state, Shelf(rulebook, random, gone, lead=lead),
                alone=Shelf(rulebook, random, lead=lead) if alone else None, share=share,
                clock=clock, boot=boot, brake=self._brake, places=places, told=self._told,
                own=own_calls(processes) if own is None else own,
            )  # fmt: skip
        self._waker: Waker | Usher
        self._control: Control
        if self._sharer is None:
            self._waker = waker = Waker(clock, self._brake, places)
            self._control = InMemory(self._lanes, waker, clock)
        else:
            self._waker = self._sharer.usher
            self._control = InStore(self._lanes, self._sharer, rulebook, clock)
        self._telling = Telling(self._control, clock=clock, brake=self._brake, waker=self._waker)
        self._idle: asyncio.Future[None] | None = None
        self._knowing = Knowing(
            self._lanes, rulebook, clock, sharer=self._sharer, wake=self._waker.wake
        )

    # -- taking a slot ------------------------------------------------------------------------

    def try_take(self, account_id: str | None, action: str, cost: int = 1) -> Slot | None:
        """Take a slot if that needs no waiting; the fast path of every call."""
        now, waker = self._clock.monotonic(), self._waker
        lane = self._find(account_id) or self._lanes.get(account_id, now)
        if waker.places <= 0 or waker.closed or self._brake.until > -inf:
            return None
        tally = lane.find(action) or self._tally(lane, action, now)
        if lane.resigned:
            self._knowing.reconsider(lane, now)
        if tally.unsure or (self._sharer is not None and needs_store(lane, tally)):
            return None
        slot = lane.try_take(tally, cost, now)
        if slot is not None:
            waker.places -= 1
            waker.out += 1
        return slot

    async def take(
        self,
        account_id: str | None,
        action: str,
        *,
        cost: int = 1,
        priority: int = 0,
        max_wait: float = 30.0,
        since: float | None = None,
    ) -> Slot:
        """Wait for a slot.

        Args:
            account_id: whose lane.
            action: what it counts as.
            cost: how much of each window it takes.
            priority: lower goes first; below 0 it may use what limits keep for replies.
            max_wait: seconds. To ask a store of counts is no waiting: it has a second to answer.
            since: when the call first asked, if it was granted a slot before and was rejected: it
                goes ahead of those who came later.

        Raises:
            WaitTooLongError: at once where the forecast exceeds `max_wait`, or when it has passed.
            QueueFullError: `max_queue` calls wait for this account.
            LaneClosedError: the account cannot be used or was paused, with the reason.
            ClientClosedError: the client was closed meanwhile.
            ConfigurationError: this client only looks at its store of counts.
        """
        whole("cost", cost, least=1)
        check_wait(max_wait)
        check_priority(priority)
        if account_id is not None:
            check_account(account_id)
        now = self._clock.monotonic()
        lane = self._lanes.get(account_id, now)
        tally = self._tally(lane, action, now)
        since = now if since is None else since
        if self._waker.closed:
            msg = "the client is closed: make a new one"
            raise ClientClosedError(msg)
        if self._sharer is not None and self._sharer.only_looks and needs_store(lane, tally):
            msg = "only_look() was called: take another client for calls that are counted"
            raise ConfigurationError(msg)
        door = Door(lane, tally, now, max_wait=max_wait, max_queue=self._max_queue)
        door.check(cost, priority, since, self._brake, counts=self._sharer is None)
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        asks = self._sharer is not None and needs_store(lane, tally)
        waiter = Waiter(
            tally, future, asked=now, since=since, cost=cost, priority=priority, patience=max_wait,
            deadline=now + (max(max_wait, ANSWER_WITHIN) if asks else max_wait),
        )  # fmt: skip
        if lane.queues is None:
            lane.queues = Queues()
        lane.queues.push(waiter)
        if self._sharer is not None and asks:
            self._sharer.newcomer(lane, waiter)
        try:
            self._waker.wake(lane)
            return await future
        except BaseException:
            # Cancelled, expired or closed: a slot granted in this very tick must not be lost.
            if waiter.slot is not None:
                self.report(waiter.slot, REFUND)
            else:
                self._leave(lane, waiter)
            raise
        finally:
            waited = self._clock.monotonic() - now
            if waited > _LONG_WAIT:
                _log.info("a %s of account %s waited %.1f s", action, account_id, waited)

    @asynccontextmanager
    async def slot(
        self,
        account_id: str,
        action: str,
        *,
        cost: int = 1,
        priority: int = 0,
        max_wait: float = 30.0,
    ) -> AsyncGenerator[Slot]:
        """Keep the account's limits around anything else that touches it.

        Leaving the block counts the action as done, also by an exception. An account whose
        provider makes a difference and is not known yet is looked up first. The block takes no
        connection of the client's.

        Examples:
            >>> async def visit(client: Postpress) -> None:
            ...     async with client.scheduler.slot("acc_1", "profile"):
            ...         ...  # a tool of your own looks at a profile
        """
        check_account(account_id)
        check_wait(max_wait)
        check_priority(priority)
        start = self._clock.monotonic()
        await self._sure(account_id, [action], max_wait)
        left = max(max_wait - (self._clock.monotonic() - start), 0.0)
        slot = await self.take(account_id, action, cost=cost, priority=priority, max_wait=left)
        slot.place = False  # the block makes no request of ours: neither a place nor a proof is its
        self._waker.places += 1
        if self._brake.pass_on(slot):
            self._waker.release()
        try:
            if self._waker.hungry:
                self._waker.freed(self.lane(None))
            yield slot
        finally:
            self.report(slot, DONE)

    def holds(self, slot: Slot) -> bool:
        """Tell whether a slot that was granted a while ago may still go."""
        lane, now = slot.lane, self._clock.monotonic()
        if lane is None or self._waker.closed:
            return False
        if self._brake.until > -inf and slot is not self._brake.probe:
            return False
        if slot.reservation and max(now - slot.at, self._boot() - slot.boot) > USE_WITHIN:
            return False  # its lease may end before its answer: somebody else counts on that
        return lane.holds(slot, now)

    def report(self, slot: Slot, verdict: Verdict) -> None:
        """Give a slot back with what its answer means. A second report of a slot does nothing."""
        lane, waker = slot.lane, self._waker
        if lane is None:
            return
        now = self._clock.monotonic()
        waker.places += slot.place
        waker.out -= 1
        if self._idle is not None and not waker.out and not self._idle.done():
            self._idle.set_result(None)
        if verdict.effect == "none" and not self._brake.attentive:
            slot.lane = None
            self._give_back(slot, lane, verdict, now)
        else:
            self._learn(slot, lane, verdict, now)
        if slot.tally.shared or slot.rings is not slot.tally.rings:
            waker.serve(slot.rings)
        if lane.queues is not None or waker.hungry:
            waker.freed(lane)

    def _learn(self, slot: Slot, lane: Lane, verdict: Verdict, now: float) -> None:
        """Let the lane and the brake learn from an answer that is not plain success."""
        before = self._brake.before(slot, verdict, now)
        slot.lane = None
        self._give_back(slot, lane, verdict, now)
        released = self._brake.report(slot, lane, verdict, before, now)
        self._waker.braked()
        for other in self._brake.forgiven():
            self._waker.wake(other)
        if verdict.effect in {"close", "restrict"} and not slot.reservation:
            for closure in lane.troubled().closures_of("credentials", "restricted"):
                _log.warning("lane of account %s closes: %s", lane.account_id, closure.reason)
                self._waker.turn_away(lane, closure)
        if released:
            self._waker.release()

    def _give_back(self, slot: Slot, lane: Lane, verdict: Verdict, now: float) -> None:
        if slot.reservation and self._sharer is not None:
            self._sharer.give_back(lane, slot, verdict)
        else:
            lane.report(slot, verdict, now)

    # -- what is known of accounts -------------------------------------------------------------

    def lane(self, account_id: str | None) -> Lane:
        """Return an account's lane, made at its first call."""
        return self._find(account_id) or self._lanes.get(account_id, self._clock.monotonic())

    def unsure(self, account_id: str, action: str) -> bool:
        """Tell whether an account's provider makes a difference to an action and is not known."""
        lane, now = self.lane(account_id), self._clock.monotonic()
        self._knowing.reconsider(lane, now)
        return self._tally(lane, action, now).unsure

    def resign(self, account_id: str, seconds: float = inf, *, why: str = "") -> None:
        """Give up asking for an account's provider for a while: the strictest limits hold."""
        self._knowing.resign(account_id, seconds, why)

    def resigned(self, account_id: str) -> bool:
        """Tell whether an account's provider is not to be asked for now."""
        lane = self.lane(account_id)
        self._knowing.reconsider(lane, self._clock.monotonic())
        return lane.resigned

    def unlearned(self, account_id: str) -> str:
        """Say why an account's provider is done without for now; empty where it is not."""
        return self._knowing.unlearned(self.lane(account_id)) if self.resigned(account_id) else ""

    def know(self, account_id: str, provider: str) -> None:
        """Know an account's provider before anything is asked of it; no loop need run."""
        self._lanes.know(account_id, provider)

    def learn(self, account_id: str | None, provider: str | None) -> None:
        """Learn an account's provider from an answer that names it, if it is not known yet."""
        self._knowing.learn(account_id, provider)

    def describe(
        self,
        account_id: str,
        provider: str | None,
        *,
        tier: str | None = None,
        connected_at: float | None = None,
        ok: bool | None,
    ) -> None:
        """Learn what an account is; one seen in order again opens a lane that lost credentials.

        An answer told it, which a function that chooses limits and fails must not take away.
        """
        self._knowing.describe(account_id, provider, tier=tier, connected_at=connected_at, ok=ok)

    def _told(self, lane: Lane, outcome: Outcome) -> None:
        self._knowing.told(lane, outcome)

    def warn(self, account_id: str | None, words: str) -> None:
        """Keep what the service said of an account, for snapshots; logged once."""
        if account_id is not None:
            self._knowing.warn(account_id, words)

    def turn_all_away(self, error: BaseException) -> None:
        """Fail every waiter of every lane with an error; nothing stays closed."""
        for lane in self._lanes:
            self._waker.turn_away(lane, error)

    # -- what users steer -----------------------------------------------------------------------

    async def snapshot(self, account_id: str | None = None) -> list[LaneSnapshot]:
        """Return what each lane has used, what it waits for and why; or one account's alone.

        An account that nothing was asked of yet has no lane, and is not in the list.
        """
        lanes = list(self._lanes) if account_id is None else [self._find(account_id)]
        return await self._telling.snapshot(lane for lane in lanes if lane is not None)

    async def explain(self, account_id: str, action: str | None = None) -> list[Blocker]:
        """Say what holds an account back now, the longest first; nothing, if it may go.

        An account whose provider makes a difference and is not known yet is looked up first.

        Args:
            account_id: the account.
            action: what it would do; None looks at the account as a whole and at all it has done.
        """
        check_account(account_id)
        lane = self.lane(account_id)
        tallies = looked_at(lane, action, self._clock.monotonic())
        await self._sure(account_id, [tally.action for tally in tallies], _LOOK_UP)
        return await self._telling.explain(lane, action)

    async def estimate(self, account_id: str, action: str, count: int = 1) -> Estimate:
        """Tell how long `count` actions would take at the least, and which limit binds.

        Those who wait already go first. Answers are taken to be instant and spacings to be the
        least, so that nothing can be faster; a pause or a refusal may always make it slower. An
        account whose provider makes a difference and is not known yet is looked up first.
        """
        plan = await self.plan(account_id, {action: count})
        return Estimate(seconds=plan.seconds, limit=plan.limit)

    async def plan(self, account_id: str, actions: Mapping[str, int]) -> Plan:
        """Tell when each of several actions would be done at the earliest, and what binds.

        An account whose provider makes a difference and is not known yet is looked up first.

        Args:
            account_id: the account.
            actions: how many of which action, such as `{"invite": 200}`; in all at most 100,000.
        """
        return await self._planned(account_id, actions)

    async def _planned(
        self, account_id: str, actions: Mapping[str, int], seen: Seen | None = None
    ) -> Plan:
        """Plan actions, and tell when each of them would go."""
        check_account(account_id)
        lane = self.lane(account_id)
        for action, count in actions.items():
            whole(f"actions[{action!r}]", count, least=0)
            self._tally(lane, action, self._clock.monotonic())
        await self._sure(account_id, actions, _LOOK_UP)
        return await self._telling.plan(lane, actions, seen=seen)

    def only_look(self) -> None:
        """Write nothing to a store of counts from now on, to find out what would hold.

        What this client learns, records or changes holds for itself alone, and is forgotten with
        it; what others have counted it sees. It sends nothing that is counted any more: such calls
        get ConfigurationError. Only for a client that has not sent anything yet: what waits by then
        would be counted nowhere. In memory counts are its own anyway, and nothing changes.

        Raises:
            ConfigurationError: calls of this client wait or are under way.

        Examples:
            >>> async def left(client: Postpress) -> int:
            ...     client.scheduler.only_look()
            ...     await client.scheduler.record("acc_1", "invite", 30)  # if we had sent these
            ...     [lane] = await client.scheduler.snapshot("acc_1")
            ...     return lane.limits[0].left
        """
        if self._sharer is None:
            return
        if any(lane.waiting or lane.in_flight for lane in self._lanes):
            msg = "only_look() is for a client that has nothing to send: take another one for it"
            raise ConfigurationError(msg)
        self._sharer.only_look()

    async def pause(
        self, account_id: str, *, action: str | None = None, until: float | None = None, reason: str
    ) -> None:
        """Stop an account, one action of it, or with `"*"` all accounts: the kill switch.

        Calls that wait are turned away with LaneClosedError, unless they can outwait it; calls
        under way go on. `read` passes, unless it is named.

        Args:
            account_id: the account, or `"*"` for all, also those to come.
            action: one action; None stops all but `read`.
            until: seconds since the epoch; None stops it until `resume`.
            reason: the words that errors and snapshots show.
        """
        check_account(account_id, all_too=True)
        check_action(action)
        check_instant("until", until, ever=True)
        check_reason(reason)
        if until is not None and until <= self._clock.time():
            msg = f"until ({until!r}) has passed already: give seconds since the epoch, or None"
            raise ConfigurationError(msg)
        _log.warning("account %s is paused (%s): %s", account_id, action or "all actions", reason)
        end = inf if until is None else until
        await self._control.pause(
            Pause(account_id=account_id, action=action, until=end, reason=reason)
        )

    async def resume(self, account_id: str, *, action: str | None = None) -> None:
        """Open what was paused or closed, as a person who has looked after the account.

        `resume("*")` ends what `pause("*")` stopped, and nothing else does; pauses of single
        accounts stay, until each is resumed by its name.

        For one account it ends pauses, and closings by the service: of lost credentials, of a
        restricted account, of an action that was refused; what refusals taught of amounts is
        forgotten. A cool-down goes on.

        Args:
            account_id: the account, or `"*"` for all.
            action: one action; None opens the whole account.
        """
        check_account(account_id, all_too=True)
        check_action(action)
        _log.info("account %s is resumed (%s)", account_id, action or "all actions")
        await self._control.resume(account_id, action)

    async def set_limits(self, account_id: str, limits: Limits | None) -> None:
        """Let an account keep limits of its own; None gives it the client's again.

        What it has counted stays counted, also where actions are grouped otherwise. A call that
        waits, and takes more at once than it may now, gets WaitTooLongError.
        """
        check_account(account_id)
        of_kind("limits", limits, Limits, "Limits.recommended()")
        await self._control.set_limits(self.lane(account_id), limits)

    async def record(
        self, account_id: str, action: str, count: int = 1, *, at: float | None = None
    ) -> None:
        """Count what other tools have done with the account already.

        Args:
            account_id: the account.
            action: what it was.
            count: how many; for `search`, rows.
            at: when, in seconds since the epoch; None for now.
        """
        check_account(account_id)
        whole("count", count, least=1)
        check_action(action)
        check_instant("at", at)
        await self._control.record(self.lane(account_id), action, count, at)

    # -- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """Turn every waiter away with ClientClosedError; later calls meet the same."""
        self._waker.close()
        self.turn_all_away(ClientClosedError("the client was closed while this call waited"))
        self._lanes.tell_what_is_forgotten(self._clock.monotonic())

    async def drain(self, seconds: float) -> None:
        """Wait until no call is under way, for a bounded time."""
        if self._waker.out:
            self._idle = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._idle}, timeout=seconds)

    async def flush(self) -> None:
        """Tell a store what is over, and let go of it."""
        if self._sharer is not None:
            await self._sharer.flush()

    # -- inside -------------------------------------------------------------------------------

    def _tally(self, lane: Lane, action: str, now: float) -> Tally:
        check_action(action)
        return lane.tally(action, now)

    async def _sure(self, account_id: str, actions: Iterable[str], within: float) -> None:
        """Have an account's provider looked up where it makes a difference and is not known."""
        if self.look_up is None or self._waker.closed:
            return
        if any(self.unsure(account_id, action) for action in actions):
            await self.look_up(account_id, within)

    def _leave(self, lane: Lane, waiter: Waiter) -> None:
        """Let a waiter go that gave up; who stood behind it may go now."""
        if not waiter.gone and lane.queues is not None:
            lane.queues.leave(waiter)
            self._waker.wake(lane)


def _nobody_is(_: str) -> bool:
    return False  # nothing is certain of processes that cannot be looked at
