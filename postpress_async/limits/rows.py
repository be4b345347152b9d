"""Budgets and distances: what one row says."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import whole

from .words import (
    TIERS,
    Tier,
    check_action,
    check_actions,
    check_provider,
    concerns,
    finite,
    names_of,
    seconds_of,
)

_MOST = 1_000_000_000

Key: TypeAlias = tuple[str | None, tuple[str, ...], float, str]


class Budget(msgspec.Struct, frozen=True):
    """Say how many of which actions; the two that may be given by position."""

    actions: str | tuple[str, ...]
    amount: int


class Limit(Budget, frozen=True, kw_only=True):
    """Allow at most `amount` of some actions in any window of `per`.

    Attributes:
        actions: an action, or several that share one budget.
        amount: how many; for `search`, rows asked for. 0 allows none.
        per: seconds, or `second minute hour day week month` (31 days): rolling and exact.
        provider: the wire word (`LINKEDIN`); None holds for every provider.
        tier: holds only for accounts of this tier: free, premium, sales_navigator, recruiter.
        keep: how many of the amount only calls with a priority below 0 (replies) may use.
        scope: whose budget it is: of each `account`, or one of the `key` for all accounts together.
        burst: besides the window, spread the amount evenly over it, with at most so many at once;
            None does not spread.
        source: where the figure comes from.
    """

    per: float | str = "day"
    provider: str | None = None
    tier: Tier | None = None
    keep: int = 0
    scope: Literal["account", "key"] = "account"
    burst: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
        check_actions("Limit.actions", self.actions)
        whole("Limit.amount", self.amount, least=0)
        if self.amount > _MOST:
            msg = f"Limit.amount must be {_MOST:,} or less; leave the row out for no limit"
            raise ConfigurationError(msg)
        seconds_of(self.per)
        if self.provider is not None:
            check_provider("Limit.provider", self.provider)
        if self.tier is not None and self.tier not in TIERS:
            msg = f"Limit.tier must be one of {', '.join(TIERS)} or None, not {self.tier!r}"
            raise ConfigurationError(msg)
        whole("Limit.keep", self.keep, least=0)
        if self.keep > self.amount:
            msg = f"Limit.keep ({self.keep}) must not be above Limit.amount ({self.amount})"
            raise ConfigurationError(msg)
        if self.scope not in ("account", "key"):
            msg = f"Limit.scope must be 'account' or 'key', not {self.scope!r}"
            raise ConfigurationError(msg)
        if self.burst is not None:
            whole("Limit.burst", self.burst, least=1)

    @property
    def names(self) -> tuple[str, ...]:
        """The actions, always as a tuple."""
        return names_of(self.actions)

    @property
    def seconds(self) -> float:
        """The window in seconds."""
        return seconds_of(self.per)

    @property
    def key(self) -> Key:
        """What makes two rows the same budget, whatever their amounts: counts carry over."""
        return (self.provider, self.names, self.seconds, self.scope)

    def __str__(self) -> str:
        """Return it in words: `80 invite+invite_note per day (LINKEDIN)`."""
        per = self.per if isinstance(self.per, str) else f"{self.per:g} s"
        where = f" ({self.provider})" if self.provider else ""
        burst = f", {self.burst} at once" if self.burst is not None else ""
        keep = f", {self.keep} kept for replies" if self.keep else ""
        scope = " for all accounts together" if self.scope == "key" else ""
        return f"{self.amount} {'+'.join(self.names)} per {per}{where}{burst}{keep}{scope}"

    def holds_for(self, provider: str | None, action: str) -> bool:
        """Tell whether this row concerns an action of a provider; an unknown one gets all rows."""
        return action in self.names and concerns(self.provider, provider)


class Spacing(msgspec.Struct, frozen=True):
    """Keep a random distance between two actions of an account, in seconds.

    Attributes:
        least: never closer than this.
        most: never further than this because of the spacing; equal to `least` for a fixed gap.
        action: space only this action; None spaces all of the account's actions but `read`.
        provider: the wire word; None holds for every provider.
        source: where the figures come from.
    """

    least: float
    most: float
    action: str | None = None
    provider: str | None = None
    source: str = ""

    def __post_init__(self) -> None:
        finite("Spacing.least", self.least, zero=True)
        finite("Spacing.most", self.most, zero=True)
        if self.most < self.least:
            msg = f"Spacing.most ({self.most!r}) must not be below Spacing.least ({self.least!r})"
            raise ConfigurationError(msg)
        if self.provider is not None:
            check_provider("Spacing.provider", self.provider)
        if self.action is not None:
            check_action(self.action)
            if self.action == "read":
                msg = "Spacing.action: `read` never reaches the provider and is not spaced"
                raise ConfigurationError(msg)
