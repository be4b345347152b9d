"""A worker in the foreground: signals, progress on a terminal, and what it came to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from postpress_async.cli.exits import Exit
from postpress_async.cli.output import console, print_facts, print_json
from postpress_async.errors import StateUnavailableError
from postpress_async.outbox import all_of, stop_on_reply
from postpress_async.scheduler.looking import Knows
from postpress_async.storage.opening import open_images

from .blocked import Blocked
from .shown import as_line
from .warned import warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from postpress_async.client import Postpress
    from postpress_async.outbox import Guard, Item, ItemChanges, Outbox

_OVER = ("sent", "failed", "cancelled", "expired")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ANYBODY = "anybody"
_log = logging.getLogger("postpress_async.cli")


async def work(
    outbox: Outbox,
    *,
    state: str,
    until_empty: bool,
    concurrency: int,
    accounts: Sequence[str] | None,
    text: bool,
    as_json: bool,
) -> Exit:
    """Run a worker until it is told to stop, or has nothing left; return the exit code.

    The first signal ends it gracefully: nothing more is begun, and what is under way gets its
    bounded time. A second one cuts that short; what may have gone then stays marked. What the
    package warns of is shown on stderr as it comes.

    Args:
        outbox: the outbox.
        state: where counts live.
        until_empty: whether to end when nothing is left.
        concurrency: items under way at once.
        accounts: only from these.
        text: whether lines of JSON tell what items say.
        as_json: whether to print such lines.

    Raises:
        ConfigurationError: the store of counts refuses, or is none; told before the first item.
    """
    stop, got = asyncio.Event(), list[int]()
    seen: Counter[str] = Counter()
    with _progress() as tell, warned(as_json=as_json), _signals(stop, got):

        def heard(item: Item) -> None:
            seen["decide" if item.needs_decision else item.state] += 1
            tell(seen)
            if as_json:
                print_json(as_line(item, text=text))

        listening = asyncio.create_task(_listen(outbox.changes(here=True), heard))
        try:
            await _look(state, stop)
            await outbox.run(
                until_empty=until_empty, concurrency=concurrency, stop=stop, accounts=accounts
            )
            await asyncio.sleep(0)  # whatever was told last is heard
        except asyncio.CancelledError:
            if len(got) <= 1:
                raise  # not by a second signal
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    left: dict[str, int] = {
        state: n for state, n in (await outbox.counts()).items() if state not in _OVER
    }
    _summary(seen, left, as_json=as_json)
    return _code(seen, got)


def guard_of(*, blocked: Path | None, stop_replied: bool) -> Callable[[Postpress], Guard | None]:
    """Return what makes the guard that options ask for, once there is a client.

    Raises:
        ConfigurationError: the file of names cannot be read, or has none.
    """
    listed = None if blocked is None else Blocked(blocked)

    def made(client: Postpress) -> Guard | None:
        guards: list[Guard] = []
        if listed is not None:
            guards.append(listed.guard(client))
        if stop_replied:
            guards.append(stop_on_reply(client))
        return all_of(*guards) if guards else None

    return made


def _code(seen: Counter[str], got: Sequence[int]) -> Exit:
    if seen["decide"]:
        return Exit.UNKNOWN
    if signal.SIGINT in got:
        return Exit.INTERRUPTED
    return Exit.REFUSED if seen["failed"] else Exit.DONE


def _summary(seen: Counter[str], left: Mapping[str, int], *, as_json: bool) -> None:
    told = {name: seen[name] for name in _OVER if seen[name] or name == "sent"}
    if as_json:
        print_json({**{name: seen[name] for name in _OVER}, "left": left})
        return
    waiting = ", ".join(f"{n:,} {state}" for state, n in left.items())
    print_facts([*((name, f"{n:,}") for name, n in told.items()), ("left", waiting or "nothing")])


async def _look(state: str, stop: asyncio.Event) -> None:
    """Ask the store of counts once, for an outbox may be empty for days; one that is away is told.

    No account's counts are touched. The outbox itself is asked by the worker, which waits for it
    and says so.
    """
    async with contextlib.aclosing(open_images(state)) as images:
        asked = asyncio.create_task(images.step(Knows(_ANYBODY)))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                await asked
        except StateUnavailableError as error:
            _log.warning("the store of counts is away, and items wait: %s", error)
        finally:
            asked.cancel()
            stopped.cancel()
            await asyncio.wait({asked, stopped})


async def _listen(changes: ItemChanges, heard: Callable[[Item], None]) -> None:
    async for item in changes:
        heard(item)


@contextlib.contextmanager
def _signals(stop: asyncio.Event, got: list[int]) -> Generator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def ring(number: int) -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        got.append(number)
        stop.set()

    with contextlib.ExitStack() as undone:
        for one in _SIGNALS:
            try:
                loop.add_signal_handler(one, ring, one)
                undone.callback(loop.remove_signal_handler, one)
            except NotImplementedError:  # Windows
                before = signal.signal(one, lambda n, _: loop.call_soon_threadsafe(ring, n))
                undone.callback(signal.signal, one, before)
        yield


@contextlib.contextmanager
def _progress() -> Generator[Callable[[Counter[str]], None]]:
    """Show what was done so far, for as long as the block lasts and only on a terminal."""
    stderr = console(stderr=True)
    if not stderr.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as shown:
        task = shown.add_task("working", total=None)

        def tell(seen: Counter[str]) -> None:
            names = [name for name in ("sent", "failed", "unknown", "decide") if seen[name]]
            words = ", ".join(f"{seen[name]:,} {name}" for name in names)
            shown.update(task, description=words or "working")

        yield tell
