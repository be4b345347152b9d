"""The rows of a table of limits: those that hold for a provider and a tier, or all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

import msgspec

from postpress_async.cli.output import print_either, print_json, print_out
from postpress_async.limits import ACTIONS
from postpress_async.limits.words import Tier, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.limits import Limit, Limits, Spacing, WarmUp, WorkingHours

_TIERS: Final[tuple[str, ...]] = get_args(Tier)
_HEAD: Final = ("PROVIDER", "ACTIONS", "AT MOST", "TIER", "KEPT", "AT ONCE", "FOR", "SOURCE")


class Rows(msgspec.Struct, frozen=True):
    """Hold what holds for a provider and a tier; for None, of all of them.

    Attributes:
        limits: the budgets, in the table's order.
        spacings, warm_ups, hours: what else holds.
        cuts: (provider, action) pairs for which the rows of every provider do not hold.
    """

    limits: tuple[Limit, ...]
    spacings: tuple[Spacing, ...]
    warm_ups: tuple[WarmUp, ...]
    hours: tuple[WorkingHours, ...]
    cuts: tuple[tuple[str, str], ...]


def rows_of(limits: Limits, provider: str | None, tier: str | None) -> Rows:
    """Choose the rows."""
    tiers = _TIERS if tier is None else (tier,)
    held = dict.fromkeys(row for one in tiers for row in limits.rows_for_all(provider, one))
    places = {row: place for place, row in reversed(list(enumerate(limits.rows)))}
    warming = {row for action in ACTIONS for row in limits.warm_ups_for(provider, action)}
    return Rows(
        tuple(sorted(held, key=lambda row: places.get(row, len(places)))),
        limits.spacings_for(provider),
        tuple(row for row in limits.warm_ups if row in warming),
        limits.hours_for(provider),
        tuple(sorted(limits.cuts)) if provider is None else (),
    )


def print_table(rows: Rows, *, as_json: bool) -> None:
    """Print rows: a table for each kind, or a line for each row."""
    if as_json:
        for line in _lines(rows):
            print_json(line)
        return
    sections = [_limits(rows), _spacings(rows), _warm_ups(rows), _hours(rows), _cuts(rows)]
    told = [section for section in sections if section[1]]
    for number, (head, body) in enumerate(told):
        if number:
            print_out("")
        print_either(head, body)
    if not told:
        print_out("no limits: the provider's patience is yours to know")


_Section = tuple[tuple[str, ...], list[tuple[object, ...]]]


def _limits(rows: Rows) -> _Section:
    return _HEAD, [
        (
            row.provider or "any",
            ", ".join(row.names),
            f"{row.amount:,} / {_window(row)}",
            row.tier,
            row.keep or None,
            row.burst,
            "all accounts together" if row.scope == "key" else None,
            row.source,
        )
        for row in rows.limits
    ]


def _window(row: Limit) -> str:
    return row.per if isinstance(row.per, str) else f"{row.per:g} s"


def _spacings(rows: Rows) -> _Section:
    return ("PROVIDER", "ACTIONS", "SPACING", "SOURCE"), [
        (
            row.provider or "any",
            row.action or "all but read",
            f"{row.least:g}-{row.most:g} s apart",
            row.source,
        )
        for row in rows.spacings
    ]


def _warm_ups(rows: Rows) -> _Section:
    return ("PROVIDER", "ACTIONS", "WARM-UP", "SOURCE"), [
        (
            row.provider or "any",
            "all but read" if row.actions is None else ", ".join(names_of(row.actions)),
            "".join(_growth(row)),
            row.source,
        )
        for row in rows.warm_ups
    ]


def _growth(row: WarmUp) -> Iterator[str]:
    if row.quiet:
        yield f"none until day {row.quiet:g}, "
    yield f"{row.start:.0%}"
    yield f" until day {row.steady:g}" if row.steady else " at first"
    yield f", all from day {row.days:g}"


def _hours(rows: Rows) -> _Section:
    return ("PROVIDER", "WORKING HOURS", "DAYS", "ZONE"), [
        (row.provider or "any", row.hours, row.days, row.tz) for row in rows.hours
    ]


def _cuts(rows: Rows) -> _Section:
    return ("PROVIDER", "NOT HELD BY ROWS OF ANY PROVIDER"), list(rows.cuts)


def _lines(rows: Rows) -> Iterator[dict[str, object]]:
    for limit in rows.limits:
        told = msgspec.structs.asdict(limit) | {"actions": limit.names, "seconds": limit.seconds}
        yield {"kind": "limit", **told}
    for spacing in rows.spacings:
        yield {"kind": "spacing", **msgspec.structs.asdict(spacing)}
    for warm_up in rows.warm_ups:
        names = None if warm_up.actions is None else names_of(warm_up.actions)
        yield {"kind": "warm_up", **msgspec.structs.asdict(warm_up), "actions": names}
    for hours in rows.hours:
        yield {"kind": "working_hours", **msgspec.structs.asdict(hours)}
    for provider, action in rows.cuts:
        yield {"kind": "cut", "provider": provider, "action": action}
