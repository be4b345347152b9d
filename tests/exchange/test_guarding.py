"""Who guards a call has the last word: nothing leaves, and nothing is counted, after a no."""

import asyncio

import aiohttp
import pytest

from postpress_async import RequestOptions, Retries, WaitTooLongError
from postpress_async.exchange import direct
from postpress_async.exchange.guarding import guarded, guarding


class NoError(Exception):
    pass


class Watch:
    """Write down when it was asked, and say no at one of the moments."""

    def __init__(self, client, *, before=False, last_act=None):
        self.client = client
        self.refuse_before = before
        self.refuse_at = last_act
        self.asked = []

    async def ask(self):
        self.asked.append(("ask", self.client.under_way))
        assert guarding.get() is None

    async def before(self):
        self.asked.append(("before", self.client.under_way))
        assert guarding.get() is None
        await asyncio.sleep(0)
        if self.refuse_before:
            raise NoError

    def last_act(self):
        self.asked.append(("last act", self.client.under_way))
        if self.refuse_at == sum(name == "last act" for name, _ in self.asked):
            raise NoError


async def ended(raw):
    """Wait until the server has seen the end of what was begun."""
    async with asyncio.timeout(20.0):
        await raw.settled()


@pytest.mark.parametrize("column", ["POST", "GET"])
async def test_it_is_asked_once_the_slot_is_held_and_right_before_the_first_byte(
    serve, talk, column
):
    raw = await serve("good")
    client = talk(raw)
    watch = Watch(client)
    with guarded(watch):
        await client(column)
        await client(column)  # only the first call inside is guarded
    acts = 3 if column == "POST" else 2  # a body is asked about once more, when it begins
    assert watch.asked == [("ask", 1), ("before", 1), *[("last act", 1)] * acts]
    assert len(raw.seen) == 2
    assert await client.counted(column) == 2


@pytest.mark.parametrize("column", ["POST", "GET"])
async def test_a_no_before_the_attempt_gives_the_slot_back(serve, talk, column):
    raw = await serve("good")
    client = talk(raw)
    with guarded(Watch(client, before=True)), pytest.raises(NoError):
        await client(column)
    assert (raw.connections, await client.counted(column)) == ([], 0)


CASES = [
    ("POST", "session", 1),
    ("POST", "session", 2),
    ("POST", "session", 3),
    ("GET", "direct", 1),
    ("GET", "direct", 2),
    ("GET", "session", 1),  # which is told of no later moment
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_a_no_at_the_last_moment_writes_not_a_byte(serve, talk, monkeypatch, case):
    column, road, moment = case
    if road == "session":
        monkeypatch.setattr(direct.DirectGet, "clear", lambda self: False)
    raw = await serve("mute")
    client = talk(raw)
    with guarded(Watch(client, last_act=moment)), pytest.raises(NoError):
        await client(column)
    await ended(raw)
    assert len(raw.connections) == min(moment - 1, 1)  # later it had connected, and hung up
    assert raw.received == 0
    assert await client.counted(column) == 0


@pytest.mark.parametrize(
    "more", [{"text": "x" * 3_000_000}, {"attachments": [b"x" * 3_000_000]}], ids=["text", "file"]
)
@pytest.mark.parametrize("moment", [2, 3])
async def test_a_large_body_is_not_begun_either(serve, talk, more, moment):
    raw = await serve("mute")
    client = talk(raw)
    with guarded(Watch(client, last_act=moment)), pytest.raises(NoError):
        await client("POST", **more)
    await ended(raw)
    assert raw.received == 0
    assert await client.counted("POST") == 0


async def test_each_attempt_is_asked_about(serve, talk):
    raw = await serve("429 in 0.001 s", "good")
    client = talk(raw)
    watch = Watch(client)
    with guarded(watch):
        await client("POST")
    assert [name for name, _ in watch.asked] == ["ask", "before", *["last act"] * 3] * 2


@pytest.mark.parametrize("moment", ["ask", "before"])
async def test_a_slot_that_went_stale_meanwhile_is_not_used(serve, talk, moment):
    raw = await serve("good")
    client = talk(raw)

    class Slow(Watch):
        async def ask(self):
            await super().ask()
            if moment == "ask":
                await client.client.scheduler.pause("acc_1", reason="a walk")

        async def before(self):
            await super().before()
            await client.client.scheduler.pause("acc_1", reason="a walk")

    watch = Slow(client)
    with guarded(watch), pytest.raises(WaitTooLongError, match="stale"):
        await client("POST", options=RequestOptions(retries=Retries.none()))
    assert [name for name, _ in watch.asked] == ["ask", "before"][: 1 + (moment == "before")]
    assert raw.connections == []
    assert await client.counted("POST") == 0


async def test_one_that_is_cancelled_while_it_thinks_leaves_nothing(serve, talk, until):
    raw = await serve("good")
    client = talk(raw)

    class Thoughtful(Watch):
        async def ask(self):
            await asyncio.get_running_loop().create_future()

    with guarded(Thoughtful(client)):
        task = asyncio.create_task(client("POST"))
        await until(lambda: client.under_way)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (raw.connections, await client.counted("POST")) == ([], 0)


BODIES = {
    "text": {},
    "large text": {"text": "x" * 3_000_000},
    "file": {"attachments": [b"x" * 3_000_000]},
}


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
@pytest.mark.parametrize("body", BODIES)
async def test_nothing_runs_between_the_last_act_and_the_first_byte(serve, talk, body, own):
    """What was ready to run in the loop by then has run, or runs after the write."""
    raw = await serve("good")
    ran = []
    async with aiohttp.ClientSession() as session:
        client = talk(raw, session=None if own else session)

        class Handing(Watch):
            def last_act(self):
                super().last_act()
                ran.append("asked")
                asyncio.get_running_loop().call_soon(ran.append, "another")

        wires = asyncio.selector_events._SelectorSocketTransport

        def seen(name):
            done = getattr(wires, name)

            def write(wire, data):
                pieces = [data] if name == "write" else [bytes(piece) for piece in data]
                if bytes(pieces[0][:5]) == b"POST ":
                    ran.append("written")
                return done(wire, data if name == "write" else pieces)

            return write

        with pytest.MonkeyPatch.context() as patch, guarded(Handing(client)):
            for name in ("write", "writelines"):
                patch.setattr(wires, name, seen(name))
            await client("POST", **BODIES[body])
    assert ran[ran.index("written") - 1] == "asked"
    assert len(raw.seen) == 1


@pytest.mark.parametrize("body", BODIES)
async def test_in_a_session_of_the_users_own_the_last_act_comes_after_the_wait_for_its_pool(
    serve, talk, until, body
):
    raw = await serve("mute")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        other = asyncio.create_task(session.get(raw.url))  # has the only connection
        await until(lambda: raw.seen)
        before = raw.received
        client = talk(raw, session=session)
        watch = Watch(client, last_act=2)
        with guarded(watch):
            task = asyncio.create_task(client("POST", **BODIES[body]))
        await until(lambda: session.connector._waiters)
        assert len(watch.asked) == 3  # once, when it was handed over
        other.cancel()
        with pytest.raises(NoError):
            await task
        await asyncio.gather(other, return_exceptions=True)
    await ended(raw)
    assert len(raw.connections) == 2
    assert raw.received == before
    assert await client.counted("POST") == 0
