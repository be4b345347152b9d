"""As a program, in a thread, on a port."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import postpress_async.sandbox
from postpress_async.sandbox import ControlError, Sandbox

ROOM = Path(postpress_async.sandbox.__file__).parent


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "postpress_async.sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOM.parent.parent)},
    )


def fetch(url, key):
    request = urllib.request.Request(url, headers={"X-API-KEY": key})
    with urllib.request.urlopen(request, timeout=50) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_where_it_is_and_stops_when_told(number):
    with start("--port", "0", "--seed", "7") as program:
        ready = json.loads(program.stdout.readline())
        assert set(ready) == {"url", "api_key", "dashboard"}
        assert ready["dashboard"] == ready["url"] + "/_sandbox/"
        assert ready["api_key"] == Sandbox(seed=7).api_key
        assert fetch(ready["url"] + "/v1/accounts", ready["api_key"])["object"] == "AccountList"
        program.send_signal(number)
        out, err = program.communicate(timeout=50)
    assert (program.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_wrong_usage():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with start("--port", str(taken.getsockname()[1])) as program:
            out, err = program.communicate(timeout=50)
    assert (program.returncode, out) == (2, "")
    assert "address already in use" in err.lower()
    assert "Traceback" not in err


def test_an_outside_host_is_wrong_usage():
    with start("--host", "0.0.0.0") as program:
        out, err = program.communicate(timeout=50)
    assert (program.returncode, out) == (2, "")
    assert "loopback" in err
    assert "allow_outside" in err


def test_it_serves_from_a_thread_of_its_own():
    with Sandbox(seed=2) as sandbox:
        assert fetch(sandbox.url + "/v1/accounts", sandbox.api_key)["items"]
        sandbox.reset(accounts={"TELEGRAM": 1})
        assert len(fetch(sandbox.url + "/v1/accounts", sandbox.api_key)["items"]) == 1
        assert len(sandbox.journal()) == 1
    with pytest.raises(ControlError, match="not open"):
        _ = sandbox.url


def test_a_thread_that_cannot_listen_says_so():
    with Sandbox() as one:
        port = int(one.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), Sandbox(port=port):
            raise AssertionError


async def test_it_can_be_opened_again_and_not_twice():
    sandbox = Sandbox()
    for _ in range(2):
        async with sandbox:
            with pytest.raises(ControlError, match="already"):
                await sandbox.open()
    await sandbox.aclose()


async def test_it_takes_the_port_that_it_is_given():
    with socket.socket() as other:  # which lets the sandbox in, and nobody who asks for any port
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        async with Sandbox(port=port) as sandbox:
            assert sandbox.url == f"http://127.0.0.1:{port}"


async def test_it_serves_over_ipv6():
    try:
        async with Sandbox(host="::1") as sandbox:
            assert sandbox.url.startswith("http://[::1]:")
    except OSError:
        pytest.skip("this machine has no ::1")


def test_the_room_imports_nothing_but_the_standard_library_aiohttp_and_itself():
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            for name in names:
                allowed = (
                    name.split(".")[0] in sys.stdlib_module_names
                    or name.split(".")[0] == "aiohttp"
                    or name.startswith("postpress_async.sandbox")
                )
                assert allowed, (path.name, name)


def test_only_the_server_knows_aiohttp():
    knowing = {
        path.name
        for path in ROOM.rglob("*.py")
        if "import aiohttp" in path.read_text() or "from aiohttp" in path.read_text()
    }
    assert knowing == {"server.py"}
