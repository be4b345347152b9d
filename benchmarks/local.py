"""Rows without a network: decoding, importing, making a client, taking turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from contestants.ours import three_windows
from harness import compared, interleaved
from payloads import ACCOUNT, body, chats_page, messages_page, relations_page
from rows import Row, alone, at_most, times_less

from postpress_async import Chat, Message, Profile, Relation
from postpress_async.limits import DONE
from postpress_async.models.decoding import PageReader, Reader
from postpress_async.scheduler.clock import LoopClock
from postpress_async.scheduler.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BYTECODE = Path(__file__).parent.parent / ".nox" / "bench-bytecode"
HEAVY = ("aiohttp", "tenacity", "aiolimiter", "sqlite3")


def _cpu(part: Callable[[], object], calls: int) -> float:
    steps = range(calls)
    start = time.process_time()
    for _ in steps:
        part()
    return (time.process_time() - start) / calls


def decode_rows(*, quick: bool) -> Iterator[Row]:
    rounds = 20 if quick else 400
    reader: Reader[Profile] = Reader(Profile)
    plain = msgspec.json.Decoder(Profile).decode
    for kind, to_json in (("example", None), ("full", 3.5)):
        answer = body(kind)
        parts: dict[str, Callable[[], object]] = {
            "ours": partial(reader.read, answer),
            "msgspec": partial(plain, answer),
            "json": partial(json.loads, answer),
        }
        calls = 1_000_000 // len(answer)
        times = interleaved({n: partial(_cpu, part, calls) for n, part in parts.items()}, rounds)
        what = f"decode, {kind} {len(answer) / 1000:.1f} kB"
        beside = compared(times["ours"], times["msgspec"])
        yield at_most(f"{what}: plain msgspec", "decode", beside, 1.05)
        yield times_less(
            f"{what}: json.loads", "decode", compared(times["ours"], times["json"]), to_json
        )
    yield from _page_rows(rounds)


PAGES: dict[str, tuple[Callable[..., bytes], type, float]] = {
    "messages": (messages_page, Message, 3.5),
    "chats": (chats_page, Chat, 2.5),
    "relations": (relations_page, Relation, 2.5),
}
"""What is on a page of 250, and how many times faster than json.loads it has to be read."""
ODD = 3.2
"""What a page with one item of a new kind may take of one without."""


def _page_rows(rounds: int) -> Iterator[Row]:
    for kind, (make, model, to_json) in PAGES.items():
        page, odd = make(), make(odd=1)
        reader: PageReader[object] = PageReader(model)
        assert len(reader.read(odd).issues) == 1
        parts: dict[str, Callable[[], object]] = {
            "ours": partial(reader.read, page),
            "msgspec": partial(msgspec.json.Decoder(_envelope(model)).decode, page),
            "json": partial(json.loads, page),
            "odd": partial(reader.read, odd),
        }
        times = interleaved({n: partial(_cpu, part, 10) for n, part in parts.items()}, rounds)
        what = f"decode, 250 {kind} {len(page) / 1000:.0f} kB"
        beside = compared(times["ours"], times["msgspec"])
        yield at_most(f"{what}: plain msgspec", "decode", beside, None)
        against = compared(times["ours"], times["json"])
        yield times_less(f"{what}: json.loads", "decode", against, to_json)
        mended = compared(times["odd"], times["ours"])
        yield at_most(f"{what}, one odd: none odd", "decode", mended, ODD)


def _envelope(model: type) -> type:
    """Return the plainest page of a model."""
    return msgspec.defstruct("Envelope", [("items", list[model]), ("cursor", str | None, None)])


def import_rows(*, quick: bool) -> Iterator[Row]:
    rounds = 5 if quick else 40
    ours, theirs = "from postpress_async import Postpress", "import asyncio, msgspec"
    times = interleaved({code: partial(_import_cpu, code) for code in (ours, theirs)}, rounds)
    yield at_most(f"{ours}: {theirs}", "import", compared(times[ours], times[theirs]), 1.3)
    loaded = _fresh(f"{ours}\nimport sys\nprint([m for m in {HEAVY} if m in sys.modules])")
    yield Row(
        name=f"import loads none of {', '.join(HEAVY)}",
        group="import",
        met=loaded == "[]",
        note="none" if loaded == "[]" else loaded,
    )
    made = _fresh(
        f"{ours}\n"
        "import time, statistics\n"
        "def once():\n"
        "    start = time.perf_counter(); Postpress('k'); return time.perf_counter() - start\n"
        "first = once()\n"
        "print(first, statistics.median(once() for _ in range(500)))"
    )
    first, usual = map(float, made.split())
    yield alone("Postpress('k')", "import", usual, 100.0)
    yield alone("Postpress('k'), the first of a process", "import", first)


def _import_cpu(code: str) -> float:
    return float(
        _fresh(f"import time; s = time.process_time()\n{code}\nprint(time.process_time() - s)")
    )


def _fresh(code: str) -> str:
    """Run code in an interpreter of its own, with bytecode at hand; return what it printed."""
    surroundings = {**os.environ, "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=surroundings
    )
    return ran.stdout.strip()


class _Now(LoopClock):
    """The time, without a loop."""

    __slots__ = ()

    def monotonic(self) -> float:
        return time.monotonic()


def scheduler_rows(*, quick: bool) -> Iterator[Row]:
    scheduler = Scheduler(
        three_windows(), clock=_Now(), random=lambda: 0.5, max_queue=10, places=100
    )
    scheduler.learn(ACCOUNT, "LINKEDIN")

    def turn() -> None:
        slot = scheduler.try_take(ACCOUNT, "profile")
        assert slot is not None
        scheduler.report(slot, DONE)

    times = interleaved({"turn": partial(_cpu, turn, 2000)}, 20 if quick else 200)["turn"]
    yield alone(
        "scheduler: take and report, three windows", "scheduler", sorted(times)[len(times) // 2]
    )
