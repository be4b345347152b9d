"""Several real processes on one file: nothing acknowledged is ever lost or counted twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")


async def start(path, key, count, at_once=1):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, WORKER, path, key, str(count), str(at_once)),
        stdout=asyncio.subprocess.PIPE,
    )


async def test_eight_processes_count_exactly(path, open_at, works):
    # All eight also make the file at once.
    workers = [await start(path, "k", 300, at_once=3) for _ in range(8)]
    sums = []
    for out, _ in await asyncio.gather(*(worker.communicate() for worker in workers)):
        sums += map(int, out.split())
    assert sorted(sums) == list(range(1, 2401))
    assert await open_at().step(works.read()) == 2400


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
async def test_what_was_acknowledged_survives_kill_9(path, open_at, works):
    chance = random.Random(7)
    sums = []

    async def run_and_kill():
        worker = await start(path, "k", 10**6, at_once=4)
        for _ in range(chance.randrange(1, 400)):
            line = await worker.stdout.readline()
            sums.append(int(line))
        worker.send_signal(signal.SIGKILL)
        rest, _ = await worker.communicate()
        sums.extend(map(int, rest.split(b"\n")[:-1]))  # the last line may be half

    for _ in range(4):
        await asyncio.gather(*(run_and_kill() for _ in range(3)))
    assert len(set(sums)) == len(sums)
    images = open_at()
    total = await images.step(works.read())
    assert total >= max(sums)
    # Beyond what was told: four works and a pipe's half line a process at the most.
    assert total - len(sums) <= 12 * 5
    (intact,) = await images._file.run(lambda c: c.execute("PRAGMA integrity_check").fetchone())
    assert intact == "ok"


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ | {"PYTHONPATH": str(WORKER.parent)},
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_child_is_told_to_open_anew(path):
    done = run(
        """
        import asyncio, os, sys, warnings
        from worker import Add, SqliteImages
        from postpress_async.errors import ConfigurationError
        warnings.simplefilter("ignore")
        images = SqliteImages(sys.argv[1])
        unused = SqliteImages(sys.argv[1])
        async def child():
            try:
                await images.step(Add("k"))
            except ConfigurationError as error:
                print(error, flush=True)
            await images.aclose()
            print(await unused.step(Add("k")), flush=True)  # not opened yet: any process may
            await unused.aclose()
        asyncio.run(images.step(Add("k")))
        if (pid := os.fork()) == 0:
            asyncio.run(child())
            sys.exit()
        os.waitpid(pid, 0)
        print(asyncio.run(images.step(Add("k"))))
        """,
        path,
    )
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert "before this process was forked" in first
    assert rest == ["2", "3"]


def test_the_interpreter_ends_without_aclose_and_loses_nothing(path):
    done = run(
        """
        import asyncio, sys
        from worker import Add, SqliteImages
        images = SqliteImages(sys.argv[1])
        async def main():
            await images.step(Add("k"))
            for _ in range(50):
                asyncio.ensure_future(images.step(Add("k")))
            await asyncio.sleep(0)  # they are asked for, and nobody waits
            import os
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.stop)
        loop = asyncio.new_event_loop()
        loop.create_task(main())
        loop.run_forever()
        loop._closed_early = loop.close()
        """,
        path,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr.replace("Task was destroyed", "")
    again = run("import sys, runpy; sys.argv[1:] += ['k', '1', '1']; import worker, asyncio; "
                "asyncio.run(worker.main(sys.argv[1], 'k', 1, 1))", path)  # fmt: skip
    assert again.stdout == "52\n"
    assert not path.with_name("counts.db-wal").exists()  # closed in good order
