"""`postpress doctor`."""

# Annotations are read at run time: no `from __future__ import annotations` here.
import os
from typing import Final

import msgspec
from rich.table import Table
from rich.text import Text

from postpress_async.cli.checks import Check, examine
from postpress_async.cli.exits import Exit
from postpress_async.cli.options import STATE, AsJson, BaseUrl, State
from postpress_async.cli.output import cell, print_json, print_out
from postpress_async.cli.plain import plain
from postpress_async.cli.sends.opened import OUTBOX, Where

_STYLES: Final = {"ok": "green", "note": "cyan", "warn": "yellow", "fail": "bold red"}
_INDENT: Final = 16


async def doctor(
    *,
    as_json: AsJson = False,
    base_url: BaseUrl = None,
    state: State = None,
    outbox: Where = None,
) -> int:
    """Check this machine, both stores, the key, the network, the service and the accounts.

    Exit code 2 where the configuration cannot work, 1 where the network, a server, its disk or
    memory, or the service does not. A store is looked at where it is named; a file that is not
    there is not made.

    Args:
        as_json: one JSON object a check.
        base_url: where the service is.
        state: where counts live.
        outbox: where the outbox is.
    """
    code = Exit.DONE
    counts, items = state or os.environ.get(STATE), outbox or os.environ.get(OUTBOX)
    async for check in examine(base_url, counts or None, items or None):
        show(check, as_json=as_json)
        if check.state == "fail":
            code = max(code, Exit.USAGE if check.yours else Exit.REFUSED)
    return code


def show(check: Check, *, as_json: bool) -> None:
    """Print one check."""
    if as_json:
        told = msgspec.structs.asdict(check)
        del told["yours"]  # it only chooses the exit code
        print_json(told)
        return
    state = Text(f"{check.state:<6}", _STYLES[check.state])
    grid = Table.grid()
    grid.add_column(width=_INDENT)
    grid.add_column(overflow="fold")
    name, _, part = check.check.partition(".")
    detail = f"{part.replace('_', ' ')}: {check.detail}" if part else check.detail
    grid.add_row(state + Text(f"{name:<10}", "dim"), cell(detail))
    if check.next_step:
        grid.add_row("", Text(f"next: {plain(check.next_step)}"))
    print_out(grid)
