"""One contestant in a process of its own: told to run a round, it answers with its CPU seconds.

`python worker.py <contestant> <root url> <identifier> [uvloop]`, then on stdin a line of
`<concurrency> <calls>` for each round. Only the standard library here: it runs in strangers' venvs.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TextIO

from harness import on_cpu, settled_allocator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractContextManager


async def _serve(
    opening: AbstractAsyncContextManager[Callable[[], Awaitable[object]]], out: TextIO
) -> None:
    async with opening as call:

        async def one_after_another(number: int) -> None:
            for _ in range(number):
                await call()

        async def at_once(concurrency: int, number: int) -> None:
            share = number // concurrency
            await asyncio.gather(*(one_after_another(share) for _ in range(concurrency)))

        for concurrency, calls in _orders(out):
            await at_once(concurrency, concurrency)  # all connections are open
            gc.collect()  # the same start for all; the collector stays on, as it is in a program
            start = time.process_time()
            await at_once(concurrency, calls)
            print((time.process_time() - start) / calls, file=out, flush=True)


def _serve_threads(opening: AbstractContextManager[Callable[[], object]], out: TextIO) -> None:
    with opening as call, ThreadPoolExecutor(100) as pool:

        def one_after_another(number: int) -> None:
            for _ in range(number):
                call()

        def at_once(concurrency: int, number: int) -> None:
            if concurrency == 1:
                one_after_another(number)
            else:
                list(pool.map(one_after_another, [number // concurrency] * concurrency))

        for concurrency, calls in _orders(out):
            at_once(concurrency, concurrency)
            gc.collect()
            start = time.process_time()
            at_once(concurrency, calls)
            print((time.process_time() - start) / calls, file=out, flush=True)


def _orders(out: TextIO) -> Iterator[tuple[int, int]]:
    gc.collect()
    gc.freeze()  # what was imported is not looked at again
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        concurrency, calls = map(int, line.split())
        yield concurrency, calls


def main() -> None:
    name, root, identifier, *more = sys.argv[1:]
    on_cpu(0)
    settled_allocator()
    out = os.fdopen(os.dup(1), "w")  # what a contestant prints goes elsewhere
    os.dup2(2, 1)
    opening = importlib.import_module(f"contestants.{name}").opened(root, identifier)
    if not isinstance(opening, AbstractAsyncContextManager):
        _serve_threads(opening, out)
        return
    factory = None
    if "uvloop" in more:
        import uvloop  # noqa: PLC0415 - an extra

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(opening, out))


if __name__ == "__main__":
    main()
