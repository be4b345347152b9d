"""A short campaign on each store: workers and servers are killed, and no cap is passed."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "campaign" / "counts.py"


@pytest.mark.parametrize("store", ["sqlite", "redis", "postgres"])
async def test_no_cap_is_passed_whoever_is_killed(store):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), "--store", store, "--seconds", "8", "--processes", "3",
        "--accounts", "6", "--every", "2", "--restarts", "1", "--share", "0.2",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await process.communicate()
    if (process.returncode and b"MissingError" in failed) or b"Skipped" in failed:
        if os.environ.get("CI"):
            pytest.fail(failed.decode()[-2000:])
        pytest.skip(f"there is no server of {store} here")
    assert process.returncode == 0, (said or failed).decode()[-2000:]
    told = json.loads(said)
    assert told["over"] == 0
    assert told["restarts"] == 1
    assert told["kills"] >= 3
