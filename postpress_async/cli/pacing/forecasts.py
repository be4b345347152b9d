"""What holds an account back, and what several actions would take."""

from __future__ import annotations

import math
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
from postpress_async.cli.statuses import step_for
from postpress_async.cli.wording import as_commands
from postpress_async.scheduler.blockers import Blocker

from . import bars, times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postpress_async.models import Account
    from postpress_async.scheduler.planning import Estimate, Plan

_DAYS: Final = 31  # shown to people; programs get all of them
_DAY: Final = 86_400
_KIND: Final = 13


def by_service(account: Account | None) -> Iterator[Blocker]:
    """Yield what the service itself says of an account that is not in order."""
    if account is not None and not account.is_ok:
        yield Blocker(
            kind="credentials" if account.status == "CREDENTIALS" else "service",
            until=None,
            limit=None,
            reason=f"the service says of the account: {account.status}",
            next_step=step_for(account.status),
        )


def print_blockers(blockers: list[Blocker], *, as_json: bool) -> None:
    """Print what holds an account back, each with its end and the next step."""
    blockers = [
        msgspec.structs.replace(one, next_step=as_commands(one.next_step)) for one in blockers
    ]
    if as_json:
        for one in blockers:
            print_json({**msgspec.structs.asdict(one), "until": times.stamp(one.until)})
        return
    if not blockers:
        print_out("nothing holds it back")
    for one in blockers:
        grid = Table.grid()
        grid.add_column(width=_KIND, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(one.kind, "yellow"), cell(one.reason))
        grid.add_row("  until", _end(one))
        grid.add_row("  next", cell(one.next_step))
        print_out(grid)


def _end(one: Blocker) -> str:
    if one.until is not None:
        return times.until(one.until, time.time())
    return "somebody resumes it" if one.kind == "paused" else "nobody knows"


def print_estimate(
    account_id: str, action: str, count: int, found: Estimate, *, as_json: bool
) -> None:
    """Print how long it takes at the least."""
    never = found.seconds == math.inf
    at = None if never else time.time() + found.seconds
    if as_json:
        told = {"account_id": account_id, "action": action, "count": count}
        seconds = None if never else round(found.seconds, 3)
        print_json({**told, "seconds": seconds, "at": times.stamp(at), "limit": found.limit})
        return
    facts: list[tuple[str, object]] = [("what", f"{count:,} {action}")]
    if at is None:
        facts.append(("takes", "for ever: it would never go"))
    elif found.seconds <= 0:
        facts.append(("takes", "no waiting: it may go now"))
    else:
        facts += [("takes", f"at least {times.length(found.seconds)}"), ("until", times.local(at))]
    print_facts([*facts, ("limit", found.limit)])


def as_line(plan: Plan) -> dict[str, object]:
    """Return a plan for programs."""
    actions = [
        {
            **msgspec.structs.asdict(one),
            "first_at": times.stamp(one.first_at),
            "last_at": times.stamp(one.last_at),
        }
        for one in plan.actions
    ]
    seconds = None if plan.seconds == math.inf else round(plan.seconds, 3)
    return {**msgspec.structs.asdict(plan), "seconds": seconds, "actions": actions}


def print_plan(plan: Plan, *, as_json: bool) -> None:
    """Print when each action is done at the earliest, and how many go on each day."""
    if as_json:
        print_json(as_line(plan))
        return
    now = time.time()
    print_either(
        ("ACTION", "COUNT", "FIRST", "LAST", "LIMIT"),
        [
            (one.action, f"{one.count:,}", _when(one.first_at), _when(one.last_at), one.limit)
            for one in plan.actions
        ],
    )
    if plan.days:
        print_out("")
        _print_days(plan, now)


def _when(at: float | None) -> str:
    return "never" if at is None else times.local(at)


def _print_days(plan: Plan, now: float) -> None:
    names = [one.action for one in plan.actions]
    most = max(sum(day.values()) for day in plan.days)
    wide, ascii_only = not is_narrow(), console().options.ascii_only
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3 if wide else 1, 0, 0))
    table.add_column("DAY", no_wrap=True)
    if wide:
        table.add_column("FROM", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("")
    for number, day in enumerate(plan.days[:_DAYS]):
        shown = [Text(str(number + 1))]
        shown += [Text(times.local(now + number * _DAY))] if wide else []
        shown += [Text(f"{day.get(name, 0):,}" if name in day else "-") for name in names]
        width = 30 if wide else 8
        table.add_row(
            *shown, bars.column(sum(day.values()), most, width=width, ascii_only=ascii_only)
        )
    print_out(table)
    rest = len(plan.days) - _DAYS
    if rest > 0:
        print_out(f"and {rest:,} more {'day' if rest == 1 else 'days'}; --json has all of them")
