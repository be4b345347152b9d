"""What PostgreSQL does for counts, asked swap by swap."""

import asyncio
import random
import struct
from itertools import count

import pytest
from set_clocks import StandingClock

from postpress_async.errors import ConfigurationError
from postpress_async.storage.postgres import statements
from postpress_async.storage.postgres.server import PostgresServer
from postpress_async.storage.remote.swaps import EARLY, LATE, LEAP, TURN, Swap
from postpress_async.storage.urls import parse

UNKNOWN = bytes(8)
serial = count(1)


def value(now=0.0, image=b"image"):
    return struct.pack(">Qd", next(serial), now) + image


def swap(seen, writes=(), now=0.0, urgent=False):
    return Swap(seen=tuple(seen), writes=tuple(writes), now=now, urgent=urgent)


@pytest.fixture
async def server(open_postgres):
    return open_postgres()


async def time_of(server):
    return (await server.swap([], who="a")).now


async def written(server, key, who="a"):
    """Write a new value whatever was there, and return it."""
    answer = await server.swap([swap([(key, UNKNOWN)])], who=who)
    old, new = answer.values[key], value(answer.now)
    seen = [(key, old[:8] if old else b"")]
    done = await server.swap([swap(seen, [(key, new)], answer.now)], who=who)
    assert done.fates == ("done",)
    return new


async def test_what_was_never_written_is_told_to_whoever_asks(server):
    answer = await server.swap([swap([("k", UNKNOWN), ("*", UNKNOWN)])], who="a")
    assert answer.fates == ("changed",)
    assert answer.values == {"k": None, "*": None}
    assert answer.now > 1.7e9


async def test_swaps_of_a_call_build_upon_each_other(server):
    now = await time_of(server)
    first, second, third = value(), value(), value()
    answer = await server.swap(
        [
            swap([("k", b""), ("*", b"")], [("k", first)], now),
            swap([("k", first[:8])], [("k", second), ("*", third)], now),
            swap([("k", first[:8])], [("k", None)], now),  # was seen before the second
            swap([("*", third[:8])], [("*", None)], now),
            swap([("*", b"")], [], now),
        ],
        who="a",
    )
    assert answer.fates == ("done", "done", "changed", "done", "done")
    assert answer.values == {"k": second}
    answer = await server.swap([swap([("k", UNKNOWN), ("*", UNKNOWN)])], who="b")
    assert answer.values == {"k": second, "*": None}


async def test_a_refused_swap_writes_nothing_at_all(server):
    kept = await written(server, "k")
    now = await time_of(server)
    asked = [swap([("k", kept[:8]), ("l", UNKNOWN)], [("k", value()), ("m", value())], now)]
    answer = await server.swap(asked, who="a")
    assert answer.fates == ("changed",)
    assert answer.values == {"l": None}  # `k` is as it was seen
    answer = await server.swap([swap([("k", UNKNOWN), ("m", UNKNOWN)])], who="b")
    assert answer.values == {"k": kept, "m": None}


@pytest.mark.parametrize("off", [-LATE - 0.5, EARLY + 0.5])
async def test_what_was_decided_at_another_time_is_refused(server, off):
    now = await time_of(server)
    answer = await server.swap([swap([("k", b"")], [("k", value())], now + off)], who="a")
    assert answer.fates == ("time",)
    assert answer.values == {}
    assert (await server.swap([swap([("k", b"")], [], now)], who="a")).fates == ("done",)


async def test_a_time_that_is_somebody_elses_is_not_judged(open_postgres):
    server = open_postgres(strict=False)
    asked = [swap([("k", b"")], [("k", value())], 12.0), swap([("l", UNKNOWN)])]
    answer = await server.swap(asked, who="a")
    assert answer.fates == ("done", "changed")
    assert answer.values == {"l": None}


async def test_whoever_was_refused_too_often_gets_a_turn(server, monkeypatch):
    monkeypatch.setattr(statements, "TURN", 600.0)  # its tenth of a second is soon over
    first = await written(server, "k")
    now = await time_of(server)
    asked = [swap([("k", UNKNOWN), ("*", b"")], [("k", value())], now, urgent=True)]
    answer = await server.swap(asked, who="slow")
    assert answer.fates == ("changed",)
    now = answer.now
    fast = [swap([("k", first[:8])], [("k", value())], now)]
    assert (await server.swap(fast, who="fast")).fates == ("turn",)
    reader = [swap([("k", first[:8])], [("other", value())], now)]
    assert (await server.swap(reader, who="fast")).fates == ("done",)  # disturbs nobody
    thief = [swap([("k", UNKNOWN)], [("k", value())], now, urgent=True)]
    assert (await server.swap(thief, who="thief")).fates == ("changed",)
    assert (await server.swap(fast, who="thief")).fates == ("turn",)
    mine = value()
    slow = [swap([("k", first[:8])], [("k", mine)], now)]
    assert (await server.swap(slow, who="slow")).fates == ("done",)
    fast = [swap([("k", mine[:8])], [("k", value())], now)]
    assert (await server.swap(fast, who="fast")).fates == ("done",)  # the turn was used


async def test_a_turn_that_nobody_takes_ends(server):
    first = await written(server, "k")
    now = await time_of(server)
    asked = [swap([("k", UNKNOWN)], [("k", value())], now, urgent=True)]
    await server.swap(asked, who="slow")
    await asyncio.sleep(TURN)
    fast = [swap([("k", first[:8])], [("k", value())], now)]
    assert (await server.swap(fast, who="fast")).fates == ("done",)


@pytest.mark.parametrize(
    "key", ["é", "漢字", "%", "%25", "a\0b", "\n", "", "'\"\\", "\ud800", "k" * 2000]
)
async def test_every_key_is_kept_under_its_own_name(server, key):
    new = await written(server, key)
    await written(server, "%C3%A9")  # what one of them looks like inside
    answer = await server.swap([swap([(key, UNKNOWN)])], who="b")
    assert answer.values == {key: new}


@pytest.mark.parametrize("size", [0, 10, 5_000, 3_000_000])
async def test_values_of_every_size_come_back(server, size):
    now = await time_of(server)
    large = value(now, random.Random(size).randbytes(size))
    asked = [swap([("k", b"")], [("k", large)], now)]
    assert (await server.swap(asked, who="a")).fates == ("done",)
    assert (await server.swap([swap([("k", UNKNOWN)])], who="b")).values == {"k": large}


async def test_a_server_is_the_same_for_all_until_it_is_another(open_postgres, execute):
    one, other = open_postgres(), open_postgres()
    first = (await one.swap([], who="a")).identity
    assert (await other.swap([], who="b")).identity == first
    await one.aclose()
    assert (await one.swap([], who="a")).identity == first
    await execute("DROP SCHEMA {schema} CASCADE")
    with pytest.raises(Exception, match="are gone"):
        await one.swap([], who="a")
    assert (await one.swap([], who="a")).identity != first


async def test_no_row_goes_by_itself(open_postgres, execute):
    # A pause without an end, or limits of an account's own, are written once and hold for good.
    await written(open_postgres(), "k")
    await execute("UPDATE {schema}.counts SET written = written - 1e9")
    numbers = """SELECT string_agg(attname || ' = 0', ', ') FROM pg_attribute
        WHERE attrelid = '{schema}.counts_meta'::regclass AND atttypid = 'float8'::regtype"""
    await execute(f"UPDATE {{schema}}.counts_meta SET {await execute(numbers)}")  # for ages
    await open_postgres().swap([], who="a")
    assert await execute("SELECT count(*) FROM {schema}.counts") == 1


@pytest.fixture
async def clock(open_postgres, execute, schema):
    """Return a clock that the server's time goes by from now on."""
    clock = StandingClock(execute, schema)
    function = await clock.make()
    await time_of(open_postgres())
    await execute(function)
    await clock.move(10)  # it is behind by the making of the tables
    return clock


async def test_time_goes_on_when_the_servers_clock_is_set_back(open_postgres, clock):
    server = open_postgres()
    start = await time_of(server)
    await clock.move(-3600)
    told = [await time_of(server)]
    for _ in range(5):
        await clock.move(2)
        told.append(await time_of(open_postgres()))  # whoever comes is told the same
    assert told == sorted(told)
    assert told[0] == pytest.approx(start, abs=0.001)
    assert told[-1] == pytest.approx(start + 10, abs=0.01)
    await clock.move(3600)  # and set right again: nobody leaps
    now = await time_of(server)
    assert now == pytest.approx(start + 10, abs=0.01)
    await clock.move(50)
    assert await time_of(server) == pytest.approx(start + 60, abs=0.01)


async def told(server, *, expected=None):
    answer = await server.swap([], who="a", expected=expected)
    return answer.now, answer.lead


def about(seconds):
    return pytest.approx(seconds, abs=0.01)


async def test_time_goes_on_where_the_servers_clock_is_set_forward(open_postgres, clock):
    server = open_postgres()
    start, lead = await told(server)
    assert lead == about(0)
    await clock.move(86_400)
    # Those who have asked before know: for all, and for good.
    assert await told(server, expected=start + 2) == (about(start + 2), about(2 - 86_400))
    await clock.move(10)
    for asked in (server, open_postgres()):
        assert await told(asked) == (about(start + 12), about(2 - 86_400))
    await clock.move(7_200)  # and once more
    assert await told(server, expected=start + 13) == (about(start + 13), about(-93_599 + 2))
    await clock.move(-93_600)  # and set right again
    assert await told(open_postgres()) == (about(start + 13), about(3))
    await clock.move(50)
    assert await told(server, expected=start + 100) == (about(start + 60), about(0))


@pytest.mark.parametrize("late", [0, LEAP - 1])
async def test_an_answer_that_was_long_under_way_sets_no_clock(open_postgres, clock, late):
    server = open_postgres()
    start, _ = await told(server)
    await clock.move(late)
    assert await told(server, expected=start) == (about(start + late), about(0))


async def test_a_leap_that_was_none_is_not_taken_back(open_postgres, clock):
    # What was counted since then would be older at once: a window would end early.
    server = open_postgres()
    start, _ = await told(server)
    await clock.move(3_600)
    assert await told(server, expected=start) == (about(start), about(-3_600))  # it had slept
    assert await told(server, expected=start + 3_600) == (about(start), about(-3_600))


async def test_a_leap_takes_nothing_back_that_was_believed_before(open_postgres, clock):
    server = open_postgres()
    start, _ = await told(server)
    await clock.move(LEAP - 10)
    assert await told(server, expected=start) == (about(start + LEAP - 10), about(0))
    await clock.move(20)
    assert await told(server, expected=start) == (about(start + LEAP - 10), about(-20))


@pytest.mark.parametrize("leaps", [False, True], ids=["before", "meanwhile"])
async def test_who_is_slow_to_note_the_time_leaves_the_later_note(
    open_postgres, execute, clock, *, leaps
):
    server, slow = open_postgres(), open_postgres()
    start, _ = await told(server)
    await told(slow)
    if not leaps:
        await clock.move(86_400)
        await told(server, expected=start)
    await clock.move(2)
    lock = "BEGIN; LOCK TABLE {schema}.counts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(1); COMMIT"
    locked = asyncio.create_task(execute(lock))

    async def until(mode, *, granted):
        for _ in range(2_000):
            found = await execute(
                "SELECT count(*) FROM pg_locks WHERE relation = '{schema}.counts'::regclass "
                "AND mode = %s AND granted = %s", mode, granted,
            )  # fmt: skip
            if found:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(mode)

    await until("AccessExclusiveLock", granted=True)
    asked = asyncio.create_task(slow.swap([swap([("k", UNKNOWN)])], who="b"))
    await until("AccessShareLock", granted=False)  # it has read the time
    await clock.move(86_400 if leaps else 3)
    now, lead = await told(server, expected=start + 3)  # it reads no table of counts
    assert lead < -86_000
    await asyncio.gather(asked, locked)
    assert await told(open_postgres()) == (about(now), about(lead))


async def test_what_others_were_told_since_a_leap_is_not_taken_back(open_postgres, clock):
    server = open_postgres()
    start, _ = await told(server)
    await clock.move(3_600)
    assert await told(open_postgres()) == (about(start + 3_600), about(0))  # who knows nothing
    assert await told(server, expected=start + 2) == (about(start + 3_600), about(0))


async def test_no_key_is_written_at_an_earlier_time_than_before(open_postgres, clock):
    server = open_postgres()
    start = await time_of(server)
    await clock.move(0.9)  # less than what is noted
    stamp = (await written(server, "k"))[:8]
    await clock.move(-0.8)
    answer = await server.swap([swap([("k", stamp)], [("k", value())], start + 0.9)], who="a")
    assert answer.fates == ("done",)
    assert answer.now == pytest.approx(start + 0.9, abs=0.01)


async def test_nobody_deadlocks_and_nothing_is_lost_under_eight_with_random_keys(
    open_postgres_images, works
):
    keys = [f"k{n}" for n in range(6)]
    chance = random.Random(3)
    images = [open_postgres_images() for _ in range(8)]
    added = dict.fromkeys(keys, 0)

    def adding(some):
        def run(found, now):
            return {key: b"%d" % (int(found[key] or b"0") + 1) for key in some}, None

        return works.work(some, run)

    async def client(one):
        for _ in range(25):
            some = chance.sample(keys, chance.randrange(1, 5))
            await asyncio.gather(one.step(adding(some)), one.step(adding(some[::-1])))
            for key in some:
                added[key] += 2

    await asyncio.gather(*map(client, images))
    for key in keys:
        assert await images[0].step(works.read(key)) == added[key]


async def test_a_batch_is_one_round_trip(open_postgres, monkeypatch):
    from postpress_async.storage.postgres.link import Link  # noqa: PLC0415 - an extra

    server = open_postgres()
    now = await time_of(server)
    asked = []
    for name in ("call", "row", "use"):
        real = getattr(Link, name)

        async def counted(link, *arguments, real=real):
            asked.append(arguments)
            return await real(link, *arguments)

        monkeypatch.setattr(Link, name, counted)
    swaps = [swap([(f"k{n}", b""), ("*", b"")], [(f"k{n}", value())], now) for n in range(128)]
    answer = await server.swap(swaps, who="a")
    assert set(answer.fates) == {"done"}
    assert len(asked) == 1


async def test_an_option_that_cannot_be_meant_is_refused():
    for options in ["prefix=Pacing", "prefix=a%3Bb", "prefix=pg_x", "connect_timeout=soon",
                    "connect_timeout=0", f"prefix={'x' * 41}"]:  # fmt: skip
        with pytest.raises(ConfigurationError, match=options.partition("=")[0]):
            PostgresServer(parse(f"postgresql://host/name?{options}"))


def test_no_password_is_shown():
    server = PostgresServer(parse("postgresql://me:hidden@[::1]:5433/name"))
    assert "hidden" not in repr(server) + server.where
    assert server.where == "PostgreSQL at [::1]:5433/name"
