"""The line: processes that wait for the same account, in the order in which they came to wait.

A process has one place an action. Its turn is over when as many calls have gone as waited when it
began, at most as many as a step may let go; then it stands at the end again. Nobody is called: each
is told the instant at which its turn comes, and says by its place when it will be there. Until then
it sleeps, and nobody goes who would take away what it then needs. One that does not come is passed
over after `GRACE` seconds. It keeps its place, for it may only be late.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final
from zlib import crc32

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["GRACE", "LOOK_EVERY", "Line", "Place", "number_of", "returns"]

GRACE: Final = 0.05  # seconds for which whoever does not come when its turn has come is waited for
_MISSED_MOST: Final = 5  # turns missed in a row, each of which doubles that: it may be far away
LOOK_EVERY: Final = 10.0  # seconds after which whoever waits for an answer of others asks again
_LOOK_MOST: Final = 60.0  # the same, however long it has to wait
_KEPT: Final = 20.0  # seconds for which the place of one that did not come is kept


def number_of(name: str) -> int:
    """Return a short number for a process, or for one client of it."""
    return crc32(name.encode())  # a name is ten times as long


def returns(at: float, now: float) -> float:
    """Return when a process asks again whose turn comes at an instant, inf where nobody knows.

    It says meanwhile that it is still there; of changes it hears otherwise.
    """
    wait = at - now
    return min(
        at, now + (LOOK_EVERY if wait == inf else max(LOOK_EVERY, min(wait / 10, _LOOK_MOST)))
    )


class Place(msgspec.Struct, array_like=True):
    """Stand for a process that waits.

    Attributes:
        who: its number.
        action: what its calls are; empty in the line for a budget of all accounts.
        calls: how many of them are to go in this turn.
        cost: what they take.
        comes: when it asks again, at the latest.
        reply: whether it goes before those who are no replies.
        begun: whether some of them went already.
        missed: how often it came too late.
        blind: whether it could not be told when its turn comes: nobody may go before it.
    """

    who: int
    action: str
    comes: float
    calls: int = 0
    cost: int = 0
    reply: bool = False
    blind: bool = False
    begun: bool = False
    missed: int = 0

    @property
    def late(self) -> float:
        """The instant after which nobody waits for it."""
        return self.comes + GRACE * 2.0**self.missed

    def until(self, now: float) -> float:
        """Return the instant until which it must not be held up by who comes after it."""
        return now if self.blind else max(self.comes, now)


class Line:
    """Hold the places of processes, the first in front."""

    __slots__ = ("places",)

    def __init__(self, places: list[Place] | None = None) -> None:
        self.places: list[Place] = [] if places is None else places

    def before(self, who: int, action: str, now: float, *, reply: bool) -> list[Place]:
        """Return those of other processes that go before an asker and are on their way.

        Replies go before all others; an asker that has no place is the last of its kind.
        """
        found: list[Place] = []
        passed = False
        for place in self.places:
            mine = place.who == who
            passed = passed or (mine and place.action == action and place.reply == reply)
            if mine or now > place.late:
                continue
            if (place.reply == reply and not passed) or (place.reply and not reply):
                found.append(place)
        return found

    def stand(self, place: Place, costs: Sequence[int], now: float) -> None:
        """Let a process stand where it stood, else at the end; a turn that has begun grows no more.

        Args:
            place: with neither calls nor cost yet.
            costs: of the calls that it has waiting.
            now: what was promised to come later than that still does: several accounts of a process
                share a place in the line for a budget.
        """
        for index, one in enumerate(self.places):
            if (one.who, one.action, one.reply) == (place.who, place.action, place.reply):
                place.begun = one.begun
                place.missed = min(one.missed + (now > one.late), _MISSED_MOST)
                place.calls = min(one.calls, len(costs)) if one.begun else len(costs)
                if not place.action and one.comes > now:
                    place.comes = min(place.comes, one.comes)
                self.places[index] = place
                break
        else:
            place.calls = len(costs)
            self.places.append(place)
        place.cost = sum(costs[: place.calls])

    def served(self, who: int, action: str, cost: int, *, reply: bool) -> None:
        """Count a call that went; a process whose turn is over leaves."""
        for place in self.places:
            if (place.who, place.action, place.reply) == (who, action, reply):
                place.begun = True
                place.calls, place.cost = place.calls - 1, max(place.cost - cost, 1)
                if place.calls <= 0:
                    self.places = [one for one in self.places if one is not place]
                return

    def leave(self, who: int, but: Collection[tuple[str, bool]] = ()) -> None:
        """Let a process go, but for actions and kinds that it still waits for."""
        if self.places:
            self.places = [
                one for one in self.places if one.who != who or (one.action, one.reply) in but
            ]

    def tidy(self, now: float) -> None:
        """Forget those who have not come for long."""
        if self.places:
            self.places = [one for one in self.places if one.comes + _KEPT > now]

    def others(self, who: int) -> bool:
        """Tell whether any other process stands here."""
        return any(one.who != who for one in self.places)

    def has(self, who: int) -> bool:
        """Tell whether a process stands here."""
        return any(one.who == who for one in self.places)
