"""`postpress doctor`: each check, well and ill."""

from __future__ import annotations

import socket
import ssl
import time
from email.utils import formatdate

import pytest

from postpress_async.cli import checks


def by_name(ran):
    found = {}
    for line in ran.lines:
        found.setdefault(line["check"], []).append(line)
    return {name: lines[0] if len(lines) == 1 else lines for name, lines in found.items()}


def test_all_well(run, served):
    ran = run("doctor", "--json")
    found = by_name(ran)
    assert (ran.code, ran.err) == (0, "")
    order = ["python", "packages", "key", "address", "network", "service", "clock", "account"]
    assert list(found) == order
    assert len(found["account"]) == len(served.world()["accounts"])
    assert {line["state"] for line in ran.lines} == {"ok"}
    assert all(set(line) == {"check", "state", "detail", "next_step"} for line in ran.lines)
    assert "postpress-async" in found["packages"]["detail"]


def test_for_people_each_check_is_a_line_and_each_trouble_has_a_next_step(run, served, account):
    one = account("TELEGRAM")["id"]
    served.set_status(one, "CREDENTIALS")
    try:
        ran = run("doctor")
    finally:
        served.set_status(one, "OK")
    lines = ran.out.splitlines()
    assert ran.code == 0
    [at] = [number for number, line in enumerate(lines) if one in line]
    assert lines[at].startswith("warn  account   ")
    assert lines[at].endswith("CREDENTIALS")
    assert lines[at + 1].strip().startswith("next: reconnect it")


def test_without_a_key(run, served, monkeypatch):
    monkeypatch.delenv("POSTPRESS_API_KEY")
    ran = run("doctor", "--json")
    found = by_name(ran)
    assert (ran.code, found["key"]["state"]) == (2, "fail")
    assert "dashboard" in found["key"]["next_step"]
    assert found["network"]["state"] == "ok"  # what can be seen without it is
    assert "service" not in found


@pytest.mark.parametrize("key", ["with space", "line\nbreak"])
def test_with_a_key_that_cannot_be_one(run, served, monkeypatch, key):
    monkeypatch.setenv("POSTPRESS_API_KEY", key)
    ran = run("doctor", "--json")
    assert (ran.code, by_name(ran)["key"]["state"], key in ran.out) == (2, "fail", False)


def test_with_a_wrong_key(run, served, monkeypatch):
    monkeypatch.setenv("POSTPRESS_API_KEY", "canary-of-another-house")
    ran = run("doctor", "--json")
    found = by_name(ran)
    assert (ran.code, found["service"]["state"]) == (1, "fail")
    assert "does not take the key" in found["service"]["detail"]
    assert "canary" not in ran.out


@pytest.mark.parametrize("url", ["ftp://x", "http://example.com", "https://"])
def test_with_an_address_that_cannot_be_one(run, served, url):
    ran = run("doctor", "--base-url", url, "--json")
    assert (ran.code, by_name(ran)["address"]["state"]) == (2, "fail")


def test_where_nobody_is(run, served, unused_port):
    ran = run("doctor", "--base-url", f"http://127.0.0.1:{unused_port}", "--json")
    assert (ran.code, by_name(ran)["network"]["state"]) == (1, "fail")


def test_where_no_tls_is_spoken(run, served):
    ran = run("doctor", "--base-url", served.url.replace("http://", "https://"), "--json")
    found = by_name(ran)
    assert (ran.code, found["tls"]["state"], "service" in found) == (1, "fail", False)


def test_where_the_service_is_ill(run, served):
    served.faults([{"route": "GET /accounts", "type": "feature_not_implemented"}])
    ran = run("doctor", "--json")
    assert (ran.code, by_name(ran)["service"]["state"]) == (1, "fail")


def test_where_no_account_is_connected(run, served):
    served.reset(accounts={})
    try:
        ran = run("doctor", "--json")
    finally:
        served.reset(seed=5, chats=3, messages=3)
    assert (ran.code, by_name(ran)["accounts"]["state"]) == (0, "warn")


@pytest.mark.parametrize(
    ("headers", "state", "words"),
    [
        ({"date": formatdate(1_000_000, usegmt=True)}, "ok", "agrees"),
        ({"date": formatdate(1_000_000 - 90, usegmt=True)}, "warn", "90 s ahead of"),
        ({"date": formatdate(1_000_000 + 7200, usegmt=True)}, "warn", "7200 s behind"),
        ({"date": "yesterday"}, "ok", "no time"),
        ({}, "ok", "no time"),
    ],
)
def test_the_clock(headers, state, words):
    check = checks._clock(headers, 1_000_000.0)
    assert (check.state, words in check.detail) == (state, True)


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (3, "warn"), (-1, "warn")])
def test_the_certificate(days, state):
    class Connection:
        def getpeercert(self):
            until = time.gmtime(time.time() + days * 86_400)
            return {"notAfter": time.strftime("%b %d %H:%M:%S %Y GMT", until)}

        def version(self):
            return "TLSv1.3"

    check = checks._certificate(Connection())
    assert (check.state, "TLSv1.3" in check.detail) == (state, True)
    assert ssl.HAS_TLSv1_3


@pytest.fixture
def unused_port():
    with socket.socket() as held:  # bound and not listening: nobody else takes it meanwhile
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
