"""Asking: who of a lane's waiters asks the store, and under which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .steps import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .lane import Lane
    from .own import OwnCalls
    from .queue import Queues, Waiter
    from .tally import Tally

__all__ = ["Asked", "asks", "needs_store"]

Asked: TypeAlias = "dict[str, tuple[Waiter, Ask]]"


def asks(
    lane: Lane,
    fresh: Iterable[Waiter],
    now: float,
    *,
    own: OwnCalls,
    room: int,
    weight: int = 1,
    forecast: bool = True,
) -> Asked:
    """Return who asks: those who may go now, in order, and newcomers for their forecasts.

    Args:
        lane: whose waiters.
        fresh: who has come since the last time.
        now: by the lanes' clock.
        own: names them.
        room: how many may go.
        weight: how much of a limit each unit of cost takes.
        forecast: whether newcomers may be turned away.
    """
    queues = lane.queues
    if queues is None:
        return {}
    # The first of each action and priority: one that is blocked must not crowd others out.
    asking = (one for one in queues.first(room) if needs_store(lane, one.tally))
    first = sorted(asking, key=_place)
    rest = [
        one for one in fresh if not one.gone and one not in first and needs_store(lane, one.tally)
    ]

    def ask(waiter: Waiter, *, head: bool, fresh: bool) -> Ask:
        return _ask(queues, waiter, own.begin(), now, weight=weight, head=head, fresh=fresh)

    found = [(one, ask(one, head=True, fresh=forecast)) for one in first]
    found += [(one, ask(one, head=False, fresh=True)) for one in rest]
    return {made.reservation: (waiter, made) for waiter, made in found}


def _ask(
    queues: Queues, waiter: Waiter, name: str, now: float, *, weight: int, head: bool, fresh: bool
) -> Ask:
    ahead = 0
    if not waiter.let_in:
        ahead = queues.cost_ahead(waiter.tally, waiter.priority, waiter.since)
    return Ask(
        reservation=name,
        action=waiter.tally.action,
        cost=waiter.cost * weight,
        reply=waiter.reply,
        head=head,
        fresh=fresh and not waiter.let_in,
        patience=max(waiter.asked + waiter.patience - now, 0.0),
        ahead=max(ahead - waiter.cost, 0) * weight,  # itself is in the queue already
    )


def needs_store(lane: Lane, tally: Tally) -> bool:
    """Tell whether an action of an account is counted: `read` is not, nor what has no account."""
    return tally.gated and lane.account_id is not None


def _place(waiter: Waiter) -> float:
    return waiter.place
