"""What one go at an item brought, and which error means which.

An error's `outcome` decides first: whether it was done, may have been done, or was certainly not.
Only what was certainly not done is looked at more closely: for whom it was refused, and how long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from postpress_async.errors import (
    AccountError,
    AuthenticationError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    GatewayTimeoutError,
    LaneClosedError,
    NotImplementedByProviderError,
    ProviderLimitError,
    QueueFullError,
    RateLimitedError,
    ResponseError,
    ServerError,
    WaitTooLongError,
)
from postpress_async.exchange.guarding import STALE
from postpress_async.options import Discreet
from postpress_async.wire.problems import ALREADY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.errors import PostpressError

__all__ = [
    "Already",
    "Deferred",
    "Doubtful",
    "Later",
    "Refused",
    "Result",
    "Sent",
    "Skipped",
    "Waiting",
    "ends_all",
    "of_error",
    "pause_of",
    "reason_of",
]

CLOSED_SECONDS: Final = 300.0
"""For how long a lane rests whose account lost its credentials, unless somebody wakes it."""
LIMITED_SECONDS: Final = 3600.0
"""For how long a lane rests that the provider limits without saying until when."""
LIMITS_SECONDS: Final = 60.0
"""For how long a lane rests whose limits cannot be told: the function that chooses them failed."""
DAY_SECONDS: Final = 86_400.0
FULL_SECONDS: Final = 5.0
EARLY_SECONDS: Final = 5.0
_CONFLICT: Final = 409
_TOO_EARLY: Final = 425
_OF_THE_ITEM: Final = frozenset({"outbox", STALE})
_PASSING: Final = frozenset({"provider_unreachable", "realtime_client_not_initialized"})


class Sent(Discreet, frozen=True, kw_only=True):
    """It was done: the service said yes.

    Attributes:
        result_id: what it made; None where the answer did not say, or could not be read.
        body: what the item holds from now on, where the answer is what it was for.
    """

    result_id: str | None = None
    body: bytes | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what says nothing of anybody."""
        yield "result_id", self.result_id


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """It was not done, and a repeat would meet the same end."""

    reason: str


class Already(msgspec.Struct, frozen=True, kw_only=True):
    """The service says that this was done before: perhaps by an earlier attempt at this item.

    Attributes:
        proof: whether an earlier attempt in doubt is settled by that; a clash (409) may also mean
            that the earlier one is still under way.
    """

    reason: str
    proof: bool


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """It was certainly not done, and may be done later.

    Attributes:
        seconds: not before; None to back off.
        lane: whether the whole lane waits, not this item alone.
        attempted: whether bytes left, so that it counts as an attempt.
        fault: whether a program on our side failed, which it would do again: not for ever.
    """

    reason: str
    seconds: float | None = None
    lane: bool = False
    attempted: bool = False
    fault: bool = False


class Doubtful(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody can tell whether it was done: a cut answer, a time-out, a 5xx, a cancelled wait.

    Attributes:
        reason: why.
        given_up: whether something between us and the service says that it has waited in vain
            (504): the service may have begun only now.
    """

    reason: str
    given_up: bool = False


class Deferred(msgspec.Struct, frozen=True, kw_only=True):
    """`before_send` wants it later: it goes to the place of `until` in its thread."""

    reason: str
    until: float


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """`before_send` wants to be asked again: it keeps its place in its thread."""

    reason: str
    seconds: float


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """`before_send` does not want it any more."""

    reason: str


Result: TypeAlias = Sent | Refused | Already | Later | Doubtful | Deferred | Waiting | Skipped


def ends_all(error: BaseException) -> bool:
    """Tell whether an error is none of the item's: every other item would meet it, too."""
    if isinstance(error, ConfigurationError):
        return error.scope == "setup"
    return isinstance(error, ClientClosedError)


def pause_of(error: PostpressError) -> float | None:
    """Return for how many seconds our own limits forbid what was asked; None if they do not."""
    if isinstance(error, WaitTooLongError):
        return error.retry_after
    if isinstance(error, ConfigurationError) and error.scope == "account":
        return LIMITS_SECONDS
    return None


def reason_of(error: PostpressError) -> str:
    """Return what an item says of an error: its words, but for advice that no item can follow."""
    if not isinstance(error, WaitTooLongError):
        return str(error)
    why = f"limit: {error.limit}" if error.limit else "other calls are before it"
    return f"account {error.account_id} has no room now for its {error.action} ({why})"


def of_error(error: PostpressError, *, kind: str) -> Result:
    """Return what an error says about an item of a kind."""
    reason = reason_of(error)
    if kind == "profile" and error.outcome in {"done", "unknown"}:
        # A read does no harm, but an answer that cannot be read will not be readable in a minute.
        return Refused(reason=reason) if error.outcome == "done" else Doubtful(reason=reason)
    if error.outcome == "done":
        return Sent()
    if error.outcome == "unknown":
        return Doubtful(reason=reason, given_up=isinstance(error, GatewayTimeoutError))
    if isinstance(error, ResponseError):
        return _refusal(error, reason)
    if isinstance(error, ConfigurationError) and error.scope == "call":
        return Refused(reason=reason)
    return _not_sent(error, reason)


def _not_sent(error: PostpressError, reason: str) -> Later:
    """Nothing left: our own limits, a closed lane, no store, no connection, a wrong setup."""
    if isinstance(error, WaitTooLongError):
        # What only this item has waited too long for says nothing of the others in its lane.
        lane = error.limit not in _OF_THE_ITEM
        return Later(reason=reason, seconds=error.retry_after, lane=lane)
    if isinstance(error, LaneClosedError):
        seconds = CLOSED_SECONDS if error.retry_after is None else error.retry_after
        return Later(reason=reason, seconds=seconds, lane=True)
    if isinstance(error, QueueFullError):
        return Later(reason=reason, seconds=error.retry_after or FULL_SECONDS, lane=True)
    if isinstance(error, ConfigurationError) and error.scope == "account":
        return Later(reason=reason, seconds=pause_of(error), lane=True)
    return Later(reason=reason, seconds=0.0 if ends_all(error) else None)


def _refusal(error: ResponseError, reason: str) -> Result:
    """An answer said no before anything was done."""
    slug = (error.type or "").rpartition("/")[2].lower()
    if slug in ALREADY or isinstance(error, ConflictError) or error.status == _CONFLICT:
        return Already(reason=reason, proof=slug in ALREADY)
    seconds = error.retry_after
    if isinstance(error, AccountError | AuthenticationError):
        return Later(reason=reason, seconds=CLOSED_SECONDS, lane=True, attempted=True)
    if isinstance(error, ProviderLimitError):
        return _limited(slug, seconds, reason)
    if isinstance(error, RateLimitedError):
        return Later(reason=reason, seconds=seconds, lane=True, attempted=True)
    if error.status == _TOO_EARLY:
        return Later(reason=reason, seconds=max(seconds or 0.0, EARLY_SECONDS), attempted=True)
    if isinstance(error, NotImplementedByProviderError):
        return Refused(reason=reason)
    if isinstance(error, ServerError) or slug in _PASSING:
        return Later(reason=reason, seconds=seconds, attempted=True)
    return Refused(reason=reason)


def _limited(slug: str, seconds: float | None, reason: str) -> Later:
    """The provider's limit, said in other words than 429: of the account, or of one person."""
    if slug == "limit_exceeded":
        seconds = LIMITED_SECONDS if seconds is None else seconds
        return Later(reason=reason, seconds=seconds, lane=True, attempted=True)
    if slug == "cannot_resend_within_24hrs":
        return Later(reason=reason, seconds=max(seconds or 0.0, DAY_SECONDS), attempted=True)
    return Later(reason=reason, seconds=seconds, attempted=True)
