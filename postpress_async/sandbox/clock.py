"""Time that can be moved: real time plus an offset.

One clock serves the sandbox and whoever is handed it, in whatever event loop or thread they live.
A sleeper belongs to the loop it sleeps in; each loop keeps one queue and one real timer, so that a
move is one look at each queue.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SWEEP_FROM: Final = 256
_WAKING_TICKS: Final = 8  # a callback, the future it resolves, the task that awaits it, and so on
_MINIMUM_DELAY: Final = 0.0005  # a real timer may fire a hair early; asking again must not spin


class Timer:
    """A callback that waits for its instant."""

    __slots__ = ("_callback", "_order", "when")

    def __init__(self, when: float, order: int, callback: Callable[[], object]) -> None:
        self.when: float = when
        self._order = order
        self._callback: Callable[[], object] | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self._order) < (other.when, other._order)

    def cancel(self) -> None:
        """Call it off; also fine when it has already fired."""
        self._callback = None

    @property
    def cancelled(self) -> bool:
        """Whether it will do nothing (any more)."""
        return self._callback is None

    def fire(self) -> None:
        """Call back, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class SandboxClock:
    """A clock whose hands can be pushed forward.

    It runs on by itself like any clock; `advance` adds to that. Pass it to the client, and the
    sandbox, its hidden limits and the client's lanes agree on what time it is.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        # One source for both hands: a step of the machine's wall clock moves neither.
        self._epoch = time.time() - time.monotonic()
        self._lock = threading.Lock()
        self._count = itertools.count()
        self._queues: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = (
            weakref.WeakKeyDictionary()
        )

    def time(self) -> float:
        """Tell the seconds since 1970."""
        return self._epoch + self.monotonic()

    def monotonic(self) -> float:
        """Tell seconds that never go back; only their differences mean something."""
        return time.monotonic() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Sleep until this much time has passed on this clock, or was skipped."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_at(self.monotonic() + seconds, lambda: _wake(woken))
        try:
            await woken
        finally:
            timer.cancel()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call back in the running loop once `monotonic()` reaches `when`."""
        loop = asyncio.get_running_loop()
        with self._lock:
            queue = self._queues.get(loop)
            if queue is None:
                queue = self._queues[loop] = _Queue(self, loop)
        timer = Timer(when, next(self._count), callback)
        queue.add(timer)
        return timer

    def next_due(self) -> float | None:
        """Tell the earliest instant of `monotonic()` that the running loop waits for, if any.

        Who advances to it skips the waiting and nothing else. While somebody is just waking, that
        instant is now: what they wait for next is not known yet.
        """
        with self._lock:
            queue = self._queues.get(asyncio.get_running_loop())
        return None if queue is None else queue.next_due()

    def advance(self, seconds: float) -> None:
        """Skip time, from any thread.

        It is one jump: what became due fires in order of its instant, but sees the time after the
        jump, and a timer that sets itself again fires once.

        Raises:
            ValueError: Time does not run backwards.
        """
        if not 0 <= seconds < float("inf"):
            raise ValueError("a clock advances by a finite number of seconds, not below 0")
        with self._lock:
            self._offset += seconds
            queues = list(self._queues.values())
        for queue in queues:
            queue.poke()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Queue:
    """The timers of one event loop; touched by that loop only, `poke` apart."""

    __slots__ = ("_armed", "_clock", "_loop", "_sweep_at", "_timers", "_waking")

    def __init__(self, clock: SandboxClock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = weakref.ref(loop)
        self._timers: list[Timer] = []
        self._armed: asyncio.TimerHandle | None = None
        self._sweep_at = _SWEEP_FROM
        self._waking = 0

    def add(self, timer: Timer) -> None:
        if len(self._timers) >= self._sweep_at:
            self._sweep()
        heapq.heappush(self._timers, timer)
        if self._timers[0] is timer:
            self._arm()

    def _sweep(self) -> None:
        """Drop what was cancelled: a sleeper of an hour that was called off is not due for long."""
        self._timers = [timer for timer in self._timers if not timer.cancelled]
        heapq.heapify(self._timers)
        self._sweep_at = max(_SWEEP_FROM, 2 * len(self._timers))

    def next_due(self) -> float | None:
        if self._waking:
            return self._clock.monotonic()
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0].when if self._timers else None

    def poke(self) -> None:
        loop = self._loop()
        if loop is None or loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(self._run)
        except RuntimeError:  # closed in between: nobody is left to wake
            return

    def _run(self) -> None:
        now = self._clock.monotonic()
        due: list[Timer] = []
        while self._timers and (self._timers[0].cancelled or self._timers[0].when <= now):
            due.append(heapq.heappop(self._timers))
        self._arm()
        loop = self._loop()
        for timer in due:
            if not timer.cancelled and loop is not None:
                # each in a callback of its own: one that raises must not silence the others
                loop.call_soon(timer.fire)
        if due and loop is not None:
            self._waking += 1
            self._settle(loop, _WAKING_TICKS)

    def _settle(self, loop: asyncio.AbstractEventLoop, ticks: int) -> None:
        """Give whoever was woken a few turns of the loop to set a timer again."""
        if ticks:
            loop.call_soon(self._settle, loop, ticks - 1)
        else:
            self._waking -= 1

    def _arm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        loop = self._loop()
        if self._timers and loop is not None:
            delay = max(self._timers[0].when - self._clock.monotonic(), _MINIMUM_DELAY)
            # a loop refuses delays beyond what its selector takes; waking early is harmless
            self._armed = loop.call_later(min(delay, 86_400.0), self._run)
