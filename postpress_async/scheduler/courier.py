"""The courier: carries what lanes have to say to their store, and what they ask it.

While the store is lost it decides alone, where that is wished, and tells the store later.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from postpress_async.errors import ConfigurationError, PostpressError
from postpress_async.limits import REFUND

from .alone import WEIGHT, Alone, Ending
from .asking import asks
from .leases import LEASE
from .looking import Looking
from .steps import ForEveryone, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postpress_async.limits import Verdict

    from .asking import Asked
    from .clock import Clock
    from .desks import Desk
    from .everyone import Everyone
    from .lane import Lane
    from .own import OwnCalls
    from .queue import Waiter
    from .shares import Share
    from .shelf import Shelf
    from .steps import Change, Outcome, Report, SharedState, Work
    from .tally import Slot

__all__ = ["RETRY", "Courier"]

T = TypeVar("T")

_log = logging.getLogger("postpress_async.scheduler")
RETRY: Final = 1.0  # seconds until a lost store is tried again


class Courier:
    """Carry steps, one for each lane at a time.

    Attributes:
        alone: decides while the store is lost; None where nothing shall go then.
    """

    def __init__(
        self,
        state: SharedState,
        shelf: Shelf,
        *,
        clock: Clock,
        own: OwnCalls,
        alone: Shelf | None,
        share: Share,
    ) -> None:
        self.alone: Alone | None = None
        if alone is not None:
            self.alone = Alone(shelf, alone, lease=LEASE, share=share)
        self._state = state
        self._shelf = shelf
        self._clock = clock
        self._own = own
        self._ahead: float | None = None  # of the store's time

    @property
    def lost(self) -> bool:
        """Whether the store did not answer when it was asked last, and one goes on alone."""
        return self.alone is not None and self.alone.lost

    @property
    def trouble(self) -> str:
        """What the store knows to be the matter with it while it does not answer."""
        return self._state.trouble

    def time(self) -> float:
        """Return the store's time, as far as it is known."""
        if self._ahead is None:
            return self._clock.time()
        return self._clock.monotonic() + self._ahead

    def asks(self, lane: Lane, desk: Desk, room: int, *, alone: bool = False) -> Asked:
        """Return who of a lane asks; forecasts are the store's, if it is there."""
        fresh: list[Waiter] = []
        forecast = not alone or self.lost
        if forecast:
            fresh, desk.fresh = desk.fresh, fresh
        return asks(
            lane, fresh, self._clock.monotonic(), own=self._own, room=room,
            weight=WEIGHT if alone else 1, forecast=forecast,
        )  # fmt: skip

    def take(self, lane: Lane, desk: Desk) -> tuple[list[Report], list[Change]]:
        """Take what is to be told of a lane, also by clients that are closed."""
        if self.alone is not None and not isinstance(self._state, Looking):
            desk.changes[:0] = self.alone.share.left(lane.account_id or "")
        return desk.take()

    async def carry(
        self, lane: Lane, asked: Asked, reports: list[Report], changes: list[Change], room: int
    ) -> Outcome:
        """Carry out a step of a lane.

        Raises:
            StateUnavailableError, or whatever else a store may raise.
        """
        step = Step(
            self._shelf, lane.account_id or "", asks=[ask for _, ask in asked.values()],
            reports=reports, changes=changes, lease=LEASE, room=room, own=self._own.client(),
            waits=True, over=self._own.over,
        )  # fmt: skip
        try:
            outcome = await self._taken(step)
        except BaseException:
            self._own.drop(name for name, (_, ask) in asked.items() if not ask.head)
            raise
        self._ahead = outcome.now - self._clock.monotonic()
        self._told(lane, reports, changes, outcome.now)
        self._own.drop(asked.keys() - set(outcome.granted))
        return outcome

    async def look(self, lane: Lane, desk: Desk, change: Change) -> None:
        """Change, or look at, what the store knows of an account, now.

        Raises:
            StateUnavailableError, or whatever else a store may raise.
        """
        reports, changes = self.take(lane, desk)
        step = Step(
            self._shelf, lane.account_id or "", reports=reports, changes=[*changes, change],
            lease=LEASE, own=self._own.client(), over=self._own.over,
        )  # fmt: skip
        desk.looks += 1
        try:
            outcome = await self._taken(step)
        except BaseException:
            desk.put_back(reports, changes)
            desk.timer.set(self._clock.monotonic() + RETRY)
            raise
        finally:
            desk.looks -= 1
        self._ahead = outcome.now - self._clock.monotonic()
        self._told(lane, reports, changes, outcome.now)

    def only_look(self) -> None:
        """Write nothing to the store from now on."""
        self._state = Looking(self._state)

    async def for_everyone(self, change: Callable[[Everyone, float], None]) -> None:
        """Change what holds for all accounts together, given the seconds from there to the epoch.

        Raises:
            StateUnavailableError: the store cannot be asked.
        """
        await self._taken(ForEveryone(self._shelf, change))

    async def _taken(self, work: Work[T]) -> T:
        """Have a work carried out; a store that refuses would refuse every other one."""
        try:
            return await self._state.step(work)
        except ConfigurationError as error:
            if error.scope == "call":
                error.scope = "setup"
            raise

    async def aclose(self) -> None:
        """Let go of the store."""
        await self._state.aclose()

    def give_up(self) -> None:
        """Take it that calls which are under way without the store are over."""
        if self.alone is not None:
            self.alone.give_up(self.time())

    async def tell_for_others(self, seconds: float) -> None:
        """Tell what clients that are closed could not tell, of accounts that nobody asked for."""
        reached = self._ahead is not None and not isinstance(self._state, Looking)
        if self.alone is None or self.alone.lost or not reached:
            return
        share = self.alone.share
        with suppress(PostpressError, TimeoutError):
            async with asyncio.timeout(seconds):
                for account_id in share.accounts():
                    calls = share.left(account_id)
                    try:
                        await self._taken(Step(self._shelf, account_id, changes=calls, lease=LEASE))
                    except BaseException:
                        share.leave({}, {account_id: calls})
                        raise

    def leave(self, desks: Mapping[Lane, Desk]) -> None:
        """Leave what the store was not told to clients of this process that come later."""
        if self.alone is None:
            return
        for lane, desk in desks.items():
            if self.lost:
                self.hear(self.alone, lane, desk)
        count = self.alone.leave(
            {lane.account_id or "": one.changes for lane, one in desks.items()}
        )
        if count and self.lost:
            _log.warning(
                "the store of counts is lost, and was not told of calls that went without it, %d: "
                "the next client of this process tells it; nobody does if there is none",
                count,
            )

    # -- while the store is lost ---------------------------------------------------------------

    def hear(self, alone: Alone, lane: Lane, desk: Desk) -> None:
        """Let it be known here too which calls are over."""
        alone.hear(lane.account_id or "", desk.reports, self.time())

    def decide(self, alone: Alone, lane: Lane, asked: Asked, room: int) -> Outcome:
        """Decide without the store."""
        outcome = alone.decide(
            lane.account_id or "", [ask for _, ask in asked.values()], self.time(),
            room=room, own=self._own.client(),
        )  # fmt: skip
        self._own.drop(asked.keys() - set(outcome.granted))
        return outcome

    def found(self) -> dict[str, list[Change]] | None:
        """Return what a store that is back must be told by account; None where it was not lost."""
        if self.alone is None or not self.alone.lost:
            return None
        return self.alone.back(self._clock.monotonic())

    def give_back(self, lane: Lane, desk: Desk, slot: Slot, verdict: Verdict) -> None:
        """Let the next step give a slot back."""
        told = None
        if self.alone is not None:
            clock, now = self._clock, self._clock.monotonic()
            told = self.alone.give_back(
                lane.account_id or "", slot, verdict, self.time(),
                age=lambda: clock.monotonic() - now,
            )  # fmt: skip
        if told is None:
            desk.reports.append((slot.reservation, verdict))
        else:
            desk.changes.append(told)
            if not isinstance(told, Ending):
                self._own.drop([slot.reservation])  # the store has never heard of it

    def refund(self, lane: Lane, desk: Desk, reservation: str) -> None:
        """Let the next step give back what was granted in vain."""
        account_id = lane.account_id or ""
        if self.alone is None or not self.alone.refund(account_id, reservation, self.time()):
            desk.reports.append((reservation, REFUND))
        else:
            self._own.drop([reservation])

    def _told(self, lane: Lane, reports: list[Report], changes: list[Change], now: float) -> None:
        """Know that the store knows which calls are over, since an instant of its time."""
        if self.alone is not None:
            self.alone.told(lane.account_id or "", reports, now)
        for name, verdict in reports:
            self._own.end(name, verdict, now)
        for one in changes:
            if isinstance(one, Ending):
                self._own.end(one.reservation, one.verdict, now)
