"""Several items in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from postpress_async.errors import ConfigurationError, OutboxError

from .intake import Intake

if TYPE_CHECKING:
    from types import TracebackType

    from postpress_async.client import Postpress

    from .contents import Content
    from .desk import Desk
    from .items import Item
    from .putting import Wishes

__all__ = ["Batch"]


class Batch(Intake[None]):
    """Collect items, and put them in together when the block ends: see `Outbox.batch`.

    It takes what an outbox takes: `message`, `start_chat`, `invite`, `follow`, `react`, `profile`.
    Each is checked when it is taken, and its files are read then. At the end, what is there under
    its key already stays as it is; what cannot be put in keeps none of the others out.

    Attributes:
        items: what was put in or was there, in the order of taking; empty before the end.
        refused: why others were not: another item has their key, another invitation to the same
            person is open, or the recipient was forgotten.

    Raises:
        OutboxConflictError, OutboxError: the first of `refused`, when the block ends.
        StateUnavailableError: the store cannot be used; nothing was put in, unless it says that
            nobody knows: then put all of it in again with the same keys.
    """

    def __init__(self, client: Postpress, desk: Desk, connection: object | None) -> None:
        super().__init__(client)
        self.items: tuple[Item, ...] = ()
        self.refused: tuple[OutboxError, ...] = ()
        self._desk = desk
        self._connection = connection
        self._taken: list[tuple[Content, str, Wishes]] | None = None

    async def __aenter__(self) -> Self:
        self._taken = []
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        taken, self._taken = self._taken or [], None
        if error is not None or not taken:
            return
        told = await self._desk.put_all(taken, self._connection)
        self.items = tuple(one for one in told if not isinstance(one, OutboxError))
        self.refused = tuple(one for one in told if isinstance(one, OutboxError))
        if self.refused:
            raise self.refused[0]

    def __repr__(self) -> str:
        """Show how many it has taken."""
        return f"Batch(taken={len(self._taken or ())}, items={len(self.items)})"

    async def _take(
        self, content: Content, account_id: str, wishes: Wishes, connection: object | None
    ) -> None:
        if self._taken is None:
            msg = "a batch takes items within its block: async with outbox.batch() as batch"
            raise ConfigurationError(msg)
        if connection is not None:
            msg = "connection is all the batch's: give it to outbox.batch(connection=…)"
            raise ConfigurationError(msg)
        self._taken.append((content, account_id, wishes))
