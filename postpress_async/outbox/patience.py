"""Going on while a store is away, for a while; then loudly ending."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from postpress_async.errors import StateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.scheduler.clock import Clock

__all__ = ["Patience"]

T = TypeVar("T")
log: Final = logging.getLogger("postpress_async.outbox")
_BASE_SECONDS: Final = 0.2
_MOST_SECONDS: Final = 10.0
_LEAST_TRIES: Final = 5


class Patience:
    """Ask a store again that cannot be used for now: full disk, lost server, lock held."""

    def __init__(self, *, clock: Clock, random: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._random = random
        self._seconds = seconds

    async def ask(
        self, question: Callable[[], Awaitable[T]], *, unless: asyncio.Event | None = None
    ) -> T:
        """Return what the store says, however often it has to be asked.

        Once `unless` is set, nobody waits for a store that is away.

        Only for what may be asked twice: the fence makes a second answer harmless.

        Raises:
            StateUnavailableError: it could not be used for as long as we are patient, or until
                nobody waited any more.
        """
        start, tries = 0.0, 0
        while True:
            try:
                return await question()
            except StateUnavailableError as error:
                now = self._clock.monotonic()
                # A process that was stopped meanwhile has not asked in vain all that time.
                if tries >= _LEAST_TRIES and now - start >= self._seconds:
                    raise
                if unless is not None and unless.is_set():
                    raise
                if tries == 0:
                    start = now
                    log.warning("the outbox waits for its store: %s", error)
                pause = min(_BASE_SECONDS * 2.0**tries, _MOST_SECONDS)
                tries = min(tries + 1, 10)
                await self._pause(pause * (0.5 + self._random() / 2.0), unless)

    async def _pause(self, seconds: float, unless: asyncio.Event | None) -> None:
        """Sleep, or until nobody waits any more."""
        if unless is None:
            await self._clock.sleep(seconds)
            return
        waits = [asyncio.ensure_future(self._clock.sleep(seconds))]
        waits.append(asyncio.create_task(_set(unless)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def _set(event: asyncio.Event) -> None:
    await event.wait()
