"""One timer for all calls in flight: bounds each by its `Timeout`, at most 0.25 s late.

A timer for every request is the largest cost that can be taken away from aiohttp; its `total` and
`sock_read` are off, and this sweeps instead. Where the loop is kept busy no timer is in time; so
each piece of a body asks by itself whether it still may leave.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, Self

import msgspec

from postpress_async.machine import boot_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postpress_async.options import Timeout
    from postpress_async.wire.values import Sending

EVERY: Final = 0.25
_AT_ONCE: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""Linger on, for no time: the system forgets what it has not sent, and says so by a reset."""
_AHEAD: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS
_MOST_AHEAD: Final = 2**17


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
        spent: the bound that ran out, in words, where the sweeper has cancelled it for that.
        boots: when it began, by the clock that goes on while the machine is suspended; of writes.
        begun: whether a piece of the body was to leave; aiohttp keeps the head back until then.
        over: the bound that ran out, in words, where a piece has found that by itself.
        refused: what the last act said no with.
        wire: what the body is written to, once it is, where that is known.
        crossed: how many tries may have reached the server, where there can be several.
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
    boots: float = inf
    begun: bool = False
    over: str | None = None
    refused: BaseException | None = None
    wire: asyncio.Transport | None = None
    crossed: int = 0

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

    def piece(self) -> None:
        """Be told in the step that hands on a piece of the body; raise where it must not leave."""
        if self.refused is not None:  # somebody's middleware tries again what was refused
            raise self.refused
        first, self.begun = not self.begun, True
        try:
            self.in_time()
            if first:  # since the head was asked about, a turn of the loop or a slow file may lie
                self.sending.leaves()
        except BaseException as error:
            if first:
                self.sending.sent = False
            if self.over is None:
                self.refused = error
            raise
        self.progressed()

    def in_time(self) -> None:
        """Raise a TimeoutError where `Timeout.total` is over by either clock."""
        total = self.timeout.total
        if total is None:
            return
        if self.loop.time() - self.started >= total or boot_time() - self.boots >= total:
            self.over = f"Timeout.total={total:g} s"
            raise TimeoutError(self.over)

    def writes_to(self, wire: asyncio.Transport | None) -> None:
        """Be told where the body will be written; let the system take little of it in advance.

        What it has taken it delivers by itself, even for a process that was killed.
        """
        self.wire = wire
        if wire is not None and _AHEAD is not None:
            with suppress(Exception):  # no TCP
                sock = wire.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, _AHEAD, _MOST_AHEAD)

    def hang_up(self) -> None:
        """Throw away what was written and has not left: the system would go on sending it.

        A connection that is closed in peace delivers megabytes after the call has ended.
        """
        wire, self.wire = self.wire, None
        if wire is None or not wire.is_closing():  # answered, and by now perhaps another's
            return
        with suppress(Exception):  # a loop whose sockets have no such option
            sock = wire.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        wire.abort()

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

    __slots__ = ("_due", "_flights", "_loop", "_spared", "_timer")

    def __init__(self) -> None:
        self._flights: set[Flight] = set()
        self._spared: set[Flight] = set()  # in the last round, because that was late
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
        # A loop that stood still has answers lying in its sockets: let it read them first. But one
        # that is always late would let nothing end, so each flight is spared for one round.
        late = now - self._due > EVERY
        self._due = now + EVERY
        spared, self._spared = self._spared, set()
        for flight in self._flights:
            if flight.spent is not None or (bound := flight.overdue(now)) is None:
                continue
            if late and flight not in spared:
                self._spared.add(flight)
                continue
            flight.spent = bound
            if flight.task is not None:
                flight.task.cancel()
        # One more round after the last flight: a busy client keeps its timer, an idle one has none.
        self._timer = loop.call_later(EVERY, self._sweep, loop) if self._flights else None
