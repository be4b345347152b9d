"""Items that turn out to belong to another lane than the one they were claimed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError, SchedulerError

from .putting import in_lane
from .results import Later, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.storage.outbox.rows import New, Row
    from postpress_async.storage.outbox.store import Store

    from .results import Result
    from .turn import Sender, Turn

__all__ = ["Mover"]


class Mover:
    """Send by another sender; what has no room as another action waits in that action's lane.

    An invitation is put in with a note or without, and `before_send` may give it one: it then
    takes its slot where notes are counted. If there is none, it is their lane that has no room,
    and not the one that the item was claimed from, where others may go. So the item is moved, as
    an edit by hand would move it: before any mark, and by its fence alone.

    Args:
        sender: what sends.
        store: where the items are.
        told: hears of what was moved.
    """

    def __init__(self, sender: Sender, *, store: Store, told: Callable[[Row], None]) -> None:
        self._sender = sender
        self._store = store
        self._told = told

    async def send(self, row: Row, /, *, granted: Turn) -> Result:
        """Go once at an item; see `turn.Sender`."""
        try:
            return await self._sender.send(row, granted=granted)
        except SchedulerError as error:
            there = in_lane(row, error.action)
            if there is None or granted.marking:
                raise
            if not await self._moved(row, there):
                raise
            # Its fence is another one by now: whoever writes this down finds it gone.
            return Later(reason=reason_of(error), seconds=0.0)

    async def _moved(self, row: Row, there: New) -> bool:
        try:
            moved = await self._store.alter(
                row.id, fence=row.fence, states=("claimed",), finish=None, edit=there
            )
        except ConfigurationError as error:
            error.scope = "setup"  # what a store refuses is no fault of the item
            raise
        if moved is not None:
            self._told(moved)
        return moved is not None
