"""Looking at accounts and steering them, wherever their counts are kept."""

from __future__ import annotations

from copy import deepcopy
from math import inf
from typing import TYPE_CHECKING, Protocol

import msgspec

from .lanes import reopen
from .trouble import Closure

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.limits import Limits

    from .book import Book
    from .clock import Clock
    from .everyone import Everyone
    from .lane import Lane
    from .lanes import Lanes
    from .rulebook import Rulebook
    from .sharing import Sharer
    from .waking import Waker


class View(msgspec.Struct, frozen=True):
    """Show a lane at an instant: `now` on its own clock, `epoch` in seconds since the epoch."""

    lane: Lane
    now: float
    epoch: float


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Say what is stopped, until when in seconds since the epoch, and why."""

    account_id: str
    action: str | None
    until: float
    reason: str

    def closure(self, skew: float) -> Closure:
        """Return it for a lane whose clock is so many seconds behind the epoch."""
        kind = "paused_all" if self.account_id == "*" else "paused"
        end = self.until if self.until == inf else self.until - skew
        return Closure(kind=kind, action=self.action, until=end, reason=self.reason)  # type: ignore[arg-type]  # one of two words


class Control(Protocol):
    """Look at accounts, and steer them."""

    async def view(self, lane: Lane, /) -> View:
        """Return what is counted of an account now; not to be changed."""
        ...

    async def pause(self, pause: Pause, /) -> None:
        """Stop an account, or all."""
        ...

    async def resume(self, account_id: str, action: str | None, /) -> None:
        """Open what was closed."""
        ...

    async def set_limits(self, lane: Lane, limits: Limits | None, /) -> None:
        """Let an account keep limits of its own."""
        ...

    async def record(self, lane: Lane, action: str, count: int, at: float | None, /) -> None:
        """Count what was done elsewhere, at an instant of the epoch; None for now."""
        ...


class InMemory:
    """Steer lanes whose counts are in this process."""

    def __init__(self, lanes: Lanes, waker: Waker, clock: Clock) -> None:
        self._lanes = lanes
        self._waker = waker
        self._clock = clock

    async def view(self, lane: Lane) -> View:
        """Return the lane itself."""
        return View(lane, self._clock.monotonic(), self._clock.time())

    async def pause(self, pause: Pause) -> None:
        """Close the lane, or all of them, also those to come."""
        closure = pause.closure(self._clock.time() - self._clock.monotonic())
        everybody = pause.account_id == "*"
        if everybody:
            self._lanes.pause_all(closure)
        for lane in self._of(pause.account_id):
            if not everybody:
                lane.troubled().close(closure)
            self._waker.turn_away(lane, closure)

    async def resume(self, account_id: str, action: str | None) -> None:
        """Open the lane, or what all of them were closed for."""
        if account_id == "*":
            self._lanes.resume_all(action)
        for lane in self._of(account_id):
            if account_id != "*":
                reopen(lane, action, self._clock.monotonic())
            self._waker.wake(lane)

    async def set_limits(self, lane: Lane, limits: Limits | None) -> None:
        """Change the lane's rules."""
        self._lanes.set_limits(lane, limits, self._clock.monotonic())
        self._waker.wake(lane)

    async def record(self, lane: Lane, action: str, count: int, at: float | None) -> None:
        """Add to the lane's windows."""
        now = self._clock.monotonic()
        when = now if at is None else min(now + at - self._clock.time(), now)
        tally = lane.tally(action, now)
        for ring in tally.rings:
            ring.insert(count, when, now)
        for pace in tally.paces:
            pace.hold(count, now)
            pace.done(when, 0.0)

    def _of(self, account_id: str) -> list[Lane]:
        if account_id == "*":
            return list(self._lanes)
        return [self._lanes.get(account_id, self._clock.monotonic())]


class InStore:
    """Steer lanes whose counts are in a store; what is done there holds for all processes."""

    def __init__(self, lanes: Lanes, sharer: Sharer, rulebook: Rulebook, clock: Clock) -> None:
        self._lanes = lanes
        self._sharer = sharer
        self._rulebook = rulebook
        self._clock = clock

    async def view(self, lane: Lane) -> View:
        """Return a copy of what the store has, with who waits here."""
        if lane.account_id is None:
            return View(lane, self._clock.monotonic(), self._clock.time())
        found: list[View] = []

        def look(book: Book, _: Everyone, now: float) -> None:
            for tally in lane.tallies.values():
                book.tally(tally.action, now)
            kept = {id(one): one for one in (book.lane.setting, book.lane.rules)}
            epoch = now + book.lane.setting.skew()
            found.append(View(deepcopy(book.lane, kept), now, epoch))

        await self._sharer.look(lane, look)
        view = found[-1]  # a step may run more than once: the last one was carried out
        for tally in lane.tallies.values():
            view.lane.tally(tally.action, view.now).waiting = tally.waiting
        return view

    async def pause(self, pause: Pause) -> None:
        """Close an account in the store, or all of them."""

        def close(lane: Lane, _: float) -> None:
            lane.troubled().close(pause.closure(lane.setting.skew()))

        if pause.account_id == "*":
            await self._sharer.for_everyone(
                lambda everyone, skew: everyone.pause(pause.closure(skew))
            )
        else:
            await self._do(pause.account_id, close)
        self._wake(pause.account_id)

    async def resume(self, account_id: str, action: str | None) -> None:
        """Open an account in the store, or what all of them were closed for."""
        if account_id == "*":
            await self._sharer.for_everyone(lambda everyone, _: everyone.resume(action))
        else:
            await self._do(account_id, lambda lane, now: reopen(lane, action, now))
        self._wake(account_id)

    async def set_limits(self, lane: Lane, limits: Limits | None) -> None:
        """Keep the limits in the store, for all processes."""
        await self._sharer.look(
            lane, lambda book, _, now: book.set_limits(self._rulebook, limits, now)
        )
        self._sharer.usher.wake(lane)

    async def record(self, lane: Lane, action: str, count: int, at: float | None) -> None:
        """Add to what the store has counted; now is the store's, whatever this machine's clock."""

        def done(book: Book, everyone: Everyone, now: float) -> None:
            when = now if at is None else at - book.lane.setting.skew()
            book.record(action, count, when, now, everyone)

        await self._sharer.look(lane, done)

    async def _do(self, account_id: str, change: Callable[[Lane, float], None]) -> None:
        lane = self._lanes.get(account_id, self._clock.monotonic())
        await self._sharer.look(lane, lambda book, _, now: change(book.lane, now))

    def _wake(self, account_id: str) -> None:
        for lane in self._lanes:
            if account_id in {"*", lane.account_id}:
                self._sharer.usher.wake(lane)
