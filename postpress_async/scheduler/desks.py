"""Desks: what each lane has to say to its store, and when it asks again."""

from __future__ import annotations

from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from .lane import Lane
    from .queue import Waiter
    from .steps import Change, Report
    from .timer import Timer

__all__ = ["Desk", "Ranks"]

_APART: Final = 0.001  # seconds between two lanes of which one shall go before the other
_RANKS: Final = 20  # lanes of which one knows that


class Desk:
    """Hold what a lane has to say to the store.

    Attributes:
        reports, changes: what the next step carries.
        task: the step under way.
        began: when the store was asked that has not answered yet; inf while it has.
        fresh: who has come since.
        boot: when the last step began, by a clock that goes on while the machine is suspended.
        again: whether something came meanwhile.
        looks: how many looks are under way, which may put back what they took along.
        stands: whether this process has a place in the line for the account.
        timer: asks again when the store said so, or when somebody's patience ends.
    """

    __slots__ = (
        "again", "began", "boot", "changes", "fresh", "looks", "reports", "stands", "task", "timer",
    )  # fmt: skip

    def __init__(self, timer: Timer) -> None:
        self.fresh: list[Waiter] = []
        self.reports: list[Report] = []
        self.changes: list[Change] = []
        self.task: asyncio.Task[None] | None = None
        self.began: float = inf
        self.boot: float = 0.0
        self.again: bool = False
        self.looks: int = 0
        self.stands: bool = False
        self.timer: Timer = timer

    @property
    def full(self) -> bool:
        """Whether anything lies on it that the store must hear."""
        return bool(self.reports or self.changes)

    def take(self) -> tuple[list[Report], list[Change]]:
        """Take what lies on it."""
        reports, self.reports = self.reports, []
        changes, self.changes = self.changes, []
        return reports, changes

    def put_back(self, reports: list[Report], changes: list[Change]) -> None:
        """Put back what may not have been heard: a report that comes twice is one."""
        self.reports = reports + self.reports
        self.changes = changes + self.changes


class Ranks:
    """Know which lanes were served longest ago, of those that wait for a budget of all accounts.

    In the line for it they have one place together.
    """

    def __init__(self) -> None:
        self._lanes: dict[Lane, None] = {}

    def delay(self, lane: Lane, *, served: bool) -> float:
        """Return the seconds by which a lane lets those go first that were served longer ago."""
        if served:
            self._lanes.pop(lane, None)
        self._lanes.setdefault(lane)
        first = enumerate(islice(self._lanes, _RANKS))
        return next((n for n, one in first if one is lane), _RANKS) * _APART

    def forget(self, lane: Lane) -> None:
        """Let go of one that waits no more."""
        self._lanes.pop(lane, None)
