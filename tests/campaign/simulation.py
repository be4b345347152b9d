"""The real scheduler, pipeline, outbox and sandbox in one loop, in time that is only told.

Each seed is one story: a few items, one to three workers, and what goes wrong: everything that
`items.faults` names, requests that are late or lost, a store that is away, workers that are killed,
stopped for minutes, or asked to end. A `before_send` now and then answers something else than yes,
and somebody changes items by hand. In half of the stories the death of a worker is certain, in the
others leases tell; in half of them workers end when all is settled, in the others when they are
asked to. Then the service is asked what arrived.

    python tests/campaign/simulation.py --seeds 2000
    python tests/campaign/simulation.py --first 4711 --seeds 1

A seed that breaks a promise is written to tests/samples/seeds, and from then on replayed by the
tests. Print what failed and the commit: both are needed to see it again.
"""

import argparse
import gc
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from judging import kept
from story import Story, told
from weaker import WEAKER, weaken

SEEDS = Path(__file__).parents[1] / "samples" / "seeds"
SUMS = (
    *("items", "faults", "away", "kills", "stops", "doubts", "needs_decision", "over_unforeseen"),
    *("decided", "by_hand"),
    *("lost", "doubled", "out_of_order", "over", "open", "mark"),
)


def simulate(seed):
    """Tell one story, and return how it ended."""
    return told(lambda directory: Story(seed, directory), certain=seed % 2 == 0)


def broken(told):
    """Tell whether a story broke a promise."""
    return "broke" in told or not told["quiet"] or not kept(told)


def some(seeds, weaker=None):
    """Tell stories one after the other, and return the broken ones, and sums."""
    if weaker is not None:
        weaken(weaker)
    found, sums = {}, dict.fromkeys(SUMS, 0)
    gc.collect()
    gc.freeze()  # what lives on need not be looked through once more for each story
    gc.disable()
    for seed in seeds:
        told = simulate(seed)
        gc.collect()
        for name in SUMS:
            sums[name] += told.get(name, 0)
        if broken(told):
            found[seed] = told
    gc.enable()
    return found, sums


def commit_of_tree():
    """Return the commit that is checked out, where git can tell."""
    if (git := shutil.which("git")) is None:
        return ""
    asked = [git, "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        asked, capture_output=True, text=True, check=False, cwd=SEEDS.parent.parent
    ).stdout.strip()


def main():
    """Tell many stories; end with 1 where one of them broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write broken seeds to tests/samples")
    parser.add_argument("--weaken", choices=list(WEAKER), help="a part of the protocol to take out")
    options = parser.parse_args()
    last, began = options.first + options.seeds, time.monotonic()
    parts = [range(n, min(n + 25, last)) for n in range(options.first, last, 25)]
    wrong, sums = {}, {}
    with ProcessPoolExecutor(options.jobs) as pool:
        for found, part in pool.map(some, parts, [options.weaken] * len(parts)):
            wrong.update(found)
            sums = {name: sums.get(name, 0) + value for name, value in part.items()}
    commit = commit_of_tree()
    for seed, one in wrong.items():
        print(json.dumps({"seed": seed, "commit": commit, **one}))  # noqa: T201 - what it is for
        if options.keep:
            SEEDS.mkdir(exist_ok=True)
            name = SEEDS / f"sends_{seed}.json"
            name.write_text(json.dumps({"seed": seed, "commit": commit, **one}, indent=1))
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"seeds": options.seeds, "broken": len(wrong), "seconds": seconds,  # noqa: T201 - what it is for
                      "commit": commit, **sums}))  # fmt: skip
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
