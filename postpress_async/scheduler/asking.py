"""Asking: who of a lane's waiters asks the store, and under which name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from .steps import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .lane import Lane, Tally
    from .queue import Waiter

__all__ = ["Asked", "Asker", "needs_store"]

Asked: TypeAlias = "dict[str, tuple[Waiter, Ask]]"


class Asker:
    """Name each ask so that no other process, and no other ask, has the same name."""

    def __init__(self, name: Callable[[], str]) -> None:
        self._make_name = name
        self._name = ""
        self._pid = -1  # a client may be made before a fork, and used after it
        self._serial = 0

    def own(self) -> str:
        """Name this process, and the client in it; a fork is another one."""
        if self._pid != os.getpid():
            self._pid, self._name, self._serial = os.getpid(), self._make_name(), 0
        return self._name

    def asks(
        self,
        lane: Lane,
        fresh: Iterable[Waiter],
        now: float,
        *,
        room: int,
        weight: int = 1,
        forecast: bool = True,
    ) -> Asked:
        """Return who asks: those who may go now, in order, and newcomers for their forecasts.

        Args:
            lane: whose waiters.
            fresh: who has come since the last time.
            now: by the lanes' clock.
            room: how many may go.
            weight: how much of a limit each unit of cost takes.
            forecast: whether newcomers may be turned away.
        """
        queues = lane.queues
        if queues is None:
            return {}
        self.own()
        # The first of each action and priority: one that is blocked must not crowd others out.
        asking = (one for one in queues.first(room) if needs_store(lane, one.tally))
        first = sorted(asking, key=_place)
        rest = [
            one
            for one in fresh
            if not one.gone and one not in first and needs_store(lane, one.tally)
        ]
        asks = [
            (one, self._ask(lane, one, now, weight, head=True, fresh=forecast)) for one in first
        ]
        asks += [(one, self._ask(lane, one, now, weight, head=False, fresh=True)) for one in rest]
        return {ask.reservation: (waiter, ask) for waiter, ask in asks}

    def _ask(
        self, lane: Lane, waiter: Waiter, now: float, weight: int, *, head: bool, fresh: bool
    ) -> Ask:
        self._serial += 1
        ahead = 0
        if not waiter.let_in and lane.queues is not None:
            ahead = lane.queues.cost_ahead(waiter.tally, waiter.priority, waiter.since)
        return Ask(
            reservation=f"{self._name}{self._serial:x}",
            action=waiter.tally.action,
            cost=waiter.cost * weight,
            reply=waiter.reply,
            head=head,
            fresh=fresh and not waiter.let_in,
            patience=waiter.deadline - now,
            ahead=max(ahead - waiter.cost, 0) * weight,  # itself is in the queue already
        )


def needs_store(lane: Lane, tally: Tally) -> bool:
    """Tell whether an action of an account is counted: `read` is not, nor what has no account."""
    return tally.gated and lane.account_id is not None


def _place(waiter: Waiter) -> float:
    return waiter.place
