"""The same messages, faults and kills for a loop, a task queue and the outbox; what became of them.

    python benchmarks/outbox_rivals.py --items 400 --kills 40

Each has three workers, one of which is killed again and again. The service resets, stalls, answers
by halves and with 429, 502 and 503, and has a limit of its own that it tells by 429. Time runs as
in the campaigns of the outbox, so that its waits take seconds. What arrived is counted by the
service's journal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "campaign"))

from counts import store_of  # noqa: E402 - behind the path
from fast import hasten  # noqa: E402 - behind the path
from items import faults  # noqa: E402 - behind the path
from outbox_rivals_worker import queue_of  # noqa: E402 - behind the path
from sends import Nursery, something_happened  # noqa: E402 - behind the path

from postpress_async import Postpress, Sandbox  # noqa: E402 - behind the path
from postpress_async.outbox.outbox import Outbox  # noqa: E402 - behind the path

SPEED = 60.0
CAPS = (("message", 40, 60.0),)
WORKERS = 3
RIVALS = Path(__file__).parent / "outbox_rivals_worker.py"
QUIET_SECONDS = 15.0  # no request for so long: nothing moves any more; far above every back-off


async def put_in(way: str, told: dict[str, Any], wanted: list[tuple[str, str, str]]) -> None:
    """Put all items in, durably."""
    if way == "loop":
        with sqlite3.connect(told["file"]) as file:
            file.execute("CREATE TABLE items (text, chat, done DEFAULT 0, failed DEFAULT 0)")
            rows = [(text, chat) for text, _, chat in wanted]
            file.executemany("INSERT INTO items (text, chat) VALUES (?, ?)", rows)
        file.close()
    elif way == "tasks":
        app = queue_of(told["queue"])
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            for text, _, chat in wanted:
                await app.tasks["send"].configure(lock=chat).defer_async(chat=chat, text=text)
    else:
        async with (
            Postpress(told["key"], base_url=told["url"]) as client,
            Outbox(client, told["outbox"]) as outbox,
        ):
            for text, account, chat in wanted:
                await outbox.message(account_id=account, chat_id=chat, text=text, key=text)


async def still(sandbox: Sandbox, seconds: float) -> None:
    """Wait until no request came for some time."""
    until, last = time.monotonic() + seconds, -1
    seen = time.monotonic()
    while time.monotonic() < until and time.monotonic() - seen < QUIET_SECONDS:
        newest = sum(1 for entry in sandbox.journal() if entry.action == "message")
        if newest != last:
            last, seen = newest, time.monotonic()
        await asyncio.sleep(0.5)


async def contest(way: str, options: argparse.Namespace) -> dict[str, object]:
    """Let one of them send all, and count."""
    rng = random.Random(options.seed)
    place, _ = store_of("sqlite" if way != "tasks" else "postgres")
    try:
        async with Sandbox(seed=options.seed) as sandbox:
            sandbox.reset(accounts={"LINKEDIN": 6}, chats=6, messages=1)
            sandbox.idempotency(honoured=False)
            sandbox.limits([{"action": a, "amount": n, "per": per} for a, n, per in CAPS])
            clock = hasten(sandbox, SPEED)
            world = sandbox.world()["accounts"]
            chats = [(one["id"], chat) for one in world for chat in one["chats"]]
            wanted = [(f"item {n:06}", *rng.choice(chats)) for n in range(options.items)]
            told = {
                "way": way, "url": sandbox.url, "key": sandbox.api_key, "speed": SPEED,
                "epoch": clock.epoch, "total": 48.0 / SPEED, "caps": CAPS, "workers": WORKERS,
                "accounts": [one["id"] for one in world], "chats": [chat for _, chat in chats],
                "file": place.url.removeprefix("sqlite:///") + "-loop", "queue": place.url,
                "outbox": place.url, "state": place.url.replace("counts.db", "lanes.db"),
            }  # fmt: skip
            await put_in(way, told, wanted)
            sandbox.faults(faults())
            await killed(way, told, options.kills, sandbox, rng)
            return counted(way, sandbox, [text for text, *_ in wanted])
    finally:
        getattr(place, "remove", place.stop)()


async def killed(
    way: str, told: dict[str, Any], kills: int, sandbox: Sandbox, rng: random.Random
) -> None:
    """Kill workers for a while, then let them come to an end."""
    with tempfile.TemporaryFile("w+") as log:
        nursery = Nursery(told, log) if way == "outbox" else Nursery(told, log, RIVALS)
        try:
            for n in range(WORKERS):
                await nursery.start(str(n))
            for turn in range(kills):
                await something_happened(sandbox, rng.choice((1, 3, 5, 8)))
                await asyncio.sleep(rng.random() * 0.05)
                nursery.kill(0)  # the eldest; workers stand in the order of their numbers
                await nursery.start(str(turn % WORKERS))
            sandbox.faults([])
            await still(sandbox, 180.0)
        finally:
            nursery.end()


def counted(way: str, sandbox: Sandbox, texts: list[str]) -> dict[str, object]:
    """Count what arrived, by the journal of the service."""
    journal = sandbox.journal()
    times = Counter(entry.text for entry in journal if entry.committed)
    return {
        "way": way,
        "items": len(texts),
        "lost": sum(not times[text] for text in texts),
        "doubled": sum(times[text] > 1 for text in texts),
        "over_limit": sum(entry.over_limit for entry in journal),
        "requests": sum(entry.action == "message" for entry in journal),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=400)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("ways", nargs="*", default=["loop", "tasks", "outbox"])
    options = parser.parse_args()
    for way in options.ways:
        print(json.dumps(asyncio.run(contest(way, options))), flush=True)


if __name__ == "__main__":
    main()
