"""Rows of the outbox: putting in, claiming from small and huge backlogs, and what an item takes."""

from __future__ import annotations

import asyncio
import resource
import secrets
import sqlite3
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from outbox_load import load
from outbox_through import FIRST, through
from rows import Row, figure
from state_postgres import _helper, _server

from postpress_async.storage.outbox.opening import open_outbox
from postpress_async.storage.outbox.rows import Claimed, Finish, New

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postpress_async.storage.outbox.store import Store

ACCOUNTS = 10_000
AT_ONCE = 20  # tasks that put one item in each
PUT_IN = 200_000  # items at most on a server that are put in: more of them are made there
HOT = 0.1  # of the items in one thread, as many in another account's future
BARE = """CREATE TABLE bare (
    id text PRIMARY KEY, key text UNIQUE, digest blob, kind text, account_id text, action text,
    thread text, body blob, recipient text, text_digest blob, loose_digest blob, priority integer,
    due_at real, state text, created_at real)"""
BARE_INSERT = "INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def outbox_rows(*, quick: bool) -> Iterator[Row]:
    sizes = (1_000, 20_000) if quick else (1_000, 1_000_000)
    with tempfile.TemporaryDirectory(dir=Path.home()) as directory:
        yield from asyncio.run(_one_by_one(Path(directory), 100 if quick else 600))
        yield from asyncio.run(_through(f"sqlite:///{directory}/through.db", "sqlite", quick=quick))
        yield from asyncio.run(_backlog(f"sqlite:///{directory}/outbox.db", sizes, "sqlite"))
    helper = _helper()
    try:
        with _server(helper) as url:
            yield from asyncio.run(_through(url, "postgres", quick=quick))
        with _server(helper) as url:
            yield from asyncio.run(
                _backlog(url, sizes if quick else (1_000, 20_000, 1_000_000), "postgres")
            )
    except helper.MissingError as error:
        yield Row(name="postgres", group="outbox", note=str(error))


def item(number: int, *, account: str | None = None, thread: str = "", due: float = 0.0) -> New:
    account = account or f"acc_{number % ACCOUNTS:05d}"
    return New(
        id=f"01J{number:023d}",
        key=f"campaign-7/lead-{number:07d}",
        digest=secrets.token_bytes(32),
        kind="message",
        account_id=account,
        action="message",
        thread=thread or f"{account}/chat_{number:08d}",
        body=secrets.token_bytes(200),
        recipient=f"ACoAA{number:020d}",
        text_digest=secrets.token_bytes(32),
        loose_digest=secrets.token_bytes(32),
        due_at=due,
    )


def _bare(path: str) -> Callable[[New], object]:
    """Return what an item costs at least in a file: an INSERT, and its way to the disk."""
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute(BARE)

    def put(new: New) -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute(BARE_INSERT, _values(new))
        bare.execute("COMMIT")

    return put


def _bare_server(url: str) -> Callable[[New], object]:
    """Return the same on a server: an INSERT that commits by itself."""
    import psycopg  # noqa: PLC0415 - only where there is a server

    bare = psycopg.connect(url, autocommit=True)
    bare.execute(BARE.replace("blob", "bytea").replace("real", "float8"))
    text = BARE_INSERT.replace("?", "%s")
    return lambda new: bare.execute(text, _values(new))


def _values(new: New) -> tuple[object, ...]:
    return (
        new.id, new.key, new.digest, new.kind, new.account_id, new.action, new.thread,
        new.body, new.recipient, new.text_digest, new.loose_digest, new.priority,
        new.due_at, "queued", 0.0,
    )  # fmt: skip


async def _one_by_one(directory: Path, times: int) -> list[Row]:
    """Put items in beside a bare INSERT and COMMIT, in turns."""
    bare = _bare(str(directory / "bare.db"))
    store = open_outbox(f"sqlite:///{directory}/single.db")
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(times):
        new = item(number)
        began = time.perf_counter()
        await store.add([new])
        between = time.perf_counter()
        bare(new)
        ours.append(between - began)
        theirs.append(time.perf_counter() - between)
    each: list[float] = []
    alone: list[float] = []
    for number in range(times, times + times // AT_ONCE):
        news = [item(number * 1_000 + n) for n in range(AT_ONCE + 1)]
        began = time.perf_counter()
        await asyncio.gather(*[store.add([new]) for new in news[1:]])
        between = time.perf_counter()
        bare(news[0])
        each.append((between - began) / AT_ONCE)
        alone.append(time.perf_counter() - between)
    await store.aclose()
    what = "durable, of a bare INSERT + COMMIT"
    return [
        _against(f"sqlite, one by one, {what}", ours, theirs, 1.3),
        _against(f"sqlite, by {AT_ONCE} tasks at once, each, {what}", each, alone, None),
    ]


def _against(name: str, ours: list[float], theirs: list[float], goal: float | None) -> Row:
    low, middle, high = statistics.quantiles(
        [a / b for a, b in zip(ours, theirs, strict=True)], n=4
    )
    return Row(
        name=name,
        group="outbox",
        ours=statistics.median(ours) * 1e6,
        baseline=statistics.median(theirs) * 1e6,
        ratio=middle,
        lower=low,
        upper=high,
        goal=goal,
        met=None if goal is None else middle <= goal,
    )


async def _through(url: str, name: str, *, quick: bool) -> list[Row]:
    """Have a worker send all there is, where each item is in a chat of its own."""
    times = 300 if quick else 3_000
    goals = {"sqlite": 0.7, "postgres": 2.5}
    file, numbers = url.removeprefix("sqlite:///"), count(10**7)
    bare = _bare(f"{file}.bare") if name == "sqlite" else _bare_server(url)
    store = open_outbox(url)
    for first in range(0, 2 * (FIRST + times) + 200, 100):
        await store.add([item(number) for number in range(first, first + 100)])
    await store.enter("bench")
    await _settle(store)
    try:
        return await through(
            store, name, times=times, goal=goals[name], bare=lambda: bare(item(next(numbers)))
        )
    finally:
        await store.aclose()


async def _backlog(url: str, sizes: tuple[int, ...], name: str) -> list[Row]:
    """Fill an outbox, and claim from it at each size."""
    store = open_outbox(url)
    await store.enter("bench")
    rows: list[Row] = []
    done, claims, cycles, floors = 0, [], [], []
    path = url.removeprefix("sqlite:///")
    bare = _bare(f"{path}.bare") if name == "sqlite" else _bare_server(url)
    commits = 2 if name == "sqlite" else 3  # a claim in a file does not wait for the disk
    for size in sizes:
        if name == "postgres" and size > PUT_IN:
            load(url, done, size, accounts=ACCOUNTS)
        else:
            rate = (size - done) / await _fill(store, done, size)
        claim, cycle, cpu, floor = await _cycles(store, 300, bare, size)
        claims.append(cpu if name == "sqlite" else claim)
        cycles.append(cycle)
        floors.append(floor * commits)
        done = size
    rows.append(
        figure(
            f"{name}, put in by 100, {sizes[1]:,}",
            "outbox",
            1e6 / rate,
            "us a row",
            1e6 / 30_000 if name == "sqlite" else None,
        )
    )
    for size, claim, cycle, floor in zip(sizes, claims, cycles, floors, strict=True):
        what = "ms of CPU" if name == "sqlite" else "ms"
        rows.append(figure(f"{name}, claim of {size:,}", "outbox", claim * 1e3, what))
        goal = {"sqlite": 0.7, "postgres": 2.5}[name] if size == sizes[0] else None
        all_of_it = f"{name}, claim + mark + finish of {size:,}"
        note = f"{commits} bare INSERTs with their COMMITs meanwhile: {floor * 1e3:.2f} ms"
        rows.append(figure(all_of_it, "outbox", cycle * 1e3, "ms", goal, note=note))
    for size, claim in zip(sizes[1:], claims[1:], strict=True):
        flat = f"{name}, claim of {size:,} by that of 1,000"
        rows.append(figure(flat, "outbox", claim / claims[0], "x", 1.5))
    if name == "sqlite":
        await store.aclose()
        size_of_it = _size(url) / sizes[1]
        rows.append(figure("sqlite, an item", "outbox", size_of_it, "bytes", 1_228.8))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append(figure("sqlite, memory of all that", "outbox", memory, "MB", 100.0))
    await store.aclose()
    return rows


def _size(url: str) -> int:
    return Path(url.removeprefix("sqlite:///")).stat().st_size


async def _fill(store: Store, done: int, size: int) -> float:
    """Put items in: most in chats of their own, and a hot, a future and an unknown backlog.

    Return the seconds that it took until all were taken in.
    """
    later = time.time() + 1e6
    await store.add([item(10**7 + size, account="doubt", thread="doubt")])
    while isinstance(got := await store.claim("bench", lease=60.0, accounts=["doubt"]), Claimed):
        await store.mark(got.row.id, got.row.fence, seconds=30.0)
        await store.finish(got.row.id, got.row.fence, Finish(state="unknown", look_at=later))
    taken = 0.0
    for first in range(done, size, 100):
        part = first % 1_000 / 1_000
        shape: dict[str, object] = {}
        if part < HOT:
            shape = {"account": "hot", "thread": "hot"}
        elif part < 2 * HOT:
            shape = {"account": "future", "due": later}
        elif part < 3 * HOT:
            shape = {"account": "doubt", "thread": "doubt"}
        items = [item(n, **shape) for n in range(first, first + 100)]  # type: ignore[arg-type]  # words of ours
        began = time.perf_counter()
        await store.add(items)
        taken += time.perf_counter() - began
    began = time.perf_counter()
    await _settle(store)
    return taken + time.perf_counter() - began


async def _settle(store: Store) -> None:
    """Have all that is new taken in, as idle workers do: it is paid for once, by the putting in."""
    while True:
        got = await store.claim("bench", lease=60.0, accounts=["nobody"])
        assert not isinstance(got, Claimed)
        if got.at is None or got.at - got.now > 0.03:
            return


async def _cycles(
    store: Store, times: int, bare: Callable[[New], object], first: int
) -> tuple[float, float, float, float]:
    """Return the medians of a claim, of all an item needs, of a claim's CPU, of a bare INSERT."""
    floors: list[float] = []
    claims: list[float] = []
    cpus: list[float] = []
    cycles: list[float] = []
    for number in range(times):
        began, spent = time.perf_counter(), time.process_time()
        got = await store.claim("bench", lease=60.0)
        claims.append(time.perf_counter() - began)
        cpus.append(time.process_time() - spent)
        assert isinstance(got, Claimed)
        await store.mark(got.row.id, got.row.fence, seconds=30.0)
        sent = Finish(state="sent", result_id=f"msg_{got.row.serial}")
        await store.finish(got.row.id, got.row.fence, sent)
        cycles.append(time.perf_counter() - began)
        new = item(2 * 10**7 + first + number)
        began = time.perf_counter()
        bare(new)
        floors.append(time.perf_counter() - began)
    claim, cycle, cpu, floor = map(statistics.median, (claims, cycles, cpus, floors))
    return claim, cycle, cpu, floor
