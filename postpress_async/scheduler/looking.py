"""Looking: what would hold, found out without a trace in the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from . import image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .image import AccountImage
    from .steps import SharedState, Work

__all__ = ["Knows", "Looking"]

T = TypeVar("T")


class Looking:
    """Be a store of which everything is read, and to which nothing is written.

    What steps change is kept here, so that the next ones see it, and nobody else does.
    """

    def __init__(self, state: SharedState) -> None:
        self._state = state
        self._changed: dict[str, bytes | None] = {}
        self._lock = asyncio.Lock()

    @property
    def trouble(self) -> str:
        """What the store knows to be the matter while it does not answer."""
        return self._state.trouble

    @property
    def lead(self) -> float:
        """By how many seconds the store's time is ahead of the clock."""
        return self._state.lead

    async def step(self, work: Work[T], /) -> T:
        """Carry a work out on what the store has, and what was changed here."""
        async with self._lock:  # a step sees all of the one before
            told, changed = await self._state.step(_Peek(work, dict(self._changed)))
            self._changed |= changed
        return told

    async def aclose(self) -> None:
        """Let go of the store, and of what was changed here."""
        await self._state.aclose()


class _Peek(Generic[T]):
    """Carry a work out, and return what it would change instead of changing it."""

    repeatable: bool = True

    def __init__(self, work: Work[T], changed: Mapping[str, bytes | None]) -> None:
        self._work = work
        self._changed = changed

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that the work reads."""
        return self._work.keys

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], tuple[T, Mapping[str, bytes | None]]]:
        """Do it."""
        mine = {key: self._changed.get(key, image) for key, image in images.items()}
        changed, told = self._work.run(mine, now)
        return {}, (told, changed)


class Knows:
    """Tell whether a store knows anything of an account, beyond that somebody looked at it."""

    repeatable: bool = True

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    @property
    def keys(self) -> tuple[str, ...]:
        """The account's image."""
        return (self._account_id,)

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], bool]:
        """Look."""
        del now
        data = images[self._account_id]
        return {}, data is not None and _says_anything(image.parse(data, self._account_id))


def _says_anything(known: AccountImage) -> bool:
    """Tell whether an image says more than one of an account that was merely looked at.

    What was closed for all accounts stands in it too, and says nothing of this one.
    """
    trouble = known.trouble
    told = (known.provider, known.tier, known.connected_at, known.limits)
    counted = (known.events, known.held, known.learned, known.refused, known.warnings, known.line)
    if any(one is not None for one in told) or any(counted) or known.last > known.born:
        return True
    return trouble is not None and bool(
        trouble.rate
        or trouble.misses
        or trouble.strikes
        or any(one.kind != "paused_all" for one in trouble.closures)
    )
