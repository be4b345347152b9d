"""Alone: what a process goes on with while its store is lost, where that is wished.

Each call counts tenfold against what was last seen in the store. A process thereby takes at most a
tenth of what each limit has left, so that ten of them together pass none. A limit below ten lets
nothing go.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.limits import REFUND

from .book import Happened
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.limits import Verdict

    from .lane import Slot
    from .steps import Ask, Change, Outcome, Shelf

__all__ = ["WEIGHT", "Alone"]

_log = logging.getLogger("postpress_async.scheduler")
WEIGHT: Final = 10  # how much of a limit a call takes here
_TRY_EVERY: Final = 1.0  # seconds after which the store is tried again


class Alone:
    """Decide on a copy of what was seen last.

    Attributes:
        until: by the lanes' clock, when the store is tried again; -inf while it is there.
    """

    def __init__(self, seen: Shelf, shelf: Shelf, *, lease: float) -> None:
        self.until: float = -inf
        self._seen = seen
        self._shelf = shelf
        self._lease = lease
        self._images: dict[str, bytes | None] = {}
        self._costs: dict[str, int] = {}  # of grants that were made alone

    def begin(self, now: float, error: BaseException) -> None:
        """Go on without the store for a moment."""
        if self.until == -inf:
            _log.warning(
                "account limits are kept alone, at a tenth of what they have left: %s", error
            )
        self.until = now + _TRY_EVERY

    def end(self) -> None:
        """Go back to the store."""
        if self.until > -inf:
            _log.warning("account limits are shared again")
            self.until = -inf
            self._images.clear()

    def decide(
        self, account_id: str, asks: Sequence[Ask], now: float, *, room: int, own: str
    ) -> Outcome:
        """Grant what may go, as the store would, at ten times the cost."""
        step = Step(
            self._shelf, account_id, asks=asks, lease=self._lease, room=room, own=own,
        )  # fmt: skip
        outcome = self._run(step, now)
        costs = {ask.reservation: ask.cost // WEIGHT for ask in asks}
        self._costs |= {granted: costs[granted] for granted in outcome.granted}
        return outcome

    def give_back(self, account_id: str, slot: Slot, verdict: Verdict, now: float) -> Change | None:
        """Give a grant back that was made alone, and return what to tell the store of it."""
        cost = self._costs.get(slot.reservation, 0)
        if not self._end(account_id, slot.reservation, verdict, now):
            return None
        happened = Happened(action=slot.tally.action, cost=cost, verdict=verdict, at=now)
        return lambda book, everyone, at: book.replay(happened, everyone, at)

    def refund(self, account_id: str, reservation: str, now: float) -> bool:
        """Give a grant back that was not used; return whether it was made alone."""
        return self._end(account_id, reservation, REFUND, now)

    def _end(self, account_id: str, reservation: str, verdict: Verdict, now: float) -> bool:
        if self._costs.pop(reservation, None) is None:
            return False
        if self.until > -inf:
            reports = [(reservation, verdict)]
            self._run(Step(self._shelf, account_id, reports=reports, lease=self._lease), now)
        return True

    def _run(self, step: Step, now: float) -> Outcome:
        for key in step.keys:
            if key not in self._images:
                self._images[key] = self._seen.last(key)
        images, outcome = step.run({key: self._images[key] for key in step.keys}, now)
        self._images.update(images)
        return outcome
