"""One event loop in which time passes only when nobody has anything to do, and processes in it."""

import asyncio
import contextvars
import selectors
import threading
from contextlib import contextmanager

from postpress_async.storage.sqlite.writer import Writer

MOST_TURNS = 100_000  # of a loop at one instant; a story of all takes some ten thousand
STOPPED_SECONDS = 400.0  # longer than a deadline, its grace and a look-back together


class Deadlock(RuntimeError):  # noqa: N818 - what it is called
    """Nobody is left who would ever wake; or they wake one another, and time stands still."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer; it has no threads and no network to ask."""

    def __init__(self):
        self._instant = 1_000.0
        super().__init__(_Jumping(self))

    def time(self):
        return self._instant

    def jump(self, seconds):
        self._instant += seconds

    def call_soon_threadsafe(self, callback, *args, context=None):
        assert threading.get_ident() == self._thread_id, "a thread, in told time"
        return self.call_soon(callback, *args, context=context)


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop):
        super().__init__()
        self._loop = loop
        self._turns = 0  # of the loop, in which no time has passed

    def select(self, timeout=None):
        if timeout is None:
            raise Deadlock("nobody would ever wake")
        if timeout > 0:
            self._loop.jump(timeout)
            self._turns = 0
        elif (turns := self._turns + 1) > MOST_TURNS:
            raise Deadlock(f"time stands still at {self._loop.time()}")
        else:
            self._turns = turns
        return []


class Killed(BaseException):
    """Nothing of this process happens any more."""


_within = contextvars.ContextVar("process", default=None)
_at_once = contextvars.ContextVar("at_once", default=False)


@contextmanager
def at_once():
    """Have files answer in the same step: whoever asks has its delays already."""
    token = _at_once.set(True)
    try:
        yield
    finally:
        _at_once.reset(token)


@contextmanager
def inline_files():
    """Let SQLite files work in the loop's own thread: the same transactions in the same order.

    A file is its process's: it dies, and stands still, with it.
    """
    made, asked = Writer.__init__, Writer.ask

    def make(self, handle):
        made(self, handle)
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
        return asyncio.get_running_loop().create_task(work, context=context)

    def kill(self):
        """End it: nothing of it reaches anything outside, from this very instant."""
        self.dead = True
        for task in list(self.tasks):
            task.cancel()

    def stop(self, seconds):
        """Have it stand still, wherever it is, for some time."""
        self.until = max(self.until, asyncio.get_running_loop().time() + seconds)

    def when_running(self, f):
        """Call at once, or when it goes on; never where it is dead by then."""
        if self.dead:
            return
        loop = asyncio.get_running_loop()
        if self.until > loop.time():
            loop.call_at(self.until, self.when_running, f)
        else:
            f()

    def carry_out(self, writer, job):
        """Run one transaction of a file, and tell of it a little later."""
        if not job.future.cancelled():
            writer._transact([job])
            later = self._rng.random() * 0.02
            asyncio.get_running_loop().call_later(later, self.when_running, job.tell)

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
            process.tasks[task] = None
            task.add_done_callback(process.tasks.pop)
        return task


class ProcessClock:
    """The time in one process: the loop's, but for what sleeps while it is stopped."""

    def __init__(self, process, time):
        self._process = process
        self.time = time

    def monotonic(self):
        return asyncio.get_running_loop().time()

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
