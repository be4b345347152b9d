"""The shelf: books that stay open between steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import image
from .everyone import EVERYONE, Everyone, pause_with_all
from .lane import Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .book import Book
    from .rulebook import Rulebook

_OPEN_MOST: Final = 10_000
_OFF: Final = 1.0  # seconds by which a store's time is ahead of the clock, or behind, that was set


class Shelf:
    """Keep books open between steps; one that somebody else has written to is read anew.

    Args:
        rulebook, random, gone: what its books decide by.
        lead: tells by how much the store's time is ahead of the clock, below 0 where it is behind.
            Windows go by the former, hours, ages and dates by the latter: a clock that was ahead
            for a moment moves none.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        random: Callable[[], float],
        gone: Callable[[str], bool] = lambda _: False,
        *,
        lead: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.rulebook: Rulebook = rulebook
        self.gone: Callable[[str], bool] = gone
        self.setting: Setting = Setting(random, lambda: _skew(lead()), asks=rulebook.asks)
        self.everyone: Everyone = Everyone()
        self._everyone_was: bytes | None = b""
        self._everyone_seen: bytes | None = None
        self._books: dict[str, tuple[bytes, Book]] = {}
        self._skew = 0.0

    def open(self, account_id: str, images: Mapping[str, bytes | None], now: float) -> Book:
        """Return an account's book, as the store has it."""
        everyone = images[EVERYONE]
        if everyone != self._everyone_was:
            self.everyone = image.load_everyone(everyone)
        self._everyone_was = b""  # until the step is through
        data = images[account_id]
        if abs((skew := self.setting.skew()) - self._skew) > _OFF:
            self._skew = skew  # the clock was set: no age is what amounts were set by
            self._books.clear()
        kept = self._books.pop(account_id, None)  # back on the shelf only when the step is through
        if kept is not None and kept[0] == data:
            book = kept[1]
        else:
            book = image.load(data, account_id, self.rulebook, self.setting, now)
        pause_with_all(book.lane, self.everyone)
        return book

    def close(self, account_id: str, book: Book, data: bytes, everyone: bytes | None) -> None:
        """Keep a book open, as it was written."""
        if len(self._books) >= _OPEN_MOST:
            self._books.pop(next(iter(self._books)))  # which was used last the longest ago
        self._books[account_id] = (data, book)
        self._everyone_was = self._everyone_seen = everyone

    def last(self, key: str) -> bytes | None:
        """Return an image as it was seen last; None where none was."""
        if key == EVERYONE:
            return self._everyone_seen
        kept = self._books.get(key)  # perhaps taken off by the store's thread at this moment
        return None if kept is None else kept[0]

    def all(self) -> dict[str, bytes]:
        """Return all images that it still knows, as they were seen last."""
        seen = {account_id: data for account_id, (data, _) in list(self._books.items())}
        if self._everyone_seen is not None:
            seen[EVERYONE] = self._everyone_seen
        return seen


def _skew(lead: float) -> float:
    """Return the seconds from the store's time to the epoch, as the clock has it by now."""
    return -lead if abs(lead) > _OFF else 0.0
