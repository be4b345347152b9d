"""Items that a store gave to a worker in an answer that never came.

They would stay its own for as long as it lives: nobody else may take them, and it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from postpress_async.storage.outbox.rows import Filter, Finish

if TYPE_CHECKING:
    from collections.abc import Container

    from postpress_async.storage.outbox.store import Store

__all__ = ["give_back"]


async def give_back(
    store: Store, owner: str, *, state: Literal["claimed", "unknown"], known: Container[str]
) -> None:
    """Give back what is an owner's by the store, and not known to it."""
    back = Finish(state="queued" if state == "claimed" else "unknown")
    after = 0
    while rows := await store.find(Filter(states=(state,)), after=after, bodies=False):
        after = rows[-1].serial
        for row in rows:
            if row.owner == owner and row.id not in known:
                await store.finish(row.id, row.fence, back, owner=owner)
