"""`client.users.get`: windows, the key gate, retries, time-outs, decoding: all on."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from payloads import ACCOUNT, KEY

from postpress_async import KeyRate, Limit, Limits, LinkedInProfile, Postpress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

MANY = 10**9


def three_windows() -> Limits:
    """Return limits that count every call three times and hold nobody back."""
    return Limits.none().add(
        Limit("profile", MANY, per="second"),
        Limit("profile", MANY, per="minute"),
        Limit("profile", MANY, per="day"),
    )


@asynccontextmanager
async def opened(root: str, identifier: str) -> AsyncIterator[Callable[[], Awaitable[object]]]:
    async with Postpress(
        KEY,
        base_url=f"{root}/v1",
        limits=three_windows(),
        key_rate=KeyRate(1e6),
        providers={ACCOUNT: "LINKEDIN"},
    ) as client:

        async def call() -> object:
            return await client.users.get(identifier, account_id=ACCOUNT)

        assert isinstance(await call(), LinkedInProfile)
        yield call
