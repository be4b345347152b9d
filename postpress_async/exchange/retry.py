"""Whether a failed attempt is followed by another, and after how long: one pure question.

The order matters: what the service answered; then whether a byte left; then whether a second one
would hurt. tenacity does the looping, and only after a first failure: most calls never see it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec

from postpress_async.wire.codec import maybe_done
from postpress_async.wire.problems import NOT_HANDED_ON
from postpress_async.wire.values import Bad, Good

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.options import Retries
    from postpress_async.wire.routes import Route

T = TypeVar("T")

BASE_SECONDS: Final = 0.5
MOST_SECONDS: Final = 20.0
TOO_EARLY_SECONDS: Final = 2.0


class Wait(msgspec.Struct, frozen=True):
    """Try again after a while; 0 where the lane or the key does the waiting."""

    seconds: float
    reason: str


class Stop(msgspec.Struct, frozen=True):
    """Raise what happened."""


class Unknown(msgspec.Struct, frozen=True):
    """Raise what happened: a write may have been done, and a repeat could do it twice."""


Decision: TypeAlias = Wait | Stop | Unknown
STOP: Final = Stop()
UNKNOWN: Final = Unknown()


def decide(bad: Bad, route: Route, number: int, policy: Retries, jitter: float) -> Decision:
    """Say what to do about a failed attempt; the retry table of docs/retries.md, row by row.

    Args:
        bad: the attempt.
        route: what was asked; tells whether a repeat could hurt.
        number: which attempt it was, from 1.
        policy: how many are allowed, and whether the idempotency key is trusted.
        jitter: a random number in [0, 1) for full jitter.
    """
    decision = _decide(bad, route, number, policy, jitter)
    # The last attempt's error is raised as it is; its outcome tells what may have happened.
    return STOP if isinstance(decision, Wait) and number >= policy.attempts else decision


def _decide(bad: Bad, route: Route, number: int, policy: Retries, jitter: float) -> Decision:
    pause = jitter * min(MOST_SECONDS, BASE_SECONDS * 2.0 ** (number - 1))
    harmless = route.repeatable != "write"
    trusted = policy.trust_idempotency_key and route.keyed
    again = Wait(max(pause, bad.retry_after or 0.0), "back_off")
    unless_write: Decision = again if harmless or trusted else UNKNOWN
    if bad.kind == "answer":
        return _by_status(bad, route, number, again, unless_write, trusted=trusted)
    if bad.status is not None:
        return _by_good_head(bad, route, number, pause, unless_write)
    if bad.kind in {"certificate", "tls", "upload"}:  # no repeat mends a certificate, or a file
        return STOP
    if not bad.sent:
        # A name that nobody knows will not be known in a second either: fewer tries.
        return STOP if bad.kind == "dns" and number > 1 else Wait(pause, "not_sent")
    if bad.kind == "garbage" and route.repeatable == "safe":
        return Wait(pause, "no_answer") if number == 1 else STOP
    if bad.kind == "garbage" and not trusted:
        return UNKNOWN
    return Wait(pause, "no_answer") if harmless or trusted else UNKNOWN


def _by_good_head(
    bad: Bad, route: Route, number: int, pause: float, unless_write: Decision
) -> Decision:
    """A 2xx came and its body did not: a read is repeated, a write was done."""
    if route.repeatable != "safe":
        return unless_write if bad.html and route.repeatable == "write" else STOP
    if bad.kind == "too_big":
        return STOP
    # A cut may be chance; an answer that cannot be read twice never will be.
    by_chance = bad.kind in {"body", "timeout"}
    return Wait(pause, "unreadable") if by_chance or number == 1 else STOP


def _by_status(
    bad: Bad, route: Route, number: int, again: Wait, unless_write: Decision, *, trusted: bool
) -> Decision:
    status, slug = bad.status or 0, bad.slug
    if status == 429:
        return Wait(0.0, "cool_down")
    if status == 425:
        return Wait(max(again.seconds, TOO_EARLY_SECONDS), "too_early")
    if status == 409:  # the same key is still in flight: its answer will come
        return again if trusted else STOP
    if not maybe_done(status, slug, envelope=bad.envelope):
        refused_early = status == 503 and slug in NOT_HANDED_ON
        return again if refused_early else STOP
    if slug == "authentication_intent_error":
        return STOP if route.repeatable == "safe" else unless_write
    if slug == "provider_error" and status == 500 and unless_write is again:
        return Wait(0.0, "cool_down") if number == 1 else STOP  # the second closes the action
    if status == 500 and route.method == "PATCH" and number > 1 and not trusted:
        return STOP
    return unless_write


async def repeat(
    first: Bad,
    attempt: Callable[[Bad, int], Awaitable[Good[T] | Bad]],
    plan: Callable[[Bad, int], Decision],
    sleep: Callable[[float], Awaitable[None]],
) -> Good[T] | Bad:
    """Go on after a first failure as `plan` says; return the value or the failure that stays."""
    import tenacity  # noqa: PLC0415 - 30 ms that only a failing call pays

    last: Good[T] | Bad = first
    number = 0
    decision: Decision = STOP

    async def step() -> Good[T] | Bad:
        nonlocal last, number
        number += 1
        if number > 1 and isinstance(last, Bad):
            last = await attempt(last, number)
        return last

    def wanted(state: tenacity.RetryCallState) -> bool:
        nonlocal decision
        if state.outcome is None or state.outcome.failed or not isinstance(last, Bad):
            return False
        decision = plan(last, state.attempt_number)
        return isinstance(decision, Wait)

    retrying = tenacity.AsyncRetrying(
        sleep=sleep,
        retry=wanted,
        wait=lambda _: decision.seconds if isinstance(decision, Wait) else 0.0,
    )
    return await retrying(step)
