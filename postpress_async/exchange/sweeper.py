"""One timer for all calls in flight: bounds each by its `Timeout`, at most 0.25 s late.

A timer for every request is the largest cost that can be taken away from aiohttp; its `total` and
`sock_read` are off, and this sweeps instead.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postpress_async.options import Timeout
    from postpress_async.wire.values import Sending

EVERY: Final = 0.25


class Flight(msgspec.Struct, eq=False):
    """Be one exchange under way.

    Attributes:
        loop: where it runs.
        task: who waits for it.
        timeout: its bounds.
        started, progress: when it began, and when something moved last.
        cancelling: how often its task had been cancelled before.
        sending: whether a byte of the request may have left.
        status, headers: of the answer's head, once it came.
        spent: the bound that ran out, in words.
    """

    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[object] | None
    timeout: Timeout
    sending: Sending
    started: float
    progress: float
    cancelling: int
    spent: str | None = None
    status: int | None = None
    headers: Mapping[str, str] | None = None

    def __deepcopy__(self, _memo: object) -> Self:
        # Mocks of aiohttp keep copies of what they were asked with; a loop cannot be copied.
        return self

    def __repr__(self) -> str:
        """Show no headers: a session's own traces may log it."""
        return f"Flight(status={self.status!r}, spent={self.spent!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in colour."""
        return [("status", self.status), ("spent", self.spent)]

    def progressed(self) -> None:
        """Note that something moved."""
        self.progress = self.loop.time()

    def overdue(self, now: float) -> str | None:
        """Return the bound that has run out, in words."""
        total, read = self.timeout.total, self.timeout.read
        if total is not None and now - self.started >= total:
            return f"Timeout.total={total:g} s"
        # Before the request left, silence is the connection's, which has a bound of its own.
        if read is not None and self.sending.sent and now - self.progress >= read:
            return f"Timeout.read={read:g} s"
        return None

    def caught(self) -> bool:
        """Tell, on a cancellation, whether it is the sweeper's own; if so, take it back."""
        if self.spent is None or self.task is None:
            return False
        # Somebody else's cancellation at the same time wins: then it must go on.
        return self.task.uncancel() <= self.cancelling


class Sweeper:
    """Watch flights, with one timer that runs only while there are any."""

    __slots__ = ("_due", "_flights", "_loop", "_timer")

    def __init__(self) -> None:
        self._flights: set[Flight] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0  # when the next round should run

    def start(self, timeout: Timeout, sending: Sending) -> Flight:
        """Watch the current task's exchange."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task, now = asyncio.current_task(loop), loop.time()
        already = 0 if task is None else task.cancelling()
        flight = Flight(loop, task, timeout, sending, now, now, already)
        self._flights.add(flight)
        if self._timer is None:
            self._due = now + EVERY
            self._timer = loop.call_later(EVERY, self._sweep, loop)
        return flight

    def end(self, flight: Flight) -> None:
        """Stop watching."""
        self._flights.discard(flight)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        # A loop that stood still has answers lying in its sockets: let it read them first.
        late = now - self._due > EVERY
        self._due = now + EVERY
        for flight in () if late else self._flights:
            if flight.spent is None:
                flight.spent = flight.overdue(now)
                if flight.spent is not None and flight.task is not None:
                    flight.task.cancel()
        # One more round after the last flight: a busy client keeps its timer, an idle one has none.
        self._timer = loop.call_later(EVERY, self._sweep, loop) if self._flights else None
