"""Jobs: works that wait for a file's thread, and for those who asked for them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol, cast

from postpress_async.errors import PostpressError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable
    from sqlite3 import Connection

__all__ = ["Job", "Together", "fail", "tell", "wanted"]


class Together(Protocol):
    """Carry several works out in one go; which work it is, is between it and who asks for it."""

    def foresee(self, jobs: list[Job], /) -> None:
        """Do beforehand what can be, since others are likely to hold the lock."""
        ...

    def carry_out(self, connection: Connection, jobs: list[Job], /) -> Callable[[], None]:
        """Give each job its result, or its error; return what to do once that is committed.

        What it raises concerns all of them: the transaction is lost, and each is carried out in
        one of its own.
        """
        ...


class Job:
    """One work, and whom to tell.

    Attributes:
        work: a function of the connection, or what `together` takes.
        together: carries it out with others like it; None where it runs by itself.
        durable: whether the disk is waited for.
        asked: when it was asked for, by the monotonic clock.
        result, error: what became of it.
    """

    __slots__ = ("asked", "durable", "error", "future", "loop", "result", "together", "work")

    def __init__(
        self,
        work: object,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[object],
        *,
        together: Together | None = None,
        durable: bool = True,
    ) -> None:
        self.work: object = work
        self.together: Together | None = together
        self.durable: bool = durable
        self.loop: asyncio.AbstractEventLoop = loop
        self.future: asyncio.Future[object] = future
        self.asked: float = 0.0
        self.result: object = None
        self.error: BaseException | None = None

    def call(self, connection: Connection) -> object:
        """Run a work that is a function of the connection."""
        return cast("Callable[[Connection], object]", self.work)(connection)

    def tell(self) -> None:
        """Resolve the future, unless its awaiter has gone. In the loop's own thread."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        elif isinstance(self.error, StopIteration):  # a future takes no such thing
            self.future.set_exception(RuntimeError(f"a work raised {self.error!r}"))
        else:
            self.future.set_exception(self.error)


def wanted(jobs: list[Job]) -> list[Job]:
    """Return those that nobody has withdrawn."""
    return [job for job in jobs if not job.future.cancelled()]


def fail(jobs: Iterable[Job], error: BaseException) -> None:
    """Let an error be what became of them; they are told of it by `tell`."""
    for job in jobs:  # a copy each: every raise adds to a traceback
        job.error = copy.copy(error) if isinstance(error, PostpressError) else error


def tell(jobs: list[Job]) -> None:
    """Hand the jobs back to their loops, at one wake-up a loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, its in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, its)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _tell_all(jobs: list[Job]) -> None:
    for job in jobs:
        job.tell()
