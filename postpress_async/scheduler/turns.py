"""Turns: whether a call may go without holding up those who stand before it, and when else.

What an ask takes away is reckoned limit by limit: for each process before it, the instant at which
all until that one, and this call, would have room. Where that is later than the one before comes,
this call would hold it up. So what nobody before can use goes to whoever asks.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from .everyone import is_shared, name_of
from .line import Place, returns
from .windows import Burst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .book import Book
    from .everyone import Everyone
    from .lane import Lane
    from .steps import Ask
    from .tally import Tally
    from .windows import Gap, Ring, Window

__all__ = ["Turn", "stand", "turn_of"]

_APART: Final = 0.01  # seconds between those who see whether one before them does not come
_SOON: Final = 0.002  # seconds: an ask that could not go is not repeated earlier
_LOOK: Final = (0.02, 0.5)  # seconds between looks at calls of other processes: at least, at most


class Turn(msgspec.Struct, kw_only=True):
    """Say when an ask may go.

    Attributes:
        at: when; now, or inf where only an answer can tell.
        ahead: how many other processes go before it.
        first, late: when the first of those comes, and is waited for no more; inf: there is none.
        shared: the budgets of all accounts in whose line it has to stand.
    """

    at: float
    ahead: int = 0
    first: float = inf
    late: float = inf
    shared: tuple[str, ...] = ()

    def behind(self, place: Place, then: float, now: float) -> None:
        """Go after one more, where there is room for all of them `then`."""
        self.ahead += 1
        self.first, self.late = min(self.first, place.comes), min(self.late, place.late)
        if then > place.until(now):
            self.at = max(self.at, then)

    def again(self, now: float, busy_since: float) -> float:
        """Return when to ask again.

        Args:
            now: the store's time.
            busy_since: when the first of the calls began that other clients have under way; inf
                where they have none. The longer one lasts, the more rarely it is looked at.
        """
        at = self.at
        if at == inf and busy_since < inf:
            least, most = _LOOK
            at = now + min(max(now - busy_since, least), most)
            at = max(at, min(self.first, now + most)) if self.ahead else at
        if self.ahead:  # those who do not come are passed over: the next one first sees it
            at = min(at, self.late + _APART * (self.ahead - 1))
        return max(at, now + _SOON)


def turn_of(book: Book, everyone: Everyone, ask: Ask, who: int, now: float) -> Turn:
    """Return when an ask may go, with regard to all who stand before it."""
    tally = book.tally(ask.action, now)
    turn = Turn(at=book.lane.ready_at(tally, ask.cost, now, reply=ask.reply))
    ahead = _Ahead(book.lane, tally, ask, now)
    for place in book.line.before(who, ask.action, now, reply=ask.reply):
        if ahead.add(place, book.tally(place.action, now)):
            turn.behind(place, ahead.then(), now)
    for window in tally.windows if tally.shared else ():
        if is_shared(window.ring):
            burst = book.lane.setting.bursts.get(window.cap.name)
            _stand_behind(turn, _Budget(window, burst), everyone, ask, who=who, now=now)
    return turn


def _stand_behind(
    turn: Turn, budget: _Budget, everyone: Everyone, ask: Ask, *, who: int, now: float
) -> None:
    """Go after those who wait for a budget of all accounts, if it has no room for all of them."""
    name, cost = name_of(budget.window.ring), 0
    here = Turn(at=budget.ready_at(ask, 0, now))
    for place in everyone.line(name).before(who, "", now, reply=ask.reply):
        cost += place.cost
        here.behind(place, budget.ready_at(ask, cost, now), now)
    if here.at > now:
        turn.at, turn.ahead = max(turn.at, here.at), max(turn.ahead, here.ahead)
        turn.first, turn.late = min(turn.first, here.first), min(turn.late, here.late)
        turn.shared = (*turn.shared, name)


class _Budget(msgspec.Struct):
    """Stand for a budget of all accounts, and what spreads it evenly."""

    window: Window
    burst: Burst | None

    def ready_at(self, ask: Ask, ahead: int, now: float) -> float:
        """Tell when an ask may go after so much."""
        window, burst, cost = self.window, self.burst, ask.cost
        if not ahead:
            at = window.ready_at(cost, now, reply=ask.reply)
            return at if burst is None else max(at, burst.ready_at(cost, now))
        at = window.forecast(cost, ahead, now, reply=ask.reply)
        return at if burst is None else max(at, _spread(burst, ahead + cost))


def _spread(burst: Burst, cost: int) -> float:
    """Return when so much will have gone evenly."""
    return burst.free_at - burst.slack + (cost - 1) * burst.interval


def stand(
    book: Book,
    everyone: Everyone,
    asks: Sequence[Ask],
    turn: Turn,
    who: int,
    *,
    now: float,
    again: float,
) -> None:
    """Give a process its place for asks of one kind that cannot go, and are repeated at `again`."""
    comes, blind = returns(again, now), turn.at == inf
    first, costs = asks[0], [ask.cost for ask in asks]
    book.line.stand(Place(who, first.action, comes, reply=first.reply, blind=blind), costs, now)
    for name in turn.shared:
        place = Place(who, "", comes, reply=first.reply, blind=blind)
        everyone.line(name).stand(place, costs, now)


class _Ahead:
    """Sum up what goes before an ask, by what both need."""

    def __init__(self, lane: Lane, tally: Tally, ask: Ask, now: float) -> None:
        self._lane = lane
        self._tally = tally
        self._ask = ask
        self._now = now
        self._calls = 0
        self._costs: Counter[Ring] = Counter()
        self._paces: Counter[Gap | Burst] = Counter()
        self._one_by_one = False

    def add(self, place: Place, other: Tally) -> bool:
        """Let one more go before; return whether that is due, and takes away anything."""
        trouble, now = self._lane.trouble, self._now
        if place.action != self._ask.action and (
            self._lane.ready_at(other, place.cost, now, reply=place.reply) > place.until(now)
        ):
            return False  # it waits for something else besides
        rings = [ring for ring in other.rings if ring in self._tally.rings and not is_shared(ring)]
        paces = [pace for pace in other.paces if pace in self._tally.paces]
        if not (rings or paces or (trouble and (trouble.probing or trouble.rate))):
            return False
        self._calls += 1
        for ring in rings:
            self._costs[ring] += place.cost
        for pace in paces:
            self._paces[pace] += place.cost
            self._one_by_one |= not isinstance(pace, Burst)
        return True

    def then(self) -> float:
        """Return when all of them and the ask have room, at the earliest; inf: nobody can tell."""
        at = now = self._now
        ask, trouble = self._ask, self._lane.trouble
        if self._one_by_one or (trouble is not None and trouble.probing):
            return inf
        for window in self._tally.windows:
            if ahead := self._costs[window.ring]:
                at = max(at, window.forecast(ask.cost, ahead, now, reply=ask.reply))
        for pace in self._tally.paces:
            ahead = self._paces[pace]
            if ahead and isinstance(pace, Burst):
                at = max(at, _spread(pace, ahead + ask.cost))
        if trouble is not None and trouble.rate is not None:
            at = max(at, trouble.rate.ready_at(now) + self._calls / trouble.rate.rate)
        return at
