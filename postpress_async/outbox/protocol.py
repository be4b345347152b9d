"""What becomes of an item after an attempt and after a look-back: the protocol, as pure questions.

The promise: *for each item at most one request is, or can still get, on the wire*. A request is
written only after its attempt is durable, before that attempt's deadline, and by who holds the
item's newest fence. A second one needs the item queued again, and that needs one of two proofs:

- the service answered, and its answer says that nothing was done; or no byte left;
- the first can no more be written (its owner is dead, or its deadline is over), can no more arrive
  (`grace` is over), and two complete looks, 30 s apart, do not show it.

All else stays `unknown`, and in the end waits for a person. `tests/model` walks every order of
events with these very functions, and shows that each of them is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.storage.outbox.rows import USUAL, Finish, Reach

from .findings import Absent, Found, Nowhere, Perhaps, Seen, Undecided, two_looks
from .results import Already, Deferred, Doubtful, Later, Refused, Result, Sent, Skipped, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postpress_async.storage.outbox.rows import Attempt, Row

__all__ = [
    "Absent",
    "Found",
    "Nowhere",
    "Perhaps",
    "Seen",
    "Terms",
    "Undecided",
    "absences",
    "after",
    "doubted",
    "looked",
    "quiet_at",
    "repeatable",
    "still",
    "two_looks",
]

MOST_ATTEMPTS: Final = 5
"""So many attempts, each certainly absent, and the item fails rather than go on for ever."""
MOST_FAULTS: Final = 30
"""So often a program on our side may fail on an item: with an hour between, most of a day."""
MOST_READS: Final = 10
"""So often a read may stay without an answer before it fails."""
MOST_LOOKS: Final = 12
"""Undecided looks, a minute to six hours apart, that make a day; then a person decides."""
FIRST_LOOK_SECONDS: Final = 10.0
_GIVEN_UP: Final = "given up"
_SPENT: Final = "absent, as those before"
"""The attempt at which an item failed for want of arriving; a retry by hand begins anew."""
_DOUBTED: Final = frozenset({None, "sending", "unknown", "absent", _GIVEN_UP, _SPENT})
_BASE_SECONDS: Final = 30.0
_MOST_SECONDS: Final = 3600.0
_MOST_UNREACHED_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 60.0
_MOST_LOOK_SECONDS: Final = 6 * 3600.0
# Doing these a second time changes nothing, so they need no look: only the first one's end.
_REPEATABLE: Final = frozenset({"react", "follow", "profile"})
_NEEDS_NO_ID: Final = frozenset({"react", "follow", "profile"})
_COSTS_MONEY: Final = frozenset({"inmail"})


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long things may take, in seconds.

    Attributes:
        total, held, hold: as in `Reach`, for what is sent by these terms.
        write: from the mark to the first byte.
        lease: how long a worker may be silent; beats come four times as often.
        apart: between the two reads of a look.
    """

    total: float = USUAL.total
    held: float = USUAL.held
    write: float = 30.0
    lease: float = 60.0
    apart: float = 30.0
    hold: bool = USUAL.hold

    @property
    def reach(self) -> Reach:
        """What is kept with each attempt that is made by these terms."""
        return Reach(total=self.total, held=self.held, hold=self.hold)

    @property
    def beat(self) -> float:
        """Between two signs of life."""
        return self.lease / 4.0


def repeatable(kind: str) -> bool:
    """Tell whether a second request of this kind changes nothing."""
    return kind in _REPEATABLE


def quiet_at(attempt: Attempt | None) -> float:
    """Return when no request of an attempt can be under way any more.

    By the settings of who sent it: who asks may have others, and then it is sent twice.
    """
    return 0.0 if attempt is None else attempt.deadline + _grace(attempt)


def _grace(attempt: Attempt) -> float:
    # A 504 comes within `total`, and then all that may still happen has its full time once more.
    return attempt.reach.grace + (attempt.reach.total if attempt.outcome == _GIVEN_UP else 0.0)


def still(attempt: Attempt | None, *, age: float) -> float:
    """Return for how many seconds a request may still be under way, by clocks that nobody sets.

    Args:
        attempt: the last one.
        age: how many seconds ago it surely began.
    """
    if attempt is None:
        return 0.0
    return max(attempt.deadline - attempt.started_at + _grace(attempt) - age, 0.0)


def doubted(attempts: Iterable[Attempt], *, fence: int) -> bool:
    """Tell whether an attempt before this fence may have been done, for all we knew then."""
    return any(one.outcome in _DOUBTED for one in attempts if one.fence < fence)


def absences(attempts: Sequence[Attempt]) -> int:
    """Count the attempts before the last one that certainly did not arrive, though nobody said so.

    What was refused, or given back, is none: it says nothing about what gets through. Neither is
    what was before somebody had it tried again, once it had failed because of these.
    """
    outcomes = [one.outcome for one in attempts[:-1]]
    while _SPENT in outcomes:
        outcomes = outcomes[outcomes.index(_SPENT) + 1 :]
    return outcomes.count("absent")


# -- after an attempt -----------------------------------------------------------------------


def after(
    result: Result,
    *,
    row: Row,
    now: float,
    jitter: float,
    replay: bool = False,
    lead: float = 0.0,
) -> Finish:
    """Say what becomes of an item after a go at it; the retry table, row by row.

    Args:
        result: what it brought.
        row: the item as it was claimed.
        now: the store's time.
        jitter: a random number in [0, 1).
        replay: whether an earlier attempt may have been done: see `doubted`.
        lead: by how much the store's time is ahead of the clock.
    """
    match result:
        case Sent(result_id=result_id, body=body):
            if result_id is None and row.kind not in _NEEDS_NO_ID:
                reason = "the service said yes and named no id: looking for it"
                return _unknown(reason, now, outcome="happened")
            return Finish(state="sent", result_id=result_id, body=body)
        case Refused(reason=reason):
            return Finish(state="failed", error=reason)
        case Already(reason=reason, proof=proof):
            return _already(reason, row, now, replay=replay, proof=proof)
        case Doubtful(reason=reason, given_up=given_up):
            if row.kind == "profile":
                return _read_again(reason, row, now, jitter)
            return _unknown(reason, now, outcome=_GIVEN_UP if given_up else "unknown")
        case Deferred() | Waiting():
            return _asked_again(result, now, lead)
        case Skipped(reason=reason):
            return Finish(state="cancelled", error=reason, keep_attempt=False)
        case Later():
            return _again(result, row, now, jitter)


def _already(reason: str, row: Row, now: float, *, replay: bool, proof: bool) -> Finish:
    """Settle an «already»: ours if an earlier attempt of ours was in doubt, else somebody's."""
    if repeatable(row.kind) or (replay and proof):
        return Finish(state="sent", outcome="already")
    # A clash on a replay may be the earlier request, still under way: only a look can tell.
    return _unknown(reason, now) if replay else Finish(state="failed", error=reason)


def _asked_again(result: Deferred | Waiting, now: float, lead: float) -> Finish:
    due_at = retry_at = None
    if isinstance(result, Deferred):
        due_at = max(result.until, now - lead)
    else:
        retry_at = now + max(result.seconds, 0.0)
    return Finish(
        state="queued",
        due_at=due_at,
        retry_at=retry_at,
        error=result.reason,
        looks=0,
        keep_attempt=False,
    )


def _unknown(reason: str, now: float, *, outcome: str = "unknown") -> Finish:
    # The first look comes early: it can only find. What it does not see is absent much later.
    return Finish(
        state="unknown", error=reason, look_at=now + FIRST_LOOK_SECONDS, looks=0, outcome=outcome
    )


def _again(result: Later, row: Row, now: float, jitter: float) -> Finish:
    seconds, looks = result.seconds, 0 if result.attempted else None
    if seconds is None and result.attempted:
        seconds = _backed_off(row.attempts - 1, _MOST_SECONDS, jitter)
    elif seconds is None:
        # A service that cannot be reached is asked for ever, and soon enough once it is back.
        most = _MOST_SECONDS if result.fault else _MOST_UNREACHED_SECONDS
        seconds, looks = _backed_off(row.looks, most, jitter), row.looks + 1
    if result.fault and looks is not None and looks >= MOST_FAULTS:
        reason = f"{result.reason}; {looks} times by now: mend what fails, then retry() it"
        return Finish(state="failed", error=reason, keep_attempt=False, outcome="not_sent")
    at = now + max(seconds, 0.0)
    return Finish(
        state="queued",
        retry_at=None if result.lane else at,
        lane_ready_at=at if result.lane else None,
        error=result.reason,
        looks=looks,
        keep_attempt=result.attempted,
        outcome="refused" if result.attempted else "not_sent",
    )


def _read_again(reason: str, row: Row, now: float, jitter: float) -> Finish:
    """Settle a read that nobody answered: it does no harm again, but it costs a slot each time."""
    reads = row.looks + 1
    if reads >= MOST_READS:
        reason = f"{reason}; {reads} times by now: see whether the service works, then retry() it"
        return Finish(state="failed", error=reason)
    at = now + _backed_off(row.looks, _MOST_SECONDS, jitter)
    return Finish(state="queued", retry_at=at, error=reason, looks=reads, outcome="refused")


def _backed_off(tries: int, most: float, jitter: float) -> float:
    longest = min(_BASE_SECONDS * 2.0 ** min(max(tries, 0), 10), most)
    return longest * (0.5 + jitter / 2.0)


# -- after a look ---------------------------------------------------------------------------


def looked(
    seen: Seen,
    *,
    row: Row,
    attempt: Attempt | None,
    now: float,
    hold: bool = False,
    absences: int = 0,
    still: float = 0.0,
) -> Finish:
    """Say what becomes of an unknown item after a look at where it would be.

    Found is found at any time. That it is absent counts only when the attempt is quiet: while a
    request may still be written, or arrive, the look is repeated then.

    Args:
        seen: what the look, or both its reads, saw.
        row: the item as it was taken.
        attempt: its last attempt.
        now: the store's time when the first read began.
        hold: whether who looks leaves to a person what is not found; who sent it may do so, too.
        absences: how many earlier attempts were found absent.
        still: for how long its request may be under way, whatever the store's time says.
    """
    if isinstance(seen, Found):
        return Finish(state="sent", result_id=seen.result_id, outcome=f"found by {seen.by}")
    quiet = max(quiet_at(attempt), now + still)
    told = None if attempt is None else attempt.outcome
    happened = told == "happened"
    outcome = told if told in {"happened", _GIVEN_UP} else "unknown"
    if now < quiet:
        return Finish(state="unknown", look_at=quiet, outcome=outcome)
    if isinstance(seen, Undecided) and seen.until is not None:
        at = max(seen.until, now + FIRST_LOOK_SECONDS)
        return Finish(state="unknown", look_at=at, error=seen.reason, outcome=outcome)
    if isinstance(seen, Undecided) and row.looks + 1 < MOST_LOOKS:
        wait = min(_LOOK_SECONDS * 2.0 ** max(row.looks, 0), _MOST_LOOK_SECONDS)
        return Finish(
            state="unknown",
            look_at=now + wait,
            looks=row.looks + 1,
            error=seen.reason,
            outcome=outcome,
        )
    if happened:  # the service said yes: what cannot be found has no id, but it is not sent again
        return Finish(state="sent", outcome="happened")
    if isinstance(seen, Absent):
        hold = hold or (attempt is not None and attempt.reach.hold)
        return _absent(row, now, absences + 1, hold=hold)
    return _for_a_person(seen.reason)


def _absent(row: Row, now: float, times: int, *, hold: bool) -> Finish:
    if hold and not repeatable(row.kind):
        return _for_a_person(
            "it is not to be seen: resolve(id, sent=False) sends it once more, and "
            "resolve(id, sent=True) leaves it as it is"
        )
    if row.action in _COSTS_MONEY:
        return _for_a_person("an InMail that is not to be seen: a second one would cost again")
    if times >= MOST_ATTEMPTS:
        reason = f"{times} attempts, none of which arrived: look at the log, then retry() it"
        return Finish(state="failed", error=reason, outcome=_SPENT)
    return Finish(state="queued", retry_at=now, looks=0, outcome="absent")


def _for_a_person(reason: str) -> Finish:
    return Finish(state="unknown", needs_decision=True, error=reason, outcome="unknown")
