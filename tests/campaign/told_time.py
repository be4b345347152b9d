"""An event loop in which time passes only when nobody has anything to do.

It has no threads and no network to ask, and is lean: a nightly campaign turns it a billion times.
"""

import asyncio
import contextvars
import heapq
import threading
from collections import deque
from contextlib import contextmanager

MOST_TURNS = 100_000  # of a loop at one instant; a story of all takes some ten thousand


class Deadlock(RuntimeError):  # noqa: N818 - what it is called
    """Nobody is left who would ever wake; or they wake one another, and time stands still."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop whose time jumps to the next timer.

    What is due at one instant comes in the order in which it was asked for, so that a story is the
    same in each run.
    """

    def __init__(self):
        super().__init__()
        self._instant = 1_000.0
        self._soon = deque()
        self._timers = []  # a heap of (instant, number, handle)
        self._asked = 0  # timers, ever
        self._turns = 0  # of the loop, in which no time has passed

    def time(self):
        return self._instant

    def call_soon(self, callback, *args, context=None):
        handle = _Handle(self._instant, callback, args, context)
        self._soon.append(handle)
        return handle

    def call_soon_threadsafe(self, callback, *args, context=None):
        assert threading.get_ident() == self._thread_id, "a thread, in told time"
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self._instant + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        handle = _Handle(when, callback, args, context)
        self._asked += 1
        heapq.heappush(self._timers, (when, self._asked, handle))
        return handle

    async def pause(self, seconds):
        """Sleep."""
        if seconds <= 0.0:
            return await asyncio.sleep(0)
        woken = self.create_future()
        timer = self.call_later(seconds, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()

    def _run_once(self):
        soon, timers = self._soon, self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if soon or (timers and timers[0][0] <= self._instant):
            self._turns += 1
            if self._turns > MOST_TURNS:
                raise Deadlock(f"time stands still at {self._instant}")
        elif timers:
            self._instant, self._turns = timers[0][0], 0
        else:
            raise Deadlock("nobody would ever wake")
        while timers and timers[0][0] <= self._instant:
            soon.append(heapq.heappop(timers)[2])
        for _ in range(len(soon)):  # what they ask for is for the next turn
            handle = soon.popleft()
            if handle.callback is not None:
                self._call(handle)

    def _call(self, handle):
        try:
            handle.context.run(handle.callback, *handle.args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - as every loop does
            self.call_exception_handler({"message": "a callback failed", "exception": error})


class _Handle:
    __slots__ = ("_when", "args", "callback", "context")

    def __init__(self, when, callback, args, context):
        self._when = when
        self.callback, self.args = callback, args
        self.context = contextvars.copy_context() if context is None else context

    def when(self):
        return self._when

    def cancelled(self):
        return self.callback is None

    def cancel(self):
        self.callback = self.args = None


def _wake(future):
    if not future.done():
        future.set_result(None)


@contextmanager
def the_only(loop):
    """Have whoever asks for the running loop be told of this one.

    Up to Python 3.11, asyncio asks the system who runs each time: an eighth of a story's time.
    """
    known = asyncio.get_running_loop
    asyncio.get_running_loop = asyncio.events.get_running_loop = lambda: loop
    try:
        yield
    finally:
        asyncio.get_running_loop = asyncio.events.get_running_loop = known
