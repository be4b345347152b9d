"""Running a sandbox by itself, as a program."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING

from .sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence


def serve(host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> int:
    """Serve until SIGINT or SIGTERM; give the exit code.

    Prints one line of JSON once it takes requests: where it is, the key, and the dashboard.

    Raises:
        ControlError: The host is not loopback.
        OSError: The port is taken.
    """
    sandbox = Sandbox(host=host, port=port, seed=seed)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(sandbox))
    return 0


async def _serve(sandbox: Sandbox) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has none of this; there, Ctrl-C raises KeyboardInterrupt
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopping.set)
    async with sandbox:
        ready = {
            "url": sandbox.url,
            "api_key": sandbox.api_key,
            "dashboard": sandbox.dashboard,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stopping.wait()


def run(arguments: Sequence[str] | None = None) -> int:
    """Read `--host --port --seed` and serve; what `python -m postpress_async.sandbox` does."""
    parser = argparse.ArgumentParser(
        prog="python -m postpress_async.sandbox",
        description="A pretend postpress service on this machine.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback only (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (the default)")
    parser.add_argument("--seed", type=int, default=1, help="the world follows from it (default 1)")
    options = parser.parse_args(arguments)
    try:
        return serve(options.host, options.port, options.seed)
    except (OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
