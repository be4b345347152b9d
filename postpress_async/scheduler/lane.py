"""A lane: one account's counts and gate, without a clock, a loop or a network.

`now` comes in with every question; grants go out, and answers come back as verdicts. Each action
has its own windows, so that a blocked `invite` never blocks `message`; the gate is for what
concerns the account as a whole: its cool-down, its spacing, its hours, its closing. `read` passes
the gate, because it touches the service alone.

Nothing is taken ahead of time. A waiter holds no slot in the future: when the lane's earliest
ready time comes, it is asked again and takes every limit in one step. A cancelled waiter therefore
leaves no hole.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

from . import answers, furnishing
from .tally import Slot, Tally
from .trouble import PROBE_DUE, PROBE_OUT, Closure, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.limits import Verdict

    from .queue import Queues, Waiter
    from .rules import Rules
    from .windows import Burst, Gap, Ring, Window

_IDLE: Final = 60.0  # seconds without a call after which a lane's own rate is measured anew
_REMEMBERED: Final = 31 * 86400.0  # seconds for which refusals are
_OPENINGS: Final = 8  # how often several working hours are intersected before time is let pass


class Setting:
    """Hold what all lanes of a client have in common.

    Attributes:
        random: jitter in [0, 1).
        skew: seconds from the lanes' clock to the epoch, for hours and ages.
        asks: whether limits are chosen by a function, which must be told the provider.
        shared: the rings of limits that hold for all accounts together.
        bursts: what spreads those, by the limit's name.
        turns: whose turn it is at a shared ring, where anybody waits for one.
    """

    __slots__ = ("asks", "bursts", "random", "shared", "skew", "turns")

    def __init__(
        self, random: Callable[[], float], skew: Callable[[], float], *, asks: bool = False
    ) -> None:
        self.random: Callable[[], float] = random
        self.skew: Callable[[], float] = skew
        self.asks: bool = asks
        self.shared: dict[tuple[object, ...], Ring] = {}
        self.bursts: dict[str, Burst] = {}
        self.turns: dict[Ring, Lane] = {}


class Lane:
    """Decide whether a call of one account may go, and when, from what the answers taught.

    Attributes:
        account_id: whose lane it is; None for calls that concern no account.
        rules: the limits of its provider and tier; the strictest while they are unknown.
        first: what its first action counts; the others follow, each made at its first call. A dict
            of them would be a quarter of an idle lane.
        trouble: cool-down and closures, None on a calm day.
        queues: who waits, None while nobody does.
        learned: amounts that refusals taught, by window.
        refused: when the provider refused which action at what cost (429), the newest last.
        refused_at: when a long window was last found full.
        connected_at: when the account was connected, in seconds since the epoch, if known.
        born: the account's first use here.
        since, successes: what was done since the lane was last idle.
        stale_at: when amounts must be looked at again, because the account grows older.
        kept: what was counted for limits that hold no more.
        resigned: whether its provider could not be learned.
        warnings: what the service said of the account besides.
    """

    __slots__ = (
        "account_id", "born", "connected_at", "first", "gap", "in_flight", "kept", "last",
        "learned", "own", "queues", "refused", "refused_at", "resigned", "rules", "setting",
        "since", "stale_at", "successes", "trouble", "warnings",
    )  # fmt: skip

    def __init__(self, account_id: str | None, rules: Rules, setting: Setting, now: float) -> None:
        self.account_id: str | None = account_id
        self.rules: Rules = rules
        self.setting: Setting = setting
        self.first: Tally | None = None
        self.trouble: Trouble | None = None
        self.queues: Queues | None = None
        self.gap: Gap | None = None
        self.learned: dict[str, answers.Learned] | None = None
        self.connected_at: float | None = None
        self.born: float = now
        self.since: float = now
        self.last: float = now
        self.successes: int = 0
        self.in_flight: int = 0
        self.stale_at: float = inf
        self.kept: tuple[Ring, ...] = ()
        self.resigned: bool = False
        self.refused: tuple[tuple[float, str, int], ...] = ()
        self.refused_at: float = -inf
        self.own: bool = False
        self.warnings: tuple[str, ...] = ()

    @property
    def provider(self) -> str | None:
        """The wire word, None while it is unknown."""
        return self.rules.provider

    @property
    def tier(self) -> str | None:
        """The tier, None while it is unknown."""
        return self.rules.tier

    @property
    def tallies(self) -> dict[str, Tally]:
        """What each action counts, in the order of their first calls."""
        found: dict[str, Tally] = {}
        tally = self.first
        while tally is not None:
            found[tally.action] = tally
            tally = tally.next
        return found

    @property
    def waiting(self) -> int:
        """How many calls wait in all its queues."""
        return 0 if self.queues is None else self.queues.waiting

    # -- asking -------------------------------------------------------------------------------

    def tally(self, action: str, now: float) -> Tally:
        """Return an action's tally, made at its first call."""
        tally = self.find(action)
        if tally is None:
            tally = Tally(action)
            others = list(self.tallies.values())
            if others:
                others[-1].next = tally
            else:
                self.first = tally
            furnishing.furnish(self, tally, now)
        return tally

    def find(self, action: str) -> Tally | None:
        """Return an action's tally; None before its first call."""
        tally = self.first
        while tally is not None and tally.action != action:
            tally = tally.next
        return tally

    def try_take(self, tally: Tally, cost: int, now: float) -> Slot | None:
        """Grant a call at once if nobody waits before it and every limit has room."""
        if tally.waiting or (tally.shared and self.setting.turns):
            return None  # whoever waits goes first, also of other accounts
        if tally.plain and self.trouble is None and now < self.stale_at:
            for window in tally.windows:
                if (
                    window.ring.held + window.done + cost > window.room
                    and window.ready_at(cost, now) > now
                ):
                    return None
        elif self.ready_at(tally, cost, now) > now:
            return None
        return self.grant(tally, cost, now)

    def ready_at(self, tally: Tally, cost: int, now: float, *, reply: bool = False) -> float:
        """Tell when a call may go; inf where only an answer, or a person, can tell."""
        if now >= self.stale_at:
            furnishing.refresh(self, now)
        ready = now
        if self.trouble is not None:
            ready = self.trouble.ready_at(tally, now)
        if not tally.plain:
            if tally.gated and self.rules.hours:
                ready = max(ready, self.opens_at(now))
            for pace in tally.paces:
                ready = max(ready, pace.ready_at(cost, now))
        for window in tally.windows:
            at = window.ready_at(cost, now, reply=reply)
            if at > ready:
                # Where amounts grow with age, that may be sooner than any answer.
                ready = min(at, self.stale_at) if self.stale_at > now else at
        return ready

    def opens_at(self, now: float) -> float:
        """Tell when the account's working hours let it work; all of them must be open."""
        epoch = at = now + self.setting.skew()
        for _ in range(_OPENINGS):
            opening = max(hours.open_at(at) for hours in self.rules.hours)
            if opening <= at:
                break
            at = opening
        return now if at <= epoch else now + max(at - epoch, 1e-6)  # floats of the epoch are coarse

    def grant(self, tally: Tally, cost: int, now: float) -> Slot:
        """Let a call go: it holds every window of its action until its answer."""
        for ring in tally.rings:
            ring.held += cost
        for pace in tally.paces:
            pace.hold(cost, now)
        probe, trouble = False, self.trouble
        if trouble is not None and tally.gated:
            if trouble.probing == PROBE_DUE:
                trouble.probing, probe = PROBE_OUT, True
            if trouble.rate is not None:
                trouble.rate.hold(now)
        if not self.in_flight and now - self.last > _IDLE:
            self.since, self.successes = now, 0
        self.in_flight += 1
        return Slot(self, tally, cost, now, probe, tally.rings, tally.paces)

    # -- waiting ------------------------------------------------------------------------------

    def wake(self, now: float, room: float) -> tuple[list[Waiter], float]:
        """Grant whoever may go now, at most `room` of them; return them and when to ask again."""
        granted: list[Waiter] = []
        queues = self.queues
        while queues is not None and queues.waiting:
            head, again = queues.first_ready(self, now)
            if head is None or len(granted) >= room:
                return granted, again if head is None else now
            queues.leave(head)
            head.slot = self.grant(head.tally, head.cost, now)
            granted.append(head)
        return granted, inf

    # -- learning -----------------------------------------------------------------------------

    def report(self, slot: Slot, verdict: Verdict, now: float) -> None:
        """Give a slot back, and do what its answer asks for."""
        self.in_flight -= 1
        self.last = now
        cost, at = slot.cost, now + verdict.settle
        if verdict.counts:
            for ring in slot.rings:
                ring.done(cost, at)
            if slot.rings is not slot.tally.rings:
                furnishing.carry_over(slot, at)
        else:
            for ring in slot.rings:
                ring.held -= cost
        for pace in slot.paces:
            if verdict.counts:
                pace.done(at, self.setting.random())
            else:
                pace.refund(cost, slot.at, now)
        if verdict.effect == "none":
            self.successes += 1
            if self.trouble is None:
                return
        answers.learn(self, slot, verdict, now)

    def holds(self, slot: Slot, now: float) -> bool:
        """Tell whether nothing has happened since a grant that would forbid it now."""
        trouble = self.trouble
        if trouble is None:
            return True
        if trouble.closed(slot.tally, now) is not None:
            return False
        if not slot.tally.gated:
            return True
        return trouble.cooling_until <= now and (slot.probe or not trouble.probing)

    def troubled(self) -> Trouble:
        """Return the lane's trouble, made where there was none."""
        if self.trouble is None:
            self.trouble = Trouble()
        return self.trouble

    def closed(self, tally: Tally, now: float) -> Closure | None:
        """Return why an action is closed; None while it is open."""
        return None if self.trouble is None else self.trouble.closed(tally, now)

    def shared_block(self, waiter: Waiter, now: float) -> Window | None:
        """Return the window of all accounts together that holds a waiter back."""
        for window in waiter.tally.windows if waiter.tally.shared else ():
            if not window.cap.shared:
                continue
            if window.ready_at(waiter.cost, now, reply=waiter.reply) > now:
                return window
            if not waiter.reply and self.setting.turns.get(window.ring, self) is not self:
                return window
        return None

    def age(self, now: float) -> float:
        """Return the account's age in seconds; since its first use here where nobody knows."""
        if self.connected_at is None:
            return now - self.born
        return now + self.setting.skew() - self.connected_at

    def idle(self, now: float) -> bool:
        """Tell whether forgetting the lane would forget nothing but who the account is."""
        if self.in_flight or self.waiting or self.learned or self.own or self.warnings:
            return False
        if self.trouble is not None and not self.trouble.calm(now):
            return False
        if self.refused and self.refused[-1][0] > now - _REMEMBERED:
            return False
        if not all(ring.empty(now) for ring in self.kept):
            return False
        shared = self.setting.shared
        return all(
            all(ring.key in shared or ring.empty(now) for ring in tally.rings)
            and all(pace.empty(now) for pace in tally.paces)
            for tally in self.tallies.values()
        )
