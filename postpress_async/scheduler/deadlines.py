"""Whose patience ends next, among all who wait in a lane.

Most who wait have the same patience, so that who came later gives up later: a line, in which the
next is always at the head. Only those who give up before somebody ahead of them need a heap.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .queue import Waiter

_STALE_FROM: Final = 64  # those who left may stay, up to this many


class Deadlines:
    """Find the next deadline; those who left are let go of when they come to the head."""

    __slots__ = ("_hasty", "_head", "_line", "_serial")

    def __init__(self, first: Waiter) -> None:
        self._line: list[Waiter] = [first]
        self._head = 0
        self._hasty: list[tuple[float, int, Waiter]] | None = None
        self._serial = 0

    def __len__(self) -> int:
        return len(self._line) + len(self._hasty or ())

    def push(self, waiter: Waiter) -> None:
        """Watch over a waiter, too."""
        line = self._line
        if not line or line[-1].deadline <= waiter.deadline:
            line.append(waiter)
            return
        if self._hasty is None:
            self._hasty = []
        self._serial += 1
        heappush(self._hasty, (waiter.deadline, self._serial, waiter))

    def first(self) -> Waiter | None:
        """Return who gives up next; None where nobody does."""
        line, head, end, hasty = self._line, self._head, len(self._line), self._hasty
        while head < end and line[head].gone:
            head += 1
        if head == end or (head > _STALE_FROM and 2 * head > end):
            del line[:head]
            head, end = 0, end - head
        self._head = head
        while hasty and hasty[0][2].gone:
            heappop(hasty)
        if not hasty:
            return line[head] if end else None
        return line[head] if end and line[head].deadline <= hasty[0][0] else hasty[0][2]

    def tidy(self, waiting: int) -> None:
        """Let go of those who left, where they are more than those who wait."""
        hasty = self._hasty or []
        if len(self) > _STALE_FROM and len(self) > 2 * waiting + self._head:
            self._line, self._head = [one for one in self._line if not one.gone], 0
            self._hasty = [entry for entry in hasty if not entry[2].gone] or None
            heapify(self._hasty or [])
