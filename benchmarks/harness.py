"""Rounds: contestants take turns, and a ratio is the median of the rounds' own ratios."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

HERE = Path(__file__).parent
Times = dict[str, list[float]]
"""CPU seconds of one call or operation, a number a round, by contestant."""


class Measured(NamedTuple):
    """What the rounds of two contestants said: medians in seconds, quartiles of their ratios."""

    ours: float
    baseline: float
    ratio: float
    lower: float
    upper: float


def compared(ours: Sequence[float], baseline: Sequence[float]) -> Measured:
    """Compare round by round, so that what disturbs one round disturbs both sides of a ratio."""
    ratios = [mine / theirs for mine, theirs in zip(ours, baseline, strict=True)]
    lower, middle, upper = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Measured(median(ours), median(baseline), middle, lower, upper)


def interleaved(parts: Mapping[str, Callable[[], float]], rounds: int) -> Times:
    """Run every part once a round, each round in another order; the first round is thrown away."""
    order = list(parts)
    shuffle = random.Random(1).shuffle
    times: Times = {name: [] for name in order}
    for _ in range(rounds + 1):
        shuffle(order)
        for name in order:
            times[name].append(parts[name]())
    return {name: of_all[1:] for name, of_all in times.items()}


class ContestantError(Exception):
    """A contestant could not run; the text says why."""


class Worker:
    """A contestant in a process of its own, which sleeps while others have their round."""

    def __init__(self, contestant: str, root: str, identifier: str, *, python: str) -> None:
        name, _, loop = contestant.partition("+")
        self._name = contestant
        self._problems = TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process; a pipe that nobody reads could fill up
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), name, root, identifier, loop],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._problems,
            text=True,
        )
        self._answer()

    def round(self, concurrency: int, calls: int) -> float:
        """Return the CPU seconds of one call, from a round of `calls`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{concurrency} {calls}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._problems.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.communicate()
            self._problems.seek(0)
            last = (self._problems.read().strip().splitlines() or ["it ended without a word"])[-1]
            msg = f"{self._name}: {last}"
            raise ContestantError(msg)
        return line


@contextmanager
def server(file: str = "server.py") -> Iterator[str]:
    """Run the server that all contestants ask; yield its root URL."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / file)],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate()


def on_cpu(number: int) -> None:
    """Keep this process on one CPU, so that no contestant shares one with the server."""
    if hasattr(os, "sched_setaffinity") and len(allowed := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, {allowed[number]})


def settled_allocator() -> None:
    """Bring the C library's allocator to where any longer run arrives by itself.

    Until a block of more than 256 KB has been freed once, each read of a socket maps and unmaps
    fresh memory, 5-15 us a call; whether that happens early is chance, and would be noise here.
    """
    bytes(16 << 20)
