"""`messages.list`, `messages.send` with a path, `messages.attachment`: all as it comes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from moving import BYTES, PAGES, ROWS
from payloads import ACCOUNT, KEY

from postpress_async import KeyRate, Limits, Postpress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def opened(root: str, what: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with Postpress(
        KEY, base_url=f"{root}/v1", limits=Limits.none(), key_rate=KeyRate(1e6)
    ) as client:
        with TemporaryDirectory() as directory:
            yield _call(client, what, Path(directory) / "file.mp4")


def _call(client: Postpress, what: str, path: Path) -> Callable[[], Awaitable[object]]:
    async def walk() -> None:
        count = 0
        async for message in client.messages.list(account_id=ACCOUNT, page_size=ROWS):
            assert message.id
            count += 1
        assert count == PAGES * ROWS

    async def upload() -> None:
        sent = await client.messages.send(
            chat_id="chat_1", text="Hi", account_id=ACCOUNT, attachments=[path]
        )
        assert sent.message_id

    async def download() -> None:
        count = 0
        async with client.messages.attachment("m1", "a1") as file:
            async for piece in file:
                count += len(piece)
        assert count == BYTES

    async def save() -> None:
        async with client.messages.attachment("m1", "a1") as file:
            assert await file.save(path) == BYTES

    path.write_bytes(bytes(BYTES))
    calls = {"walk": walk, "upload": upload, "download": download, "save": save}
    return calls[what]
