"""The live picture, on stderr, and only where that is a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from postpress_async.cli.output import console

from .durations import spoken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rich.console import RenderableType

    from .play import Stage

_EVERY: Final = 0.1
_BAR: Final = 32


@contextlib.asynccontextmanager
async def screen(stage: Stage) -> AsyncGenerator[None]:
    """Draw the stage for as long as the block lasts; the picture is gone afterwards."""
    stderr = console(stderr=True)
    if not stderr.is_terminal:
        yield
        return
    start = time.monotonic()
    with Live(console=stderr, auto_refresh=False, transient=True) as live:

        async def draw() -> None:
            while True:
                live.update(picture(stage, time.monotonic() - start), refresh=True)
                await asyncio.sleep(_EVERY)

        drawing = asyncio.ensure_future(draw())
        try:
            yield
        finally:
            drawing.cancel()


def picture(stage: Stage, seconds: float) -> RenderableType:
    """Return the picture of a moment."""
    return Group(Text(), _title(stage, seconds), Text(), _bars(stage), Text(), _troubles(stage))


def _title(stage: Stage, seconds: float) -> Text:
    return Text.assemble(
        ("  A bad day at the service", "bold"),
        (
            f"   {spoken(seconds)}, on the service's clock {spoken(stage.now() - stage.begun)}",
            "dim",
        ),
    )


def _bars(stage: Stage) -> Table:
    grid = Table.grid(padding=(0, 3, 0, 0))
    grid.add_column(width=11)
    grid.add_column(width=_BAR)
    grid.add_column(justify="right")
    for provider, load in stage.plan.loads.items():
        tallies = [tally for tally in stage.tallies.values() if tally.provider == provider]
        total = stage.plan.accounts * (load.profiles + load.messages)
        done = sum(len(tally.told) + sum(tally.profiles.values()) for tally in tallies)
        bar = ProgressBar(
            total=total, completed=done, width=_BAR, complete_style="cyan", finished_style="green"
        )
        grid.add_row(Text(f"  {load.name}"), bar, Text(f"{done:,} of {total:,}", style="dim"))
    return grid


def _troubles(stage: Stage) -> Text:
    watch = stage.watch
    met = ", ".join(f"{word} {count:,}" for word, count in sorted(watch.met.items()))
    words = f"  {watch.requests:,} requests, {watch.retried:,} of them once more\n  {met}"
    return Text(words, style="dim")
