"""A short campaign on each store: workers and servers are killed, and no cap is passed."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[1] / "campaign"


async def carried_out(program, store, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CAMPAIGN / program), "--store", store, *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await process.communicate()
    if (process.returncode and b"MissingError" in failed) or b"Skipped" in failed:
        if os.environ.get("CI"):
            pytest.fail(failed.decode()[-2000:])
        pytest.skip(f"there is no server of {store} here")
    assert process.returncode == 0, (said or failed).decode()[-2000:]
    return json.loads(said)


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgres"])
async def test_no_cap_is_passed_whoever_is_killed(store):
    told = await carried_out(
        "counts.py", store, "--seconds", "8", "--processes", "3",
        "--accounts", "6", "--every", "2", "--restarts", "1", "--share", "0.2",
    )  # fmt: skip
    assert told["over"] == 0
    assert told["restarts"] == 1
    assert told["kills"] >= 3


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgres"])
async def test_each_of_several_processes_gets_its_part(store):
    told = await carried_out(
        "fairness.py", store, "--seconds", "6", "--processes", "4",
        "--jain", "0.7", "--longest", "inf",  # how long a wait is, the machine decides as well
    )  # fmt: skip
    assert sum(told["went"]) <= 20 * 7  # 20 a second, of six whole ones and a part
    assert min(told["went"]) > 0
    assert told["share"] > 0.5
