"""Limits as values: what a row says, and which rows hold for an account and an action.

A budget is exact in every rolling window, not only in calendar days. Where several rows name an
action, all of them hold. A provider or a tier that is not known yet gets the strictest row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import positive, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACTIONS: Final = frozenset(
    {"profile", "search", "browse", "invite", "invite_note", "first_message", "message", "inmail"}
    | {"follow", "react", "comment", "post", "edit", "login", "read", "other"}
)
"""All that a call can count as. `read` touches the service alone and has no limit."""

_SECONDS: Final = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
    "week": 7 * 86400.0,
    "month": 31 * 86400.0,
}

Tier: TypeAlias = Literal["free", "premium", "sales_navigator", "recruiter"]
TIERS: Final = ("free", "premium", "sales_navigator", "recruiter")


def seconds_of(per: float | str) -> float:
    """Return the seconds of a window; a month has 31 days, so that it is never too short."""
    if isinstance(per, str):
        if per not in _SECONDS:
            msg = f"Limit.per must be seconds or one of {', '.join(_SECONDS)}, not {per!r}"
            raise ConfigurationError(msg)
        return _SECONDS[per]
    positive("Limit.per", per)
    return float(per)


PROVIDERS: Final = frozenset(
    {"LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER", "MESSENGER", "SLACK", "MOBILE"}
    | {"MAIL", "IMAP", "ICLOUD", "EXCHANGE", "GOOGLE", "GOOGLE_OAUTH", "GMAIL", "GOOGLE_CALENDAR"}
    | {"OUTLOOK", "MICROSOFT"}
)
"""The wire's words for providers; X is `TWITTER`."""


def check_provider(field: str, word: object) -> None:
    """Refuse what is no wire word: a word in other letters would match no limit at all."""
    if word not in PROVIDERS:
        msg = f"{field} must be a wire word such as LINKEDIN or TWITTER (for X), not {word!r}"
        raise ConfigurationError(msg)


def _check_action(action: str) -> None:
    if action not in ACTIONS:
        msg = f"action {action!r} is not one of {', '.join(sorted(ACTIONS))}"
        raise ConfigurationError(msg)


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
        keep: headroom that only replies may use; 0 in this version.
        scope: whose budget it is; `account` in this version.
        source: where the figure comes from.
    """

    per: float | str = "day"
    provider: str | None = None
    tier: Tier | None = None
    keep: int = 0
    scope: Literal["account"] = "account"
    source: str = ""

    def __post_init__(self) -> None:
        for action in self.names:
            _check_action(action)
        if self.provider is not None:
            check_provider("Limit.provider", self.provider)
        if not self.names:
            msg = "Limit.actions must name at least one action"
            raise ConfigurationError(msg)
        whole("Limit.amount", self.amount, least=0)
        seconds_of(self.per)
        if self.tier is not None and self.tier not in TIERS:
            msg = f"Limit.tier must be one of {', '.join(TIERS)} or None, not {self.tier!r}"
            raise ConfigurationError(msg)
        if self.keep != 0 or self.scope != "account":
            msg = "Limit.keep other than 0 and Limit.scope other than 'account' are not known yet"
            raise ConfigurationError(msg)
        if "read" in self.names:
            msg = "Limit.actions: `read` never reaches the provider and has no limit"
            raise ConfigurationError(msg)

    @property
    def names(self) -> tuple[str, ...]:
        """The actions, always as a tuple."""
        return (self.actions,) if isinstance(self.actions, str) else tuple(self.actions)

    @property
    def seconds(self) -> float:
        """The window in seconds."""
        return seconds_of(self.per)

    @property
    def key(self) -> tuple[str | None, tuple[str, ...], float]:
        """What makes two rows the same budget, whatever their amounts: counts carry over."""
        return (self.provider, self.names, self.seconds)

    def __str__(self) -> str:
        """Return it in words: `80 invite+invite_note per day (LINKEDIN)`."""
        per = self.per if isinstance(self.per, str) else f"{self.per:g} s"
        where = f" ({self.provider})" if self.provider else ""
        return f"{self.amount} {'+'.join(self.names)} per {per}{where}"

    def holds_for(self, provider: str | None, action: str) -> bool:
        """Tell whether this row concerns an action of a provider; an unknown one gets all rows."""
        return action in self.names and (
            provider is None or self.provider is None or provider == self.provider
        )


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
        positive("Spacing.least", self.least, zero=True)
        positive("Spacing.most", self.most, zero=True)
        if self.most < self.least:
            msg = f"Spacing.most ({self.most!r}) must not be below Spacing.least ({self.least!r})"
            raise ConfigurationError(msg)
        if self.provider is not None:
            check_provider("Spacing.provider", self.provider)
        if self.action is not None:
            _check_action(self.action)
            if self.action == "read":
                msg = "Spacing.action: `read` never reaches the provider and is not spaced"
                raise ConfigurationError(msg)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the rows that lanes keep. Make changed copies by `replace`, `add` and `without`.

    Attributes:
        rows: the budgets.
        spacings: the distances.
        cuts: (provider, action) pairs for which rows without a provider do not hold.
    """

    rows: tuple[Limit, ...] = ()
    spacings: tuple[Spacing, ...] = ()
    cuts: frozenset[tuple[str, str]] = frozenset()

    @staticmethod
    def recommended() -> Limits:
        """Return the figures that keep accounts of known providers safe, each with its source."""
        from .recommended import RECOMMENDED  # noqa: PLC0415 - the table needs this class

        return RECOMMENDED

    @staticmethod
    def none() -> Limits:
        """Return no limits at all: the provider's patience is then yours to know."""
        return Limits()

    def add(self, *limits: Limit | Spacing) -> Limits:
        """Return a copy in which these hold besides what it had."""
        for row in limits:
            _check_row(row, (Limit, Spacing))
        return Limits(
            rows=self.rows + tuple(row for row in limits if isinstance(row, Limit)),
            spacings=self.spacings + tuple(row for row in limits if isinstance(row, Spacing)),
            cuts=self.cuts,
        )

    def without(self, action: str, provider: str | None = None) -> Limits:
        """Return a copy in which an action has no limit, for one provider or for every one."""
        _check_action(action)
        cut = self.cuts if provider is None else self.cuts | {(provider, action)}
        spacings = tuple(
            row
            for row in self.spacings
            if row.action != action or (provider is not None and row.provider != provider)
        )
        return Limits(rows=tuple(_cut(self.rows, action, provider)), spacings=spacings, cuts=cut)

    def replace(self, *limits: Limit) -> Limits:
        """Return a copy in which these hold instead of all that their actions had.

        A row without a provider replaces the rows of every provider.
        """
        kept = self
        for row in limits:
            _check_row(row, (Limit,))
            for action in row.names:
                kept = kept.without(action, row.provider)
        return kept.add(*limits)

    def rows_for(self, provider: str | None, tier: str | None, action: str) -> tuple[Limit, ...]:
        """Return the rows that hold for an action, the strictest where something is unknown."""
        same: dict[object, list[Limit]] = {}
        for row in self.rows:
            if row.holds_for(provider, action) and not self._is_cut(row, provider, action):
                same.setdefault(row.key, []).append(row)
        chosen = (_of_tier(rows, tier) for rows in same.values())
        return tuple(row for row in chosen if row is not None)

    def rows_for_all(self, provider: str | None, tier: str | None) -> tuple[Limit, ...]:
        """Return the rows that hold for any action, each budget once, in the table's order."""
        chosen: dict[object, Limit] = {}
        for row in self.rows:
            for action in row.names:
                for held in self.rows_for(provider, tier, action):
                    chosen.setdefault(held.key, held)
        return tuple(chosen.values())

    def spacings_for(self, provider: str | None) -> tuple[Spacing, ...]:
        """Return the distances that hold for a provider; an unknown one keeps them all."""
        return tuple(
            row
            for row in self.spacings
            if provider is None or row.provider is None or row.provider == provider
        )

    def ask_provider(self, action: str) -> bool:
        """Tell whether the provider makes a difference to an action's limits."""
        return any(row.provider is not None and action in row.names for row in self.rows) or any(
            row.provider is not None and row.action in {None, action} for row in self.spacings
        )

    def _is_cut(self, row: Limit, provider: str | None, action: str) -> bool:
        return row.provider is None and provider is not None and (provider, action) in self.cuts


def _check_row(row: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(row, kinds):
        msg = f"limits must be given as Limit('profile', 80, per='day') and the like, not {row!r}"
        raise ConfigurationError(msg)


def _cut(rows: Iterable[Limit], action: str, provider: str | None) -> Iterator[Limit]:
    """Take an action out of the rows of a provider; a shared budget keeps its other actions."""
    for row in rows:
        if action not in row.names or (provider is not None and row.provider != provider):
            yield row
            continue
        left = tuple(name for name in row.names if name != action)
        if left:
            yield msgspec.structs.replace(row, actions=left)


def _of_tier(rows: list[Limit], tier: str | None) -> Limit | None:
    """Choose among rows of one budget that differ by tier."""
    if tier is None:
        return min(rows, key=lambda row: row.amount)
    plain = None
    for row in rows:
        if row.tier == tier:
            return row
        if row.tier is None:
            plain = row if plain is None or row.amount < plain.amount else plain
    return plain
