"""What a change must pass: workers killed on each store, beside stories in told time.

Two programs run at a time. Nothing here is bound to the time of a machine: a busy one takes longer.

    python tests/campaign/together.py --kills 200 --seeds 2000
"""

import argparse
import asyncio
import sys
from pathlib import Path

HERE = Path(__file__).parent


async def one_by_one(programs):
    """Run programs one after the other, as long as they do well; return whether they did."""
    for program, *arguments in programs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HERE / program), *arguments),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        print(program, *arguments, said.decode(), sep="\n", flush=True)  # noqa: T201 - what it is for
        if process.returncode:
            return False
    return True


async def run(options):
    """Run all of it; return whether every promise was kept."""
    kills = [
        ("sends.py", "--store", store, "--kills", options.kills) for store in ("sqlite", "postgres")
    ]
    stories = "simulation.py", "--keep", "--first"
    # Kills take about as long as half of the stories: so both programs end together.
    first = options.seeds * 3 // 4
    rest = *stories, str(first), "--seeds", str(options.seeds - first)
    beside = *stories, "0", "--seeds", str(first)
    return all(await asyncio.gather(one_by_one([*kills, rest]), one_by_one([beside])))


def main():
    """Run all of it; end with 1 where a promise did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", default="200", help="of workers, on each store")
    parser.add_argument("--seeds", type=int, default=2000, help="of stories")
    return int(not asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    sys.exit(main())
