"""`postpress sandbox`, as a process of its own."""

from __future__ import annotations

import json
import signal
import urllib.request

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_line_when_it_is_ready_and_a_clean_end(program, number):
    process = program("sandbox", "--seed", "7")
    ready = json.loads(process.stdout.readline())
    assert set(ready) == {"url", "api_key", "dashboard"}
    request = urllib.request.Request(
        f"{ready['url']}/v1/accounts", headers={"X-API-KEY": ready["api_key"]}
    )
    with urllib.request.urlopen(request, timeout=50) as answer:
        assert json.load(answer)["items"]
    process.send_signal(number)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken(program):
    first = program("sandbox")
    port = json.loads(first.stdout.readline())["url"].rpartition(":")[2]
    second = program("sandbox", "--port", port)
    out, err = second.communicate(timeout=50)
    assert (second.returncode, out) == (2, "")
    assert err.startswith(f"postpress: cannot serve at 127.0.0.1 port {port}: ")
    assert err.count("\n") == 1
