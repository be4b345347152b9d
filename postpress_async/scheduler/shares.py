"""Shares: what the clients of a process go on with together while their store is lost.

A client that is made for each job would else begin each with a tenth of every limit, and two of
them at once would take two.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

from .clock import LoopClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .alone import Alone, Past
    from .clock import Clock

__all__ = ["Share", "share_of"]

_STORES_MOST: Final = 100  # whose shares are remembered
_BYTES_MOST: Final = 16 * 2**20  # of each, in what closed clients had seen
_ALIVE: Final = 10.0  # seconds in which one that is alone tries its store again, however slow


class Share:
    """Hold copies of what was seen last, as they are with what went alone; for any thread.

    Attributes:
        lock: held by whoever decides on the copies.
    """

    def __init__(self) -> None:
        self.lock: threading.RLock = threading.RLock()
        self._copies: dict[str, bytes | None] = {}
        self._seen: dict[str, bytes] = {}  # by clients that were closed
        self._bytes = 0  # of that
        self._past: dict[str, list[Past]] = {}  # of them, by account: what no store was told
        self._clients: WeakSet[Alone] = WeakSet()
        self._pid = os.getpid()

    def join(self, client: Alone) -> None:
        """Know a client."""
        with self.lock:
            self._clients.add(client)

    def has(self, key: str) -> bool:
        """Tell whether there is a copy."""
        return key in self._copies

    def copy(self, key: str) -> bytes | None:
        """Return a copy; None where there is none, or nothing in it."""
        return self._copies.get(key)

    def seen(self, key: str) -> bytes | None:
        """Return an image as a client saw it last that is closed."""
        return self._seen.get(key)

    def keep(self, copies: Mapping[str, bytes | None]) -> None:
        """Keep copies as they are by now."""
        self._copies.update(copies)

    def drop(self, keys: Iterable[str], now: float, *, but: Alone) -> None:
        """Let go of copies that one client needs no more, unless another one goes alone by them."""
        with self.lock:
            if not any(one is not but and one.until + _ALIVE > now for one in tuple(self._clients)):
                for key in keys:
                    self._copies.pop(key, None)

    # -- of clients that are closed ------------------------------------------------------------

    def leave(self, seen: Mapping[str, bytes], past: Mapping[str, Iterable[Past]]) -> None:
        """Take over what a client has seen, and what it could not tell the store."""
        with self.lock:
            for key, image in seen.items():
                self._bytes += len(image) - len(self._seen.pop(key, b""))
                self._seen[key] = image  # to the end: what was seen last is forgotten last
            while self._bytes > _BYTES_MOST:
                self._bytes -= len(self._seen.pop(next(iter(self._seen))))
            for account_id, calls in past.items():
                self._past.setdefault(account_id, []).extend(calls)

    def left(self, account_id: str) -> list[Past]:
        """Hand over what is to be told of an account; whoever takes it tells it, or leaves it."""
        if not self._past:  # as nearly always
            return []
        with self.lock:
            # After a fork the parent tells it.
            return self._past.pop(account_id, []) if self._pid == os.getpid() else []

    def accounts(self) -> list[str]:
        """Return of which accounts anything is to be told."""
        with self.lock:
            return list(self._past) if self._pid == os.getpid() else []

    def untold(self) -> int:
        """Return how many calls are to be told."""
        with self.lock:
            return sum(one.verdict.counts for calls in self._past.values() for one in calls)


_SHARES: dict[str, Share] = {}  # of this process, whose clients come and go
_BY_CLOCK: WeakKeyDictionary[Clock, dict[str, Share]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def share_of(url: str, clock: Clock) -> Share:
    """Return the share of this process's clients of a store, as far as they have the same time.

    The URL may hold a password: nobody shows it.
    """
    with _LOCK:
        shares = _SHARES
        if type(clock) is not LoopClock:
            try:
                shares = _BY_CLOCK.setdefault(clock, {})
            except TypeError:  # a clock that cannot be remembered
                return Share()
        name = f"{os.getpid()} {_directory()} {url}"
        share = shares.pop(name, None) or Share()
        shares[name] = share  # to the end: those that nobody uses are forgotten first
        if len(shares) > _STORES_MOST:
            del shares[next(iter(shares))]
        return share


def _directory() -> str:
    """Return where a relative path of a file begins."""
    with suppress(OSError):
        return os.getcwd()  # noqa: PTH109 - a name is all that is wanted
    return ""
