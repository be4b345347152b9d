"""A bound on how much a client retries in all, so that a failing service meets no storm.

The sums are those of botocore's standard mode: a client that fails now and then never notices; one
whose every call fails soon tries each but once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from postpress_async.wire.values import Bad

CAPACITY: Final = 500
RETRY_COST: Final = 5
CUT_OFF_COST: Final = 10
"""A retry after no answer: it kept a connection and somebody's time for longer."""
SUCCESS: Final = 1
"""What a call earns whose first attempt succeeded; one that was tried again, what that cost."""


class RetryQuota:
    """Count what retries cost, and what successes earn back.

    Attributes:
        spent: what is out; 0 while all is well, so that a success need look at nothing else.
        dry: whether the last one who asked got nothing.
    """

    __slots__ = ("_capacity", "dry", "spent")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self.spent: int = 0
        self.dry: bool = False

    @property
    def left(self) -> int:
        """What may still be spent."""
        return self._capacity - self.spent

    def spend(self, cost: int) -> bool:
        """Pay for a retry; False, and nothing paid, where too little is left."""
        self.dry = self.spent + cost > self._capacity
        if not self.dry:
            self.spent += cost
        return not self.dry

    def earn(self, amount: int) -> None:
        """Give back after a success, never beyond the capacity."""
        self.spent = max(self.spent - amount, 0)


def cost_of(bad: Bad) -> int:
    """Return what a retry after this failure costs."""
    return RETRY_COST if bad.kind in {"answer", "unreadable"} else CUT_OFF_COST
