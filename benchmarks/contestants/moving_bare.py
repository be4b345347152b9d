"""The same with aiohttp and json, as its own documentation shows it."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import aiohttp
from moving import BYTES, PAGES, ROWS
from payloads import ACCOUNT, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

CHUNK = 2**16


@asynccontextmanager
async def opened(root: str, what: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with aiohttp.ClientSession(f"{root}/v1/", headers={"X-API-KEY": KEY}) as session:
        with TemporaryDirectory() as directory:
            yield _call(session, what, Path(directory) / "file.mp4")


def _call(session: aiohttp.ClientSession, what: str, path: Path) -> Callable[[], Awaitable[object]]:
    async def walk() -> None:
        count, cursor = 0, ""
        while cursor is not None:
            params = {"account_id": ACCOUNT, "limit": str(ROWS)}
            if cursor:
                params["cursor"] = cursor
            async with session.get("messages", params=params) as response:
                page = json.loads(await response.read())
            for message in page["items"]:
                assert message["id"]
                count += 1
            cursor = page["cursor"]
        assert count == PAGES * ROWS

    async def upload() -> None:
        form = aiohttp.FormData({"text": "Hi", "account_id": ACCOUNT})
        with path.open("rb") as file:
            form.add_field("attachments", file, filename=path.name)
            async with session.post("chats/chat_1/messages", data=form) as response:
                assert (await response.json())["message_id"]

    async def download() -> None:
        count = 0
        async with session.get("messages/m1/attachments/a1") as response:
            async for chunk in response.content.iter_chunked(CHUNK):
                count += len(chunk)
        assert count == BYTES

    async def save() -> None:
        count = 0
        async with session.get("messages/m1/attachments/a1") as response:
            with path.open("wb") as file:
                async for chunk in response.content.iter_chunked(CHUNK):
                    count += file.write(chunk)
        assert count == BYTES

    path.write_bytes(bytes(BYTES))
    calls = {"walk": walk, "upload": upload, "download": download, "save": save}
    return calls[what]
