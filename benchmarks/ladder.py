"""From the leanest possible call to `client.users.get`, a layer at a time, on a real socket.

`python benchmarks/ladder.py [concurrency ...]`. All rungs share one process and one server and take
turns; a rung's cost is the median of its difference to the rung before it, round by round.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from contextlib import AsyncExitStack
from statistics import median, quantiles
from typing import TYPE_CHECKING

import contestants.bare
import contestants.leanest
from contestants.ours import three_windows
from harness import server, settled_allocator
from payloads import ACCOUNT, IDENTIFIERS, KEY

from postpress_async import KeyRate, Limits, Postpress, Profile
from postpress_async.client import _constant_headers
from postpress_async.exchange.pipeline import Terms
from postpress_async.exchange.transport import AiohttpTransport
from postpress_async.models.decoding import Reader
from postpress_async.options import Http, Retries, Timeout
from postpress_async.wire import routes
from postpress_async.wire.values import Call, HttpRequest, Reply, Sending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CALLS, ROUNDS = 200, 60
NAME = IDENTIFIERS["example"]


def request_of(root: str, timeout: Timeout) -> HttpRequest:
    return HttpRequest(
        method="GET",
        url=f"{root}/v1/users/{NAME}?account_id={ACCOUNT}",
        headers=None,
        body=None,
        timeout=timeout,
        safe=True,
    )


async def rungs(root: str, stack: AsyncExitStack) -> dict[str, Callable[[], Awaitable[object]]]:
    reading: Reader[Profile] = Reader(Profile)
    terms = Terms(timeout=Timeout(), retries=Retries(), max_wait=30.0)

    async def client(limits: Limits, key_rate: KeyRate | None) -> Postpress:
        return await stack.enter_async_context(
            Postpress(
                KEY,
                base_url=f"{root}/v1",
                limits=limits,
                key_rate=key_rate,
                providers={ACCOUNT: "LINKEDIN"},
            )
        )

    transport = AiohttpTransport(Http(), _constant_headers(KEY), terms.timeout)
    stack.push_async_callback(transport.aclose)

    async def transported() -> object:
        reply = await transport.exchange(request_of(root, terms.timeout), Sending())
        assert isinstance(reply, Reply)
        return reading.read(reply.body)

    def piped(through: Postpress) -> Callable[[], Awaitable[object]]:
        async def call() -> object:
            return await through._pipeline.send(  # noqa: SLF001 - this is what it is about
                Call(
                    route=routes.GET_USER,
                    request=request_of(root, terms.timeout),
                    reading=reading,
                    account_id=ACCOUNT,
                    action="profile",
                ),
                terms,
            )

        return call

    free = await client(Limits.none(), None)
    windows = await client(three_windows(), None)
    gated = await client(three_windows(), KeyRate(1e6))
    return {
        "bare aiohttp + json": await stack.enter_async_context(contestants.bare.opened(root, NAME)),
        "leanest": await stack.enter_async_context(contestants.leanest.opened(root, NAME)),
        "+ transport (sweeper, caps, Reply) and Reader": transported,
        "+ pipeline, scheduler without limits": piped(free),
        "+ three windows": piped(windows),
        "+ key gate": piped(gated),
        "= client.users.get (its URL, query, Call)": lambda: gated.users.get(
            NAME, account_id=ACCOUNT
        ),
    }


async def cost(call: Callable[[], Awaitable[object]], concurrency: int) -> float:
    async def one_after_another(number: int) -> None:
        for _ in range(number):
            await call()

    await asyncio.gather(*(one_after_another(2) for _ in range(concurrency)))
    share = CALLS // concurrency
    start = time.process_time()
    await asyncio.gather(*(one_after_another(share) for _ in range(concurrency)))
    return (time.process_time() - start) / (share * concurrency) * 1e6


async def climb(root: str, levels: list[int]) -> None:
    async with AsyncExitStack() as stack:
        ladder = await rungs(root, stack)
        gc.collect()
        gc.freeze()
        for concurrency in levels:
            times: dict[str, list[float]] = {name: [] for name in ladder}
            order = list(ladder)
            for _ in range(ROUNDS):
                random.shuffle(order)
                for name in order:
                    times[name].append(await cost(ladder[name], concurrency))
            print(f"concurrency {concurrency}: us a call, step in us (quartiles), ratio to leanest")
            before: list[float] | None = None
            for name, here in times.items():
                step = "" if before is None else _step(here, before)
                ratio = median(a / b for a, b in zip(here, times["leanest"], strict=True))
                print(f"  {median(here):7.1f} {step:28} {ratio:5.2f}x  {name}")
                before = here


def _step(here: list[float], before: list[float]) -> str:
    lower, middle, upper = quantiles((a - b for a, b in zip(here, before, strict=True)), n=4)
    return f"{middle:+6.1f} ({lower:+.1f} … {upper:+.1f})"


def main() -> None:
    settled_allocator()
    with server() as root:
        asyncio.run(climb(root, [int(level) for level in sys.argv[1:]] or [1, 10, 100]))


if __name__ == "__main__":
    main()
