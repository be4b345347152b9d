"""httpx and pydantic: the most common pair. The same fields, by pydantic's own types."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
from models_pydantic import LinkedInProfile
from payloads import ACCOUNT, KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def opened(root: str, identifier: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    headers = {"X-API-KEY": KEY, "Accept": "application/json"}
    async with httpx.AsyncClient(base_url=f"{root}/v1", headers=headers) as client:

        async def call() -> object:
            response = await client.get(f"/users/{identifier}", params={"account_id": ACCOUNT})
            response.raise_for_status()
            return LinkedInProfile.model_validate_json(response.content)

        yield call
