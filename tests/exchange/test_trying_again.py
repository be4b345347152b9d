"""A user's middleware tries a request again: what is told of the call holds for all its tries."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from yarl import URL

from postpress_async import ConnectError, OutcomeUnknownError, Retries

COLUMNS = ["GET", "PUT", "DELETE", "PATCH", "POST"]


class NoNames(aiohttp.abc.AbstractResolver):
    """Know the name of no server, and take too long to say so of one."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        raise TimeoutError if host == "late.invalid" else OSError(host)

    async def close(self) -> None:
        pass


@pytest.fixture
async def session_with():
    """Make a session with middlewares, which no cookie and no name of a server gets through."""
    opened: list[aiohttp.ClientSession] = []

    def made(*middlewares: Any) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(resolver=NoNames(), force_close=True)
        opened.append(aiohttp.ClientSession(connector=connector, middlewares=middlewares))
        return opened[-1]

    yield made
    for session in opened:
        await session.close()


@pytest.fixture(params=["refused", "no proxy", "proxy refuses", "no TLS", "no name", "too late"])
async def nowhere(request, serve, closed_port) -> Any:
    """Lead a request to where no connection is made, in each way that there is."""
    closed, way = URL(closed_port), request.param

    async def greets(c: Any) -> None:
        c.write(b"220 at your service\r\n")
        await c.until_gone()

    raw = await serve(greets if way == "no TLS" else "407")
    there = URL(raw.url)

    def leads(request: Any) -> None:
        if way == "refused":
            request.url = request.url.with_port(closed.port)
        elif way == "no proxy":
            request.proxy = closed.origin()
        elif way == "proxy refuses":
            request.proxy = there.origin()
            request.url = request.url.with_scheme("https").with_port(closed.port)
        elif way == "no TLS":
            request.url = request.url.with_scheme("https").with_port(there.port)
        elif way == "no name":
            request.url = request.url.with_host("nobody.invalid")
        else:
            request.url = request.url.with_host("late.invalid")

    return leads


def again(leads: Any) -> Any:
    """Try again elsewhere what was cut, and what was answered with 503."""

    async def middleware(request: Any, handler: Any) -> Any:
        try:
            response = await handler(request)
            if response.status != 503:
                return response
            response.close()
        except aiohttp.ClientError:
            pass
        leads(request)
        return await handler(request)

    return middleware


def elsewhere(url: str) -> Any:
    def leads(request: Any) -> None:
        request.url = request.url.with_port(URL(url).port)

    return leads


async def is_unknown(talker: Any, column: str, **more: Any) -> None:
    error = await talker.fails(column, **more)
    assert (error.outcome, error.attempts) == ("unknown", 1)
    assert isinstance(error, OutcomeUnknownError) == (column != "GET")
    assert await talker.counted(column) == 1
    (attempt,) = talker.told.attempts
    assert attempt.sent


@pytest.mark.parametrize("first", ["fin_after_reading", "half_headers", "not_http", "503"])
@pytest.mark.parametrize("column", COLUMNS)
async def test_what_was_read_stays_in_doubt_where_a_second_try_is_refused(  # noqa: PLR0917 - fixtures
    serve, talk, session_with, closed_port, column, first
):
    raw = await serve(first)
    session = session_with(again(elsewhere(closed_port)))
    await is_unknown(talk(raw, session=session, retries=Retries.none()), column)
    assert len(raw.seen) == 1


async def test_so_does_a_file(serve, talk, session_with, closed_port):
    raw = await serve("fin_after_reading")
    session = session_with(again(elsewhere(closed_port)))
    talker = talk(raw, session=session, retries=Retries.none())
    await is_unknown(talker, "POST", attachments=[b"data" * 1000])
    assert b"data" * 1000 in raw.seen[0].body


async def test_however_the_second_try_finds_no_connection(serve, talk, session_with, nowhere):
    raw = await serve("fin_after_reading")
    session = session_with(again(nowhere))
    await is_unknown(talk(raw, session=session, retries=Retries.none()), "POST")
    assert len(raw.seen) == 1


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_nothing_was_sent_where_no_try_found_a_connection(
    serve, talk, session_with, nowhere, column
):
    raw = await serve("good")

    async def lost(request: Any, handler: Any) -> Any:
        nowhere(request)
        return await handler(request)

    session = session_with(again(lambda _: None), lost)
    talker = talk(raw, session=session, retries=Retries.none())
    error = await talker.fails(column)
    assert (type(error), error.outcome) == (ConnectError, "not_sent")
    assert await talker.counted(column) == 0
    assert raw.received == 0


async def test_a_middleware_that_fails_by_itself_has_sent_nothing(
    serve, talk, session_with, closed_port
):
    async def signed(request: Any, handler: Any) -> Any:
        async with aiohttp.ClientSession() as other, other.get(closed_port) as token:
            request.headers["Authorization"] = await token.text()
        return await handler(request)

    raw = await serve("good")
    talker = talk(raw, session=session_with(signed), retries=Retries.none())
    error = await talker.fails("POST")
    assert (type(error), error.outcome) == (ConnectError, "not_sent")
    assert await talker.counted("POST") == 0
    assert raw.received == 0


async def test_a_try_that_a_middleware_gave_up_may_have_been_read(
    serve, talk, session_with, closed_port, until
):
    raw = await serve("mute")

    async def impatient(request: Any, handler: Any) -> Any:
        first = asyncio.ensure_future(handler(request))
        await until(lambda: raw.seen)
        first.cancel()
        await asyncio.wait([first])
        elsewhere(closed_port)(request)
        return await handler(request)

    session = session_with(impatient)
    await is_unknown(talk(raw, session=session, retries=Retries.none()), "POST")


async def test_a_try_that_is_still_under_way_may_be_read(
    serve, talk, session_with, closed_port, until
):
    raw = await serve("mute")
    tries: list[Any] = []

    async def two_at_a_time(request: Any, handler: Any) -> Any:
        tries.append(asyncio.ensure_future(handler(request)))
        await until(lambda: raw.seen)
        elsewhere(closed_port)(request)
        return await handler(request)

    talker = talk(raw, session=session_with(two_at_a_time), retries=Retries.none())
    await is_unknown(talker, "POST")
    assert not tries[0].done()
    tries[0].cancel()
    await asyncio.wait(tries)


async def test_a_middleware_may_call_a_cut_what_it_likes(serve, talk, session_with):
    class NobodyThereError(aiohttp.ClientConnectorError):
        pass

    async def renames(request: Any, handler: Any) -> Any:
        try:
            return await handler(request)
        except aiohttp.ClientError:
            raise NobodyThereError(request.connection_key, ConnectionRefusedError()) from None

    raw = await serve("fin_after_reading")
    await is_unknown(talk(raw, session=session_with(renames), retries=Retries.none()), "POST")


@pytest.mark.parametrize("whose", ["ours", "theirs"])
async def test_what_was_redirected_was_sent(serve, talk, session_with, whose):
    async def moves_and_goes(c: Any) -> None:
        request = await c.request()
        raw.stop()
        c.answer(307, b"", {"Location": f"{request.target}?moved", "Connection": "close"})
        c.fin()

    raw = await serve(moves_and_goes)
    session = None if whose == "ours" else session_with()
    await is_unknown(talk(raw, session=session, retries=Retries.none()), "GET")
    assert len(raw.seen) == 1
