"""What a store keeps of all accounts together: shared windows, and what was paused for all."""

from __future__ import annotations

from array import array
from math import inf
from typing import TYPE_CHECKING, Final, cast

from .book import LINGERS, Held, Log, process_of
from .line import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.limits import Verdict

    from .lane import Lane, Setting
    from .tally import Slot, Tally
    from .trouble import Closure
    from .windows import Ring

EVERYONE: Final = "*"  # the key of its image
_EMPTY: Final = Log()


class Everyone:
    """Hold the events of budgets that all accounts share, by budget, and closures of all.

    Attributes:
        logs: what was done, by budget.
        held: calls under way, by reservation; each may hold several budgets.
        paused: what `pause("*")` closed.
        longest: the longest window of any shared budget.
        born: when the first of it was written.
        bursts: when what spreads a budget evenly will have been paid for, by the limit's name.
        lines: the processes that wait for a budget, whichever account they want it for.
    """

    __slots__ = ("born", "bursts", "held", "lines", "logs", "longest", "paused")

    def __init__(self) -> None:
        self.logs: dict[str, Log] = {}
        self.held: dict[str, tuple[list[str], Held]] = {}
        self.paused: tuple[Closure, ...] = ()
        self.longest: float = 0.0
        self.born: float = 0.0
        self.lines: dict[str, Line] = {}
        self.bursts: dict[str, float] = {}

    def pause(self, closure: Closure) -> None:
        """Close every lane; the newest reason for an action replaces the one before."""
        self.resume(closure.action, exactly=True)
        self.paused = (*self.paused, closure)

    def resume(self, action: str | None, *, exactly: bool = False) -> None:
        """Open what was closed for all: one action, or with None everything."""
        gone = {action} if exactly or action is not None else {one.action for one in self.paused}
        self.paused = tuple(one for one in self.paused if one.action not in gone)

    def line(self, name: str) -> Line:
        """Return the line of a budget."""
        return self.lines.setdefault(name, Line())

    def hold(self, reservation: str, slot: Slot, lease: float) -> None:
        """Keep a grant that holds shared budgets."""
        rings = [ring for ring in slot.rings if is_shared(ring)]
        if rings:
            held = Held(slot.tally.action, slot.cost, slot.at, slot.probe, lease)
            self.held[reservation] = ([name_of(ring) for ring in rings], held)
            longest = (window.cap.per for ring in rings for window in ring.windows)
            self.longest = max(self.longest, *longest)

    def served(self, who: int, slot: Slot, *, reply: bool) -> None:
        """Let a process go to the end that had its turn."""
        if self.lines:
            for ring in slot.rings:
                if is_shared(ring):
                    self.line(name_of(ring)).served(who, "", slot.cost, reply=reply)

    def report(self, reservation: str, verdict: Verdict, now: float) -> None:
        """Give a grant back; the account's own book has moved the rings already."""
        if reservation in self.held:
            names, held = self.held.pop(reservation)
            for name in names if verdict.counts else ():
                self.logs.setdefault(name, Log()).add(held.cost, now + verdict.settle)

    def drop_over(self, over: Callable[[str], float | None]) -> None:
        """Let go of calls that have been counted: who did not know put them back."""
        for reservation, (names, _) in list(self.held.items()):
            at = over(reservation)
            if at is not None and (
                at == -inf or all(self.logs.get(name, _EMPTY).has(at) for name in names)
            ):
                del self.held[reservation]

    def renew(self, reservation: str, lease: float) -> None:
        """Prolong a call that is still under way."""
        if reservation in self.held:
            held = self.held[reservation][1]
            held.lease = max(held.lease, lease)

    def record(self, tally: Tally, count: int, at: float) -> None:
        """Count what was done by others in the budgets that all share."""
        for ring in tally.rings:
            if is_shared(ring):
                self.logs.setdefault(name_of(ring), Log()).add(count, at)
                self.longest = max(self.longest, *(window.cap.per for window in ring.windows))

    def expire(self, now: float, gone: Callable[[str], bool]) -> None:
        """Count calls of dead processes as done, as a book does."""
        for reservation, (names, held) in list(self.held.items()):
            if gone(process_of(reservation)):
                held.lease = min(held.lease, now + LINGERS)
            if held.lease > now:
                continue
            del self.held[reservation]
            for name in names:
                self.logs.setdefault(name, Log()).add(held.cost, held.lease + 1.0)


def is_shared(ring: Ring) -> bool:
    """Tell whether a ring counts for all accounts together."""
    return ring.key[-1] == "key"


def name_of(ring: Ring) -> str:
    """Return a shared ring's name in the store."""
    provider, names, _ = cast("tuple[str | None, tuple[str, ...], str]", ring.key)
    return f"{provider} {'+'.join(names)}"


def tune(setting: Setting, everyone: Everyone, tuned: set[str]) -> None:
    """Give what spreads shared budgets its place in time, as the store has it, once a step."""
    for name, burst in setting.bursts.items():
        if name not in tuned:
            tuned.add(name)
            burst.free_at = everyone.bursts.get(name, -inf)


def keep_tune(setting: Setting, everyone: Everyone, now: float) -> None:
    """Note for others where it is now."""
    if not (everyone.bursts or setting.bursts):
        return  # as with most limits, at each step
    ends = {**everyone.bursts, **{name: one.free_at for name, one in setting.bursts.items()}}
    everyone.bursts = {name: at for name, at in ends.items() if at > now}


def fill(setting: Setting, everyone: Everyone, now: float) -> None:
    """Give the shared rings what the store has counted in them."""
    for ring in setting.shared.values():
        log = everyone.logs.get(name_of(ring), Log())
        ring.at = array("d", log.at) or None
        ring.costs = array("I", log.costs) if log.costs is not None and ring.at else None
        name = name_of(ring)
        ring.held = sum(held.cost for names, held in everyone.held.values() if name in names)
        for window in ring.windows:
            window.recount(now)


def pause_with_all(lane: Lane, everyone: Everyone) -> None:
    """Close a lane for what all lanes are closed for, and for nothing else of that kind."""
    trouble = lane.trouble
    if trouble is None and not everyone.paused:
        return
    trouble = lane.troubled()
    others = (one for one in trouble.closures if one.kind != "paused_all")
    trouble.closures = (*others, *everyone.paused)
