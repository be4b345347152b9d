"""Which items a store's workers were given: of each worker its own, for several share a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from postpress_async.storage.outbox.rows import Row

__all__ = ["Given"]


class Given:
    """Know what each worker holds, and by which fence.

    A lease is prolonged of these only: what was claimed for somebody who never learned of it is
    queued again. So nothing that a worker holds may go missing here, whatever another one does.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, int]] = {}  # by item: whose, and its fence

    def __len__(self) -> int:
        return len(self._held)

    def to(self, owner: str, row: Row) -> None:
        """Know that a worker was given an item; whoever had it before has lost it."""
        self._held[row.id] = (owner, row.fence)

    def of(self, owner: str) -> dict[str, int]:
        """Return what a worker holds: items, and their fences."""
        return {item: fence for item, (who, fence) in self._held.items() if who == owner}

    def ended(self, item: str, fence: int) -> None:
        """Forget an item, unless it was given anew since: then it has another fence."""
        if (held := self._held.get(item)) is not None and held[1] == fence:
            del self._held[item]

    def lost(self, asked: Mapping[str, int], still: Container[str]) -> None:
        """Forget what a worker asked to keep, and does not own any more."""
        for item, fence in asked.items():
            if item not in still:
                self.ended(item, fence)

    def left(self, owner: str) -> None:
        """Forget all of a worker that has ended."""
        for item, fence in self.of(owner).items():
            self.ended(item, fence)
