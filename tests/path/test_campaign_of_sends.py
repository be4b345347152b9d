"""A short campaign on each store, and some stories in told time: none lost, none doubled."""

import asyncio
import contextlib
import importlib
import json
import os
import random
import sys
from pathlib import Path

import pytest

from postpress_async.storage.sqlite.file import SqliteFile
from postpress_async.storage.sqlite.schema import Schema

CAMPAIGN = Path(__file__).parents[1] / "campaign"
SEEDS = Path(__file__).parents[1] / "samples" / "seeds"
BROKE_ONCE = sorted(int(path.stem.rpartition("_")[2]) for path in SEEDS.glob("sends_*.json"))


async def ran(program, *arguments, **environment):
    """Run a program of the campaigns, and return its code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CAMPAIGN / program), *map(str, arguments),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, failed = await process.communicate()
    return process.returncode, said.decode(), failed.decode()[-2000:]


@pytest.mark.timeout(1200)  # a busy machine may take it; half a minute is usual
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_none_is_lost_and_none_doubled_whoever_is_killed(store):
    code, said, failed = await ran("sends.py", "--store", store, "--kills", 20)
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


@pytest.mark.timeout(180)
async def test_a_seed_tells_the_same_story_each_time():
    again = [
        ran("simulation.py", "--first", 50, "--seeds", 5, PYTHONHASHSEED=str(n)) for n in (1, 2)
    ]
    told = [json.loads(said.splitlines()[-1]) for _, said, _ in await asyncio.gather(*again)]
    assert told[0]["faults"] > 10
    del told[0]["seconds"], told[1]["seconds"]
    assert told[0] == told[1]


@pytest.fixture
def virtual(monkeypatch):
    monkeypatch.syspath_prepend(CAMPAIGN)
    return importlib.import_module("virtual")


def test_a_story_in_which_time_stands_still_ends(virtual):
    with contextlib.closing(virtual.VirtualLoop()) as loop:

        def again():
            loop.call_soon(again)

        again()
        with pytest.raises(virtual.Deadlock, match="stands still"):
            loop.run_until_complete(asyncio.sleep(1.0))


def test_a_file_dies_and_stands_still_with_its_process(virtual, tmp_path):
    heard = []

    async def count(file):
        rows = await file.run(lambda c: c.execute("UPDATE n SET n = n + 1 RETURNING n").fetchall())
        heard.append(rows[0][0])

    async def live():
        process, path = virtual.Process("one", random.Random(1)), str(tmp_path / "n.db")
        schema = Schema(
            what="n",
            application_id=1,
            migrations=("CREATE TABLE n (n)", "INSERT INTO n VALUES (0)"),
        )
        file = await process.start(made(path, schema))
        await asyncio.create_task(count(file))
        process.stop(50.0)
        waiting = asyncio.create_task(count(file))
        await asyncio.sleep(49.0)
        assert heard == [1]
        await waiting
        process.kill()
        last = asyncio.create_task(count(file))  # nobody tells it of anything
        await asyncio.sleep(1_000.0)
        last.cancel()
        return await SqliteFile(path, schema).run(lambda c: c.execute("SELECT n FROM n").fetchall())

    async def made(path, schema):
        return SqliteFile(path, schema)

    with contextlib.closing(virtual.VirtualLoop()) as loop, virtual.inline_files():
        loop.set_task_factory(virtual.Process.factory)
        assert loop.run_until_complete(live()) == [(2,)]
    assert heard == [1, 2]


@pytest.mark.parametrize("seed", BROKE_ONCE)
async def test_what_broke_once_does_not_break_again(seed):
    code, said, failed = await ran("simulation.py", "--first", seed, "--seeds", 1)
    assert code == 0, said or failed
