"""Alone: what a process goes on with while its store is lost, where that is wished.

Each call counts tenfold against what was last seen in the store. A process thereby takes at most a
tenth of what each limit has left, so that ten of them together pass none. A limit below ten lets
nothing go.
"""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Final

from postpress_async.limits import REFUND, Verdict

from .book import Happened
from .everyone import EVERYONE
from .news import NEWS
from .steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .book import Book
    from .everyone import Everyone
    from .shares import Share
    from .shelf import Shelf
    from .steps import Ask, Change, Outcome, Report
    from .tally import Slot

__all__ = ["WEIGHT", "Alone", "Ending", "Past"]

_log = logging.getLogger("postpress_async.scheduler")
WEIGHT: Final = 10  # how much of a limit a call takes here
_TRY_EVERY: Final = 1.0  # seconds after which the store is tried again
# Seconds in which all others find it again, and tell what they did: one that is asking in vain
# at this moment gives up after one, and tries again after another.
_TELL_FOR: Final = 3.0

_NOBODY_KNOWS: Final = Verdict(effect="no_answer", settle=1.0)  # how a call has ended


class Alone:
    """Decide on a copy of what was seen last.

    A store that is back does not know yet what went without it. So for a moment all go on as they
    did, and only tell it; then they ask it again.

    Attributes:
        until: by the lanes' clock, when the store is tried again, or, once it is back, asked again;
            -inf while it is there.
        lost: whether it did not answer when it was asked last.
        share: what all clients of this process go on with together.
    """

    def __init__(self, seen: Shelf, shelf: Shelf, *, lease: float, share: Share) -> None:
        self.until: float = -inf
        self.lost: bool = False
        self._seen = seen
        self._shelf = shelf
        self._lease = lease
        self.share: Share = share
        self._joined: set[str] = set()  # images of which the copies know what was seen here
        self._out: dict[str, _Grant] = {}  # that were made alone
        share.join(self)

    def begin(self, now: float, error: BaseException) -> None:
        """Go on without the store for a moment."""
        if not self.lost:
            _log.warning(
                "account limits are kept alone, at a tenth of what they have left: %s", error
            )
        if self.until == -inf:
            self._joined.clear()
        self.lost, self.until = True, now + _TRY_EVERY

    def give_up(self, now: float) -> None:
        """Leave calls that are under way to whoever tells the store next, as if they were over."""
        for reservation, grant in list(self._out.items()):
            if not grant.told:
                self._end(grant.account_id, reservation, _NOBODY_KNOWS, now)
                call = Past(grant.action, grant.cost, _NOBODY_KNOWS, lambda: 0.0)
                self.share.leave({}, {grant.account_id: [call]})

    def leave(self, changes: Mapping[str, Sequence[Change]]) -> int:
        """Leave to clients that come later what the store was not told; return how many calls.

        Args:
            changes: by account, what was still to be told.
        """
        self.until = -inf
        past = {account_id: _past(some) for account_id, some in changes.items()}
        self.share.leave(self._seen.all(), {key: calls for key, calls in past.items() if calls})
        return self.share.untold()

    def back(self, now: float) -> dict[str, list[Change]]:
        """Know that the store is back; return what to tell it of calls under way, by account."""
        _log.warning("account limits are shared again")
        self.lost, self.until = False, now + _TELL_FOR
        told: dict[str, list[Change]] = {}
        for reservation, grant in self._out.items():
            grant.told = True
            hold = Hold(reservation, grant.action, grant.cost, self._lease)
            told.setdefault(grant.account_id, []).append(hold)
        return told

    def end(self) -> None:
        """Go back to the store; what went here counts until it shows what all have told."""
        self.until = -inf

    def saw(self, account_id: str, now: float) -> None:
        """Know that the store was told all of an account, and showed what others told.

        What all accounts share it showed too; a copy of that must not wait for those that rest.
        """
        if self.share.has(account_id) or self.share.has(EVERYONE):
            self.share.drop((account_id, EVERYONE, NEWS), now, but=self)

    def hear(self, account_id: str, reports: Sequence[Report], now: float) -> None:
        """Know which calls of an account are over, though the store may not have heard of it yet.

        The image that was seen last is the one that was decided last: what a store that could not
        be reached did not grant stands in it, too.
        """
        if reports:
            self._run(Step(self._shelf, account_id, reports=reports, lease=self._lease), now)

    def told(self, account_id: str, reports: Sequence[Report], now: float) -> None:
        """Know which calls of an account the store knows to be over, while a copy of it is kept."""
        if not reports or not self.share.has(account_id):
            return
        with self.share.lock:
            if self.share.has(account_id):
                step = Step(self._shelf, account_id, reports=reports, lease=self._lease)
                kept = {key for key in step.keys if self.share.has(key)}
                self._run(step, now, kept)  # nothing else is copied for that

    def decide(
        self, account_id: str, asks: Sequence[Ask], now: float, *, room: int, own: str
    ) -> Outcome:
        """Grant what may go, as the store would, at ten times the cost."""
        step = Step(
            self._shelf, account_id, asks=asks, lease=self._lease, room=room, own=own,
        )  # fmt: skip
        outcome = self._run(step, now)
        by_name = {ask.reservation: ask for ask in asks}
        for name in outcome.granted:
            ask = by_name[name]
            self._out[name] = _Grant(account_id, ask.action, ask.cost // WEIGHT)
        return outcome

    def give_back(
        self, account_id: str, slot: Slot, verdict: Verdict, now: float, age: Callable[[], float]
    ) -> Change | None:
        """Give a grant back that was made alone, and return what to tell the store of it.

        Args:
            account_id: whose.
            slot: which.
            verdict: what its answer means.
            now: the store's time, as far as it is known.
            age: tells how many seconds ago that was; asked when the store is told.
        """
        grant = self._out.get(slot.reservation)
        if grant is None:
            return None
        self._end(account_id, slot.reservation, verdict, now)
        if grant.told:
            return Ending(slot.reservation, verdict)
        return Past(grant.action, grant.cost, verdict, age)

    def refund(self, account_id: str, reservation: str, now: float) -> bool:
        """Give a grant back that was not used; return whether it was made alone."""
        return self._end(account_id, reservation, REFUND, now)

    def _end(self, account_id: str, reservation: str, verdict: Verdict, now: float) -> bool:
        if self._out.pop(reservation, None) is None:
            return False
        self.told(account_id, [(reservation, verdict)], now)
        return True

    def _run(self, step: Step, now: float, kept: Collection[str] | None = None) -> Outcome:
        with self.share.lock:
            images = {key: self._copy(key, now) for key in step.keys}
            changed, outcome = step.run(images, now)
            after = {**images, **changed}
            self.share.keep({key: after[key] for key in (step.keys if kept is None else kept)})
        return outcome

    def _copy(self, key: str, now: float) -> bytes | None:
        """Return a copy that knows what was seen here, and what others here did alone."""
        copy, seen = self.share.copy(key), self._seen.last(key)
        if key in self._joined and self.share.has(key):
            return copy
        self._joined.add(key)
        if copy is not None and seen is not None:
            from .mending import mend  # noqa: PLC0415 - nearly nobody needs it

            return mend(key, copy, seen, -inf, now)
        if copy is None and seen is None:
            return self.share.seen(key)
        return seen if copy is None else copy


class Past:
    """Tell a store of a call that was made, and ended, without it."""

    def __init__(self, action: str, cost: int, verdict: Verdict, age: Callable[[], float]) -> None:
        self.verdict: Verdict = verdict
        self._action = action
        self._cost = cost
        self._age = age

    def __call__(self, book: Book, everyone: Everyone, now: float) -> None:
        """Do it."""
        happened = Happened(
            action=self._action, cost=self._cost, verdict=self.verdict, at=now - self._age()
        )
        book.replay(happened, everyone, now)


class Ending:
    """Report a grant that was made alone, to a store that was told of it as a change before."""

    def __init__(self, reservation: str, verdict: Verdict) -> None:
        self.reservation: str = reservation
        self.verdict: Verdict = verdict

    def __call__(self, book: Book, everyone: Everyone, now: float) -> None:
        """Do it."""
        book.report(self.reservation, self.verdict, now)
        everyone.report(self.reservation, self.verdict, now)


class _Grant:
    """Remember a grant that was made alone, and whether the store was told that it is out."""

    __slots__ = ("account_id", "action", "cost", "told")

    def __init__(self, account_id: str, action: str, cost: int) -> None:
        self.account_id: str = account_id
        self.action: str = action
        self.cost: int = cost
        self.told: bool = False


class Hold:
    """Tell a store of a call that is under way, and went without it."""

    def __init__(self, reservation: str, action: str, cost: int, lease: float) -> None:
        self.reservation: str = reservation
        self.action: str = action
        self.cost: int = cost
        self._lease = lease

    def __call__(self, book: Book, everyone: Everyone, now: float) -> None:
        """Do it."""
        if self.reservation not in book.held:
            slot = book.lane.grant(book.tally(self.action, now), self.cost, now)
            book.hold(self.reservation, slot, now + self._lease)
            everyone.hold(self.reservation, slot, now + self._lease)


def _past(changes: Sequence[Change]) -> list[Past]:
    """Return the calls of which a store was to be told; one that was under way is over."""
    calls = [one for one in changes if isinstance(one, Past)]
    ends = {one.reservation: one.verdict for one in changes if isinstance(one, Ending)}
    for one in changes:
        if isinstance(one, Hold):
            verdict = ends.get(one.reservation, _NOBODY_KNOWS)
            calls.append(Past(one.action, one.cost, verdict, lambda: 0.0))
    return calls
