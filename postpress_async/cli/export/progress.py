"""How far an export is: on stderr, and only where that is a terminal."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from postpress_async.cli.output import console
from postpress_async.cli.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .wanted import Wanted


@contextlib.contextmanager
def progress(wanted: Wanted) -> Generator[Callable[[int], None]]:
    """Show how many rows are written for as long as the block lasts; nobody knows of how many."""
    stderr = console(stderr=True)
    if not stderr.is_terminal:
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.completed:,} messages to {task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as shown:
        task = shown.add_task(plain(wanted.to), total=None)
        yield lambda rows: shown.update(task, completed=rows)
