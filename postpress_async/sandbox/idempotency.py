"""Replays of writes that carry the same Idempotency-Key."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .wire import JsonObject

KEPT: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The first answer to a key."""

    fingerprint: str
    status: int
    body: JsonObject


class Replays:
    """The answers to writes that were done, by key.

    Only answers to writes that happened are kept: a refusal (400, 429, 503 …) is no result, and the
    same key may try again.
    """

    def __init__(self) -> None:
        self.honoured = True
        self._done: OrderedDict[str, Stored] = OrderedDict()
        self._running: set[str] = set()

    def find(self, key: str) -> Stored | None:
        """Give the first answer to this key."""
        return self._done.get(key)

    def running(self, key: str) -> bool:
        """Tell whether the first request with this key is still unanswered."""
        return key in self._running

    def begin(self, key: str) -> None:
        """Note that a request with this key is under way."""
        self._running.add(key)

    def end(self, key: str) -> None:
        """Note that it was answered, or that its client left."""
        self._running.discard(key)

    def keep(self, key: str, stored: Stored) -> None:
        """Keep the answer of a write that was done."""
        self._done[key] = stored
        while len(self._done) > KEPT:
            self._done.popitem(last=False)

    def clear(self) -> None:
        """Forget every key; whether they are honoured stays."""
        self._done.clear()
        self._running.clear()
