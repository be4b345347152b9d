"""How many items of an import would expire before it is their turn, by the account's own plan."""

from __future__ import annotations

from array import array
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ends", "overtaken"]


class Ends:
    """Hold from when to when items may go, in sixteen bytes each."""

    def __init__(self) -> None:
        self._starts = array("d")
        self._ends = array("d")

    def add(self, start: float, end: float | None) -> None:
        """Note one: not before, and not after; None where nothing ends it."""
        self._starts.append(start)
        self._ends.append(inf if end is None else end)

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self._ends)

    def in_turn(self) -> list[float]:
        """Return when each is over, in the order in which they go."""
        both = sorted(zip(self._starts, self._ends, strict=True), key=itemgetter(0))
        return [end for _, end in both]


def overtaken(ends: Sequence[float], turns: Sequence[float]) -> int:
    """Count those that are over before their turn.

    What is over takes no turn: the next one does.

    Args:
        ends: when each is over, in the order in which they go.
        turns: when one may go; where these are fewer, the others may never.
    """
    taken = late = 0
    for end in ends:
        at = turns[taken] if taken < len(turns) else inf
        if end <= at and end < inf:
            late += 1
        else:
            taken += 1
    return late
