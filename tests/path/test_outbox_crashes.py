"""A worker is killed, stopped, or left without its store at each of its steps, one after the other.

Or each of its writes is late, and arrives when it has long given up, or was killed, and the clock
was set ahead; or whoever goes on gives its own requests less time than the first one did.

Real client, real store, real look-back; the service and the time are the sandbox's, in one loop.
The same stories with a part of the protocol taken out must double: else they would prove nothing.
"""

import asyncio
import json
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "campaign" / "crashes.py"
pytestmark = pytest.mark.timeout(180)


async def ended(*arguments):
    """Try a fate at every step; return what was wrong at which."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await process.communicate()
    assert said, failed.decode()[-2000:]
    return json.loads(said)


@pytest.mark.parametrize("who", ["locks", "leases"])
@pytest.mark.parametrize(
    ("fate", "least"),
    [
        *(("kill", 80), ("stop", 80), ("before", 20), ("after", 20)),
        *(("full", 20), ("restart", 20), ("late", 4), ("ahead", 4), ("longer", 4)),
    ],
)
async def test_whatever_happens_at_whichever_step_each_is_sent_once(fate, least, who):
    told = await ended("--fate", fate, *(["--leases"] if who == "leases" else []))
    assert told["wrong"] == {}
    assert told["steps"] > least


@pytest.mark.parametrize(
    ("part", "fate"),
    [("look", "kill"), ("deadline", "stop"), ("grace", "late"), ("reach", "longer")],
)
async def test_without_a_part_of_the_protocol_some_are_doubled(part, fate):
    told = await ended("--fate", fate, "--leases", "--weaken", part)
    assert any(one["doubled"] for one in told["wrong"].values())
