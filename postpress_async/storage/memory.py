"""Counts of one process, forgotten at its end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from postpress_async.errors import ClientClosedError
from postpress_async.storage.images import changes
from postpress_async.storage.instants import NOTHING, time_of_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.images import Work

__all__ = ["MemoryImages"]

T = TypeVar("T")


class MemoryImages:
    """Keep images in a dictionary, for any number of loops and threads."""

    trouble: str = ""

    def __init__(self, *, clock: Callable[[], float] | None = None) -> None:
        self._images: dict[str, bytes] = {}
        self._time = time_of_counts(clock)
        self._time.settle(NOTHING)
        self._lock = threading.Lock()
        self._closed = False

    @property
    def lead(self) -> float:
        """By how many seconds its time is ahead of the clock, which was set; below 0 if behind."""
        return self._time.lead

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, at once.

        Raises:
            ClientClosedError: the store was closed.
        """
        with self._lock:
            if self._closed:
                raise ClientClosedError("the store of counts is closed: open another")
            images = {key: self._images.get(key) for key in work.keys}
            after, result = work.run(images, self._time.now())
            for key, image in changes(images, after):
                if image is None:
                    del self._images[key]
                else:
                    self._images[key] = image
            return result

    async def aclose(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._images.clear()
