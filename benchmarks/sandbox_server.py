"""The sandbox in a process of its own, which tells its CPU seconds and its largest memory.

Prints a line of JSON when it is ready, then answers each line of stdin: `cpu` or `memory`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time

from harness import on_cpu

from postpress_async.sandbox import Sandbox

PER_MB = 2**20 if sys.platform == "darwin" else 2**10  # the unit of ru_maxrss


async def serve() -> None:
    loop = asyncio.get_running_loop()
    async with Sandbox(seed=1) as sandbox:
        print(json.dumps({"url": sandbox.url, "key": sandbox.api_key}), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip() == "cpu":
                print(time.process_time(), flush=True)
            else:
                print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MB, flush=True)


if __name__ == "__main__":
    on_cpu(-1)
    asyncio.run(serve())
