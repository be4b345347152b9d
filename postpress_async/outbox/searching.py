"""What a look has in mind while it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.outbox.rows import Attempt, Row

    from .contents import Content

__all__ = ["Search"]


class Search:
    """Be what is looked for: an item, as it was taken.

    Attributes:
        marked_at: when it was marked, by the store's own time, which is what all items have.
        taken_at: when it was taken, by our clock.
        unnamed: how many items of other threads say the same and have no id.
        their_own: whether the chat is listed that it would be in: else only the whole account's
            sync shows it for certain.
        told: what time it was by the latest answer; None where it did not say.
    """

    def __init__(
        self, row: Row, content: Content, attempts: Sequence[Attempt], *, taken_at: float
    ) -> None:
        self.row = row
        self.content = content
        self.attempts = attempts
        self.taken_at = taken_at
        self.marked_at: float = attempts[-1].started_at if attempts else row.created_at
        self.unnamed = 0
        self.their_own = True
        self.told: float | None = None

    def stood_still(self, since: float | None, seconds: float) -> bool:
        """Tell whether the service's time has hardly moved, by its answers, in some seconds."""
        if since is None or self.told is None:
            return False
        return self.told - since < seconds / 2.0
