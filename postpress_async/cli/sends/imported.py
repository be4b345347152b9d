"""What an import came to, would come to, or why it cannot be."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Final

import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from postpress_async.cli.output import console, print_facts, print_json, print_out
from postpress_async.cli.pacing.forecasts import as_line, print_plan
from postpress_async.cli.pacing.times import local
from postpress_async.cli.plain import plain
from postpress_async.cli.wording import as_options

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from postpress_async.outbox import Imported, ImportForecast, ImportProblem

_COUNTS: Final = ("lines", "new", "already", "forgotten")


def print_problems(problems: Sequence[ImportProblem], *, as_json: bool) -> None:
    """Print what is wrong, a line each: to stdout for programs, for people to stderr."""
    for found in problems:
        said = as_options(found.message, column=found.column)
        one = msgspec.structs.replace(found, message=said)
        if as_json:
            print_json(one)
        else:
            sys.stderr.write(f"{plain(str(one))}\n")


def print_imported(done: Imported, *, as_json: bool) -> None:
    """Print what was put in, and what the outbox did not take."""
    if as_json:
        print_json(msgspec.structs.asdict(done))
        return
    print_facts(
        (
            ("lines", f"{done.lines:,}"),
            ("queued", f"{done.queued:,}"),
            ("there already", f"{done.already:,}" if done.already else None),
            ("forgotten people", f"{done.forgotten:,}" if done.forgotten else None),
            ("refused", f"{done.refusals:,}" if done.refusals else None),
        )
    )
    print_problems(done.refused, as_json=False)


def print_preview(found: ImportForecast, *, as_json: bool) -> None:
    """Print what would be put in, and when each account could have sent it."""
    if as_json:
        refused = {"refusals": found.refusals, "refused": found.refused} if found.refusals else {}
        expiring = {"expiring": found.expiring} if found.expiring else {}
        print_json({name: getattr(found, name) for name in _COUNTS} | refused | expiring)
        for plan in found.plans:
            ahead = found.ahead.get(plan.account_id, 0)
            print_json(as_line(plan) | {"ahead": ahead})
        return
    print_facts((name, f"{getattr(found, name):,}") for name in _COUNTS)
    if found.refusals:
        print_facts((("refused", f"{found.refusals:,}"),))
        print_problems(found.refused, as_json=False)
    if found.last_not_before is not None:
        print_facts((("the last waits until", local(found.last_not_before)),))
    if found.expiring:
        print_facts((("expire before they could go", f"{found.expiring:,}, by this plan"),))
    for plan in found.plans:
        print_out("")
        ahead = found.ahead.get(plan.account_id, 0)
        waiting = f", behind {ahead:,} that wait" if ahead else ""
        print_out(f"account {plain(plan.account_id)}{waiting}: at the earliest")
        print_plan(plan, as_json=False)


@contextlib.contextmanager
def taking() -> Generator[Callable[[int, int], None] | None]:
    """Show how many lines were taken, on a terminal and for as long as the block lasts."""
    stderr = console(stderr=True)
    if not stderr.is_terminal:
        yield None
        return
    columns = (TextColumn("queueing"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=stderr, transient=True) as shown:
        task = shown.add_task("queueing", total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)
