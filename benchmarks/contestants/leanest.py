"""The least that can be written on aiohttp: every knob turned, nothing checked, nothing paced."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from payloads import ACCOUNT, KEY
from yarl import URL

from postpress_async import Profile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def opened(root: str, identifier: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    decode = msgspec.json.Decoder(Profile).decode
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={
            "X-API-KEY": KEY,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "leanest/1",
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    ) as session:

        async def call() -> object:
            url = URL(f"{root}/v1/users/{identifier}?account_id={ACCOUNT}", encoded=True)
            response = await session.get(url, allow_redirects=False)
            return decode(await response.read())

        yield call
