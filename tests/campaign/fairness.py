"""Several processes want one account's cap, all the time: does each get its part, and how late?

They stand in a line, so that waits are bounded. Measured is Jain's index of what each process got
(1 is equal, 1/n is all for one), the longest wait of any call beside the mean wait of a perfect
line, and how much of the cap was used.

    python tests/campaign/fairness.py --store redis --processes 8 --seconds 20
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from counts import store_of

WORKER = Path(__file__).parent / "worker_of_fairness.py"
START_WITHIN = 1.0  # seconds a process to be up


def jain(parts):
    """Return Jain's index of fairness."""
    squares = sum(part * part for part in parts)
    return sum(parts) ** 2 / (len(parts) * squares) if squares else 0.0


async def run(options):
    """Let processes contend, and return what became of it."""
    store, _ = store_of(options.store)
    try:
        begin = time.time() + 2.0 + START_WITHIN * options.processes
        words = (options.amount, options.per, begin, begin + options.seconds, options.callers)
        made = [
            await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), store.url, *map(str, words),
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(options.processes)
        ]  # fmt: skip
        said = [(await one.communicate())[0] for one in made]
    finally:
        getattr(store, "remove", store.stop)()
    told = [json.loads(one) for one in said]
    went = [one["went"] for one in told]
    waiting = options.processes * options.callers
    return {
        "store": options.store,
        "processes": options.processes,
        "went": went,
        "jain": round(jain(went), 4),
        "share": round(sum(went) / (options.amount * (options.seconds // options.per)), 4),
        "longest_wait_s": round(max(one["longest"] for one in told), 2),
        "wait_in_a_line_s": round(waiting * options.per / options.amount, 2),
    }


def main():
    """Measure one store; end with 1 where it is less fair than wished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["sqlite", "redis", "postgres"], default="sqlite")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--callers", type=int, default=4, help="calls that wait in each process")
    parser.add_argument("--amount", type=int, default=20)
    parser.add_argument("--per", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--jain", type=float, default=0.9, help="the least that is fair enough")
    parser.add_argument(
        "--longest", type=float, default=1.5, help="the longest wait, in waits of a perfect line"
    )
    options = parser.parse_args()
    told = asyncio.run(run(options))
    print(json.dumps(told))  # noqa: T201 - what it is for
    late = told["longest_wait_s"] > options.longest * told["wait_in_a_line_s"]
    return int(told["jain"] < options.jain or late)


if __name__ == "__main__":
    sys.exit(main())
