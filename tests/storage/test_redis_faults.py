"""What goes wrong with a Redis or Valkey server, what is said of it, and that it passes."""

import asyncio
import logging
import struct
import time
from contextlib import asynccontextmanager, suppress

import pytest
import redis_server
from redis.exceptions import ResponseError
from set_clocks import clock_of_valkey

from postpress_async.errors import ConfigurationError, StateUnavailableError
from postpress_async.storage.images import kept
from postpress_async.storage.redis import connection, faults, script, server
from postpress_async.storage.remote.images import RemoteImages
from postpress_async.storage.remote.swaps import LEAP, Swap
from postpress_async.storage.urls import parse


@asynccontextmanager
async def refused(words, *, error=StateUnavailableError, within=20.0):
    """Expect that what is inside fails in one line of these words, and soon.

    How soon, told time has exactly (test_remote_images): here many may run at once.
    """
    began = time.monotonic()
    with pytest.raises(error, match=words) as caught:
        yield caught
    assert time.monotonic() - began < within
    assert "\n" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def warnings(caplog, words):
    return [one for one in caplog.messages if words in one]


async def until(true):
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came about")


# -- out of reach -------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_named_and_found_once_it_is(
    valkeys, open_url, works, caplog
):
    late = valkeys(port=True)
    images = open_url(f"redis://x:hunter2@127.0.0.1:{late.port}")
    async with refused("cannot be reached.*next call tries again"):
        await images.step(works.add())
    for _ in range(3):
        async with refused("cannot be reached", within=4.0):  # known to be away: sooner
            await images.step(works.add())
    assert len(warnings(caplog, "out of reach")) == 1
    late.start()
    late.ask("ACL", "SETUSER", "x", "on", ">hunter2", "~*", "+@all")
    assert await images.step(works.add()) == 1
    assert len(warnings(caplog, "within reach again")) == 1
    assert "hunter2" not in caplog.text


async def test_a_name_that_nobody_has_is_reported(open_url, works):
    async with refused("nobody.invalid:6379 cannot be reached"):
        await open_url("redis://nobody.invalid").step(works.add())


@asynccontextmanager
async def pretending(answer):
    """Listen on a port; to whoever comes say something, and then nothing more."""
    writers = []

    async def accept(reader, writer):
        writers.append(writer)
        writer.write(answer)
        await reader.read()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()
    for writer in writers:
        writer.transport.abort()
    await listening.wait_closed()
    await asyncio.sleep(0.01)


async def test_a_server_that_never_answers_is_given_up(open_url, works):
    async with pretending(b"") as url, refused("does not answer"):
        await open_url(url).step(works.add())


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n" * 9])
async def test_a_server_of_another_kind_is_reported(open_url, works, answer):
    words = "cannot be reached|refused what was asked|does not answer|no Redis"
    async with pretending(answer) as url, refused(words):
        await open_url(url).step(works.add())


async def test_what_a_frozen_server_was_asked_is_not_done_when_it_wakes(
    valkey, open_url, works, caplog
):
    images, other = open_url(valkey.url), open_url(valkey.url)
    assert await images.step(works.add()) == 1
    valkey.freeze()
    began = time.monotonic()
    async with refused("does not answer"):
        await images.step(works.add())
    async with refused("does not answer", within=4.0):
        await images.step(works.add())
    await asyncio.sleep(max(0.0, began + 5.2 - time.monotonic()))
    valkey.thaw()
    assert await other.step(works.read()) == 1
    assert await images.step(works.add()) == 2
    assert await other.step(works.read()) == 2
    assert len(warnings(caplog, "out of reach")) == 1


async def test_a_server_that_wakes_in_time_has_done_it_once(valkey, open_url, works):
    images = open_url(valkey.url)
    assert await images.step(works.add()) == 1
    valkey.freeze()
    asked = asyncio.gather(*(images.step(works.add()) for _ in range(5)))
    await asyncio.sleep(1.0)
    valkey.thaw()
    assert await asked == [2, 3, 4, 5, 6]


async def test_a_slow_server_is_borne(valkey, proxy, open_url, works):
    images = open_url(proxy.url)
    await images.step(works.add())
    proxy.late = 0.4
    assert await images.step(works.add()) == 2


@pytest.mark.parametrize("after", [0, 1, 3, 20, 40])
async def test_an_answer_that_was_cut_off_is_not_asked_for_twice(
    valkey, proxy, open_url, works, after
):
    images, other = open_url(proxy.url), open_url(valkey.url)
    assert await images.step(works.add()) == 1
    for done in range(2, 6):
        if after:
            proxy.cut_after = after
        else:
            proxy.cut()
        assert await images.step(works.add()) == done
        assert await other.step(works.read()) == done


async def test_whether_it_was_done_is_not_guessed_once_others_wrote(valkey, proxy, open_url, works):
    images, other = open_url(proxy.url), open_url(valkey.url)
    assert await images.step(works.add()) == 1
    real, sent = proxy._pass, []

    async def swallow(reader, writer, answers=False):
        if not answers:
            return await real(reader, writer)
        while await reader.read(1 << 16):
            sent.append(await other.step(works.add()))  # between the deed and its answer
            proxy.cut()
        return None

    proxy.cut()
    proxy._pass = swallow
    asked = asyncio.create_task(images.step(works.add()))
    await until(lambda: sent)
    proxy._pass = real
    proxy.cut()
    result = await asyncio.gather(asked, return_exceptions=True)
    total = await other.step(works.read())
    if isinstance(result[0], StateUnavailableError):
        assert "not known" in str(result[0])
    else:
        assert total == len(sent) + 2


async def test_cancelled_steps_leave_no_answer_behind_for_others(valkey, open_url, works):
    images = open_url(valkey.url)
    await images.step(works.add("other"))
    for n in range(60):
        task = asyncio.create_task(images.step(works.add("k")))
        for _ in range(n % 12):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await images.step(works.add("other")) == n + 2
    assert await images.step(works.read("k")) <= 60


async def test_a_loop_that_slept_between_deciding_and_sending_decides_anew(
    valkey, open_url, works, monkeypatch
):
    images, times = open_url(valkey.url), []
    assert await images.step(works.add()) == 1
    real, slept = server.packed, []

    def packed(*args, **options):
        if not slept:
            slept.append(time.sleep(6.0))
        return real(*args, **options)

    def work(images, now):
        times.append(now)
        return {"k": b"2"}, now

    monkeypatch.setattr(server, "packed", packed)
    told = await images.step(works.work(["k"], work))
    assert len(times) >= 2  # more where the machine was away for a while too
    assert told == times[-1] > times[0] + 5.5


# -- started again, and worse -------------------------------------------------------


async def test_a_restart_with_an_append_only_file_loses_nothing(valkey, open_url, works):
    images = open_url(valkey.url)
    for n in range(20):
        assert await images.step(works.add()) == n + 1
    valkey.restart()
    assert await images.step(works.add()) == 21
    assert await open_url(valkey.url).step(works.read()) == 21


async def test_what_a_restart_forgets_is_put_back_by_who_knows_it(valkeys, open_url, works, caplog):
    forgetful = valkeys(aof=False).start()
    one, two = open_url(forgetful.url), open_url(forgetful.url)
    for n in range(10):
        assert await one.step(works.add()) == n + 1
    assert await two.step(works.add("other")) == 1
    assert len(warnings(caplog, "appendonly is off")) == 2
    forgetful.restart()
    assert await two.step(works.add("other")) == 2
    assert await one.step(works.add()) == 11
    assert await two.step(works.read()) == 11
    assert len(warnings(caplog, "may have been restarted or replaced")) == 2  # once each


async def test_whoever_knows_more_mends_what_another_began_anew(valkeys, open_url, works):
    def more(key, mine, theirs, seen, written):
        return max(mine, theirs or b"", key=lambda one: int(one.split()[0]) if one else 0)

    forgetful = valkeys(aof=False).start()
    one, new = open_url(forgetful.url, mend=more), open_url(forgetful.url, mend=more)
    for n in range(10):
        assert await one.step(works.add()) == n + 1
    forgetful.restart()
    assert await new.step(works.add()) == 1  # it never knew
    assert await one.step(works.add()) == 11
    assert await new.step(works.add()) == 12


@pytest.mark.parametrize("command", ["FLUSHALL", "FLUSHDB", "DEL {postpress}:k"])
async def test_what_somebody_deleted_is_put_back(valkey, open_url, works, caplog, command):
    images = open_url(valkey.url)
    for n in range(3):
        assert await images.step(works.add()) == n + 1
    valkey.ask(*command.split())
    assert await images.step(works.add()) == 4
    assert len(warnings(caplog, "has lost") + warnings(caplog, "may have been restarted")) == 1


async def test_what_a_work_deleted_stays_deleted_for_others(valkey, open_url, works, caplog):
    one, two = open_url(valkey.url), open_url(valkey.url)
    assert await one.step(works.add()) == 1
    assert await two.step(works.add()) == 2
    await one.step(works.work(["k"], lambda images, now: ({"k": None}, None)))
    assert await two.step(works.work(["k"], lambda images, now: ({}, images["k"]))) is None
    assert await two.step(works.add()) == 1
    assert not warnings(caplog, "lost")


async def test_a_flushed_script_is_sent_again(valkey, open_url, works):
    images = open_url(valkey.url)
    await images.step(works.add())
    valkey.ask("SCRIPT", "FLUSH")
    assert await images.step(works.add()) == 2


async def test_a_replica_is_no_place_for_counts_until_it_is_promoted(
    valkeys, valkey, open_url, works
):
    images = open_url(valkey.url)
    await images.step(works.add())
    primary = valkeys(port=True).start()
    valkey.ask("REPLICAOF", "127.0.0.1", primary.port)
    async with refused("replica.*name the primary"):
        await images.step(works.add())
    valkey.ask("REPLICAOF", "NO", "ONE")
    assert await images.step(works.add()) >= 1


async def test_a_promoted_replica_goes_on_counting(valkeys, valkey, proxy, open_url, works):
    replica = valkeys(port=True).start()
    images = open_url(proxy.url)
    for n in range(5):
        assert await images.step(works.add()) == n + 1
    replica.follow(valkey)
    assert await images.step(works.add()) == 6
    replica.catch_up(valkey)
    valkey.kill9()
    replica.ask("REPLICAOF", "NO", "ONE")
    proxy.target = replica.port
    assert await images.step(works.add()) == 7


async def test_a_full_memory_stops_counting_until_there_is_room(valkey, open_url, works):
    images = open_url(valkey.url)
    await images.step(works.add())
    valkey.ask("CONFIG", "SET", "maxmemory", "1")
    async with refused("memory is full: raise maxmemory"):
        await asyncio.gather(*(images.step(works.add(key)) for key in "abc"))
    valkey.ask("CONFIG", "SET", "maxmemory", "0")
    assert await images.step(works.add()) == 2
    assert await images.step(works.read("a")) == 0  # nothing was done by halves


async def test_a_full_disk_stops_counting_until_there_is_room(valkey, open_url, works):
    images = open_url(valkey.url)
    await images.step(works.add())
    valkey.fill_disk()
    await images.step(works.add())  # it is kept, and to be written again

    def noticed():  # at once, unless the disk is still busy with what was written before
        return valkey.ask("INFO", "persistence")["aof_last_write_status"] == "err"

    await until(noticed)
    async with refused("cannot save to its disk"):
        await images.step(works.add())
    valkey.fill_disk(None)
    assert await images.step(works.add()) == 3


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("-READONLY You can't write against a read only replica.", "it is a replica"),
        ("-OOM command not allowed when used memory > 'maxmemory'.", "its memory is full"),
        (
            "The user executing the script can't run this command or subcommand",
            "lacks a permission",
        ),
    ],
)
def test_what_6_2_says_of_a_script_is_understood_as_well(said, words):
    before = "Error running script (call to f_462772ab): @user_script:111: @user_script: 111: "
    error = ResponseError(before + said, status_code="ERR")
    assert words in str(faults.meaning("redis://host", connection._text(error)))


async def test_a_policy_that_evicts_counts_is_warned_of(valkeys, open_url, works, caplog):
    cache = valkeys(maxmemory="100mb", maxmemory_policy="allkeys-lru").start()
    await open_url(cache.url).step(works.add())
    assert len(warnings(caplog, "set maxmemory-policy noeviction")) == 1


# -- not permitted ------------------------------------------------------------------


async def test_a_wrong_password_is_refused_without_showing_it(valkey, open_url, works, caplog):
    caplog.set_level(logging.DEBUG)
    valkey.ask("ACL", "SETUSER", "me", "on", ">right", "~*", "+@all")
    for login in ("me:hunter2", "nobody:hunter2"):
        images = open_url(f"redis://{login}@127.0.0.1:{valkey.port}")
        async with refused("refuses the user or password", error=ConfigurationError):
            await images.step(works.add())
    images = open_url(valkey.url.replace("unix://", "unix://me:hunter2@"))
    async with refused("refuses the user or password", error=ConfigurationError):
        await images.step(works.add())
    assert "hunter2" not in caplog.text
    assert await open_url(f"redis://me:right@127.0.0.1:{valkey.port}").step(works.add()) == 1


async def test_a_missing_password_is_asked_for(valkey, open_url, works):
    valkey.ask("CONFIG", "SET", "requirepass", "right")
    async with refused("put user and password into the URL", error=ConfigurationError):
        await open_url(valkey.tcp).step(works.add())
    assert await open_url(f"redis://:right@127.0.0.1:{valkey.port}/3").step(works.add()) == 1


async def test_what_is_refused_over_a_socket_reads_as_it_does_elsewhere(valkey, open_url, works):
    allowed = ["+eval", "+evalsha", "+time", "+get", "+getrange", "+set", "+del"]  # and no SELECT
    valkey.ask("ACL", "SETUSER", "me", "on", ">pw", "~*", *allowed)
    at_socket = valkey.url.replace("unix://", "unix://me:pw@")
    for url in (f"{at_socket}?db=1", f"redis://me:pw@127.0.0.1:{valkey.port}/1"):
        async with refused("lacks a permission.*SELECT", error=ConfigurationError, within=4):
            await open_url(url).step(works.add())
    for url in (f"{valkey.url}?db=99", f"{valkey.tcp}/99"):
        async with refused("no database of that number", error=ConfigurationError, within=4):
            await open_url(url).step(works.add())


async def test_a_store_outlives_that_all_tasks_are_cancelled(valkey, open_url, works, monkeypatch):
    images = open_url(valkey.tcp)
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    async def slow(*arguments, **options):
        begun.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(loop, "create_connection", slow)
        patched.setattr(loop, "getaddrinfo", slow)
        step = asyncio.create_task(images.step(works.add()))
        async with asyncio.timeout(10):
            await begun.wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    assert await images.step(works.add()) == 1


async def test_a_connection_whose_making_alone_was_cancelled_is_made_anew(
    valkey, open_url, works, monkeypatch
):
    images = open_url(valkey.url)
    made = connection.Link.open

    async def cancelled(*arguments, **options):
        monkeypatch.setattr(connection.Link, "open", made)
        raise asyncio.CancelledError

    monkeypatch.setattr(connection.Link, "open", cancelled)
    assert await images.step(works.add()) == 1


@pytest.mark.parametrize(
    "lacks", ["-evalsha -eval", "-set", "-time", "-getrange", "~other:* resetkeys"]
)
async def test_a_missing_permission_is_named(valkey, open_url, works, lacks):
    rules = ["on", ">pw", "~*", "+@all", *reversed(lacks.split())]
    valkey.ask("ACL", "SETUSER", "me", *rules)
    images = open_url(f"redis://me:pw@127.0.0.1:{valkey.port}")
    async with refused("lacks a permission|tells no time", error=ConfigurationError):
        await images.step(works.add())


@pytest.mark.parametrize("lacks", ["-del", "-set", "-getrange"])
async def test_what_is_refused_was_not_done_in_part(valkey, open_url, works, lacks):
    """Who stood in line, and has its turn, writes and leaves the line, or neither."""
    valkey.ask("ACL", "SETUSER", "me", "on", ">pw", "~*", "+@all", lacks)
    url = parse(f"redis://me:pw@127.0.0.1:{valkey.port}")
    await open_url(valkey.url).step(works.add())
    before = valkey.ask("GET", "{postpress}:k")
    valkey.ask("SET", "{postpress}:*turn", b"0123abcd{postpress}:k\n", "PX", 10_000)
    one = server.RedisServer(url, strict=False)
    news = Swap(
        seen=(("k", before[:8]),),
        writes=(("k", b"tests own"[:8] + before[8:]),),
        now=struct.unpack(">d", before[8:16])[0],
    )
    try:
        with suppress(ConfigurationError):
            assert (await one.swap([news], who="0123abcd")).fates == ("done",)
            assert valkey.ask("GET", "{postpress}:k") != before
            return
        assert valkey.ask("GET", "{postpress}:k") == before
    finally:
        await one.aclose()


async def test_few_permissions_are_enough(valkey, open_url, works):
    commands = ["+eval", "+evalsha", "+time", "+get", "+getrange", "+set", "+del"]
    valkey.ask("ACL", "SETUSER", "me", "on", ">pw", "~{team}:*", *commands)
    images = open_url(f"redis://me:pw@127.0.0.1:{valkey.port}?prefix=team")
    assert await images.step(works.add()) == 1
    assert await images.step(works.add()) == 2


async def test_a_server_without_scripts_is_refused(valkeys, open_url, works):
    bare = valkeys(rename_command="EVALSHA NOPE").start()
    async with refused("lacks a command", error=ConfigurationError):
        await open_url(bare.url).step(works.add())


@pytest.mark.parametrize(
    "command", ["RPUSH {0} x", "SET {0} short", "SET {0} long-enough-to-be-a-value-of-ours"]
)
async def test_what_another_program_keeps_under_a_name_of_ours_is_left_alone(
    valkey, open_url, works, command
):
    images = open_url(valkey.url)
    valkey.ask(*command.format("{postpress}:k").split())
    good, bad = await asyncio.gather(
        images.step(works.add("good")), images.step(works.add("k")), return_exceptions=True
    )
    assert good == 1  # the same batch
    assert isinstance(bad, ConfigurationError)
    assert "?prefix=" in str(bad)
    assert valkey.ask("EXISTS", "{postpress}:k") == 1
    valkey.ask("DEL", "{postpress}:k")
    assert await images.step(works.add("k")) == 1


async def test_namespaces_do_not_meet(valkey, open_url, works):
    ours, theirs = open_url(f"{valkey.url}?prefix=ours"), open_url(f"{valkey.url}?prefix=theirs")
    database = open_url(f"{valkey.url}?prefix=ours&db=2")
    for n in range(3):
        for images in (ours, theirs, database):
            assert await images.step(works.add()) == n + 1


@pytest.mark.parametrize("key", ["time", "turn"])
async def test_an_account_may_be_called_anything(valkey, open_url, works, key):
    images = open_url(valkey.url)
    one = Swap(seen=((key, b"not mine"),), writes=(), now=time.time(), urgent=True)
    await images._server.swap([one], who="01234567")  # it is kept for that one, for a moment
    assert [await images.step(works.add(key)) for _ in range(2)] == [1, 2]
    assert await open_url(valkey.url).step(works.add(key)) == 3


async def test_no_key_goes_by_itself(valkey, open_url, works):
    # A pause without an end, or limits of an account's own, are written once and hold for good.
    await open_url(valkey.url).step(works.add())
    keys = valkey.ask("KEYS", "*")
    assert len(keys) == 2
    assert {valkey.ask("PTTL", key) for key in keys} == {-1}


def aged(valkey, key, days):
    """Let a value have been written so many days earlier."""
    value = valkey.ask("GET", key)
    (at,) = struct.unpack(">d", value[8:16])
    value = b"tests own"[:8] + struct.pack(">d", at - days * 86_400) + value[16:]
    valkey.ask("SET", key, value)


@pytest.mark.parametrize("days", [60, 100, 1000])
async def test_what_nobody_wrote_for_long_holds_and_is_put_back(valkey, open_url, works, days):
    await open_url(valkey.url).step(works.add())
    aged(valkey, "{postpress}:k", days)
    images = open_url(valkey.url)
    assert await images.step(works.read()) == 1
    valkey.ask("DEL", "{postpress}:k")
    assert await images.step(works.add()) == 2


async def test_who_is_cancelled_while_a_connection_is_looked_at_leaves_none(
    valkey, open_url, monkeypatch
):
    server = open_url(valkey.url)._server
    await server.swap([], who="01234567")
    link, looked = server._link, asyncio.Event()

    async def usable(_):
        looked.set()
        await asyncio.sleep(600)

    monkeypatch.setattr(connection.Link, "usable", usable)
    asked = asyncio.create_task(server.swap([], who="01234567"))
    await looked.wait()
    asked.cancel()
    await asyncio.wait({asked})
    assert asked.cancelled()
    assert not link._connection.is_connected


async def test_who_is_cancelled_just_when_a_connection_is_made_leaves_none(valkey, monkeypatch):
    made, links = connection.Link.open, []

    async def opened(*arguments, **options):
        links.append(await made(*arguments, **options))
        asked.cancel()  # who is told of both at once
        return links[-1]

    monkeypatch.setattr(connection.Link, "open", opened)
    one = server.RedisServer(parse(valkey.url))
    asked = asyncio.create_task(one.swap([], who="01234567"))
    await asyncio.wait({asked})
    await one.aclose()
    assert asked.cancelled()
    assert [link._connection.is_connected for link in links] == [False]


# -- time ---------------------------------------------------------------------------


@pytest.fixture
def clocked(monkeypatch, valkey):
    return clock_of_valkey(monkeypatch, valkey)


async def now_of(images):
    """Return how far the store's time is beside the true one."""
    return (await images._server.swap([], who="01234567")).now - time.time()


def about(seconds):
    return pytest.approx(seconds, abs=3.0)  # a loaded machine is slow, not wrong


async def test_time_goes_on_where_the_servers_clock_is_set_back(valkey, open_url, works, clocked):
    images = open_url(valkey.url)
    assert await now_of(images) == about(0)
    clocked(60)
    assert await now_of(images) == about(60)
    clocked(-3600)
    assert await now_of(images) == about(60)  # not back
    clocked(-3600 + 100)
    assert await now_of(images) == about(160)  # and on, at the clock's pace
    clocked(200)
    assert await now_of(images) == about(200)  # set right again: no jump
    assert await now_of(open_url(valkey.url)) == about(200)


async def told(images, *, expected=None):
    """Return how far the store's time is beside the true one, and beside the server's clock."""
    answer = await images._server.swap([], who="01234567", expected=expected)
    return answer.now - time.time(), answer.lead


async def test_time_goes_on_where_the_servers_clock_is_set_forward(valkey, open_url, clocked):
    images = open_url(valkey.url)
    assert await told(images) == (about(0), about(0))
    clocked(86_400)
    # Those who have asked before know: for all, and for good.
    assert await told(images, expected=time.time()) == (about(0), about(-86_400))
    for asked in (images, open_url(valkey.url)):
        assert await told(asked) == (about(0), about(-86_400))
    clocked(93_600)  # and once more
    assert await told(images, expected=time.time()) == (about(0), about(-93_600))
    clocked(0)  # and set right again
    assert await told(open_url(valkey.url)) == (about(0), about(0))
    clocked(-3_600)  # and back, and forward
    assert await told(images) == (about(0), about(3_600))
    clocked(93_600)
    assert await told(images, expected=time.time()) == (about(0), about(-93_600))


@pytest.mark.parametrize("forgot", ["{postpress}:*time", None])
async def test_a_leap_is_known_also_where_the_note_of_the_time_was_lost(
    valkey, open_url, clocked, forgot
):
    images = open_url(valkey.url)
    await told(images)
    clocked(86_400)
    valkey.ask(*(["DEL", forgot] if forgot else ["FLUSHALL"]))
    clocked(86_400)
    assert await told(images, expected=time.time()) == (about(0), about(-86_400))


async def test_an_answer_that_was_long_under_way_sets_no_clock(valkey, open_url, clocked):
    images = open_url(valkey.url)
    await told(images)
    clocked(LEAP - 10)
    assert await told(images, expected=time.time()) == (about(LEAP - 10), about(0))


async def test_a_leap_that_was_none_is_not_taken_back(valkey, open_url, clocked):
    # What was counted since then would be older at once: a window would end early.
    images = open_url(valkey.url)
    await told(images)
    clocked(3_600)
    true = time.time()
    assert await told(images, expected=true) == (about(0), about(-3_600))  # it had slept
    assert await told(images, expected=true + 3_600) == (about(0), about(-3_600))


async def test_a_leap_takes_nothing_back_that_was_believed_before(valkey, open_url, clocked):
    images = open_url(valkey.url)
    await told(images)
    clocked(LEAP - 10)
    assert await told(images, expected=time.time()) == (about(LEAP - 10), about(0))
    clocked(LEAP + 10)
    assert await told(images, expected=time.time()) == (about(LEAP - 10), about(-20))


async def test_what_others_were_told_since_a_leap_is_not_taken_back(valkey, open_url, clocked):
    images = open_url(valkey.url)
    await told(images)
    clocked(3_600)
    assert await told(open_url(valkey.url)) == (about(3_600), about(0))  # who knows nothing
    assert await told(images, expected=time.time()) == (about(3_600), about(0))


async def test_time_goes_on_from_the_values_where_its_note_was_lost(
    valkey, open_url, works, clocked
):
    images = open_url(valkey.url)
    first = await images.step(works.work(["k"], lambda images, now: ({"k": b"1"}, now)))
    valkey.ask("DEL", "{postpress}:*time")
    clocked(-3600)
    later = open_url(valkey.url)
    second = await later.step(works.work(["k"], lambda images, now: ({"k": b"2"}, now)))
    assert first <= second == about(time.time())
    assert await now_of(images) == about(0)


async def test_a_clock_that_went_back_by_days_is_reported(valkey, open_url, works, clocked):
    await open_url(valkey.url).step(works.add())
    valkey.ask("DEL", "{postpress}:*time")
    clocked(-3 * 86400)
    async with refused("3.0 days behind"):
        await open_url(valkey.url).step(works.add())


async def test_clients_whose_clocks_are_a_day_off_agree(valkey, works, monkeypatch):
    def of(hours):
        return RemoteImages(
            server.RedisServer(parse(valkey.url)),
            mend=kept,
            monotonic=lambda: time.monotonic() + hours * 3600,
        )

    opened, last = [of(-25), of(0), of(25)], 0.0
    true = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: true + 90_000)  # nor does this one matter
        for images in opened * 4:
            now = await images.step(
                works.work(["k"], lambda images, now: ({"k": b"%f" % now}, now))
            )
            assert last <= now
            assert abs(now - true) < 5
            last = now
    for images in opened:
        await images.aclose()


async def test_a_server_that_tells_scripts_no_time_is_asked_before(
    valkey, open_url, works, monkeypatch
):
    text = script.SCRIPT.replace("redis.pcall('TIME')", "redis.pcall('NO-SUCH-TIME')")
    monkeypatch.setattr(server, "SCRIPT", text)
    monkeypatch.setattr(server, "SHA", script.sha1(text.encode()).hexdigest())
    images = open_url(valkey.url)
    for n in range(20):
        assert await images.step(works.add()) == n + 1
    assert abs(await images.step(works.tell()) - time.time()) < 1


async def test_a_step_is_one_round_trip(valkey, open_url, works):
    images = open_url(valkey.url)
    for _ in range(3):
        await images.step(works.add())
    valkey.ask("CONFIG", "RESETSTAT")
    for _ in range(50):
        await images.step(works.add())
    await asyncio.gather(*(images.step(works.add(f"k{n % 5}")) for n in range(100)))
    stats = valkey.ask("INFO", "commandstats")
    assert stats["cmdstat_evalsha"]["calls"] <= 50 + 2  # five new keys are looked up first
    assert "cmdstat_multi" not in stats


def test_places_are_named_without_who_asks():
    assert connection.CONNECT_WITHIN <= 2.0
    assert redis_server.program() is not None
