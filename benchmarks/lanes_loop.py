"""A loop whose time is its own: it never sleeps, and an hour takes what its callbacks take."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

from postpress_async.limits import Limits
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from postpress_async import Limit

LONG = 1e9
"""A patience that nothing here exhausts."""


class _Leap(selectors.SelectSelector):
    """Wait by moving the loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            msg = "everybody waits for an answer that nothing will give"
            raise RuntimeError(msg)
        self.now += timeout if timeout > 0 else 0.0
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop, with such a selector: no system call is made."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.now


def run(main: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Run a coroutine on a loop of its own, from second 0 on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def scheduler(
    *rows: Limit, random: Callable[[], float] = lambda: 0.5, places: int = 100
) -> Scheduler:
    """Return the client's scheduler, on the running loop's time."""
    return Scheduler(
        Limits.none().add(*rows),
        clock=LoopClock(),
        random=random,
        max_queue=10**9,
        places=places,
    )
