"""aiohttp's silent re-sending stays off, on sessions of ours and of the user."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from postpress_async import (
    ConfigurationError,
    ConnectError,
    OutcomeUnknownError,
    Postpress,
    ResponseError,
    Retries,
    Timeout,
)
from postpress_async.exchange import sessions

COLUMNS = ["GET", "PUT", "DELETE", "PATCH", "POST"]
DROPS = ["rst_at_once", "fin_at_once", "rst_after_reading", "fin_after_reading", "half_headers"]


@pytest.fixture
async def session() -> Any:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as opened:
        yield opened


def requests_at(raw: Any) -> int:
    return len(raw.seen) or len(raw.connections)


async def test_aiohttp_would_do_it(serve, session):
    """The trap is there: if this fails, aiohttp has changed and the guard may go."""
    raw = await serve("fin_after_reading")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.delete(raw.url)
    assert len(raw.seen) == 2


@pytest.mark.parametrize("drop", DROPS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("whose", ["ours", "theirs"])
async def test_one_attempt_is_one_request(  # noqa: PLR0917 - fixtures
    serve, talk, session, whose, column, drop
):
    raw = await serve(drop)
    more = {"session": session} if whose == "theirs" else {}
    talker = talk(raw, retries=Retries.none(), **more)
    error = await talker.fails(column)
    assert requests_at(raw) == 1
    assert error.attempts == 1
    assert len(talker.told.attempts) == 1
    assert error.outcome == "unknown"
    if column != "GET":
        assert type(error) is OutcomeUnknownError
    assert await talker.counted(column) == 1


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_kept_connection_that_drops_is_one_request_too(serve, talk, session, column):
    async def once(c: Any) -> None:
        await c.request()
        c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN","message_id":"m"}')
        await c.request()
        c.fin()

    raw = await serve(once, "fin_after_reading")
    talker = talk(raw, retries=Retries.none(), session=session)
    await talker("GET")
    await talker.fails(column)
    assert len(raw.seen) == 2
    assert len(raw.connections) == 1


async def test_with_the_private_switch_gone_the_guard_still_holds(serve, talk, monkeypatch):
    """A later aiohttp may rename its switch; then a middleware of ours steps in."""
    monkeypatch.setattr(aiohttp.ClientSession, "_retry_connection", True, raising=False)
    raw = await serve("fin_after_reading")
    talker = talk(raw, retries=Retries.none())
    network = talker.client._pipeline.home.network()
    for safe in (True, False):
        opened = network._open(safe=safe)
        opened._retry_connection = True  # as if it were not there
        opened._middlewares = (sessions.once,)
    for number, column in enumerate(("GET", "DELETE"), 1):
        error = await talker.fails(column)
        assert error.outcome == "unknown"
        assert len(raw.seen) == number


# -- the user's own session ---------------------------------------------------------------------


async def test_the_users_session_is_used_and_never_closed(serve, talk, session):
    raw = await serve("good")
    talker = talk(raw, session=session)
    for column in COLUMNS:
        await talker(column)
    assert {request.headers["x-api-key"] for request in raw.seen} == {"key-CANARY-2f1b"}
    assert {request.headers["accept-encoding"] for request in raw.seen} == {"gzip"}
    await talker.client.aclose()
    assert not session.closed
    async with session.get(raw.url) as answer:
        assert answer.status == 200


async def turns_with_cookie(c: Any) -> None:
    while True:
        await c.request()
        body = b'{"object":"UserProfile","provider":"LINKEDIN","message_id":"m1"}'
        c.answer(200, body, {"Set-Cookie": "s=geheim"})


async def test_the_users_middlewares_and_traces_still_run(serve, talk):
    ran: list[str] = []
    shown: list[str] = []

    async def middleware(request: Any, handler: Any) -> Any:
        ran.append(f"middleware {request.method}")
        request.headers["X-Theirs"] = "yes"
        return await handler(request)

    async def start(session: Any, context: Any, params: Any) -> None:
        ran.append(f"trace {params.method}")

    async def end(session: Any, context: Any, params: Any) -> None:
        shown.append(f"{context} {context.trace_request_ctx}")

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(start)
    trace.on_request_end.append(end)
    raw = await serve(turns_with_cookie)
    async with aiohttp.ClientSession(middlewares=[middleware], trace_configs=[trace]) as session:
        talker = talk(raw, session=session)
        await talker("GET")
        await talker("POST")
    assert sorted(ran) == ["middleware GET", "middleware POST", "trace GET", "trace POST"]
    assert {request.headers["x-theirs"] for request in raw.seen} == {"yes"}
    assert len(shown) == 2
    assert "geheim" not in "".join(shown)  # what we hand to traces shows no cookies


async def test_with_the_users_session_a_refused_connection_is_still_not_sent(
    talk, session, closed_port
):
    talker = talk(closed_port, session=session)
    error = await talker.fails("POST")
    assert type(error) is ConnectError
    assert (error.outcome, error.attempts) == ("not_sent", 3)
    assert await talker.counted("POST") == 0


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("column", COLUMNS)
async def test_the_users_session_follows_no_redirect_elsewhere(
    serve, talk, session, column, status
):
    elsewhere = await serve("good")

    async def moved(c: Any) -> None:
        while True:
            await c.request()
            c.answer(status, b"", {"Location": elsewhere.url})

    raw = await serve(moved)
    error = await talk(raw, session=session).fails(column)
    assert isinstance(error, ResponseError)
    assert error.status == status
    assert elsewhere.received == 0


async def test_the_users_own_time_outs_do_not_count_twice(serve, talk):
    raw = await serve("silence")
    times = aiohttp.ClientTimeout(total=0.01)
    async with aiohttp.ClientSession(timeout=times) as session:
        talker = talk(raw, session=session, timeout=Timeout(total=0.1), retries=Retries.none())
        error = await talker.fails("POST")
    assert "Timeout.total=0.1" in str(error)


async def test_a_session_and_a_transport_exclude_each_other(session):
    class Nowhere:
        async def exchange(self, request: Any, sending: Any) -> Any:
            raise NotImplementedError

        async def aclose(self) -> None:
            pass

    with pytest.raises(ConfigurationError, match="session and transport exclude each other"):
        Postpress("k", session=session, transport=Nowhere())


async def test_many_at_once_over_one_session(serve, talk, session):
    raw = await serve("good")
    talker = talk(raw, session=session)
    await asyncio.gather(*(talker(column) for column in COLUMNS * 5))
    assert len(raw.seen) == 25
    talker.nothing_is_held()


@pytest.mark.parametrize(("given", "effect"), [(True, "no_answer"), (False, "unavailable")])
async def test_a_wait_in_a_pool_of_the_users_is_no_sign_of_a_failing_service(  # noqa: PLR0917 - fixtures
    serve, talk, session, monkeypatch, given, effect
):
    raw = await serve("mute")
    options = {"session": session} if given else {}
    talker = talk(raw, timeout=Timeout(total=0.05), retries=Retries.none(), **options)
    scheduler = talker.client.scheduler
    report, seen = scheduler.report, []
    monkeypatch.setattr(
        scheduler, "report", lambda slot, verdict: (seen.append(verdict), report(slot, verdict))
    )
    await talker.fails("GET")
    assert [verdict.effect for verdict in seen] == [effect]
