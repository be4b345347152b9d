"""The time that lanes, back-off and stores live by, as a value that can be handed in."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellable(Protocol):
    """Be what `call_at` returns."""

    def cancel(self) -> None:
        """Call the timer off."""


class Clock(Protocol):
    """Tell the time and wait for it. A sandbox's clock moves by hand; without one it is real."""

    def time(self) -> float:
        """Return seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...

    def call_at(self, when: float, f: Callable[[], None], /) -> Cancellable:
        """Call `f` at an instant of `monotonic()`, never before it."""
        ...


class LoopClock:
    """Read the event loop's own time, so that a virtual loop moves it. One for each client."""

    __slots__ = ("_now",)

    def __init__(self) -> None:
        self._now: Callable[[], float] = self._first

    def _first(self) -> float:
        self._now = asyncio.get_running_loop().time  # bound once: every call asks several times
        return self._now()

    def monotonic(self) -> float:
        """Return the running loop's time."""
        return self._now()

    def time(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float, /) -> None:
        """Wait in the running loop."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, f: Callable[[], None], /) -> Cancellable:
        """Set a timer of the running loop."""
        return asyncio.get_running_loop().call_at(when, f)
