"""A process is stopped where it hurts most: others are told, or go on, and none counts twice."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postpress_async.errors import StateUnavailableError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="there is no SIGSTOP")

WORKER = Path(__file__).with_name("worker_that_freezes.py")


class Frozen:
    """A process that has stopped itself in the middle of a step."""

    def __init__(self, url, where):
        self._process = subprocess.Popen(
            [sys.executable, WORKER, url, where], stdout=subprocess.PIPE
        )
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def go_on(self):
        """Let it go on to its end, and return the sum that it was told."""
        self._process.send_signal(signal.SIGCONT)
        return int(self._process.stdout.read())

    def end(self):
        with self._process:
            self._process.kill()


@pytest.fixture
async def frozen():
    """Return what starts a process, and waits until it is frozen."""
    made = []

    async def frozen(url, where):
        made.append(await asyncio.to_thread(Frozen, url, where))
        return made[-1]

    yield frozen
    for one in made:
        one.end()


async def test_a_file_is_out_of_reach_while_who_writes_it_is_frozen(path, open_url, works, frozen):
    images = open_url(f"sqlite:///{path}?timeout=0.2")
    writer = await frozen(f"sqlite:///{path}", "deciding")
    for _ in range(2):
        with pytest.raises(StateUnavailableError, match="a stopped process"):
            await images.step(works.add())
    assert await asyncio.to_thread(writer.go_on) == 2
    assert await images.step(works.add()) == 3


async def test_a_file_goes_on_when_the_frozen_one_is_killed(path, open_url, works, frozen):
    images = open_url(f"sqlite:///{path}?timeout=0.2")
    writer = await frozen(f"sqlite:///{path}", "deciding")
    with pytest.raises(StateUnavailableError):
        await images.step(works.add())
    writer.end()
    assert await images.step(works.add()) == 2  # what it had not committed never was


@pytest.fixture(params=["redis", "postgres"])
def url(request):
    """Return a server's URL, with a namespace of the test's own."""
    if request.param == "redis":
        return f"{request.getfixturevalue('redis_url')}?prefix=t_{secrets.token_hex(6)}"
    url, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("schema")
    return f"{url}?prefix={schema}"


async def test_who_is_frozen_while_it_decides_holds_nobody_and_decides_anew(
    url, open_url, works, frozen
):
    images = open_url(url)
    decider = await frozen(url, "deciding")
    assert [await images.step(works.add()) for _ in range(3)] == [2, 3, 4]
    assert await asyncio.to_thread(decider.go_on) == 5
    assert await images.step(works.add()) == 6


async def test_who_is_frozen_before_the_answer_holds_nobody_and_has_counted(
    url, open_url, works, frozen
):
    images = open_url(url)
    asker = await frozen(url, "sent")
    while await images.step(works.read()) < 2:
        pass  # what it sent is still on its way
    assert [await images.step(works.add()) for _ in range(3)] == [3, 4, 5]
    assert await asyncio.to_thread(asker.go_on) == 2
    assert await images.step(works.add()) == 6
