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
from looking import Looking

from postpress_async import Limit, Limits, Postpress, Timeout
from postpress_async.outbox.sending import ClientSender
from postpress_async.outbox.worker import Worker
from postpress_async.storage.outbox import postgres, sqlite  # noqa: F401 - loaded once for all
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.sqlite import images  # noqa: F401


def client_of(told, clock):
    """Return a client whose counts are shared with all other workers'."""
    return Postpress(
        told["key"], base_url=told["url"], state=told["state"], key_rate=None, clock=clock,
        limits=Limits.none().add(*(Limit(a, n, per=per) for a, n, per in told["caps"])),
        timeout=Timeout(connect=told["total"] / 2, read=told["total"], total=told["total"]),
        providers=dict.fromkeys(told["accounts"], "LINKEDIN"),
    )  # fmt: skip


async def work(told, name):
    """Work until killed."""
    clock = FastClock(told["speed"], told["epoch"])
    store = open_outbox(told["outbox"], clock=clock.time)
    async with client_of(told, clock) as client:
        worker = Worker(
            store, sender=ClientSender(client), looker=Looking(client, store, clock), owner=name,
            clock=clock, random=random.random, boot=clock.boot,
        )  # fmt: skip
        await worker.run()


def main():
    told = json.loads(sys.argv[1])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for line in sys.stdin:
        name = line.strip()
        if (child := os.fork()) == 0:
            sys.stdin.close()
            random.seed()
            try:
                asyncio.run(work(told, name))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        print(child, flush=True)  # noqa: T201 - the campaign reads it


if __name__ == "__main__":
    main()
