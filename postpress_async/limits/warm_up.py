"""How an account's amounts grow with its age."""

from __future__ import annotations

import math

import msgspec

from postpress_async.errors import ConfigurationError

from .words import DAY, check_actions, check_provider, concerns, finite, names_of

_LONGEST = 3660.0


class Growth(msgspec.Struct, frozen=True):
    """Say where it starts and when it is over; the two that may be given by position."""

    start: float = 0.2
    days: float = 21.0


class WarmUp(Growth, frozen=True, kw_only=True):
    """Multiply an account's amounts by a factor that grows with the account's age.

    The factor is 0 in the first `quiet` days, `start` until `steady` days, and rises from there to
    1 at `days`: along a line, in steps of a whole day of age. Age counts from when the account was
    connected; an account whose age nobody knows counts as new from its first use.

    Attributes:
        start: the factor at first, from 0 to 1.
        days: the age in days from which the full amounts hold.
        actions: an action or several; None warms up all that the provider's accounts do.
        provider: the wire word; None holds for every provider.
        steady: the age in days until which the factor stays at `start`.
        quiet: the age in days until which nothing goes at all.
        source: where the figures come from.

    Examples:
        >>> grown = WarmUp(0.1, days=21, steady=7, quiet=1)
        >>> [grown.factor(day * 86400) for day in (0, 1, 7, 14, 21)]
        [0.0, 0.1, 0.1, 0.55, 1.0]
    """

    actions: str | tuple[str, ...] | None = None
    provider: str | None = None
    steady: float = 0.0
    quiet: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        finite("WarmUp.start", self.start, zero=True)
        if self.start > 1:
            msg = f"WarmUp.start must be 1 or less, not {self.start!r}: 0.2 is a fifth"
            raise ConfigurationError(msg)
        finite("WarmUp.days", self.days)
        if self.days > _LONGEST:
            msg = f"WarmUp.days must be {_LONGEST:g} or less, not {self.days!r}: it counts days"
            raise ConfigurationError(msg)
        self._check_part("steady", self.steady)
        self._check_part("quiet", self.quiet)
        if self.actions is not None:
            check_actions("WarmUp.actions", self.actions)
        if self.provider is not None:
            check_provider("WarmUp.provider", self.provider)

    def _check_part(self, name: str, days: float) -> None:
        finite(f"WarmUp.{name}", days, zero=True)
        if days > self.days:
            msg = f"WarmUp.{name} ({days!r}) must not be above WarmUp.days ({self.days!r})"
            raise ConfigurationError(msg)

    def factor(self, age_seconds: float) -> float:
        """Return the factor at an age in seconds, from 0 to 1; below 0 counts as 0."""
        age = max(0.0, age_seconds)
        if age < self.quiet * DAY:
            return 0.0
        if age >= self.days * DAY:
            return 1.0
        grown = math.floor(age / DAY) - self.steady
        if grown <= 0:
            return self.start
        return self.start + (1.0 - self.start) * grown / (self.days - self.steady)

    def changes_at(self, age_seconds: float) -> float:
        """Return the next age in seconds at which the factor changes; inf when it never does."""
        age = max(0.0, age_seconds)
        if age >= self.days * DAY:
            return math.inf
        now, today = self.factor(age), math.floor(age / DAY)
        rise = max(today, math.floor(self.steady)) + 1
        later = sorted({self.quiet * DAY, rise * DAY, self.days * DAY})
        return next((at for at in later if at > age and self.factor(at) != now), math.inf)

    def holds_for(self, provider: str | None, action: str) -> bool:
        """Tell whether it concerns an action of a provider; an unknown one gets all of them."""
        named = self.actions is None or action in names_of(self.actions)
        return named and action != "read" and concerns(self.provider, provider)


def warmed(amount: int, factor: float) -> int:
    """Return a warmed-up amount: rounded down, but 1 or more while anything goes at all.

    Examples:
        >>> [warmed(30, 0.1), warmed(5, 0.1), warmed(5, 0.0)]
        [3, 1, 0]
    """
    if factor >= 1 or amount <= 0:
        return amount
    if factor <= 0:
        return 0
    # 30 x 0.1 must be 3, whichever way the binary fraction errs.
    return max(1, math.floor(amount * factor * (1 + 1e-12) + 1e-9))
