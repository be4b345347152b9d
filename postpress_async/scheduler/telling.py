"""Telling: what users hear of their accounts, and what would become of more calls."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec import structs

from . import planning
from .blockers import blockers, explained
from .checks import check_action
from .snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .blockers import Blocker
    from .brake import Brake
    from .clock import Clock
    from .control import Control
    from .lane import Lane
    from .planning import Plan, Seen
    from .snapshot import LaneSnapshot
    from .tally import Tally
    from .usher import Usher
    from .waking import Waker

__all__ = ["Telling", "looked_at"]


class Telling:
    """Look at lanes, wherever their counts are kept; nothing is taken."""

    def __init__(
        self, control: Control, *, clock: Clock, brake: Brake, waker: Waker | Usher
    ) -> None:
        self._control = control
        self._clock = clock
        self._brake = brake
        self._waker = waker

    async def snapshot(self, lanes: Iterable[Lane]) -> list[LaneSnapshot]:
        """Return what each lane has used, what it waits for and why."""
        views = [await self._control.view(lane) for lane in lanes]
        return [snapshot_of(view.lane, view.now, view.epoch) for view in views]

    async def explain(self, lane: Lane, action: str | None) -> list[Blocker]:
        """Say what holds an account back now, the longest first."""
        now, epoch = self._clock.monotonic(), self._clock.time()
        common = [*self._brake.blocked(now), *self._waker.blocked()]
        found = [(one.at - now, explained(one, now, epoch)) for one in common]
        view = await self._control.view(lane)
        for tally in looked_at(view.lane, action, view.now):
            found += [
                (one.at - view.now, explained(one, view.now, view.epoch))
                for one in blockers(view.lane, tally, 1, view.now)
                if one.at > view.now
            ]
        found.sort(key=lambda pair: -pair[0])
        return list(dict.fromkeys(blocker for _, blocker in found))

    async def plan(
        self, lane: Lane, actions: Mapping[str, int], *, seen: Seen | None = None
    ) -> Plan:
        """Tell when actions would be done at the earliest, behind those who wait here."""
        now = self._clock.monotonic()
        held = self._brake.until - now if self._brake.until < inf else 0.0
        view = await self._control.view(lane)
        ahead = [] if lane.queues is None else lane.queues.all()
        plan = await planning.plan(
            view.lane, actions, ahead, now=view.now, start=view.now + max(held, 0.0),
            epoch=view.epoch, seen=seen,
        )  # fmt: skip
        if plan.limit is None and held > 0 and plan.actions:
            return structs.replace(plan, limit=self._brake.reason)
        return plan


def looked_at(lane: Lane, action: str | None, now: float) -> list[Tally]:
    """Return the tallies that an explanation looks at; with no action, all that were used."""
    check_action(action)
    if action is not None:
        return [lane.tally(action, now)]
    if not any(tally.gated for tally in lane.tallies.values()):
        lane.tally("other", now)  # so that the gate is looked at too
    return list(lane.tallies.values())
