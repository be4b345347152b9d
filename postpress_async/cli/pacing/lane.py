"""How an account stands: its limits as bars, and what holds it back as a whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
from rich.table import Table
from rich.text import Text

from postpress_async.cli.output import (
    cell,
    console,
    is_narrow,
    print_either,
    print_facts,
    print_json,
    print_out,
)

from . import bars, times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from postpress_async.limits import Limits
    from postpress_async.models import Account
    from postpress_async.scheduler.snapshot import LaneSnapshot, LimitUse

_WIDTH: Final = 20


def print_lane(lane: LaneSnapshot, limits: Limits, account: Account | None) -> None:
    """Print an account's state, and below it each limit with what is used and left."""
    print_facts(_facts(lane, account))
    if not lane.limits:
        print_out("no limit holds for it")
        return
    print_out("")
    full = {str(row): row.amount for row in limits.rows_for_all(lane.provider, lane.tier)}
    ascii_only = console().options.ascii_only
    if is_narrow():
        for use in lane.limits:
            print_out(cell(use.limit))
            print_out(Text.assemble("  ", _bar(use, ascii_only=ascii_only)))
            print_out(f"  {_words(use, full)}")
        return
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(overflow="fold")
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for use in lane.limits:
        grid.add_row(cell(use.limit), _bar(use, ascii_only=ascii_only), Text(_words(use, full)))
    print_out(grid)


def as_line(lane: LaneSnapshot, account: Account | None) -> dict[str, object]:
    """Return an account's state for programs; what the service would say is None, if not asked."""
    status = None if account is None else account.status
    connected_at = None if account is None else account.created_at
    return {**_told(lane), "status": status, "connected_at": connected_at}


def _told(lane: LaneSnapshot) -> dict[str, object]:
    """Return a lane's fields, its instants as JSON tells them."""
    ends = {action: times.stamp(at) for action, at in lane.closed_actions_until.items()}
    return {
        **msgspec.structs.asdict(lane),
        "cooling_until": times.stamp(lane.cooling_until),
        "paused_until": times.stamp(lane.paused_until),
        "closed_actions_until": ends,
    }


def print_lanes(lanes: Iterable[LaneSnapshot], *, as_json: bool) -> None:
    """Print the state of several accounts, a line each."""
    if as_json:
        for lane in lanes:
            print_json(_told(lane))
        return
    rows = [
        (lane.account_id, lane.provider, _state(lane), _closed(lane))
        for lane in lanes
        if lane.account_id is not None
    ]
    if rows:
        print_either(("ACCOUNT", "PROVIDER", "STATE", "CLOSED ACTIONS"), rows)


def _bar(use: LimitUse, *, ascii_only: bool) -> Text:
    return bars.bar(use.used, use.amount, width=_WIDTH, ascii_only=ascii_only)


def _words(use: LimitUse, full: Mapping[str, int]) -> str:
    words = f"{use.used:,} of {use.amount:,} used, {use.left:,} left"
    amount = full.get(use.limit, use.amount)
    return words if amount == use.amount else f"{words} (now {use.amount:,} instead of {amount:,})"


def _facts(lane: LaneSnapshot, account: Account | None) -> Iterator[tuple[str, object]]:
    yield "account", lane.account_id
    if account is not None:
        yield "name", account.name
        yield "status", account.status
        yield "connected", (account.created_at or "")[:10] or "unknown: counts as new"
    yield "provider", lane.provider
    yield "tier", lane.tier
    yield "state", _state(lane)
    yield "closed", _closed(lane)
    if lane.rate is not None:
        yield "rate", f"{lane.rate:.3g} calls a second, as refusals taught"
    yield "in flight", lane.in_flight or None
    yield "waiting", ", ".join(f"{count} {action}" for action, count in lane.queued.items())
    for warning in lane.warnings:
        yield "warning", warning


def _state(lane: LaneSnapshot) -> str:
    if lane.paused is not None:
        return f"closed{_till(lane.paused_until)}: {lane.paused}"
    if lane.cooling_until is not None:
        return f"cools down until {times.until(lane.cooling_until, time.time())}"
    return "open"


def _closed(lane: LaneSnapshot) -> str:
    ends = lane.closed_actions_until
    return "; ".join(
        f"{action}{_till(ends.get(action))}: {reason}"
        for action, reason in lane.closed_actions.items()
    )


def _till(end: float | None) -> str:
    return "" if end is None else f" until {times.until(end, time.time())}"
