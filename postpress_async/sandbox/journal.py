"""What the service saw, request by request."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

from .routing import shape_of

if TYPE_CHECKING:
    from .values import JournalEntry

KEPT: Final = 200_000  # entries; a long benchmark must not eat the machine
INSTANTS: Final = 1e9  # a `since` from here on is an instant, below it an entry's number


class Journal:
    """The last entries, oldest first. Numbers go on across a reset, so that nobody reads twice."""

    def __init__(self) -> None:
        self._entries: deque[JournalEntry] = deque(maxlen=KEPT)
        self._last = 0

    def next_number(self) -> int:
        """Take the next entry's number: in order of arrival."""
        self._last += 1
        return self._last

    def add(self, entry: JournalEntry) -> None:
        """Write an entry down."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget the entries; their numbers stay used."""
        self._entries.clear()

    def tail(self, count: int) -> list[JournalEntry]:
        """List the newest entries, newest first."""
        return list(islice(reversed(self._entries), count))

    def entries(
        self,
        *,
        route: str | None = None,
        account_id: str | None = None,
        since: float | None = None,
    ) -> list[JournalEntry]:
        """List entries, oldest first.

        `since` is the number of an entry (those after it are given) or, from 1e9 on, an instant in
        seconds since 1970 (those from it on).
        """
        shape = None if route is None else shape_of(route)
        return [
            entry
            for entry in self._entries
            if (shape is None or (entry.route is not None and shape_of(entry.route) == shape))
            and (account_id is None or entry.account_id == account_id)
            and (since is None or _later(entry, since))
        ]


def _later(entry: JournalEntry, since: float) -> bool:
    return entry.at >= since if since >= INSTANTS else entry.n > since
