"""A nursery of workers of an outbox: each is forked when it is asked for, and killed from outside.

The nursery has loaded all that a worker needs, so that a new one is at work in milliseconds.
"""

import asyncio
import json
import os
import random
import signal
import sys
import traceback

from fast import FastClock

from postpress_async import Limit, Limits, Postpress, Timeout
from postpress_async.outbox.outbox import Outbox
from postpress_async.outbox.protocol import Terms
from postpress_async.outbox.worker import Worker
from postpress_async.storage.outbox import postgres, sqlite  # noqa: F401 - loaded once for all
from postpress_async.storage.sqlite import images  # noqa: F401 - as above


def client_of(told, clock):
    """Return a client whose counts are shared with all other workers'."""
    return Postpress(
        told["key"], base_url=told["url"], state=told["state"], key_rate=None, clock=clock,
        limits=Limits.none().add(*(Limit(a, n, per=per) for a, n, per in told["caps"])),
        timeout=Timeout(connect=told["total"] / 2, read=told["total"], total=told["total"]),
        providers=dict.fromkeys(told["accounts"], "LINKEDIN"),
    )  # fmt: skip


async def work(told):
    """Work until killed."""
    clock = FastClock(told["speed"], told["epoch"], told.get("ahead", 0.0))
    async with client_of(told, clock) as client, Outbox(client, told["outbox"]) as outbox:
        # Its time-out is of real seconds, and this of told ones: a minute, as by default.
        outbox._terms = Terms()
        await outbox.run()


def main():
    # Its patience is of told time, too, and a server takes real time to start again.
    Worker.__init__.__kwdefaults__["patience"] = 1e9
    told = json.loads(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for _ in sys.stdin:
        if (child := os.fork()) == 0:
            sys.stdin.close()
            random.seed()
            try:
                asyncio.run(work(told))
            except BaseException:  # noqa: BLE001 - told, and then it is over
                traceback.print_exc()
            finally:
                os._exit(1)
        print(child, flush=True)  # noqa: T201 - the campaign reads it


if __name__ == "__main__":
    main()
