"""Processes in one loop, in told time: what they do to files, and how they die and stand still."""

import asyncio
import contextvars
from contextlib import contextmanager

from told_time import Deadlock, VirtualLoop

from postpress_async.storage.sqlite.writer import Writer

__all__ = ["Deadlock", "Killed", "Process", "ProcessClock", "VirtualLoop", "inline_files"]

STOPPED_SECONDS = 400.0  # longer than a deadline, its grace and a look-back together


class Killed(BaseException):
    """Nothing of this process happens any more."""


_within = contextvars.ContextVar("process", default=None)
_at_once = contextvars.ContextVar("at_once", default=False)


async def at_once(question):
    """Have files answer in the same step: whoever asks has its delays already."""
    token = _at_once.set(True)
    try:
        return await question
    finally:
        _at_once.reset(token)


@contextmanager
def inline_files():
    """Let SQLite files work in the loop's own thread: the same transactions in the same order.

    A file is its process's: it dies, and stands still, with it.
    """
    made, asked = Writer.__init__, Writer.ask

    def make(self, handle, **options):
        made(self, handle, **options)
        self.process = _within.get()

    def ask(self, job):
        process = self.process or _within.get()
        if process is None or _at_once.get():
            if process is not None and process.dead:
                raise Killed
            self._transact([job])
            job.tell()
        else:
            process.when_running(lambda: process.carry_out(self, job))

    Writer.__init__, Writer.ask = make, ask
    try:
        yield
    finally:
        Writer.__init__, Writer.ask = made, asked


class Process:
    """What runs together, and is killed, stopped and woken together.

    Attributes:
        steps: how often it touched the world: a step of a store or of a request begun or ended.
        fate: what happens to it at which step: `("kill", 17)` or `("stop", 17)`.
        met: set when its fate has come.
    """

    def __init__(self, name, rng, fate=None):
        self.name = name
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self.fate = fate
        self.steps = 0
        self.met = asyncio.Event()
        self.dead = False
        self.until = 0.0
        self.tasks = {}  # in the order of their start: a set's own is another in each run

    def start(self, work):
        """Run a coroutine, and all that it starts, inside of this process."""
        context = contextvars.copy_context()
        context.run(_within.set, self)
        return self._loop.create_task(work, context=context)

    def kill(self):
        """End it: nothing of it reaches anything outside, from this very instant."""
        self.dead = True
        for task in list(self.tasks):
            task.cancel()

    def stop(self, seconds):
        """Have it stand still, wherever it is, for some time."""
        self.until = max(self.until, self._loop.time() + seconds)

    def when_running(self, f):
        """Call at once, or when it goes on; never where it is dead by then."""
        if self.dead:
            return
        if self.until > self._loop.time():
            self._loop.call_at(self.until, self.when_running, f)
        else:
            f()

    def carry_out(self, writer, job):
        """Run one transaction of a file, and tell of it a little later."""
        if not job.future.cancelled():
            writer._transact([job])
            later = self._rng.random() * 0.02
            self._loop.call_later(later, self.when_running, job.tell)

    async def gate(self, after=None):
        """Pass where it lives and runs, in some seconds; called wherever it touches the world."""
        if after is not None:
            await self._loop.pause(after)
        self.steps += 1
        if self.fate is not None and self.fate[1] == self.steps:
            self.met.set()
            if self.fate[0] == "kill":
                self.kill()
            else:
                self.stop(STOPPED_SECONDS)
        while (left := self.until - self._loop.time()) > 0 and not self.dead:
            await self._loop.pause(left)
        if self.dead:
            raise Killed

    @staticmethod
    def factory(loop, coroutine, **options):
        """Make tasks that their process knows."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        context = options.get("context")
        process = _within.get() if context is None else context.get(_within)
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(process.tasks.pop)
        return task


class ProcessClock:
    """The time in one process: the loop's, but for what sleeps while it is stopped."""

    def __init__(self, process, time):
        self._process = process
        self.time = time
        self.monotonic = process._loop.time

    async def sleep(self, seconds, /):
        await self._process.gate(after=seconds)

    def call_at(self, when, f, /):
        return _Timer(self._process, when, f)


class _Timer:
    def __init__(self, process, when, f):
        self._process, self._f = process, f
        self._handle = process._loop.call_at(when, self._ring)

    def _ring(self):
        loop = self._process._loop
        if self._process.until > loop.time():
            self._handle = loop.call_at(self._process.until, self._ring)
        elif not self._process.dead:
            self._f()

    def cancel(self):
        self._handle.cancel()
