"""What one account does: list its chats, read some, look at people, and write to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

import msgspec

from postpress_async.errors import PostpressError
from postpress_async.options import RequestOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from postpress_async.client import Postpress
    from postpress_async.models import Chat

    from .plan import Load

T = TypeVar("T")
Told: TypeAlias = Literal["sent", "unknown", "refused"]
"""What the client reported of one message."""

_TOLD: Final[dict[str, Told]] = {
    "done": "sent",
    "unknown": "unknown",
    "refused": "refused",
    "not_sent": "refused",
}
_PATIENCE: Final = 5  # a read that failed for good is asked for again this often


class Tally(msgspec.Struct, kw_only=True):
    """Count what one account got done, as the client reported it.

    Attributes:
        provider: the wire word.
        wanted: the markers of the messages it was to send.
        told: what was reported, by marker.
        profiles: how many profiles were read, by the name of their type.
        chats: how many chats were listed.
        messages: how many messages were read.
        failed: reads that brought nothing.
        left: calls that have not ended.
    """

    provider: str
    wanted: list[str]
    told: dict[str, Told] = msgspec.field(default_factory=dict[str, Told])
    profiles: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    chats: int = 0
    messages: int = 0
    failed: int = 0


class Campaign:
    """Carry out one account's share, all of it at once; its lane does the pacing."""

    def __init__(
        self, client: Postpress, account_id: str, load: Load, people: list[str], tally: Tally
    ) -> None:
        self._account = client.account(account_id)
        self._load = load
        self._people = people
        self.tally = tally

    async def run(self, chats_read: int) -> None:
        """Do everything; return when the last call has ended."""
        chats = await self._persist(self._list_chats) or []
        async with asyncio.TaskGroup() as group:
            for chat in chats[:chats_read]:
                group.create_task(self._read(chat))
            for identifier in self._people:
                group.create_task(self._look(identifier))
            for index, marker in enumerate(self.tally.wanted if chats else ()):
                group.create_task(self._say(chats[index % len(chats)], marker))

    async def _list_chats(self) -> list[Chat]:
        chats = [chat async for chat in self._account.chats.list(page_size=5)]
        self.tally.chats = len(chats)
        return chats

    async def _read(self, chat: Chat) -> None:
        async def walk() -> int:
            found = 0
            async for _ in self._account.messages.list(chat_id=chat.id or "", page_size=5):
                found += 1
            return found

        found = await self._persist(walk)
        self.tally.messages += found or 0  # after the wait: others count, too

    async def _look(self, identifier: str) -> None:
        profile = await self._persist(lambda: self._account.users.get(identifier))
        if profile is not None:
            name = type(profile).__name__
            self.tally.profiles[name] = self.tally.profiles.get(name, 0) + 1

    async def _say(self, chat: Chat, marker: str) -> None:
        """Send one message, once, and note what the client says became of it."""
        options = RequestOptions(idempotency_key=marker)  # so that the journal names the message
        try:
            await self._account.messages.send(
                chat_id=chat.id or "", text=text_of(marker), options=options
            )
        except PostpressError as error:
            self.tally.told[marker] = _TOLD[error.outcome]
        else:
            self.tally.told[marker] = "sent"

    async def _persist(self, read: Callable[[], Awaitable[T]]) -> T | None:
        """Ask until it is answered, as far as a repeat makes sense; a read does no harm."""
        for _ in range(_PATIENCE):
            try:
                return await read()
            except PostpressError as error:
                if not error.retryable:
                    break
        self.tally.failed += 1
        return None


def text_of(marker: str) -> str:
    """Return what a message says; no two say the same."""
    return f"Good morning! Shall we talk on Thursday? ({marker})"
