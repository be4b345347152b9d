"""Looking again until something is over: at growing, uneven intervals, on the client's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.exchange.pipeline import Pipeline

FIRST_SECONDS: Final = 2.0
GROWTH: Final = 1.5
MOST_SECONDS: Final = 60.0


class Progress(Protocol):
    """Be what a look sees."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        ...


P = TypeVar("P", bound=Progress)


async def until_over(
    look: Callable[[], Awaitable[P]],
    pipeline: Pipeline,
    *,
    seconds: float,
    progress: Callable[[P], None] | None,
) -> P:
    """Look, and look again for some seconds, until it is over; return what was seen last.

    Args:
        look: asks the service.
        pipeline: whose clock, random numbers and end are minded.
        seconds: how long to go on.
        progress: told of every look.
    """
    clock = pipeline._clock  # noqa: SLF001 - of this package
    end = clock.monotonic() + seconds
    pause = FIRST_SECONDS
    while True:
        seen = await look()
        if progress is not None:
            progress(seen)
        # Even intervals are what a robot is known by: each is up to a quarter longer or shorter.
        wait = pause * (0.75 + 0.5 * pipeline._random())  # noqa: SLF001 - of this package
        if seen.is_over or clock.monotonic() + wait > end:
            return seen
        await pipeline.home.sleep(wait, clock)
        pause = min(pause * GROWTH, MOST_SECONDS)
