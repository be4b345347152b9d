"""aiohttp and json, as one writes it on the first day."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from payloads import ACCOUNT, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def opened(root: str, identifier: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with aiohttp.ClientSession() as session:

        async def call() -> object:
            async with session.get(
                f"{root}/v1/users/{identifier}",
                params={"account_id": ACCOUNT},
                headers={"X-API-KEY": KEY, "Accept": "application/json"},
            ) as response:
                return await response.json()

        yield call
