"""Items of other threads whose messages may stand in the same chat, and say the same.

Until there is a chat, what goes to a person is a thread of its own; a chat has two ids. Within a
thread one item goes at a time, so that of equal texts only one is ever in doubt. Of two threads,
one may be under way while the other is looked for: what is found may be either's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from postpress_async.errors import NotFoundError
from postpress_async.storage.outbox.rows import Filter

from .contents import MessageContent, StartChat
from .protocol import Undecided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.client import Postpress
    from postpress_async.models import Chat
    from postpress_async.options import RequestOptions
    from postpress_async.storage.outbox.rows import Row
    from postpress_async.storage.outbox.store import Store

__all__ = ["Beside", "beside", "threads_of"]


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """Be what other threads hold of the same text.

    Attributes:
        wait: why nothing can be told yet; None where it can.
        unnamed: how many were sent and have no id: as many of the messages are theirs.
    """

    wait: Undecided | None = None
    unnamed: int = 0


async def threads_of(
    client: Postpress, row: Row, chats: Sequence[str], options: RequestOptions
) -> list[str]:
    """Return the other threads that may be in some chats: by their other id, or by their person."""
    threads: set[str] = set()
    for name in chats:
        try:
            chat = await client.chats.get(name, account_id=row.account_id, options=options)
        except NotFoundError:
            continue
        threads.update(_threads(row.account_id, name, chat))
    return sorted(threads - {row.thread})


def _threads(account: str, name: str, chat: Chat) -> set[str]:
    names = (name, chat.id, chat.provider_id)
    people = (chat.attendee_provider_id, chat.attendee_public_identifier)
    threads = {MessageContent(chat_id=one).thread(account) for one in names if one}
    return threads | {StartChat(to=one).thread(account) for one in people if one}


async def beside(
    store: Store, row: Row, threads: Sequence[str], *, since: float, happened: bool
) -> Beside:
    """Look at items of other threads that say the same as one.

    Args:
        store: where they are.
        row: the item that is looked for.
        threads: where to look.
        since: what was sent before, by the store's time, stands in no list that was read.
        happened: whether the item was surely done, so that no other may stand before it.
    """
    unnamed = 0
    for thread in threads:
        wanted, after = Filter(states=("sending", "unknown", "sent"), thread=thread), 0
        while rows := await store.find(wanted, after=after, bodies=False):
            after = rows[-1].serial
            for one in rows:
                if one.text_digest != row.text_digest:
                    continue
                if one.state == "sending":
                    reason = f"item {one.id} says the same and is under way: first its answer"
                    return Beside(wait=Undecided(reason=reason, until=row.changed_at))
                if one.state == "unknown":
                    if not happened and await _happened(store, one):
                        reason = f"item {one.id} says the same and was done: first its id"
                        return Beside(wait=Undecided(reason=reason))
                elif one.result_id is None and one.changed_at >= since:
                    unnamed += 1
    return Beside(unnamed=unnamed)


async def _happened(store: Store, row: Row) -> bool:
    attempts = await store.attempts(row.id)
    return bool(attempts) and attempts[-1].outcome == "happened"
