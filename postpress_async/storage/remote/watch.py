"""A limit to how long a task may take, at almost no cost while it is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Watch"]


class Watch:
    """Be `asyncio.timeout` for the same task again and again, with one timer for many turns.

    A timer that is made and called off costs a tenth of a round trip.
    """

    __slots__ = ("_before", "_fired", "_loop", "_task", "_timer", "_until")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._until: float = 0.0
        self._before: int = 0
        self._fired: bool = False

    def within(self, seconds: float) -> Watch:
        """Return itself, to be entered at once: what is inside may take so many seconds."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._timer = loop, None
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set(loop)
        return self

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task()
        self._before = 0 if task is None else task.cancelling()
        self._fired = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self._fired or task is None:
            return
        ours = task.uncancel() <= self._before  # else somebody else cancelled it too
        if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        loop, task, self._timer = self._loop, self._task, None
        if task is None or loop is None:
            return  # nobody is inside: the next who enters sets it again
        if loop.time() < self._until:
            self._set(loop)
        else:
            self._fired = True
            task.cancel()
