from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from postpress_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def type(self) -> str:
        return self.json["type"].removeprefix("errors/")

    @property
    def items(self) -> list[Any]:
        return self.json["items"]


class Api:
    """A plain HTTP client: nothing of the SDK, and nothing normalised on the way."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session
        self.accounts = {row["id"]: row for row in sandbox.world()["accounts"]}

    def account(self, provider: str = "LINKEDIN", index: int = 0) -> dict[str, Any]:
        return [row for row in self.accounts.values() if row["provider"] == provider][index]

    async def __call__(
        self, method: str, path: str, *, mount: str = "/v1", key: str | None = "", **more: Any
    ) -> Answer:
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers.setdefault("X-API-KEY", key or self.sandbox.api_key)
        url = URL(f"{self.sandbox.url}{mount}{path}", encoded=True)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, **more
        ) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self("GET", path, **more)

    async def post(self, path: str, **more: Any) -> Answer:
        return await self("POST", path, **more)

    async def send(self, chat_id: str, text: str = "Hello", **more: Any) -> Answer:
        return await self.post(f"/chats/{chat_id}/messages", json={"text": text}, **more)

    async def steer(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self(
            "GET" if body is None else "POST",
            path,
            mount="/_sandbox",
            key=None,
            **({} if body is None else {"json": body}),
            **more,
        )


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=1) as opened:
        yield opened


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Api(sandbox, session)
