"""One event loop in which time passes only when nobody has anything to do, and processes in it."""

import asyncio
import contextvars
import selectors
from contextlib import contextmanager

from postpress_async.storage.sqlite.writer import Writer

STOPPED_SECONDS = 400.0  # longer than a deadline, its grace and a look-back together


class Deadlock(RuntimeError):  # noqa: N818 - what it is called
    """Nobody is left who would ever wake."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer."""

    def __init__(self):
        self._instant = 1_000.0
        super().__init__(_Jumping(self))

    def time(self):
        return self._instant

    def jump(self, seconds):
        self._instant += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock
        if not ready and timeout > 0:
            self._loop.jump(timeout)
        return ready


class Killed(BaseException):
    """Nothing of this process happens any more."""


_within = contextvars.ContextVar("process", default=None)


@contextmanager
def inline_files():
    """Let SQLite files work in the loop's own thread: the same transactions in the same order."""
    asked = Writer.ask

    def ask(self, job):
        if (process := _within.get()) is not None and process.dead:
            raise Killed
        self._serve([job])

    Writer.ask = ask
    try:
        yield
    finally:
        Writer.ask = asked


class Process:
    """What runs together, and is killed, stopped and woken together.

    Attributes:
        steps: how often it touched the world: a step of a store or of a request begun or ended.
        fate: what happens to it at which step: `("kill", 17)` or `("stop", 17)`.
        met: set when its fate has come.
    """

    def __init__(self, name, fate=None):
        self.name = name
        self.fate = fate
        self.steps = 0
        self.met = asyncio.Event()
        self.dead = False
        self.until = 0.0
        self.tasks = set()

    def start(self, work):
        """Run a coroutine, and all that it starts, inside of this process."""
        context = contextvars.copy_context()
        context.run(_within.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    def kill(self):
        """End it: nothing of it reaches anything outside, from this very instant."""
        self.dead = True
        for task in list(self.tasks):
            task.cancel()

    def stop(self, seconds):
        """Have it stand still, wherever it is, for some time."""
        self.until = max(self.until, asyncio.get_running_loop().time() + seconds)

    async def gate(self):
        """Pass where it lives and runs; called wherever it touches the world."""
        self.steps += 1
        if self.fate is not None and self.fate[1] == self.steps:
            self.met.set()
            if self.fate[0] == "kill":
                self.kill()
            else:
                self.stop(STOPPED_SECONDS)
        while (left := self.until - asyncio.get_running_loop().time()) > 0 and not self.dead:  # noqa: ASYNC110
            await asyncio.sleep(left)
        if self.dead:
            raise Killed

    @staticmethod
    def factory(loop, coroutine, **options):
        """Make tasks that their process knows."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        process = _within.get() if options.get("context") is None else None
        context = options.get("context")
        if context is not None:
            process = context.get(_within)
        if process is not None:
            process.tasks.add(task)
            task.add_done_callback(process.tasks.discard)
        return task


class ProcessClock:
    """The time in one process: the loop's, but for what sleeps while it is stopped."""

    def __init__(self, process, epoch):
        self._process = process
        self._epoch = epoch

    def monotonic(self):
        return asyncio.get_running_loop().time()

    def time(self):
        return self._epoch + self.monotonic()

    async def sleep(self, seconds, /):
        await asyncio.sleep(seconds)
        await self._process.gate()

    def call_at(self, when, f, /):
        return _Timer(self._process, when, f)


class _Timer:
    def __init__(self, process, when, f):
        self._process, self._f = process, f
        self._handle = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self):
        loop = asyncio.get_running_loop()
        if self._process.until > loop.time():
            self._handle = loop.call_at(self._process.until, self._ring)
        elif not self._process.dead:
            self._f()

    def cancel(self):
        self._handle.cancel()
