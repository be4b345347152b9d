"""Several processes that share a store, all at once: how many reservations, and how long each."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a fleet did: reservations a second, client CPU of one, latencies in milliseconds."""

    rate: float
    cpu: float
    median: float
    p99: float


def fleet(
    url: str, *, processes: int, accounts: int, at_once: int, seconds: float, apart: bool = False
) -> Said:
    """Run it; each process with accounts of its own if they are apart, else all with the same."""
    started = [
        subprocess.Popen(
            [sys.executable, str(HERE / "state_worker.py"), url,
             str(number * accounts if apart else 0), str(accounts), str(at_once)],
            cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(processes)
    ]  # fmt: skip
    for one in started:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            msg = "a worker ended before it began"
            raise RuntimeError(msg)
    for one in started:
        assert one.stdin is not None
        one.stdin.write(f"{seconds}\n")
        one.stdin.flush()
    said = [json.loads(one.communicate()[0]) for one in started]
    latencies = sorted(latency for one in said for latency in one["latencies"])
    count = len(latencies)
    return Said(
        rate=count / max(one["seconds"] for one in said),
        cpu=sum(one["cpu"] for one in said) / count,
        median=latencies[count // 2],
        p99=latencies[int(count * 0.99)],
    )
