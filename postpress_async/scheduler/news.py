"""News: which accounts were changed so that those who wait for them should look at once.

Whoever waits sleeps until its turn comes, be it hours. A pause, a resume, a refund or other limits
may come before that. So who changes an account that others wait for notes it in an image of its
own, and each process in which anybody waits looks at that one every second, for all accounts.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from .clock import LoopClock
from .timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .book import Book
    from .everyone import Everyone
    from .steps import Report, SharedState

__all__ = ["BUDGETS", "LISTEN_EVERY", "NEWS", "Changes", "Listener", "is_plain", "noted"]

NEWS: Final = "*news"  # the key of its image; no account may be called so
BUDGETS: Final = ""  # stands for those who wait for a budget of all accounts
LISTEN_EVERY: Final = 1.0
_KEPT: Final = 60.0  # seconds for which news is kept: all who wait have looked by then
_MOST: Final = 1000

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(dict[str, float]).decode


def noted(data: bytes | None, names: Iterable[str], now: float) -> bytes:
    """Return the image with more news: of accounts, `BUDGETS`, or `EVERYONE` for all of them."""
    kept = {name: at for name, at in _read(data).items() if at > now - _KEPT}
    for name in names:
        kept.pop(name, None)
        kept[name] = now
    return _encode(dict(list(kept.items())[-_MOST:]))


def _read(data: bytes | None) -> dict[str, float]:
    try:
        return {} if data is None else _decode(data)
    except msgspec.DecodeError:
        return {}  # it is no more than a hint


def is_plain(report: Report) -> bool:
    """Tell whether nobody who waits need hear of an answer: what it says they see in their turn."""
    _, verdict = report
    return verdict.counts and verdict.effect == "none"


class Changes:
    """Find out whether a step changes what those who wait have been told."""

    def __init__(self, book: Book, everyone: Everyone, who: int) -> None:
        self._book = book
        self._everyone = everyone
        self._who = who
        self._before = self._known()
        self._refunds = False
        self._budgets: set[str] = set()

    def refund(self, reservation: str) -> None:
        """Note that a call is given back."""
        self._refunds |= reservation in self._book.held
        if reservation in self._everyone.held:
            self._budgets.update(self._everyone.held[reservation][0])

    def names(self, account_id: str) -> list[str]:
        """Return whom to tell it: nobody where no other process waits."""
        names: list[str] = []
        if self._book.line.others(self._who) and (self._refunds or self._known() != self._before):
            names.append(account_id)
        if any(self._everyone.line(name).others(self._who) for name in self._budgets):
            names.append(BUDGETS)
        return names

    def _known(self) -> tuple[object, ...]:
        lane = self._book.lane
        closures = () if lane.trouble is None else lane.trouble.closures
        learned = dict(lane.learned or {})
        return lane.provider, lane.tier, lane.connected_at, closures, learned, self._book.limits


class _Look:
    """Read the news."""

    keys: tuple[str, ...] = (NEWS,)
    repeatable: bool = True

    def run(
        self, images: Mapping[str, bytes | None], now: float
    ) -> tuple[Mapping[str, bytes | None], dict[str, float]]:
        """Do it."""
        del now
        return {}, _read(images[NEWS])


class Listener:
    """Look at the news while anybody waits, and tell what is new.

    A second is the loop's own: other processes know nothing of a clock that a test moves.

    Args:
        state: where they are.
        waits: tells whether anybody does who should look at a change.
        tell: is called with the names.
    """

    def __init__(
        self,
        state: SharedState,
        *,
        waits: Callable[[], bool],
        tell: Callable[[set[str]], None],
    ) -> None:
        self._state = state
        self._clock = LoopClock()
        self._waits = waits
        self._tell = tell
        self._known: dict[str, float] = {}
        self._timer = Timer(self._clock, self._ring)
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def listen(self) -> None:
        """Look within a second, if nobody does yet."""
        if not (self._closed or self._timer.pending or self._task is not None):
            self._timer.set(self._clock.monotonic() + LISTEN_EVERY)

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._timer.set(inf)
        if self._task is not None:
            self._task.cancel()

    def _ring(self) -> None:
        if self._waits():
            self._task = asyncio.get_running_loop().create_task(self._look(), context=Context())

    async def _look(self) -> None:
        try:
            found = await self._state.step(_Look())
        except Exception:  # noqa: BLE001 - whoever asks for an account is told what is the matter
            found = self._known
        finally:
            self._task = None
        new = {name for name, at in found.items() if self._known.get(name) != at}
        self._known = found
        self.listen()
        if new:
            self._tell(new)
