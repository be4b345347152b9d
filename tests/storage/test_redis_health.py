"""What a look at a Redis or Valkey server finds."""

import struct
import time

import pytest
from set_clocks import clock_of_valkey

from postpress_async.errors import ConfigurationError
from postpress_async.storage.health import in_plain_words
from postpress_async.storage.redis import health as looks
from postpress_async.storage.redis.health import health
from postpress_async.storage.redis.server import RedisServer
from postpress_async.storage.urls import parse


async def found(url):
    return {one.name: one for one in await health(url)}


async def test_a_server_that_is_fit_has_nothing_to_change(valkey):
    findings = await found(valkey.tcp)
    assert list(findings) == [
        "reachable", "version", "role", "appendonly", "eviction", "appendfsync", "clock",
        "scripting", "epoch",
    ]  # fmt: skip
    assert {one.level for one in findings.values()} == {"ok"}
    assert not any(one.next_step for one in findings.values())
    assert valkey.ask("DBSIZE") == 0  # nobody has begun a namespace here


async def test_a_look_at_a_namespace_in_use_changes_nothing_in_it(valkey, open_url, works):
    await open_url(valkey.url).step(works.add())
    noted = bytearray(valkey.ask("GET", "{postpress}:*time"))
    struct.pack_into(">d", noted, 16, time.time() - 60)  # as after a minute of quiet
    valkey.ask("SET", "{postpress}:*time", bytes(noted), "PX", 3_600_000)
    keys = sorted(valkey.ask("KEYS", "*"))
    before = [(valkey.ask("DUMP", key), valkey.ask("PTTL", key)) for key in keys]
    findings = await found(valkey.url)
    assert findings["epoch"].level == "ok"
    assert sorted(valkey.ask("KEYS", "*")) == keys
    for key, (held, left) in zip(keys, before, strict=True):
        assert valkey.ask("DUMP", key) == held
        assert valkey.ask("PTTL", key) <= left  # not prolonged


async def test_what_would_lose_counts_is_said(valkeys):
    server = valkeys(aof=False, maxmemory="50mb", maxmemory_policy="allkeys-lru").start()
    findings = await found(server.url)
    assert findings["appendonly"].level == "warning"
    assert findings["appendonly"].next_step == "set appendonly yes"
    assert "noeviction" in findings["eviction"].next_step
    assert "appendfsync" not in findings
    server.ask("CONFIG", "SET", "appendonly", "yes")
    server.ask("CONFIG", "SET", "appendfsync", "no")
    assert (await found(server.url))["appendfsync"].level == "warning"


async def test_a_server_that_is_not_there_is_the_only_finding():
    findings = await found("redis://me:hunter2@127.0.0.1:1")
    assert list(findings) == ["reachable"]
    assert findings["reachable"].level == "error"
    assert "hunter2" not in repr(findings)


async def test_a_replica_and_what_it_refuses_are_found(valkey, valkeys):
    valkey.ask("REPLICAOF", "127.0.0.1", valkeys(port=True).start().port)
    findings = await found(valkey.url)
    assert findings["role"].level == "error"
    assert findings["scripting"].level == "error"
    assert "replica" in findings["scripting"].said


async def test_a_user_with_few_permissions_is_told_what_it_may_see(valkey):
    commands = ["+eval", "+evalsha", "+time", "+get", "+getrange", "+set", "+del"]
    valkey.ask("ACL", "SETUSER", "me", "on", ">pw", "~*", *commands)
    findings = await found(f"redis://me:pw@127.0.0.1:{valkey.port}")
    assert {name for name, one in findings.items() if one.level != "ok"} == {"info"}
    assert set(findings) == {"reachable", "info", "scripting", "clock", "epoch"}
    valkey.ask("ACL", "SETUSER", "me", "+info")
    findings = await found(f"redis://me:pw@127.0.0.1:{valkey.port}")
    assert findings["appendfsync"].level == "note"
    for command in commands[2:]:
        lacks = command.replace("+", "-")
        valkey.ask("ACL", "SETUSER", "me", lacks)
        findings = await found(f"redis://me:pw@127.0.0.1:{valkey.port}")
        assert findings["scripting"].level == "error", lacks
        assert valkey.ask("DBSIZE") == (lacks == "-del")
        valkey.ask("ACL", "SETUSER", "me", command)
        valkey.ask("FLUSHALL")
    valkey.ask("ACL", "SETUSER", "me", "-eval", "-evalsha")
    findings = await found(f"redis://me:pw@127.0.0.1:{valkey.port}")
    assert findings["scripting"].level == "error"


async def test_a_login_without_tls_is_warned_of(valkey, caplog, open_url, works):
    valkey.ask("ACL", "SETUSER", "me", "on", ">hunter2", "~*", "+@all")
    assert "tls" not in await found(f"redis://me:hunter2@127.0.0.1:{valkey.port}")
    abroad = f"redis://me:hunter2@0.0.0.0:{valkey.port}"  # it leads here, and who knows?
    assert (await found(abroad))["tls"].level == "warning"
    await open_url(abroad).step(works.add())
    assert "without TLS: let the server speak TLS, and write rediss:" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        *[(None, True), ("/run/postgresql", True), ("LOCALHOST", True), ("127.9.9.9", True)],
        *[("::1", True), ("10.0.0.1", False), ("localhost.example.com", False), ("::2", False)],
    ],
)
def test_what_stays_on_this_machine(host, stays):
    assert (in_plain_words(host, remedy="") is None) == stays


async def test_clocks_that_differ_are_noted(valkey, monkeypatch):
    class Ahead:
        @staticmethod
        def time():
            return time.time() + 90_000

    monkeypatch.setattr(looks, "time", Ahead)
    finding = (await found(valkey.url))["clock"]
    assert finding.level == "warning"
    assert "90000.0 s behind" in finding.said


async def test_a_time_that_is_not_the_clocks_is_told(valkey, monkeypatch):
    move = clock_of_valkey(monkeypatch, valkey)
    server = RedisServer(parse(valkey.url))
    now = (await server.swap([], who="01234567")).now
    assert "time" not in await found(valkey.url)
    move(86_400)
    await server.swap([], who="01234567", expected=now)
    await server.aclose()
    looked = await found(valkey.url)
    assert (looked["time"].level, "s behind its clock" in looked["time"].said) == ("note", True)
    assert "864" in looked["clock"].said  # which is ahead of this machine's


async def test_another_kind_of_store_is_refused():
    with pytest.raises(ConfigurationError, match="is no Redis"):
        await health("sqlite:///x.db")
