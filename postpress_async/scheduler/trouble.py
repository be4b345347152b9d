"""Trouble: what a lane remembers of refusals, and why it is closed. A calm lane has none.

Everything here is decided by answers or by people; what an account may do in calm days stands in
its windows.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .adaptive import Adaptive
    from .tally import Tally

COOL_DOWN_BASE: Final = 60.0
COOL_DOWN_MOST: Final = 6 * 3600.0
_TRUSTED_STRIKES: Final = 3  # 429s in a row whose Retry-After is believed, however short
PROBE_DUE: Final = 1  # the next call goes alone, to see whether the cool-down was enough
PROBE_OUT: Final = 2  # it is under way: nobody else goes

ClosureKind: TypeAlias = Literal["paused", "paused_all", "credentials", "restricted", "service"]


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """Say why a lane, or one action of it, is closed, and until when.

    Attributes:
        kind: `paused` and `paused_all` by a person; `credentials` and `restricted` by the
            service, for the whole account; `service` by the service, for one action.
        action: which action; None closes all but `read`.
        until: the instant at which it opens by itself; inf where somebody must open it.
        reason: the words.
    """

    kind: ClosureKind
    action: str | None
    until: float
    reason: str

    def concerns(self, tally: Tally) -> bool:
        """Tell whether it closes an action."""
        return tally.gated if self.action is None else self.action == tally.action


class Misses:
    """Count the refusals in a row of one action."""

    __slots__ = ("closings", "errors", "subjects")

    def __init__(self) -> None:
        self.errors: int = 0
        self.subjects: set[object] = set()
        self.closings: int = 0


class Trouble:
    """Hold one lane's cool-down, closures and learned rate.

    Attributes:
        cooling_until: the end of the cool-down.
        strikes: 429s in a row; those of calls already under way count once.
        probing: whether a call must go alone, or has.
        refused: the action of the last 429.
        refused_at: when the first of the strikes in a row came.
        rate: what several 429s taught, None before the first.
        closures: why the lane or its actions are closed.
        misses: other refusals in a row, by action.
    """

    __slots__ = (
        "closures", "cooling_until", "misses", "probing", "rate", "refused", "refused_at",
        "strikes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.cooling_until: float = -inf
        self.strikes: int = 0
        self.probing: int = 0
        self.refused: str | None = None
        self.refused_at: float = -inf
        self.rate: Adaptive | None = None
        self.closures: tuple[Closure, ...] = ()
        self.misses: dict[str, Misses] = {}

    def ready_at(self, tally: Tally, now: float) -> float:
        """Tell when an action may go, for all that trouble says; inf where an answer must come."""
        ready = now
        for closure in self.closures:
            if closure.until > ready and closure.concerns(tally):
                ready = closure.until
        if tally.gated:
            if self.probing == PROBE_OUT:
                return inf
            ready = max(ready, self.cooling_until)
            if self.rate is not None:
                ready = max(ready, self.rate.ready_at(now))
        return ready

    def closed(self, tally: Tally, now: float) -> Closure | None:
        """Return why an action is closed, the longest of all reasons; None while it is open."""
        reasons = [one for one in self.closures if one.until > now and one.concerns(tally)]
        return max(reasons, key=lambda one: one.until, default=None)

    def close(self, closure: Closure) -> None:
        """Close the lane or an action; the newest reason of a kind replaces the one before."""
        self.open(closure.kind, closure.action)
        self.closures = (*self.closures, closure)

    def open(self, kind: ClosureKind, action: str | None) -> None:
        """Open what was closed by a kind of reason."""
        gone = (kind, action)
        self.closures = tuple(one for one in self.closures if (one.kind, one.action) != gone)

    def closures_of(self, *kinds: ClosureKind) -> Iterator[Closure]:
        """Yield the closures of some kinds."""
        return (one for one in self.closures if one.kind in kinds)

    def cool_down(
        self,
        granted_at: float,
        retry_after: float | None,
        now: float,
        *,
        jitter: float,
        proposed: float | None = None,
    ) -> bool:
        """Let the account rest after a 429; return whether that was a strike of its own.

        What the learned rate proposes may lengthen a Retry-After, and stands in for a missing one.
        """
        fresh = granted_at >= self.cooling_until  # calls already under way count as one strike
        if retry_after is not None:
            # A service that says «at once» again and again is not taken at its word for ever.
            doubt = self.strikes - _TRUSTED_STRIKES
            least = min(2.0**doubt, COOL_DOWN_BASE) if doubt >= 0 else 0.0
            until = now + max(retry_after, least, proposed or 0.0) * (1 + 0.05 * jitter)
        elif fresh or self.cooling_until <= now:
            until = now + self._unnamed(proposed, jitter)
        else:
            until = self.cooling_until
        if not self.strikes:
            self.refused_at = now
        self.strikes += fresh and proposed is None
        self.cooling_until = max(self.cooling_until, until)
        if self.probing != PROBE_OUT:
            self.probing = PROBE_DUE
        return fresh

    def _unnamed(self, proposed: float | None, jitter: float) -> float:
        """Return the cool-down after a refusal that named none."""
        if proposed is not None:
            return proposed * (1 + 0.05 * jitter)
        if not self.strikes:
            return COOL_DOWN_BASE  # a whole minute: what is refused after it has a longer window
        return min(COOL_DOWN_BASE * 2.0**self.strikes, COOL_DOWN_MOST) * (0.5 + 0.5 * jitter)

    def calm(self, now: float) -> bool:
        """Tell whether nothing is left to remember."""
        self.closures = tuple(one for one in self.closures if one.until > now)
        return (
            self.cooling_until <= now
            and not (self.strikes or self.probing or self.closures or self.misses)
            and self.rate is None
        )
