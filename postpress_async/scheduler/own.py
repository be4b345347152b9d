"""Own: the names of this client's calls, and which of them may be under way.

A store that falls back to an older copy holds calls again that have ended since. Of its own calls
each client knows that better than any copy.
"""

from __future__ import annotations

import os
from math import inf
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postpress_async.limits import Verdict

    from .steps import Processes

__all__ = ["OwnCalls", "own_calls"]

_MOST_OVER: Final = 1_000  # calls that are over and still known: leases end what is older


class OwnCalls:
    """Name each call so that no other has its name, and remember it until the store was told all.

    Args:
        name: names this client of this process.
    """

    def __init__(self, name: Callable[[], str]) -> None:
        self._make_name = name
        self._client = ""
        self._pid = -1  # a client may be made before a fork, and used after it
        self._serial = 0
        self._open: set[str] = set()
        self._over: dict[str, float] = {}  # the last ones, and when each was counted as done

    def client(self) -> str:
        """Name this client; in a fork it is another one."""
        if self._pid != os.getpid():
            self._pid, self._client = os.getpid(), self._make_name()
            self._serial, self._open, self._over = 0, set(), {}
        return self._client

    def begin(self) -> str:
        """Name a call that a store is about to be asked for."""
        client = self.client()
        self._serial += 1
        name = f"{client}{self._serial:x}"
        self._open.add(name)
        return name

    def drop(self, names: Iterable[str]) -> None:
        """Forget calls that the store did not grant, or has never heard of."""
        self._open.difference_update(names)

    def end(self, name: str, verdict: Verdict, now: float) -> None:
        """Know that the store was told of the end of a call, at an instant of its time."""
        self._open.discard(name)
        self._over[name] = now + verdict.settle if verdict.counts else -inf
        if len(self._over) > _MOST_OVER:
            del self._over[next(iter(self._over))]

    def lasts(self, name: str) -> bool | None:
        """Tell whether a call may be under way, for all that the store knows; None: not ours.

        One that is over lasts until the store was told: a report needs what it speaks of. Any
        thread may ask.
        """
        if not self._client or not name.startswith(self._client):
            return None
        return name in self._open

    def over(self, name: str) -> float | None:
        """Tell when a call was counted as done, -inf for never; None: it lasts, or nobody knows."""
        return None if name in self._open else self._over.get(name)


def own_calls(processes: Processes | None) -> OwnCalls:
    """Return the calls of a client of this process."""
    return OwnCalls(lambda: f"{processes.own if processes else ''}:{token_hex(4)}.")
