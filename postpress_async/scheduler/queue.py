"""One action's queue, who waits in it, and what a grant is."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lane import Lane
    from .windows import Gap, Window

READ: Final = "read"
_STALE_FROM: Final = 64  # waiters that left may stay in the heap, up to this many


class Slot(msgspec.Struct, eq=False):
    """Stand for one granted call; give it back to its lane with a verdict.

    Attributes:
        lane: whose it is, None once it was given back.
        queue: its action's.
        cost: how much of each window it holds.
        at: when it was granted.
        probe: whether it goes alone to see if a cool-down was enough.
        windows: what it holds: the queue's may change before the answer.
        gaps: the distances it keeps.
    """

    lane: Lane | None
    queue: Queue
    cost: int
    at: float
    probe: bool
    windows: tuple[Window, ...]
    gaps: tuple[Gap, ...] = ()


class Ticket(Protocol):
    """Be what the shell resolves for a waiter: a future, which the lane itself never touches."""

    def done(self) -> bool:
        """Tell whether it was resolved or cancelled."""
        ...

    def set_result(self, slot: Slot, /) -> None:
        """Resolve it."""
        ...

    def set_exception(self, error: BaseException, /) -> None:
        """Fail it."""
        ...


class Waiter:
    """Stand for one call that waits its turn."""

    __slots__ = ("cost", "gone", "priority", "since", "slot", "ticket")

    def __init__(self, ticket: Ticket, cost: int, priority: int, since: float) -> None:
        self.ticket: Ticket = ticket
        self.cost: int = cost
        self.priority: int = priority
        self.since: float = since
        self.slot: Slot | None = None
        self.gone: bool = False


class Queue:
    """Hold one action's windows and those who wait for them: lowest priority first, then FIFO."""

    __slots__ = (
        "_costs",
        "_heap",
        "_serial",
        "action",
        "gap",
        "gated",
        "unsure",
        "waiting",
        "windows",
    )

    def __init__(self, action: str) -> None:
        self.action: str = action
        self.gated: bool = action != READ
        self.unsure: bool = False  # whether the provider makes a difference here and is not known
        self.windows: tuple[Window, ...] = ()
        self.gap: Gap | None = None
        self.waiting: int = 0
        self._costs: dict[int, int] = {}  # of those who wait, by priority
        self._heap: list[tuple[int, int, Waiter]] | None = None  # an idle queue stays small
        self._serial = 0

    def push(self, waiter: Waiter) -> None:
        """Queue a waiter behind its equals."""
        if self._heap is None:
            self._heap = []
        self._serial += 1
        heappush(self._heap, (waiter.priority, self._serial, waiter))
        self.waiting += 1
        self._count(waiter, waiter.cost)

    def head(self) -> Waiter | None:
        """Return who is next, passing over those who left."""
        heap = self._heap
        while heap:
            waiter = heap[0][2]
            if not waiter.gone:
                return waiter
            heappop(heap)
        self._heap = None
        return None

    def leave(self, waiter: Waiter) -> None:
        """Take a waiter out, granted or not."""
        if not waiter.gone:
            waiter.gone = True
            self.waiting -= 1
            self._count(waiter, -waiter.cost)
            heap = self._heap
            if heap is not None and len(heap) > _STALE_FROM and len(heap) > 2 * self.waiting:
                self._heap = [entry for entry in heap if not entry[2].gone]
                heapify(self._heap)

    def cost_ahead(self, priority: int) -> int:
        """Return the cost of those who wait and go before a newcomer of this priority."""
        costs = self._costs
        return 0 if not costs else sum(costs[level] for level in costs if level <= priority)

    def _count(self, waiter: Waiter, cost: int) -> None:
        left = self._costs.get(waiter.priority, 0) + cost
        if left:
            self._costs[waiter.priority] = left
        else:
            self._costs.pop(waiter.priority, None)

    def all(self) -> Iterator[Waiter]:
        """Yield everybody who waits, in no order."""
        return (entry[2] for entry in self._heap or () if not entry[2].gone)
