"""What a store of counts is asked: one atomic step over a few images, at the store's time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Images", "Mend", "Work", "kept"]

Mend: TypeAlias = Callable[[str, bytes, "bytes | None", float, float], "bytes | None"]
"""From a key, its image as this process saw it last, that of a store which may have lost
something, and when either was written: to what both know."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Work(Protocol[T_co]):
    """Be a pure function of images: values in, values out.

    It may run in another thread, and once more if its transaction was lost before anybody learned
    of it: it must touch neither the event loop nor anything that outlives it. One that may also be
    carried out twice says so by an attribute `repeatable` that is true: where nobody can know
    whether it was done, it is done again, and else fails.
    """

    @property
    def keys(self) -> tuple[str, ...]:
        """Name every image that it reads or changes; first the one that it is about."""
        ...

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], T_co]:
        """Return the images as they shall be, and the result. None stands for no image.

        Images that are left out stay as they are. `now` is in seconds since the epoch.
        """
        ...


class Images(Protocol):
    """Keep images by key, in whatever the state's URL names."""

    @property
    def trouble(self) -> str:
        """What it knows to be the matter while it does not answer; empty for nothing."""
        ...

    @property
    def lead(self) -> float:
        """By how many seconds its time is ahead of the clock by which hours and dates are meant.

        Below 0 where it is behind: that clock was set forward, and is not followed.
        """
        ...

    async def step(self, work: Work[T], /) -> T:
        """Carry one work out, all or nothing, with nobody else between its reading and writing.

        Whoever is cancelled while it waits withdraws a work that has not begun; one that has begun
        is carried out, and its result dropped.

        Raises:
            StateUnavailableError: the store cannot be reached; nothing was changed. Where the
                store answers, and only this work cannot be done, `account_id` is the key.
            ConfigurationError: the store is not one that this version can use.
            ClientClosedError: it was closed.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was asked for, then let go of the store."""
        ...


def kept(key: str, mine: bytes, theirs: bytes | None, seen: float, written: float) -> bytes | None:
    """Mend an image of which nothing is known: the newer one holds."""
    del key
    return mine if written < seen else theirs


def changes(
    before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]
) -> list[tuple[str, bytes | None]]:
    """Return what a work changed indeed.

    Raises:
        ValueError: it changed an image that it had not named.
    """
    if stranger := after.keys() - before.keys():
        raise ValueError(f"a work may change only its own keys, not {sorted(stranger)}")
    return [(key, image) for key, image in after.items() if image != before[key]]
