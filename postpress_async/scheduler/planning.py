"""Planning: what would happen to a lane, played on a copy of it without waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from copy import deepcopy
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.limits import DONE

from .blockers import blockers
from .lane import Lane, Setting
from .windows import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from .queue import Waiter
    from .tally import Tally

    Seen: TypeAlias = Callable[[str, float], None]

_MOST: Final = 100_000
_BREATH: Final = 200  # steps between which others of the loop may go on
_DAY: Final = 86400.0
_NOISE: Final = 0.001  # instants of the epoch are coarse: a day later must be the next day
_PATIENCE: Final = 10_000  # times that a lane may say «later» to one action


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Tell how long something takes at the least.

    Attributes:
        seconds: a lower bound; inf where it would never happen.
        limit: the limit that binds; None where nothing does.
    """

    seconds: float
    limit: str | None


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True):
    """Tell when the actions of one kind would be done.

    Attributes:
        action: which.
        count: how many.
        first_at, last_at: seconds since the epoch, at the earliest; None for never.
        limit: the limit that the last one waits for; None where nothing binds.
    """

    action: str
    count: int
    first_at: float | None
    last_at: float | None
    limit: str | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Tell when several actions of an account would be done at the earliest.

    Attributes:
        account_id: whose.
        seconds: until the last of them; inf where one would never happen.
        limit: the limit that the last one waits for.
        actions: each kind.
        days: how many of which action on each day from now on: the first 24 hours, the next, …
    """

    account_id: str
    seconds: float
    limit: str | None
    actions: tuple[PlannedAction, ...]
    days: tuple[dict[str, int], ...]


class _Progress(msgspec.Struct):
    """Follow one action through the play."""

    tally: Tally
    left: int
    ahead: list[Waiter]  # those who wait for it already, the next one last
    first: float | None = None
    last: float | None = None
    limit: str | None = None


async def plan(
    lane: Lane,
    actions: Mapping[str, int],
    waiting: Sequence[Waiter],
    *,
    now: float,
    start: float,
    epoch: float,
    seen: Seen | None = None,
) -> Plan:
    """Play actions on a copy of a lane, each as early as it may go, behind those who wait.

    `seen` is told of each action and when it goes, in seconds since the epoch.

    Raises:
        ConfigurationError: too many to be played.
    """
    total = sum(actions.values())
    if total > _MOST:
        msg = f"a plan holds at most {_MOST:,} actions, not {total:,}: plan a part of them"
        raise ConfigurationError(msg)
    played, days = _copied(lane, now), list[Counter[str]]()
    # Of two who came at once, the one in the older queue goes first.
    queues = list(dict.fromkeys(waiter.tally.action for waiter in waiting[:_MOST]))
    ahead: dict[str, list[Waiter]] = {}
    for waiter in sorted(waiting[:_MOST], key=_place, reverse=True):
        ahead.setdefault(waiter.tally.action, []).append(waiter)
    wanted = [
        _Progress(played.tally(name, now), count, ahead.pop(name, []))
        for name, count in actions.items()
        if count
    ]
    # Others who wait may go in between; while they cannot, they hold nobody up.
    others = [_Progress(played.tally(name, now), 0, those) for name, those in ahead.items()]
    at, done = start, 0
    while any(one.left for one in wanted) and at < inf:
        playing = [one for one in (*others, *wanted) if one.left or one.ahead]
        one, at = _step(played, playing, queues, at)
        if at < inf and one.last == at:
            day = int((at - now + _NOISE) // _DAY)
            days += [Counter[str]() for _ in range(day + 1 - len(days))]
            days[day][one.tally.action] += 1
            if seen is not None:
                seen(one.tally.action, epoch + at - now)
        done += 1
        if done % _BREATH == 0:
            await asyncio.sleep(0)
    return _summary(lane.account_id or "", wanted, actions, days, since=now, epoch=epoch)


def _step(
    lane: Lane, wanted: list[_Progress], queues: list[str], at: float
) -> tuple[_Progress, float]:
    """Let the first that may go do so; return it and when it went, inf for never."""
    ready, one = at, wanted[0]
    for _ in range(_PATIENCE):
        times = [
            (lane.ready_at(one.tally, _cost(one), ready), _turn(one, queues), n)
            for n, one in enumerate(wanted)
        ]
        earliest, _, n = min(times)
        one = wanted[n]
        if earliest <= ready or earliest == inf:
            break
        one.limit = _binding(lane, one.tally, _cost(one), ready) or one.limit
        ready = earliest
    else:
        earliest = inf
    if earliest == inf:
        for one in wanted:
            one.limit = _binding(lane, one.tally, _cost(one), ready) or one.limit
            one.last, one.left = None, 0
        return one, inf
    slot = lane.grant(one.tally, _cost(one), ready)
    slot_lane, slot.lane = slot.lane, None
    if slot_lane is not None:
        slot_lane.report(slot, DONE, ready)
    if one.ahead:
        one.ahead.pop()
        return one, ready
    one.left -= 1
    one.first = ready if one.first is None else one.first
    one.last = ready
    return one, ready


def _cost(one: _Progress) -> int:
    return one.ahead[-1].cost if one.ahead else 1


def _turn(one: _Progress, queues: list[str]) -> tuple[float, int]:
    return (one.ahead[-1].place, queues.index(one.tally.action)) if one.ahead else (inf, 0)


def _place(waiter: Waiter) -> float:
    return waiter.place


def _binding(lane: Lane, tally: Tally, cost: int, now: float) -> str | None:
    latest = max(blockers(lane, tally, cost, now), key=lambda one: one.at, default=None)
    return None if latest is None or latest.at <= now else latest.name


def _copied(lane: Lane, now: float) -> Lane:
    """Return a copy to play with: calls under way are done, and spacings are the least."""
    setting = Setting(_least, lane.setting.skew, asks=lane.setting.asks)
    kept: dict[int, object] = {id(lane.setting): setting, id(lane.rules): lane.rules}
    if lane.queues is not None:
        kept[id(lane.queues)] = None
    copied = deepcopy(lane, kept)
    for tally in copied.tallies.values():
        tally.waiting = 0
        for ring in tally.rings:
            setting.shared.update({ring.key: ring} if tally.shared else {})
            if ring.held:
                ring.done(ring.held, now)
        for pace in tally.paces:
            if isinstance(pace, Gap):
                pace.held = 0
    if copied.trouble is not None:
        copied.trouble.probing = 0
    return copied


def _least() -> float:
    return 0.0


def _summary(
    account_id: str,
    wanted: list[_Progress],
    actions: Mapping[str, int],
    days: list[Counter[str]],
    *,
    since: float,
    epoch: float,
) -> Plan:
    def when(at: float | None) -> float | None:
        return None if at is None else epoch + at - since

    last = max(wanted, key=lambda one: inf if one.last is None else one.last, default=None)
    seconds = 0.0
    if last is not None:
        seconds = inf if last.last is None else max(last.last - since, 0.0)
    return Plan(
        account_id=account_id,
        seconds=seconds,
        limit=None if last is None else last.limit,
        actions=tuple(
            PlannedAction(
                action=one.tally.action,
                count=actions[one.tally.action],
                first_at=when(one.first),
                last_at=when(one.last),
                limit=one.limit,
            )
            for one in wanted
        ),
        days=tuple(dict(day) for day in days),
    )
