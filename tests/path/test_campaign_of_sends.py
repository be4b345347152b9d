"""A short campaign on each store, and some stories in told time: none lost, none doubled."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[1] / "campaign"
SEEDS = Path(__file__).parents[1] / "samples" / "seeds"
BROKE_ONCE = sorted(int(path.stem.rpartition("_")[2]) for path in SEEDS.glob("sends_*.json"))


async def ran(program, *arguments):
    """Run a program of the campaigns, and return its code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CAMPAIGN / program), *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await process.communicate()
    return process.returncode, said.decode(), failed.decode()[-2000:]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_none_is_lost_and_none_doubled_whoever_is_killed(store):
    code, said, failed = await ran("sends.py", "--store", store, "--kills", 20, "--drain", 150)
    if code and "MissingError" in failed:
        if os.environ.get("CI"):
            pytest.fail(failed)
        pytest.skip(f"there is no server of {store} here")
    assert code == 0, said or failed
    told = json.loads(said)
    assert told["kills"] == 20
    assert told["states"]["sent"] > 60


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, 50, 50))
async def test_stories_in_told_time_end_well(first):
    code, said, failed = await ran("simulation.py", "--first", first, "--seeds", 50)
    assert code == 0, said or failed
    assert json.loads(said.splitlines()[-1])["items"] > 200


async def test_stories_double_where_nobody_waits_for_late_requests():
    code, said, failed = await ran(
        "simulation.py", "--first", 100, "--seeds", 15, "--weaken", "grace"
    )
    assert code == 1, said or failed
    assert any(json.loads(line).get("doubled") for line in said.splitlines())


@pytest.mark.parametrize("seed", BROKE_ONCE)
async def test_what_broke_once_does_not_break_again(seed):
    code, said, failed = await ran("simulation.py", "--first", seed, "--seeds", 1)
    assert code == 0, said or failed
