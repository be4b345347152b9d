"""`postpress doctor`: each check, well and ill."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from contextlib import closing
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


# -- the store of counts ---------------------------------------------------------------------------


def of_store(ran):
    """Return what was found of the store; nothing of it may show the password."""
    assert "canary" not in ran.out + ran.err
    found = {line["check"]: line for line in ran.lines if line["check"].startswith("state.")}
    return {name.removeprefix("state."): line for name, line in found.items()}


def ill(ran):
    return {name: line["state"] for name, line in of_store(ran).items() if line["state"] != "ok"}


def test_what_memory_forgets(run, served):
    ran = run("doctor", "--state", "memory:", "--json")
    assert (ran.code, ill(ran)) == (0, {"memory": "note"})
    assert "forgotten" in of_store(ran)["memory"]["detail"]


def test_the_option_goes_before_the_environment(run, served, monkeypatch, tmp_path):
    monkeypatch.setenv("POSTPRESS_STATE", f"sqlite:///{tmp_path}/counts.db")
    ran = run("doctor", "--json")
    assert (ran.code, "file" in of_store(ran)) == (0, True)
    assert list(of_store(run("doctor", "--state", "memory:", "--json"))) == ["memory"]
    monkeypatch.setenv("POSTPRESS_STATE", "")
    assert of_store(run("doctor", "--json")) == {}


def test_a_file_that_is_not_there_is_not_made(run, served, tmp_path):
    ran = run("doctor", "--state", f"sqlite:///{tmp_path}/made/counts.db", "--json")
    assert (ran.code, ill(ran), list(tmp_path.iterdir())) == (0, {}, [])
    assert "is made at first use" in of_store(ran)["file"]["detail"]


def test_a_store_is_looked_at_without_key_and_network(run, monkeypatch, tmp_path, unused_port):
    monkeypatch.delenv("POSTPRESS_API_KEY", raising=False)
    (tmp_path / "counts.db").write_bytes(b"Dear diary, " * 500)
    (tmp_path / "counts.db").chmod(0o600)
    nobody = f"http://127.0.0.1:{unused_port}"
    ran = run(
        "doctor", "--state", f"sqlite:///{tmp_path}/counts.db", "--base-url", nobody, "--json"
    )
    order = [line["check"] for line in ran.lines]
    assert order.index("state.schema") < order.index("key") < order.index("network")
    assert (ran.code, ill(ran)) == (2, {"schema": "fail"})


def test_a_file_that_somebody_holds_locked(run, served, counts, tmp_path):
    state = counts
    with closing(sqlite3.connect(tmp_path / "counts.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE meta SET seen = seen")
        ran = run("doctor", "--state", state, "--json")
    assert (ran.code, ill(ran)) == (1, {"lock": "fail"})
    assert "close what has it open" in of_store(ran)["lock"]["next_step"]
    assert (run("doctor", "--state", state, "--json").code, ill(ran)) == (0, {"lock": "fail"})


@pytest.mark.parametrize(
    "url", ["redis://me:canary@host:x", "nosuch://me:canary@host", "counts.db"]
)
def test_a_url_that_names_no_store(run, served, url):
    ran = run("doctor", "--state", url, "--json")
    assert (ran.code, ill(ran)) == (2, {"url": "fail"})


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_is_not_there(run, served, unused_port, scheme):
    url = f"{scheme}://me:canary@127.0.0.1:{unused_port}/0"
    ran = run("doctor", "--state", url, "--json")
    assert (ran.code, ill(ran)) == (1, {"reachable": "fail"})
    assert str(unused_port) in of_store(ran)["reachable"]["detail"]


def test_a_redis_that_lasts_and_one_that_forgets(run, served, valkeys):
    ran = run("doctor", "--state", valkeys().url, "--json")
    assert (ran.code, ill(ran)) == (0, {})
    ran = run("doctor", "--state", valkeys(aof=False, maxmemory="50mb",
              maxmemory_policy="allkeys-lru").url, "--json")  # fmt: skip
    assert (ran.code, ill(ran)) == (0, {"appendonly": "warn", "eviction": "warn"})
    assert of_store(ran)["appendonly"]["next_step"] == "set appendonly yes"


def test_a_redis_whose_memory_is_full_is_no_fault_of_the_configuration(run, served, valkeys):
    ran = run("doctor", "--state", valkeys(maxmemory=1).url, "--json")
    assert (ran.code, ill(ran)) == (1, {"memory": "fail"})


def test_a_redis_that_does_not_take_the_password(run, served, valkeys):
    server = valkeys(port=True)
    server.ask("CONFIG", "SET", "requirepass", "another")
    ran = run("doctor", "--state", f"redis://:canary@127.0.0.1:{server.port}", "--json")
    assert (ran.code, ill(ran)) == (2, {"login": "fail"})


def test_a_redis_that_is_frozen(run, served, valkeys):
    server = valkeys()
    server.freeze()
    ran = run("doctor", "--state", server.url, "--json")
    assert (ran.code, ill(ran)) == (1, {"reachable": "fail"})


def test_a_postgresql(run, served, postgres):
    url = postgres.url_of("postgres", password="canary")
    ran = run("doctor", "--state", f"{url}?prefix=nobody_made_it", "--json")
    assert (ran.code, ill(ran)) == (0, {})
    assert "made at first use" in of_store(ran)["schema"]["detail"]


def test_a_postgresql_that_does_not_let_us_in(run, served, postgres):
    url = postgres.url_of("nobody_made_it", password="canary")
    ran = run("doctor", "--state", url, "--json")
    assert (ran.code, ill(ran)) == (2, {"login": "fail"})
    assert "canary" not in ran.out


def set_fsync(postgres, value):
    """Change the setting, and wait until who comes in sees it."""
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    def ask(statement):
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone() if cursor.description else None

    ask(f"ALTER SYSTEM SET fsync = {value}")
    postgres.reload()
    until = time.monotonic() + 5
    while ask("SHOW fsync") != (value,):
        assert time.monotonic() < until


def test_a_postgresql_that_may_lose_all(run, served, postgres):
    set_fsync(postgres, "off")
    try:
        ran = run("doctor", "--state", postgres.url)
    finally:
        set_fsync(postgres, "on")
    lines = ran.out.splitlines()
    [at] = [number for number, line in enumerate(lines) if "fsync off" in line]
    assert (ran.code, lines[at].split()[:2]) == (0, ["warn", "state"])
    assert lines[at + 1].strip().startswith("next: ")


@pytest.mark.parametrize(("library", "url"), [("redis", "redis://h"), ("psycopg", "postgres://h")])
def test_without_the_stores_extra(served, library, url):
    code = f"import sys; sys.modules[{library!r}] = None; from postpress_async.cli import main; "
    code += f"raise SystemExit(main(['doctor', '--json', '--state', {url!r}]))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    [found] = [line for line in ran.stdout.splitlines() if "state." in line]
    assert (ran.returncode, "pip install 'postpress-async[" in found) == (2, True)


@pytest.fixture
def unused_port():
    with socket.socket() as held:  # bound and not listening: nobody else takes it meanwhile
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
