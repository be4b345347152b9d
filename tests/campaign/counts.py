"""Many processes hammer accounts with hidden, exact caps, and are killed at it.

The service is the sandbox; between it and the workers the latency jitters. Every second one worker
dies by `kill -9`, and the store of counts is ended and started again twice. At the end the
sandbox's journal tells: how many calls went over a cap (none may), and how much of what the caps
allowed was sent. With `--stall 5` nothing arrives for five seconds now and then, and those who have
just sent something are killed meanwhile: what they sent arrives long after their death.

    python tests/campaign/counts.py --store redis --seconds 75 --processes 8 --accounts 50
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path

from postpress_async import Limit, Limits, Postpress, Sandbox

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "storage"))

CAPS = ((6, 2.0), (100, 60.0), (120, 86_400.0))  # of looking at profiles
LATENCY = 0.02  # seconds at most, each way
SHARE = 0.95  # of what the caps allow
STALL_EVERY = 10  # kills
STALL_FIRST = 0.3  # seconds for which calls go out and nothing arrives


class File:
    """A store that is a file: nothing to restart, so all its processes die at once."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="pp-")
        self.url = f"sqlite:///{self._directory.name}/counts.db"

    def start(self):
        """Do nothing: the first worker makes it."""

    def stop(self):
        """Remove it."""
        self._directory.cleanup()


def store_of(kind):
    """Return a store, and how it is ended and started again."""
    if kind == "sqlite":
        return File(), None
    if kind == "redis":
        from redis_server import Valkey  # noqa: PLC0415 - only who needs it must have it

        server = Valkey()
        server.start()
        return server, server.restart
    from postgres_server import Postgres  # noqa: PLC0415 - as above

    server = Postgres()
    server.start()

    def again():
        server.kill9()
        server.start()

    return server, again


class Network:
    """Pass bytes on to a port, each chunk a little later, or much later while it is stalled."""

    def __init__(self, port):
        self._target = port
        self._stalled_until = 0.0

    async def start(self):
        """Begin; return where."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def stall(self, seconds):
        """Let nothing arrive for a while, whatever becomes of those who sent it."""
        self._stalled_until = time.monotonic() + seconds

    def close(self):
        """Take nobody in any more."""
        self._server.close()

    async def _connect(self, reader, writer):
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while chunk := await source.read(65_536):
                stalled = self._stalled_until - time.monotonic()
                await asyncio.sleep(max(stalled, 0.0) + random.random() * LATENCY)
                sink.write(chunk)
                await sink.drain()
        with contextlib.suppress(OSError, RuntimeError):
            sink.close()


def allowed(seconds):
    """Return how many calls of one account the caps allow: each as early as it may go."""
    went, at = [], 0.0
    while True:
        for amount, per in CAPS:
            if len(went) >= amount:
                at = max(at, went[-amount] + per)
        if at >= seconds:
            return bisect_right(went, seconds)
        went.append(at)


class Campaign:
    """Hold what one run needs."""

    def __init__(self, options):
        self.options = options
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - until the program's end
        self.workers = []
        self.command = []
        self.kills = self.restarts = 0

    def start(self):
        """Start one worker."""
        return subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def kill(self, which):
        """End workers at once."""
        for n in which:
            self.workers[n].kill()
        for n in which:
            self.workers[n].wait()
            self.kills += 1

    def kill_and_start(self, which):
        """End workers at once, and start others in their place."""
        self.kill(which)
        for n in which:
            self.workers[n] = self.start()

    async def rage(self, again, busy, network):
        """Kill and restart for as long as wished, once all are busy: a program takes its time."""
        async with asyncio.timeout(120.0):
            while not busy():  # noqa: ASYNC110 - the sandbox tells nobody but its journal
                await asyncio.sleep(0.05)
        began, due = time.monotonic(), self.options.seconds / 3
        turn = 0
        while (gone := time.monotonic() - began) < self.options.seconds:
            await asyncio.sleep(min(self.options.every, self.options.seconds - gone))
            if self.options.stall and turn % STALL_EVERY == 0:
                network.stall(self.options.stall)
                await asyncio.sleep(STALL_FIRST)  # calls are under way when they are killed
                self.kill_and_start(range(len(self.workers)))
            else:
                self.kill_and_start([turn % len(self.workers)])
            turn += 1
            if gone > due * (self.restarts + 1) and self.restarts < self.options.restarts:
                self.restarts += 1
                if again is None:
                    self.kill_and_start(range(len(self.workers)))
                else:
                    await asyncio.to_thread(again)
        return time.monotonic() - began


async def run(options):
    """Carry out a campaign, and return what became of it."""
    campaign = Campaign(options)
    store, again = store_of(options.store)
    try:
        async with Sandbox() as sandbox:
            sandbox.reset(accounts={"LINKEDIN": options.accounts}, chats=1, messages=1)
            rows = [{"action": "profile", "amount": amount, "per": per} for amount, per in CAPS]
            sandbox.limits(rows)
            accounts = [one["id"] for one in sandbox.world()["accounts"]]
            ids = set(accounts)
            network = Network(int(sandbox.url.rpartition(":")[2]))
            url = await network.start()
            campaign.command = [
                sys.executable, str(HERE / "worker_of_counts.py"), url, sandbox.api_key, store.url,
                json.dumps(CAPS), *accounts,
            ]  # fmt: skip
            campaign.workers = [campaign.start() for _ in range(options.processes)]

            def busy():
                return {one.account_id for one in sandbox.journal() if one.status == 200} >= ids

            try:
                seconds = await campaign.rage(again, busy, network)
            finally:
                campaign.kill(range(len(campaign.workers)))
                network.close()
            await asyncio.sleep(options.stall + 2 * LATENCY)
            told = report(campaign, sandbox.journal(), accounts, seconds)
            return {**told, "counted": await counted(store.url, accounts)}
    finally:
        getattr(store, "remove", store.stop)()


async def counted(url, accounts):
    """Return how many calls the store has counted: each may be one that nobody sent, or more."""
    limits = Limits.none().add(*(Limit("profile", amount, per=per) for amount, per in CAPS))
    known = dict.fromkeys(accounts, "LINKEDIN")
    async with Postpress("key", state=url, limits=limits, providers=known) as made:
        for account in accounts:
            made.scheduler.lane(account)
        seen = await made.scheduler.snapshot()
    return sum(max((limit.used for limit in lane.limits), default=0) for lane in seen)


def report(campaign, journal, accounts, seconds):
    """Count what the service saw."""
    sent = Counter(entry.account_id for entry in journal if entry.status == 200)
    first = min((entry.at for entry in journal), default=0.0)
    last = max((entry.at for entry in journal), default=0.0)
    most = allowed(min(seconds, last - first + 1.0)) * len(accounts)
    campaign.log.seek(0)
    said = campaign.log.read().splitlines()
    errors = Counter(line.partition(":")[0] for line in said)
    words = Counter(re.sub(r"[0-9]+", "#", line)[:160] for line in said)
    return {
        "store": campaign.options.store,
        "seconds": round(seconds, 1),
        "processes": campaign.options.processes,
        "accounts": len(accounts),
        "kills": campaign.kills,
        "restarts": campaign.restarts,
        "requests": len(journal),
        "over": sum(entry.over_limit for entry in journal),
        "status_429": sum(entry.status == 429 for entry in journal),
        "sent": sum(sent.values()),
        "allowed": most,
        "share": round(sum(sent.values()) / max(most, 1), 4),
        "sent_each_5_s": each(5.0, [entry.at - first for entry in journal]),
        "least": min(sent[account] for account in accounts),
        "errors": dict(errors.most_common(5)),
        "said": dict(words.most_common(8)),
    }


def each(seconds, instants):
    """Return how many of some instants fall into each stretch of time."""
    found = Counter(int(at // seconds) for at in instants)
    return [found[n] for n in range(max(found, default=-1) + 1)]


def main():
    """Run one campaign; end with 1 where a promise did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "redis", "postgres"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two kills")
    parser.add_argument("--restarts", type=int, default=2, help="of the store")
    parser.add_argument(
        "--stall", type=float, default=0.0,
        help="seconds for which bytes of workers that are all killed meanwhile arrive late",
    )  # fmt: skip
    parser.add_argument("--share", type=float, default=SHARE, help="of the allowed to be sent")
    options = parser.parse_args()
    told = asyncio.run(run(options))
    print(json.dumps(told))  # noqa: T201 - what it is for
    return int(told["over"] > 0 or told["share"] < options.share)


if __name__ == "__main__":
    sys.exit(main())
