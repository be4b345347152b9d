"""What a look at a Redis or Valkey server finds."""

import asyncio
import struct
import time

import pytest
from set_clocks import clock_of_valkey

from postpress_async.errors import ConfigurationError
from postpress_async.storage.health import OUTER, in_plain_words
from postpress_async.storage.redis import health as looks
from postpress_async.storage.redis import script, server
from postpress_async.storage.redis.findings import judged
from postpress_async.storage.redis.health import health
from postpress_async.storage.redis.server import RedisServer
from postpress_async.storage.remote.swaps import NotDoneError
from postpress_async.storage.urls import parse


async def found(url):
    return {one.name: one for one in await health(url)}


async def test_a_server_that_is_fit_has_nothing_to_change(valkey):
    findings = await found(valkey.tcp)
    assert list(findings) == [
        "reachable", "version", "role", "appendonly", "eviction", "memory", "appendfsync",
        "clock", "scripting", "epoch",
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


async def test_a_replica_and_what_it_refuses_are_found(valkey, valkeys, caplog):
    valkey.ask("REPLICAOF", "127.0.0.1", valkeys(port=True).start().port)
    findings = await found(valkey.url)
    assert findings["role"].level == "error"
    assert findings["scripting"].level == "error"
    assert "replica" in findings["scripting"].said
    with pytest.raises(NotDoneError, match="it is a replica"):
        await begin(valkey)
    assert "it is a replica, which takes no writes: let the URL name the primary" in caplog.text


async def test_a_memory_that_fills_is_told_before_and_is_no_fault_of_the_configuration(valkey):
    await begin(valkey)
    used = valkey.ask("INFO", "memory")["used_memory"]
    for most, policy, level in [
        (2 * used, "noeviction", "ok"),
        (used + used // 20, "noeviction", "warning"),
        (used + used // 20, "volatile-lru", "note"),
        (used + used // 20, "allkeys-lru", "ok"),  # a cache is full, and of its policy is warned
    ]:
        valkey.ask("CONFIG", "SET", "maxmemory-policy", policy)
        valkey.ask("CONFIG", "SET", "maxmemory", most)
        told = judged_now(valkey)["memory"]
        assert (told.level, bool(told.next_step)) == (level, level == "warning")
        assert f" of {most / 1e6:,.1f} MB" in told.said
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    valkey.ask("CONFIG", "SET", "maxmemory", "1")
    findings = await found(valkey.url)
    assert "memory is full: raise maxmemory" in findings["memory"].said
    assert {name for name, one in findings.items() if one.level == "error"} == {"memory"} <= OUTER


def judged_now(valkey):
    info = {name: str(value) for name, value in valkey.ask("INFO").items()}
    return {one.name: one for one in judged(info, parse(valkey.url))}


async def begin(valkey):
    """Have somebody keep counts there, and return what was answered."""
    one = RedisServer(parse(valkey.url))
    try:
        return await one.swap([], who="01234567")
    finally:
        await one.aclose()


async def test_numbers_that_are_none_are_left_alone():
    told = judged({"used_memory": "12.5M", "maxmemory": "?"}, parse("redis://host"))
    assert told == []
    [told] = judged({"used_memory": "12", "maxmemory": "?"}, parse("redis://host"))
    assert "no maxmemory" in told.said


async def test_a_full_disk_is_no_fault_of_the_configuration(valkey):
    await begin(valkey)
    valkey.fill_disk()
    async with asyncio.timeout(30):
        while valkey.ask("INFO", "persistence")["aof_last_write_status"] != "err":
            valkey.ask("SET", "more", "x")
            await asyncio.sleep(0.05)
    findings = await found(valkey.url)
    assert {name for name, one in findings.items() if one.level == "error"} == {"disk"} <= OUTER
    assert "cannot save to its disk" in findings["disk"].said


async def test_replicas_are_told_by_what_is_lost_when_one_takes_over(valkey, valkeys):
    replica = valkeys(port=True).start()
    replica.follow(valkey)
    told = (await found(valkey.url))["replicas"]
    assert (told.level, told.said[:10]) == ("warning", "1 attached")
    valkey.ask("CONFIG", "SET", *told.next_step.partition(":")[0].split()[1:])
    assert (await found(valkey.url))["replicas"].level == "ok"
    replica.ask("REPLICAOF", "NO", "ONE")
    async with asyncio.timeout(30):
        while valkey.ask("INFO", "replication")["connected_slaves"]:  # noqa: ASYNC110 - it is another's
            await asyncio.sleep(0.02)
    findings = await found(valkey.url)
    assert "replicas" not in findings
    assert {name for name, one in findings.items() if one.level == "error"} == {"ready"} <= OUTER
    assert "too few of its replicas" in findings["ready"].said


@pytest.mark.parametrize(
    "command",
    ["SET {0}*time newer-and-longer-than-what-this-version-keeps", "RPUSH {0}*time x",
     "RPUSH {0}*turn x"],
)  # fmt: skip
async def test_what_is_no_time_of_ours_is_left_alone(valkey, open_url, works, command):
    keeps = open_url(valkey.url)
    if "turn" in command:
        await keeps.step(works.add())
    valkey.ask(*command.format("{postpress}:").split())
    key = command.format("{postpress}:").split()[1]
    before = valkey.ask("DUMP", key)
    for images in (keeps, open_url(valkey.url)):
        with pytest.raises(ConfigurationError, match=r"newer postpress-async.*upgrade.*\?prefix="):
            await images.step(works.add())
    findings = await found(valkey.url)
    assert {name for name, one in findings.items() if one.level == "error"} == {"format"}
    assert key in findings["format"].said
    assert "format" not in OUTER
    assert valkey.ask("DUMP", key) == before
    valkey.ask("DEL", key)
    assert await keeps.step(works.add()) == 1 + ("turn" in command)


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


async def test_a_server_that_tells_scripts_no_time_is_fit_as_well(valkey, monkeypatch):
    text = script.SCRIPT.replace("redis.pcall('TIME')", "redis.pcall('NO-SUCH-TIME')")
    monkeypatch.setattr(server, "SCRIPT", text)
    monkeypatch.setattr(server, "SHA", script.sha1(text.encode()).hexdigest())
    assert {one.level for one in (await found(valkey.url)).values()} == {"ok"}


async def test_a_time_that_is_not_the_clocks_is_told(valkey, monkeypatch):
    move = clock_of_valkey(monkeypatch, valkey)
    now = (await begin(valkey)).now
    assert "time" not in await found(valkey.url)
    move(86_400)
    one = RedisServer(parse(valkey.url))
    await one.swap([], who="01234567", expected=now)
    await one.aclose()
    looked = await found(valkey.url)
    assert (looked["time"].level, "s behind its clock" in looked["time"].said) == ("note", True)
    assert "864" in looked["clock"].said  # which is ahead of this machine's


async def test_another_kind_of_store_is_refused():
    with pytest.raises(ConfigurationError, match="is no Redis"):
        await health("sqlite:///x.db")
