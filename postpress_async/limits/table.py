"""The table of rows: which of them hold for an account and an action.

A budget is exact in every rolling window, not only in calendar days. Where several rows name an
action, all of them hold. A provider or a tier that is not known yet gets the strictest row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

import msgspec

from postpress_async.errors import ConfigurationError

from .hours import WorkingHours
from .rows import Limit, Spacing
from .warm_up import WarmUp
from .words import check_action, check_provider, concerns, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

Part: TypeAlias = Limit | Spacing | WarmUp | WorkingHours
_Named: TypeAlias = Limit | Spacing | WarmUp


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Hold the rows that lanes keep. Make changed copies by `replace`, `add` and `without`.

    Attributes:
        rows: the budgets.
        spacings: the distances.
        warm_ups: how amounts grow with an account's age.
        hours: when calls may go; where several hold, all of them must be open.
        cuts: (provider, action) pairs for which what holds for every provider does not hold.
    """

    rows: tuple[Limit, ...] = ()
    spacings: tuple[Spacing, ...] = ()
    warm_ups: tuple[WarmUp, ...] = ()
    hours: tuple[WorkingHours, ...] = ()
    cuts: frozenset[tuple[str, str]] = frozenset()

    @staticmethod
    def recommended() -> Limits:
        """Return the figures that keep accounts of known providers safe, each with its source."""
        from .recommended import RECOMMENDED  # noqa: PLC0415 - the table needs this class

        return RECOMMENDED

    @staticmethod
    def human(*, tz: str, hours: str = "09:00-18:00", days: str = "mon-fri") -> Limits:
        """Return the recommended figures with the pace of a person.

        Besides: on LinkedIn 30 to 90 s between two actions and 2 to 5 minutes between two
        invitations, a warm-up of three weeks for every account, and working hours in `tz`.

        Raises:
            ConfigurationError: the zone, the hours or the days cannot be read.
        """
        from .recommended import human  # noqa: PLC0415 - the table needs this class

        return human(tz, hours, days)

    @staticmethod
    def none() -> Limits:
        """Return no limits at all: the provider's patience is then yours to know."""
        return Limits()

    @staticmethod
    def load(path: str | PathLike[str]) -> Limits:
        """Read a file that ends in .toml or .json; the guide «Limits in files» tells its words.

        Reads at once, so call it before the client's loop has work to do.

        Raises:
            ConfigurationError: the file cannot be read, or something in it cannot work; the text
                names the file, the line and what to write instead.
        """
        from .loading import load  # noqa: PLC0415 - whoever has no file does not pay for it

        return load(path)

    @staticmethod
    def loads(text: str, *, format: Literal["toml", "json"] = "toml") -> Limits:
        """Read a text as `load` reads a file.

        Examples:
            >>> str(Limits.loads('limit = [{actions = "profile", amount = 5}]').rows[-1])
            '5 profile per day'
        """
        from .loading import loads  # noqa: PLC0415 - as above

        return loads(text, format=format, name="limits")

    def add(self, *limits: Part) -> Limits:
        """Return a copy in which these hold besides what it had."""
        for row in limits:
            _check_row(row, (Limit, Spacing, WarmUp, WorkingHours))
        named = [row for row in limits if not isinstance(row, WorkingHours)]
        named = [each for row in named for each in (row, *self._for_cut_providers(row))]
        return msgspec.structs.replace(
            self,
            rows=self.rows + tuple(row for row in named if isinstance(row, Limit)),
            spacings=self.spacings + tuple(row for row in named if isinstance(row, Spacing)),
            warm_ups=self.warm_ups + tuple(row for row in named if isinstance(row, WarmUp)),
            hours=self.hours + tuple(row for row in limits if isinstance(row, WorkingHours)),
        )

    def without(self, action: str, provider: str | None = None) -> Limits:
        """Return a copy in which an action has no limit, for one provider or for every one.

        What concerns all that an account does stays: working hours, and spacings and warm-ups
        without an action.
        """
        check_action(action)
        if provider is not None:
            check_provider("provider", provider)
        cut = self.cuts if provider is None else self.cuts | {(provider, action)}
        spacings = (
            row
            for row in self.spacings
            if row.action != action or (provider is not None and row.provider != provider)
        )
        return msgspec.structs.replace(
            self,
            rows=tuple(_cut(self.rows, action, provider)),
            spacings=tuple(spacings),
            warm_ups=tuple(_cut(self.warm_ups, action, provider)),
            cuts=cut,
        )

    def replace(self, *limits: Limit) -> Limits:
        """Return a copy in which these hold instead of all that their actions had.

        A row without a provider replaces the rows of every provider. Spacings and warm-ups that
        name the action go too; add them again where they should stay.
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
            if concerns(row.provider, provider)
            and (row.action is None or not self._is_cut(row, provider, row.action))
        )

    def warm_ups_for(self, provider: str | None, action: str) -> tuple[WarmUp, ...]:
        """Return the warm-ups of an action: the smallest factor holds; unknown providers: all."""
        return tuple(
            row
            for row in self.warm_ups
            if row.holds_for(provider, action)
            and (row.actions is None or not self._is_cut(row, provider, action))
        )

    def hours_for(self, provider: str | None) -> tuple[WorkingHours, ...]:
        """Return the hours of a provider, which must all be open; an unknown one keeps them all."""
        return tuple(row for row in self.hours if row.holds_for(provider))

    def ask_provider(self, action: str) -> bool:
        """Tell whether the provider makes a difference to what holds for an action."""
        told: list[_Named | WorkingHours] = [row for row in self.rows if action in row.names]
        told += [row for row in self.spacings if row.action in {None, action}]
        told += [row for row in self.warm_ups if row.holds_for(None, action)]
        told += self.hours
        return action != "read" and any(row.provider is not None for row in told)

    def _is_cut(self, row: _Named, provider: str | None, action: str) -> bool:
        return row.provider is None and provider is not None and (provider, action) in self.cuts

    def _for_cut_providers(self, row: _Named) -> Iterator[_Named]:
        """Yield a new row once more for each provider for which rows of all of them are cut."""
        if row.provider is None:
            for provider in sorted({cut for cut, action in self.cuts if action in _names(row)}):
                yield msgspec.structs.replace(row, provider=provider)


def _names(row: _Named) -> tuple[str, ...]:
    if isinstance(row, Spacing):
        return () if row.action is None else (row.action,)
    return () if row.actions is None else names_of(row.actions)


def _check_row(row: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(row, kinds):
        msg = f"limits must be given as Limit('profile', 80, per='day') and the like, not {row!r}"
        raise ConfigurationError(msg)


_Row = TypeVar("_Row", Limit, WarmUp)


def _cut(rows: Iterable[_Row], action: str, provider: str | None) -> Iterator[_Row]:
    """Take an action out of the rows of a provider; a shared budget keeps its other actions."""
    for row in rows:
        names = _names(row)
        if action not in names or (provider is not None and row.provider != provider):
            yield row
            continue
        left = tuple(name for name in names if name != action)
        if left:
            yield msgspec.structs.replace(row, actions=left)


def _of_tier(rows: list[Limit], tier: str | None) -> Limit | None:
    """Choose among rows of one budget that differ by tier; what a tier has of its own comes first.

    Several that are left all hold: they become one with the strictest of each field.
    """
    own = rows if tier is None else [row for row in rows if row.tier == tier]
    held = own or [row for row in rows if row.tier is None]
    if not held:
        return None
    free = min(row.amount - row.keep for row in held)
    bursts = [row.burst for row in held if row.burst is not None]
    strictest = min(held, key=lambda row: (row.amount, row.tier or "", row.source, str(row.per)))
    keep, burst = strictest.amount - free, min(bursts, default=None)
    if (keep, burst) == (strictest.keep, strictest.burst):
        return strictest
    return msgspec.structs.replace(strictest, keep=keep, burst=burst)
