"""A lane's book: what is kept of it in a store, beside the lane that decides.

Events are kept by action, not by budget: whoever opens the book judges the same events by limits of
its own, however they group actions.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from heapq import merge
from math import ceil, inf
from typing import TYPE_CHECKING, Final, cast

import msgspec

from postpress_async.limits import REFUND, Verdict

from . import furnishing
from .line import Line
from .tally import Slot
from .windows import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from postpress_async.limits import Limits

    from .everyone import Everyone
    from .lane import Lane
    from .rulebook import Rulebook
    from .rules import Rules
    from .tally import Tally
    from .windows import Ring

_MOST_COST: Final = 2**32 - 1
_GONE: Final = Verdict(effect="no_answer", settle=1.0)  # its bytes may be under way
LINGERS: Final = 4.0  # seconds for which a dead process's call is taken to be under way, besides


def process_of(reservation: str) -> str:
    """Return whose a reservation is."""
    return reservation.partition(":")[0]


class Held(msgspec.Struct, array_like=True):
    """Hold one call that is under way.

    Attributes:
        action, cost, at, probe: as in its slot.
        lease: when it counts as done, whatever has become of its process.
    """

    action: str
    cost: int
    at: float
    probe: bool
    lease: float


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Be a call that was made, and answered, while nobody could be told."""

    action: str
    cost: int
    verdict: Verdict
    at: float


class Log:
    """Keep what one action has done, as instants and costs."""

    __slots__ = ("_whole", "at", "costs")

    def __init__(self, at: Iterable[float] = (), costs: Iterable[int] | None = None) -> None:
        self.at: array[float] = array("d", at)
        self.costs: array[int] | None = None if costs is None else array("I", costs)
        self._whole: array[int] = array("I")  # the first instants, rounded up to seconds

    def add(self, cost: int, at: float) -> None:
        """Keep an event; one of the past goes to its place."""
        if cost != 1 and self.costs is None:
            self.costs = array("I", [1]) * len(self.at)
        place = len(self.at) if not self.at or at >= self.at[-1] else bisect_right(self.at, at)
        self.at.insert(place, at)
        del self._whole[place:]
        if self.costs is not None:
            self.costs.insert(place, min(cost, _MOST_COST))

    def drop(self, since: float) -> None:
        """Forget what was done until an instant."""
        first = bisect_right(self.at, since)
        if first:
            del self.at[:first], self._whole[:first]
            if self.costs is not None:
                del self.costs[:first]

    def has(self, at: float) -> bool:
        """Tell whether anything was done at an instant, which may have been rounded up."""
        first, last = bisect_left(self.at, at), bisect_right(self.at, ceil(at))
        return any(one in {at, ceil(at)} for one in self.at[first:last])

    def whole(self, until: float) -> array[int]:
        """Return the instants until one, rounded up to seconds."""
        old, whole = bisect_right(self.at, until), self._whole
        if len(whole) < old:
            whole.extend([ceil(at) for at in self.at[len(whole) : old]])
        return whole if len(whole) == old else whole[:old]

    def events(self) -> Iterator[tuple[float, int]]:
        """Yield instants and costs."""
        return zip(self.at, self.costs or [1] * len(self.at), strict=True)


_EMPTY: Final = Log()


class Book:
    """Hold one account's lane together with what is kept of it in the store.

    Attributes:
        lane: decides, at the store's time.
        logs: what each action has done.
        held: calls under way of all processes, by reservation.
        longest: the longest window that anybody ever declared, in seconds.
        limits: limits of its own.
        gaps, bursts: when spacings and bursts end, as the store has them.
        line: the processes that wait for it.
    """

    __slots__ = (
        "_filled", "bursts", "gaps", "held", "lane", "limits", "line", "logs", "longest", "slots",
    )  # fmt: skip

    def __init__(self, lane: Lane) -> None:
        self.lane: Lane = lane
        self.logs: dict[str, Log] = {}
        self.held: dict[str, Held] = {}
        self.slots: dict[str, Slot] = {}
        self.longest: float = 0.0
        self.gaps: dict[str, float] = {}
        self.bursts: dict[str, float] = {}
        self.limits: Limits | None = None
        self.line: Line = Line()
        self._filled: set[Ring] = set()

    def tally(self, action: str, now: float) -> Tally:
        """Return an action's tally, its windows filled with what was done before."""
        new = self.lane.find(action) is None
        tally = self.lane.tally(action, now)
        for ring in tally.rings:
            if ring not in self._filled and ring.key not in self.lane.setting.shared:
                self._fill(ring, now)
        for pace in tally.paces if new else ():
            if isinstance(pace, Gap):
                ends = self.gaps.get("" if pace is self.lane.gap else action, -inf)
                pace.next_at = max(pace.next_at, ends)
            elif self.lane.setting.bursts.get(pace.name) is not pace:
                pace.free_at = max(pace.free_at, self.bursts.get(pace.name, -inf))
        return tally

    def paces(self, now: float) -> tuple[dict[str, float], dict[str, float]]:
        """Return when spacings and bursts end, also those that only others' limits know."""
        for action, tally in self.lane.tallies.items():
            for pace in tally.paces:
                if isinstance(pace, Gap):
                    self.gaps["" if pace is self.lane.gap else action] = pace.next_at
                elif self.lane.setting.bursts.get(pace.name) is not pace:
                    self.bursts[pace.name] = pace.free_at
        if self.gaps:
            self.gaps = {name: ends for name, ends in self.gaps.items() if ends > now}
        if self.bursts:
            self.bursts = {name: ends for name, ends in self.bursts.items() if ends > now}
        return self.gaps, self.bursts

    def _fill(self, ring: Ring, now: float) -> None:
        self._filled.add(ring)
        names = cast("tuple[str, ...]", ring.key[1])
        logs = [self.logs[name] for name in names if name in self.logs]
        if len(logs) == 1:
            ring.at = array("d", logs[0].at) or None
            costs = logs[0].costs
            ring.costs = None if costs is None or ring.at is None else array("I", costs)
        else:
            for at, cost in merge(*(log.events() for log in logs)):
                ring.add(cost, at)
        for window in ring.windows:
            window.recount(now)

    def hold(self, reservation: str, slot: Slot, lease: float) -> None:
        """Keep a grant until its answer, or until its lease ends."""
        self.slots[reservation] = slot
        self.held[reservation] = Held(slot.tally.action, slot.cost, slot.at, slot.probe, lease)

    def report(self, reservation: str, verdict: Verdict, now: float) -> None:
        """Give a grant back; one that is not known any more was counted when its lease ended."""
        slot = self.slots.pop(reservation, None)
        if slot is None:
            return
        del self.held[reservation]
        if verdict.counts:
            self.logs.setdefault(slot.tally.action, Log()).add(slot.cost, now + verdict.settle)
        self.lane.report(slot, verdict, now)

    def expire(self, now: float, gone: Callable[[str], bool]) -> None:
        """Count calls of dead processes as done when their leases end: soon, where that is certain.

        Not at once: what was sent a moment before a death may still be on its way.
        """
        for reservation, held in list(self.held.items()):
            if gone(process_of(reservation)):
                held.lease = min(held.lease, now + LINGERS)
            if held.lease <= now:
                self.report(reservation, _GONE, held.lease)

    def drop_over(self, over: Callable[[str], float | None], now: float) -> None:
        """Let go of calls that have been counted: who did not know put them back."""
        for reservation, held in list(self.held.items()):
            at = over(reservation)
            if at is not None and (at == -inf or self.logs.get(held.action, _EMPTY).has(at)):
                self.report(reservation, REFUND, now)

    def renew(self, reservation: str, lease: float) -> None:
        """Prolong a call that is still under way."""
        if (held := self.held.get(reservation)) is not None:
            held.lease = max(held.lease, lease)

    def replay(self, happened: Happened, everyone: Everyone, now: float) -> None:
        """Learn of a call that was made, and answered, while the store was lost."""
        verdict, action, lane = happened.verdict, happened.action, self.lane
        at = min(happened.at, now)
        if verdict.counts:
            self.record(action, happened.cost, at, now, everyone)
        tally = self.tally(action, now)
        for pace in tally.paces if verdict.counts else ():
            pace.hold(happened.cost, at)
            pace.done(at, lane.setting.random())
        if verdict.effect not in {"none", "no_answer"}:
            lane.in_flight += 1
            told = msgspec.structs.replace(verdict, counts=False)
            lane.report(Slot(lane, tally, 0, at, False, tally.rings, ()), told, now)

    def describe(
        self,
        rulebook: Rulebook,
        now: float,
        *,
        provider: str | None,
        tier: str | None,
        connected_at: float | None,
        ok: bool | None,
    ) -> None:
        """Learn what the account is; one in order again opens a lane that lost credentials."""
        lane = self.lane
        provider = lane.provider if provider is None else provider.upper()
        tier = tier or lane.tier
        if (provider, tier) != (lane.provider, lane.tier) or connected_at is not None:
            lane.connected_at = lane.connected_at if connected_at is None else connected_at
            self.change(rulebook.rechosen(lane, provider, tier, own=self.limits), now)
        if ok and lane.trouble is not None:
            lane.trouble.open("credentials", None)

    def set_limits(self, rulebook: Rulebook, limits: Limits | None, now: float) -> None:
        """Let the account keep limits of its own; None gives it the client's again."""
        lane = self.lane
        rules = rulebook.of(
            lane.account_id, lane.provider, lane.tier, lane.connected_at, own=limits
        )
        self.limits, lane.learned, lane.own = limits, None, limits is not None
        self.change(rules, now)

    def record(self, action: str, count: int, at: float, now: float, everyone: Everyone) -> None:
        """Count what was done by others."""
        tally = self.tally(action, now)
        everyone.record(tally, count, min(at, now))
        self.logs.setdefault(action, Log()).add(count, min(at, now))
        self.change(self.lane.rules, now)

    def change(self, rules: Rules, now: float) -> None:
        """Let other rules hold; every budget is counted anew, from what each action has done."""
        furnishing.change(self.lane, rules, now)
        for tally in self.lane.tallies.values():
            for ring in tally.rings:
                if ring.key not in self.lane.setting.shared:
                    ring.at = ring.costs = None
                    self._fill(ring, now)
                    ring.held = 0
        for slot in self.slots.values():
            slot.rings, slot.paces = slot.tally.rings, slot.tally.paces
            for ring in slot.rings:
                ring.held += slot.cost
