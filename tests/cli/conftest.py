"""Running the program, in this process or in one of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from postpress_async import Postpress
from postpress_async.cli import main
from postpress_async.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))  # modules that are no tests

import postgres_server
import redis_server


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        [line] = self.err.splitlines()
        return json.loads(line)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Run a command in this process."""

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def counts(tmp_path):
    """Return a file of counts that a worker has in use."""
    url = f"sqlite:///{tmp_path / 'counts.db'}"

    async def begin():
        async with Postpress("a-key", state=url) as client:
            client.scheduler.describe("acc_0", "WHATSAPP", ok=None)
            await client.scheduler.record("acc_0", "message")

    asyncio.run(begin())
    return url


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=5, chats=3, messages=3) as sandbox:
        yield sandbox


@pytest.fixture
def served(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch):
    """Point the program at a sandbox."""
    monkeypatch.setenv("POSTPRESS_API_KEY", sandbox.api_key)
    monkeypatch.setenv("POSTPRESS_BASE_URL", sandbox.url)
    yield sandbox
    sandbox.faults([])
    sandbox.limits([])


@pytest.fixture
def account(served: Sandbox):
    """One account of a provider."""

    def account(provider: str) -> dict[str, Any]:
        return next(row for row in served.world()["accounts"] if row["provider"] == provider)

    return account


@pytest.fixture
def program():
    """Start the program in a process of its own; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def program(*arguments: str, **options: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        command = options.pop("command", [sys.executable, "-m", "postpress_async.cli"])
        process = subprocess.Popen([*command, *arguments], **options)
        running.append(process)
        return process

    yield program
    for process in running:
        with process:  # closes its pipes and waits
            process.kill()


@pytest.fixture
def valkeys():
    """Start servers of the test's own; they are gone after it."""
    made: list[redis_server.Valkey] = []

    def start(**options: Any) -> redis_server.Valkey:
        made.append(redis_server.Valkey(**options))
        return made[-1].start()

    yield start
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL of our own."""
    try:
        cluster = postgres_server.Postgres()
    except postgres_server.MissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()
