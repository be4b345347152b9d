"""What the network itself can do: no connection, no TLS, stale connections, floods and bombs."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from pathlib import Path
from typing import Any

import pytest

from postpress_async import (
    ConfigurationError,
    ConnectError,
    DecodeError,
    Http,
    OutcomeUnknownError,
    RequestTimeoutError,
    ResponseError,
    Retries,
    Timeout,
)

COLUMNS = ["GET", "PUT", "DELETE", "PATCH", "POST+key", "POST"]
WRITES = COLUMNS[1:]


# -- no connection: certainly not sent, so repeated whatever it is -----------------------------


@pytest.mark.parametrize("column", COLUMNS)
async def test_refused(talk, closed_port, column):
    talker = talk(closed_port)
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", True, 3)
    assert "Connection refused" in str(error)
    assert await talker.counted(column) == 0
    assert not talker.told.finished.maybe_sent
    assert [event.sent for event in talker.told.attempts] == [False] * 3


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_name_that_nobody_knows_is_tried_twice(talk, column):
    talker = talk("https://nobody.invalid")
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", True, 2)
    assert "name is unknown" in str(error)
    assert await talker.counted(column) == 0


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("bound", ["connect", "total"])
async def test_a_connection_that_stalls(talk, full_backlog, column, bound):
    times = {"total": 60.0, "connect": None, "read": 60.0, bound: 0.05}
    talker = talk(full_backlog, timeout=Timeout(**times), retries=Retries(attempts=2))
    error = await talker.fails(column)
    assert error.attempts == 2
    assert error.retryable
    if bound == "connect":
        assert type(error) is ConnectError
    else:
        assert type(error) is RequestTimeoutError
    if column != "GET" or bound == "connect":  # a GET by `total` cannot tell, which does no harm
        assert error.outcome == "not_sent"
        assert await talker.counted(column) == 0


async def test_a_connection_that_stalls_does_not_use_up_the_time_to_read(talk, full_backlog):
    talker = talk(
        full_backlog,
        timeout=Timeout(total=0.3, connect=None, read=0.05),
        retries=Retries.none(),
    )
    error = await talker.fails("POST")
    assert "Timeout.total" in str(error)
    assert error.outcome == "not_sent"


@pytest.mark.parametrize("column", COLUMNS)
async def test_self_signed_is_final(serve, talk, certificate, column):
    raw = await serve("good", tls=certificate("IP:127.0.0.1").context)
    talker = talk(raw)
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", False, 1)
    assert "ca_file" in str(error)
    assert raw.seen == []
    assert await talker.counted(column) == 0


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_a_certificate_of_another_host_is_final(serve, talk, certificate, column):
    made = certificate("DNS:example.org")
    raw = await serve("good", tls=made.context)
    talker = talk(raw, http=Http(ca_file=str(made.file)))
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", False, 1)
    assert raw.seen == []


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_a_known_authority_is_trusted(serve, talk, certificate, column):
    made = certificate("IP:127.0.0.1")
    raw = await serve("good", tls=made.context)
    await talk(raw, http=Http(ca_file=str(made.file)))(column)
    await talk(raw, http=Http(ssl=ssl.create_default_context(cafile=made.file)))(column)
    assert len(raw.seen) == 2


@pytest.mark.parametrize("column", ["GET", "DELETE", "POST"])
async def test_tls_to_a_plain_port_is_final(serve, talk, column):
    async def plain(c: Any) -> None:
        while not c.buffer:
            await c._more()
        c.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    raw = await serve(plain)
    talker = talk(raw.url.replace("http://", "https://"))
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", False, 1)
    assert await talker.counted(column) == 0


@pytest.mark.parametrize("column", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize("script", ["fin_at_once", "rst_at_once"])
async def test_a_peer_that_hangs_up_in_the_handshake_is_tried_again(serve, talk, script, column):
    raw = await serve(script)
    talker = talk(raw.url.replace("http://", "https://"))
    error = await talker.fails(column)
    assert type(error) is ConnectError
    assert (error.outcome, error.retryable, error.attempts) == ("not_sent", True, 3)
    assert len(raw.connections) == 3
    assert await talker.counted(column) == 0


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_a_handshake_that_stalls(serve, talk, column):
    async def mute(c: Any) -> None:
        await c.until_gone()

    raw = await serve(mute)
    talker = talk(
        raw.url.replace("http://", "https://"),
        timeout=Timeout(total=0.1, connect=0.05, read=5.0),
        retries=Retries(attempts=2),
    )
    error = await talker.fails(column)
    assert error.attempts == 2
    assert error.retryable
    if column == "POST":
        assert error.outcome == "not_sent"


async def test_the_places_of_a_client_bound_its_connections(serve, talk, until):
    async def slow(c: Any) -> None:
        await c.request()
        await c.until_gone()

    raw = await serve(slow)
    talker = talk(raw, http=Http(connections=2), max_wait=0.05, retries=Retries.none())
    calls = [asyncio.create_task(talker("POST")) for _ in range(4)]
    await until(lambda: len(raw.connections) == 2 == sum(call.done() for call in calls))
    turned_away = [call for call in calls if call.done()]
    assert {type(call.exception()).__name__ for call in turned_away} == {"WaitTooLongError"}
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert len(raw.connections) == 2
    talker.nothing_is_held()


# -- kept connections -------------------------------------------------------------------------


async def test_reads_share_a_connection_and_writes_never_do(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    for _ in range(3):
        await talker("GET")
    assert len(raw.connections) == 1
    for column in WRITES:
        await talker(column)
    assert len(raw.connections) == 1 + len(WRITES)
    assert "close" in {request.headers.get("connection") for request in raw.seen}


async def test_a_stale_connection_that_the_loop_saw_close_is_not_used(serve, talk, until):
    raw = await serve("good")
    talker = talk(raw)
    await talker("GET")
    [kept] = talker.client._pipeline.home._transport._safe.connector._conns.values()
    assert kept[0][0].is_connected()
    raw.connections[0].fin()
    await until(lambda: not kept[0][0].is_connected())
    await talker("GET")
    await talker("POST")
    assert len(raw.seen) == 3
    assert [event.number for event in talker.told.attempts] == [1, 1, 1]


@pytest.mark.parametrize("rude", [False, True])
async def test_a_stale_connection_that_closes_under_a_read_costs_one_attempt(serve, talk, rude):
    """The server hangs up at the very moment of the next request: it has read it, or has not."""

    async def one_answer(c: Any) -> None:
        if len(c.server.connections) > 1:
            await second(c)
            return
        await second(c)
        await c.request()
        if rude:
            c.rst()
        else:
            c.fin()

    async def second(c: Any) -> None:
        await c.request()
        c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')

    raw = await serve(one_answer)
    talker = talk(raw)
    await talker("GET")
    await talker("GET")
    assert len(raw.seen) == 3  # the second call was tried twice, and says so
    assert [event.number for event in talker.told.attempts] == [1, 1, 2]
    assert talker.told.events[-1].attempts == 2
    assert await talker.counted("GET") == 3


@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002])
async def test_a_write_never_meets_a_stale_connection(serve, talk, delay):
    """The server closes each connection right after its answer; a POST must not be caught in it."""

    async def impatient(c: Any) -> None:
        await c.request()
        c.answer(200, b'{"message_id":"m1","object":"MessageSent","provider":"LINKEDIN"}')
        c.fin()

    raw = await serve(impatient)
    talker = talk(raw, retries=Retries.none())
    for _ in range(10):
        await talker("GET")
        await asyncio.sleep(delay)  # around the moment at which the end arrives
        await talker("POST")
    assert len(raw.seen) == 20


async def test_cookies_are_not_kept(serve, talk):
    async def baker(c: Any) -> None:
        while True:
            await c.request()
            body = b'{"object":"UserProfile","provider":"LINKEDIN","message_id":"m1"}'
            c.answer(200, body, {"Set-Cookie": "s=1; Path=/"})

    raw = await serve(baker)
    talker = talk(raw.url.replace("127.0.0.1", "localhost"))  # aiohttp keeps none of addresses
    for column in ("GET", "GET", "POST", "POST"):
        await talker(column)
    assert [request.headers.get("cookie") for request in raw.seen] == [None] * 4


# -- uploads ----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["POST", "POST+key"])
@pytest.mark.parametrize("end", ["fin", "rst", "later"])
async def test_an_early_413_is_the_answer(serve, talk, column, end):
    async def early(c: Any) -> None:
        await c.head()
        c.server.seen.append(None)
        c.answer(413, b"too large", {"Connection": "close"}, kind="text/plain")
        # The answer comes while the client still writes, and the end sooner or later.
        await asyncio.sleep({"fin": 0.0, "rst": 0.001, "later": 0.05}[end])
        if end == "rst":
            c.rst()

    raw = await serve(early)
    talker = talk(raw)
    error = await talker.fails(column, text="x" * 20_000_000)
    assert isinstance(error, ResponseError)
    assert (error.status, error.outcome, error.attempts) == (413, "refused", 1)
    assert len(raw.seen) == 1
    talker.nothing_is_held()


@pytest.mark.parametrize(("column", "attempts"), [("POST", 1), ("POST+key", 2)])
async def test_a_peer_that_never_reads_ends_by_total(serve, talk, column, attempts):
    raw = await serve("deaf")
    times = Timeout(total=60.0, connect=30.0, read=None)
    talker = talk(raw, timeout=times, retries=Retries(attempts=2))
    error = await talker.fails(column, text="x" * 20_000_000)
    assert type(error) is OutcomeUnknownError
    assert (error.outcome, error.attempts) == ("unknown", attempts)
    assert "Timeout.total" in str(error)
    assert len(raw.connections) == attempts
    talker.nothing_is_held()


async def test_a_peer_that_closes_without_an_answer_during_the_upload(serve, talk):
    async def rude(c: Any) -> None:
        await c.head()
        c.rst()

    raw = await serve(rude)
    talker = talk(raw)
    error = await talker.fails("POST", text="x" * 20_000_000)
    assert type(error) is OutcomeUnknownError
    assert error.attempts == 1
    assert len(raw.connections) == 1


# -- large answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("column", COLUMNS)
async def test_an_answer_that_is_too_big_is_left_unread(serve, talk, column):
    raw = await serve("too_big")
    talker = talk(raw, http=Http(max_body=50_000))
    error = await talker.fails(column)
    assert type(error) is DecodeError
    assert (error.outcome, error.attempts) == ("done", 1)
    assert "Http.max_body=50000" in str(error)
    assert len(raw.seen) == 1


async def test_a_small_answer_may_be_just_as_big_as_allowed(serve, talk):
    raw = await serve("good")
    await talk(raw, http=Http(max_body=len(b'{"object":"Done"}')))("PUT")
    error = await talk(raw, http=Http(max_body=len(b'{"object":"Done"}') - 1)).fails("PUT")
    assert "max_body" in str(error)


def peak() -> int:
    """Return the most memory that was resident since the last `forget_peak`, in KiB."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1])


def forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError as error:
        pytest.skip(f"the peak of memory cannot be reset here: {error}")


async def test_a_gzip_bomb_does_not_go_off(serve, talk):
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(bytes(2**20)) for _ in range(400)]
    bomb = b"".join([*packed, packer.flush()])  # 0.4 MB that unpack to 400 MB
    assert len(bomb) < 500_000

    async def script(c: Any) -> None:
        await c.request()
        c.answer(200, bomb, {"Content-Encoding": "gzip"})
        await c.until_gone()

    raw = await serve(script)
    talker = talk(raw)
    forget_peak()
    before = peak()
    error = await talker.fails("GET")
    assert type(error) is DecodeError
    assert "max_body" in str(error)
    assert error.attempts == 1
    assert peak() - before < 64 * 1024


async def test_a_gzipped_answer_is_read(serve, talk):
    async def script(c: Any) -> None:
        request = await c.request()
        assert request.headers["accept-encoding"] == "gzip"
        body = gzip.compress(b'{"object":"UserProfile","provider":"LINKEDIN","first_name":"J"}')
        c.answer(200, body, {"Content-Encoding": "gzip"})
        await c.until_gone()

    raw = await serve(script)
    profile = await talk(raw)("GET")
    assert profile.first_name == "J"


# -- redirects --------------------------------------------------------------------------------


def moved(status: int, to: str) -> Any:
    async def script(c: Any) -> None:
        while True:
            request = await c.request()
            if "moved" in request.target:
                c.answer(200, b'{"object":"UserProfile","provider":"LINKEDIN"}')
            else:
                c.answer(status, b"", {"Location": to})

    return script


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_read_follows_a_redirect_of_the_same_server(serve, talk, status):
    raw = await serve(moved(status, "/v1/moved/users"))
    talker = talk(raw)
    await talker("GET")
    assert [request.target for request in raw.seen][1] == "/v1/moved/users"
    assert talker.told.finished.attempts == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("column", COLUMNS)
async def test_the_key_and_the_body_go_nowhere_else(serve, talk, status, column):
    elsewhere = await serve("good")
    raw = await serve(moved(status, f"{elsewhere.url}/moved"))
    talker = talk(raw)
    error = await talker.fails(column)
    assert isinstance(error, ResponseError)
    assert (error.status, error.outcome, error.attempts) == (status, "refused", 1)
    assert not error.retryable
    assert len(raw.seen) == 1
    assert elsewhere.received == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("column", WRITES)
async def test_a_write_follows_no_redirect_at_all(serve, talk, status, column):
    raw = await serve(moved(status, "/v1/moved"))
    error = await talk(raw).fails(column)
    assert isinstance(error, ResponseError)
    assert error.status == status
    assert len(raw.seen) == 1


@pytest.mark.parametrize("to", ["//evil.invalid/x", "https://127.0.0.1/x", "", "http://[", "\\\\e"])
async def test_a_redirect_that_leads_astray_is_not_followed(serve, talk, to):
    raw = await serve(moved(307, to))
    talker = talk(raw)
    error = await talker.fails("GET")
    assert isinstance(error, ResponseError)
    assert error.status == 307


async def test_a_redirect_without_end_ends_after_three(serve, talk):
    raw = await serve(moved(302, "/v1/again"))
    error = await talk(raw).fails("GET")
    assert isinstance(error, ResponseError)
    assert (error.status, error.outcome, error.attempts) == (302, "refused", 1)
    assert len(raw.seen) == 4


# -- slow, but not silent ----------------------------------------------------------------------


@pytest.mark.parametrize("column", ["GET", "POST"])
async def test_a_slow_answer_that_moves_is_no_silence(serve, talk, until, column):
    body = b'{"object":"UserProfile","provider":"LINKEDIN","message_id":"m1"}'

    async def slow(c: Any) -> None:
        await c.request()
        c.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        (flight,) = talker.client._pipeline.home._transport._sweeper._flights
        await until(lambda: flight.status)
        for at in range(0, len(body), 8):
            flight.progress -= 20.0  # two such silences would be too long
            before = flight.progress
            piece = body[at : at + 8]
            c.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await until(lambda before=before: flight.progress > before)
        c.write(b"0\r\n\r\n")
        await c.until_gone()

    raw = await serve(slow)
    talker = talk(raw, timeout=Timeout(total=None, connect=30.0, read=30.0))
    await talker(column)
    assert len(raw.seen) == 1


def test_a_proxy_needs_a_scheme():
    with pytest.raises(ConfigurationError, match="proxy"):
        Http(proxy="user:secret@host:3128")
