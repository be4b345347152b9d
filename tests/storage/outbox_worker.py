"""Workers of an outbox in processes of their own, to be stopped and killed: `… MODE URL …`."""

# ruff: noqa: T201, ASYNC251 - it talks by its output

import asyncio
import os
import signal
import sqlite3
import sys
import time

from postpress_async.storage.outbox import heads, statements
from postpress_async.storage.outbox import postgres as of_postgres
from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Finish, New, Nothing, Reach


def item(n, **changes):
    told = {
        "id": f"i{n:05}", "key": f"k{n}", "digest": b"d", "kind": "message",
        "account_id": f"a{n % 7}", "action": "message", "thread": f"t{n % 11}", "body": b"hello",
    } | changes  # fmt: skip
    return New(**told)


async def hold(url, owner):
    """Mark one item, claim another, say so, and do nothing more."""
    store = open_outbox(url)
    await store.enter(owner)
    first = await store.claim(owner, lease=1.0)
    await store.mark(first.row.id, first.row.fence, seconds=1.0, reach=Reach(total=0.0, held=0.0))
    second = await store.claim(owner, lease=1.0)
    print(first.row.id, second.row.id, flush=True)
    await asyncio.sleep(600)


async def forked(url, owner):
    """Enter, and leave a child behind that lives on."""
    store = open_outbox(url)
    await store.enter(owner)
    if not os.fork():
        print(os.getpid(), flush=True)  # by the child: it has let go of the parent's handles
        time.sleep(600)
    await asyncio.sleep(600)


async def work(url, owner):
    """Send all there is, and say what was sent."""
    store = open_outbox(url)
    await store.enter(owner)
    while not isinstance(got := await store.claim(owner, lease=60.0), Nothing):
        if await store.mark(got.row.id, got.row.fence, seconds=30.0) is None:
            continue
        print(got.row.thread, got.row.id, flush=True)
        await store.finish(got.row.id, got.row.fence, Finish(state="sent"))
    await store.leave(owner)
    await store.aclose()


async def stopped(url, owner):
    """Stop in the midst of an upkeep, which has taken what others wait for; then claim all."""
    short = of_postgres._BEGIN.replace(b"'10s'", b"'300ms'")
    assert short != of_postgres._BEGIN
    of_postgres._BEGIN = short
    store, upkeep = open_outbox(url), heads.upkeep

    def stopping():
        query = next(asked := upkeep())
        while True:
            rows = yield query
            try:
                query = asked.send(rows)
            except StopIteration as end:
                return end.value
            if query[0] == statements.SORTED:  # its chats are locked
                heads.upkeep = upkeep
                print("stopped", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)

    heads.upkeep = stopping
    await store.enter(owner)
    while not isinstance(got := await store.claim(owner, lease=60.0), Nothing):
        print(got.row.id, flush=True)
    await store.aclose()


class Counting(sqlite3.Connection):
    """A connection that is killed, with its process, before its nth statement."""

    left = 0

    def execute(self, *arguments):
        Counting.left -= 1
        if Counting.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*arguments)


async def steps(url, owner):
    """Add, claim, mark and finish; say each thing once it is done."""
    store = open_outbox(url)
    for n in range(3):
        await store.add([item(n, thread="t"), item(n + 10, thread="u")])
        print("added", n, flush=True)
    await store.enter(owner)
    for state in ("sent", "queued", "unknown"):
        got = await store.claim(owner, lease=60.0)
        print("claimed", got.row.id, flush=True)
        await store.mark(got.row.id, got.row.fence, seconds=30.0)
        print("marked", got.row.id, flush=True)
        await store.finish(got.row.id, got.row.fence, Finish(state=state))
        print(state, got.row.id, flush=True)
    print("end", flush=True)
    os._exit(0)


def nth(url, owner, number):
    """Do all of `steps`, and be killed before the nth statement."""
    real = sqlite3.connect
    sqlite3.connect = lambda *given, **named: real(*given, **named, factory=Counting)
    Counting.left = int(number)
    asyncio.run(steps(url, owner))


if __name__ == "__main__":
    mode, *arguments = sys.argv[1:]
    if mode == "nth":
        nth(*arguments)
    else:
        modes = {"hold": hold, "forked": forked, "stopped": stopped, "work": work}
        asyncio.run(modes[mode](*arguments))
