"""Rules: the limits that hold for one kind of account, made ready for lanes once.

Thousands of lanes share the rules of their provider and tier; what a lane has counted is its own.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.limits import warmed

if TYPE_CHECKING:
    from postpress_async.limits import Limit, Limits, Spacing, WarmUp, WorkingHours

READ: Final = "read"


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """Hold one limit as its windows need it.

    Attributes:
        key: which ring of instants it counts in.
        amount, per: at most so many in so many seconds.
        room: how many of them are for anybody; the rest is kept for replies.
        burst: how many may go at once, None where they are not smoothed.
        shared: whether all accounts count in it together.
        name: the limit in words.
        warm_ups: what lowers the amount while the account is new.
        window_key: what makes two caps the same window, whatever their amounts.
    """

    key: tuple[object, ...]
    amount: int
    per: float
    room: int
    burst: int | None
    shared: bool
    name: str
    warm_ups: tuple[WarmUp, ...] = ()
    window_key: str = ""

    def amounts(self, age: float) -> tuple[int, int]:
        """Return the amount at an account's age, and how much of it is for anybody."""
        if not self.warm_ups:
            return self.amount, self.room
        factor = min(warm_up.factor(age) for warm_up in self.warm_ups)
        amount = warmed(self.amount, factor)
        return amount, max(amount - int((self.amount - self.room) * factor), 0)


class ActionRules(msgspec.Struct, frozen=True, kw_only=True):
    """Hold what one action of an account must keep.

    Attributes:
        action: which.
        gated: whether the lane's gate concerns it: all but `read`.
        depends: whether the provider makes a difference to it.
        caps: its windows.
        spacing: the distance within this action.
    """

    action: str
    gated: bool
    depends: bool
    caps: tuple[Cap, ...] = ()
    spacing: Spacing | None = None


class Rules:
    """Answer what holds for accounts of one provider and tier, under one table of limits.

    Attributes:
        limits, provider, tier: what they were made of.
        spacing: the distance between any two actions but `read`.
        hours: when anything but `read` may go.
        warming: whether any amount depends on the account's age.
    """

    __slots__ = (
        "_actions", "_caps", "_longest", "_shortest", "hours", "limits", "provider", "spacing",
        "tier", "warming",
    )  # fmt: skip

    def __init__(self, limits: Limits, provider: str | None, tier: str | None) -> None:
        self.limits: Limits = limits
        self.provider: str | None = provider
        self.tier: str | None = tier
        self.spacing: Spacing | None = self._spacing(None)
        self.hours: tuple[WorkingHours, ...] = limits.hours_for(provider)
        self.warming: bool = bool(limits.warm_ups)
        self._actions: dict[str, ActionRules] = {}
        self._caps: tuple[Cap, ...] | None = None
        self._longest: float | None = None
        self._shortest: float | None = None

    def of(self, action: str) -> ActionRules:
        """Return an action's rules, made once."""
        rules = self._actions.get(action)
        if rules is None:
            rules = self._actions[action] = self._made(action)
        return rules

    def all_caps(self) -> tuple[Cap, ...]:
        """Return each cap that holds for any action, once, in the table's order."""
        if self._caps is None:
            self._caps = self._all_caps()
        return self._caps

    @property
    def longest(self) -> float:
        """The seconds of the longest window; 0 where there is none."""
        if self._longest is None:
            self._longest = max((cap.per for cap in self.all_caps()), default=0.0)
        return self._longest

    @property
    def shortest(self) -> float:
        """The seconds of the shortest window; inf where there is none."""
        if self._shortest is None:
            self._shortest = min((cap.per for cap in self.all_caps()), default=inf)
        return self._shortest

    def _all_caps(self) -> tuple[Cap, ...]:
        caps: dict[object, Cap] = {}
        for row in self.limits.rows_for_all(self.provider, self.tier):
            for action in row.names:
                for cap in self.of(action).caps:
                    caps.setdefault(cap.window_key, cap)
        return tuple(caps.values())

    def _made(self, action: str) -> ActionRules:
        if action == READ:
            return ActionRules(action=action, gated=False, depends=False)
        limits = self.limits
        return ActionRules(
            action=action,
            gated=True,
            depends=limits.ask_provider(action),
            caps=tuple(
                _cap(row, limits.warm_ups_for(self.provider, action))
                for row in limits.rows_for(self.provider, self.tier, action)
            ),
            spacing=self._spacing(action),
        )

    def _spacing(self, action: str | None) -> Spacing | None:
        """Return the widest distance that holds; while the provider is unknown, of any."""
        rows = [row for row in self.limits.spacings_for(self.provider) if row.action == action]
        return max(rows, key=lambda row: (row.least, row.most), default=None)


def _cap(row: Limit, warm_ups: tuple[WarmUp, ...]) -> Cap:
    ages = "".join(f" {one.start:g} {one.steady:g} {one.quiet:g} {one.days:g}" for one in warm_ups)
    return Cap(
        key=(row.provider, row.names, row.scope),
        amount=row.amount,
        per=row.seconds,
        room=row.amount - row.keep,
        burst=row.burst,
        shared=row.scope == "key",
        name=str(row),
        warm_ups=warm_ups,
        window_key=f"{row.provider} {'+'.join(row.names)} {row.scope} {row.seconds:g}{ages}",
    )
