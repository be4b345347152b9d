"""Files on their way out: byte for byte, opened for each attempt, and never cut unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from postpress_async import (
    AttachmentError,
    ConfigurationError,
    File,
    OutcomeUnknownError,
    RateLimitedError,
    ResponseError,
    Retries,
    ServiceUnavailableError,
    TransportError,
)
from postpress_async.exchange import sweeper, transport
from postpress_async.exchange.guarding import guarded
from postpress_async.resources import _sources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DATA = os.urandom(1_000_003)
MOST = 15 * 2**20


def content_of(request: Any) -> bytes:
    """Return what is in the one file of a form."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    (part,) = [p for p in request.body.split(b"--" + boundary) if b"filename=" in p[:200]]
    return part.partition(b"\r\n\r\n")[2][:-2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "dog.png"
    file.write_bytes(DATA)
    return file


class Pieces:
    """An async iterator that knows how far it was read, and whether it was closed."""

    def __init__(self, data: bytes = DATA, size: int = 70_001) -> None:
        self.data, self.size = data, size
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for start in range(0, len(self.data), self.size):
                self.taken += 1
                await asyncio.sleep(0)
                yield self.data[start : start + self.size]
        finally:
            self.closed = True


def given(kind: str, path: Path) -> Any:
    if kind == "path":
        return path
    if kind == "bytes":
        return DATA
    if kind == "memory":
        return io.BytesIO(DATA)
    if kind == "object":
        return path.open("rb")
    if kind == "middle":
        file = path.open("rb+")
        file.seek(0, os.SEEK_END)
        file.write(b"more")
        file.seek(len(DATA) - 5)
        return file
    if kind == "pipe":
        read, write = os.pipe()
        os.write(write, DATA[:3000])
        os.close(write)
        return os.fdopen(read, "rb")
    return File(Pieces(), size=len(DATA) if kind == "sized" else None, name="x")


def expected(kind: str) -> bytes:
    return {"middle": DATA[-5:] + b"more", "pipe": DATA[:3000]}.get(kind, DATA)


# -- what arrives ------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
@pytest.mark.parametrize(
    "kind", ["path", "bytes", "memory", "object", "middle", "pipe", "stream", "sized"]
)
async def test_every_source_arrives_byte_for_byte(serve, talk, path, kind, own):
    raw = await serve("good")
    async with aiohttp.ClientSession() as session:
        talker = talk(raw, session=None if own else session)
        file = given(kind, path)
        await talker("POST", attachments=[file])
        (request,) = raw.seen
        assert content_of(request) == expected(kind)
        if kind in {"pipe", "stream"}:
            assert request.headers["transfer-encoding"] == "chunked"
            assert "content-length" not in request.headers
        else:
            assert "transfer-encoding" not in request.headers
            assert int(request.headers["content-length"]) == len(request.body)
        if isinstance(file, (io.BufferedReader, io.BufferedRandom)):
            assert not file.closed  # it is the user's
            file.close()
        talker.nothing_is_held()


async def test_names_are_escaped_and_readable(serve, talk):
    raw = await serve("good")
    name = 'été "x"\r\n.pdf'
    await talk(raw)("POST", text="é", attachments=[File(b"1", name=name), File(b"2", name="b.mp3")])
    body = raw.seen[0].body.decode()
    assert 'name="attachments"; filename="été %22x%22%0D%0A.pdf"\r\n' in body
    assert "Content-Type: application/pdf\r\n\r\n1\r\n" in body
    assert 'filename="b.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n2\r\n' in body


async def test_a_disk_is_never_waited_for_in_the_loop(serve, talk, path, elsewhere):
    raw = await serve("good")
    for cls, name in (
        (_sources._Opened, "open"),
        (_sources._Opened, "_read"),
        (_sources.Object, "measure"),
        (_sources.Object, "_read_at"),
    ):
        ran = elsewhere(cls, name)
    with path.open("rb") as file:
        await talk(raw)("POST", attachments=[path, file])
    assert set(ran) == {"open", "_read", "measure", "_read_at"}
    assert ran.count("_read") == ran.count("_read_at") == -(-len(DATA) // _sources.BLOCK) + 1


# -- again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["path", "bytes", "memory", "object", "middle"])
async def test_a_retry_reads_from_the_beginning_again(serve, talk, path, kind):
    raw = await serve("503 no_channel", "503 no_channel", "good")
    talker = talk(raw)
    file = given(kind, path)
    await talker("POST", attachments=[file])
    assert [content_of(request) for request in raw.seen] == [expected(kind)] * 3
    assert len({request.body for request in raw.seen}) == 1
    assert len(raw.keys) == 1
    talker.nothing_is_held()
    if hasattr(file, "close"):
        file.close()


@pytest.mark.parametrize("kind", ["stream", "sized", "pipe"])
async def test_what_can_be_read_once_is_sent_once(serve, talk, path, kind):
    raw = await serve("503 no_channel", "good")
    talker = talk(raw)
    file = given(kind, path)
    error = await talker.fails("POST", attachments=[file])
    assert isinstance(error, ServiceUnavailableError)
    assert error.outcome == "refused"
    assert "not tried again: attachments" in str(error)
    assert "give a Path or bytes" in str(error)
    assert "\n" not in str(error)
    assert len(raw.seen) == 1
    assert await talker.counted("POST") == 0
    if hasattr(file, "close"):
        file.close()


async def test_what_was_not_begun_may_be_begun_again(talk, closed_port):
    pieces = Pieces()
    talker = talk(closed_port)
    error = await talker.fails("POST", attachments=[pieces])
    assert error.outcome == "not_sent"
    assert error.attempts == 3
    assert pieces.taken == 0
    assert "not tried again" not in str(error)
    talker.nothing_is_held()


async def test_an_iterator_is_not_sent_by_two_calls(serve, talk):
    raw = await serve("good")
    talker = talk(raw)
    file = File(aiter(Pieces(b"abc")), name="x")
    await talker("POST", attachments=[file])
    error = await talker.fails("POST", attachments=[file])
    assert isinstance(error, AttachmentError)
    assert "gave nothing: an async iterator is read once" in str(error)
    assert len(raw.seen) == 1


async def test_a_429_paces_and_opens_anew(serve, talk, path):
    raw = await serve("429")
    talker = talk(raw, max_wait=0.0)
    error = await talker.fails("POST", attachments=[path])
    assert isinstance(error, RateLimitedError)
    assert await talker.counted("POST") == 1


# -- files that change -------------------------------------------------------------------------


async def test_a_file_that_vanishes_before_it_is_sent(serve, talk, path, until):
    raw = await serve("503 no_channel in 0.05 s", "good")
    talker = talk(raw)
    task = asyncio.create_task(talker.fails("POST", attachments=[path]))
    await until(lambda: talker.client._pipeline.home._sleepers)
    path.unlink()
    error: Any = await task
    assert isinstance(error, AttachmentError)
    assert (error.field, error.file, error.outcome) == ("attachments", "dog.png", "not_sent")
    assert "cannot be opened (No such file or directory)" in str(error)
    assert len(raw.seen) == 1
    assert await talker.counted("POST") == 0


@pytest.mark.parametrize("size", [0, len(DATA) - 1, len(DATA) + 1])
async def test_a_file_of_another_size_is_another_file(serve, talk, path, until, size):
    raw = await serve("503 no_channel in 0.05 s", "good")
    talker = talk(raw)
    task = asyncio.create_task(talker.fails("POST", attachments=[path]))
    await until(lambda: talker.client._pipeline.home._sleepers)
    os.truncate(path, size)
    error: Any = await task
    assert isinstance(error, AttachmentError)
    assert error.outcome == "not_sent"
    assert f"had {len(DATA)} bytes when it was checked and has {size} now" in str(error)
    assert len(raw.seen) == 1


@pytest.mark.parametrize("kind", ["path", "object"])
@pytest.mark.parametrize("change", [-1, -400_000, 1])
async def test_a_file_that_changes_while_it_is_sent(serve, talk, tmp_path, kind, change):
    big = tmp_path / "big.mp4"
    big.write_bytes(bytes(MOST - 1000))

    async def slow(c: Any) -> None:
        await c.head()
        c.transport.pause_reading()
        os.truncate(big, MOST - 1000 + change)
        await asyncio.sleep(0.01)  # more of it comes, and finds nobody who reads
        c.transport.resume_reading()
        await c.request()  # it never comes whole: the connection goes
        raise AssertionError

    raw = await serve(slow)
    talker = talk(raw)
    with big.open("rb") as file:
        error: Any = await talker.fails("POST", attachments=[big if kind == "path" else file])
    assert isinstance(error, AttachmentError)
    assert (error.field, error.file) == ("attachments", "big.mp4")
    assert error.outcome == "unknown"
    assert ("shrank from" if change < 0 else "grew beyond") in str(error)
    assert raw.seen == []
    assert len(raw.connections) == 1  # nothing mends it: tried once
    assert await talker.counted("POST") == 1
    talker.nothing_is_held()


async def test_an_object_that_was_closed(serve, talk, path, until):
    raw = await serve("503 no_channel in 0.01 s", "good")
    talker = talk(raw)
    with path.open("rb") as file:
        task = asyncio.create_task(talker.fails("POST", attachments=[file]))
        await until(lambda: raw.seen)
    error: Any = await task
    assert isinstance(error, AttachmentError)
    assert "cannot be read" in str(error)


class OddError(Exception):
    pass


async def raising() -> AsyncIterator[bytes]:
    yield b"x" * 200_000
    raise OddError


async def of_texts() -> Any:
    yield b"x"
    yield "text"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (File(raising(), name="x"), "raised OddError while it was read"),
        (File(of_texts(), name="x"), "gave str instead of bytes"),
        (File(Pieces(), size=len(DATA) - 1, name="x"), f"grew beyond its {len(DATA) - 1} bytes"),
        (File(Pieces(), size=len(DATA) + 1, name="x"), f"shrank from {len(DATA) + 1} bytes"),
        (File(Pieces(bytes(MOST + 1), 2**20), name="x"), f"more than the {MOST} bytes"),
    ],
    ids=["raises", "texts", "longer", "shorter", "too large"],
)
async def test_iterators_that_break_off(serve, talk, file, words):
    raw = await serve("good")
    talker = talk(raw)
    error: Any = await talker.fails("POST", attachments=[b"first", file])
    assert isinstance(error, AttachmentError)
    assert (error.field, error.file) == ("attachments", "x")
    assert words in str(error)
    assert error.outcome == "unknown"
    assert not error.retryable
    await raw.settled()
    assert raw.seen == []  # no end of a body ever came
    if "raised" in words:
        assert isinstance(error.__cause__, OddError)
    assert await talker.counted("POST") == 1


# -- what is refused before anything is sent -----------------------------------------------------


async def refused(serve: Any, talk: Any, *files: Any, **more: Any) -> Any:
    raw = await serve("good")
    talker = talk(raw)
    error = await talker.fails("POST", attachments=list(files), **more)
    assert raw.received == 0
    assert talker.told.events == []  # it never came as far as a slot
    assert error.outcome == "not_sent"
    return error


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("dog.png", "a text: give Path"),
        (io.StringIO("x"), 'open it with "rb"'),
        (7, "int"),
        (None, "NoneType"),
        (object(), "object"),
    ],
    ids=range(5),
)
async def test_what_is_no_file(serve, talk, file, words):
    error = await refused(serve, talk, b"good", file)
    assert type(error) is ConfigurationError
    assert "attachments[1] must be a Path" in str(error)
    assert words in str(error)


async def test_paths_that_are_no_files(serve, talk, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "missing.png": "No such file",
        ".": "it is a directory",
        "pipe": "it is no regular file",
    }.items():
        error = await refused(serve, talk, tmp_path / name)
        assert isinstance(error, AttachmentError)
        assert error.field == "attachments[0]"
        assert words in str(error)


async def test_the_sum_of_all_files_is_bounded(serve, talk, tmp_path):
    half = tmp_path / "half.mp4"
    half.write_bytes(bytes(MOST // 2))
    raw = await serve("good")
    await talk(raw)("POST", attachments=[half, bytes(MOST // 2)])
    assert len(raw.seen) == 1
    error = await refused(serve, talk, half, bytes(MOST // 2 + 1))
    assert isinstance(error, AttachmentError)
    assert "15 MB" in str(error)
    assert "the largest of 2 files" in str(error)


async def test_a_voice_message_is_a_sound(serve, talk):
    error = await refused(serve, talk, voice_message=File(b"x", name="a.png"))
    assert isinstance(error, AttachmentError)
    assert "image/png, and this takes audio" in str(error)
    raw = await serve("good")
    await talk(raw)("POST", voice_message=File(b"x", name="a.m4a"))
    assert b'name="voice_message"; filename="a.m4a"' in raw.seen[0].body


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": 5},
        {"content_type": "png"},
        {"content_type": "image/png\r\nX: y"},
        {"size": -1},
        {"size": 1.5},
    ],
)
def test_files_that_cannot_be_meant(more):
    with pytest.raises(ConfigurationError, match=f"File.{next(iter(more))}"):
        File(b"x", **more)


@pytest.mark.parametrize("kind", ["bytes", "path", "memory", "object"])
async def test_a_file_with_nothing_in_it_is_nobodys_wish(serve, talk, tmp_path, kind):
    path = tmp_path / "report.pdf"
    path.write_bytes(b"" if kind == "path" else b"%PDF")
    memory = io.BytesIO()
    memory.write(b"%PDF")  # and not wound back
    with path.open("rb") as object_:
        object_.read()
        file = {"bytes": b"", "path": path, "memory": memory, "object": object_}[kind]
        error = await refused(serve, talk, file)
    assert isinstance(error, AttachmentError)
    assert "has nothing in it from where it stands" in str(error)
    assert ("seek(0)" in str(error)) == (kind in {"memory", "object"})


async def test_a_size_that_is_wrong(serve, talk):
    error = await refused(serve, talk, File(b"abc", size=4))
    assert "has 3 bytes, not 4" in str(error)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# -- answers that come early, or never ------------------------------------------------------------


async def early(c: Any) -> None:
    await c.head()
    c.transport.pause_reading()
    c.answer(413, b'{"type":"errors/content_too_large","status":413,"title":"No"}')
    await asyncio.sleep(0.05)  # as who refuses does: the answer is to be read first
    c.fin()


@pytest.mark.parametrize("kind", ["path", "stream"])
async def test_an_early_refusal_ends_the_upload(serve, talk, tmp_path, until, kind):
    big = tmp_path / "big.mp4"
    big.write_bytes(bytes(MOST - 1000))
    pieces = Pieces(bytes(MOST - 1000), 2**18)
    open_before = open_files()
    raw = await serve(early)
    talker = talk(raw)
    error: Any = await talker.fails("POST", attachments=[big if kind == "path" else pieces])
    assert isinstance(error, ResponseError)
    assert error.status == 413
    assert pieces.closed == (kind == "stream")
    talker.nothing_is_held()
    await talker.client.aclose()
    await raw.settled()
    await until(lambda: open_files() <= open_before + 2)  # the server's listening socket


async def test_a_peer_that_reads_nothing_runs_into_the_time_out(serve, talk, tmp_path):
    big = tmp_path / "big.mp4"
    big.write_bytes(bytes(MOST - 1000))
    raw = await serve("deaf")
    talker = talk(raw)
    error = await talker.fails("POST", attachments=[big])
    assert isinstance(error, OutcomeUnknownError)
    assert await talker.counted("POST") == 1


# -- cancelled ----------------------------------------------------------------------------------


async def cancelled_after_each_turn(raw, talk, source, loop_turns):
    """Cancel after ever more turns, until a call is done; return whether some had sent a byte."""
    some_after = False
    for ticks in loop_turns:
        talker = talk(raw)
        before = raw.received
        pieces = Pieces()
        task = asyncio.ensure_future(talker("POST", attachments=[source or pieces]))
        for _ in range(ticks):
            await asyncio.sleep(0)
            if task.done():
                break
        done = task.done()
        if not done:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        begun = bool(talker.told.events)  # else it was still looking at the file
        used = await talker.counted("POST") if begun else 0
        maybe_sent = begun and talker.told.finished.maybe_sent
        assert not pieces.taken or pieces.closed
        await talker.client.aclose()
        await raw.settled()
        if done:
            await task
            return some_after
        assert used == maybe_sent
        if not maybe_sent:
            assert raw.received == before
        some_after |= raw.received > before
    raise AssertionError("there is always one more turn")


@pytest.mark.parametrize("kind", ["path", "stream"])
async def test_cancelled_after_any_turn_of_the_loop(serve, talk, path, kind, loop_turns):
    raw = await serve("good")
    source = path if kind == "path" else None
    # How many turns pass while a thread looks at the file, nobody knows: one round may go from a
    # call that is not begun to one that is done.
    for _ in range(20):
        if await cancelled_after_each_turn(raw, talk, source, loop_turns()):
            return
    raise AssertionError("no call was cancelled after it had sent something")


async def test_closing_the_client_ends_an_upload(serve, talk, until, monkeypatch):
    monkeypatch.setattr("postpress_async.client.CLOSING_SECONDS", 0.05)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)  # a source with a pace of its own

    raw = await serve("mute")
    talker = talk(raw)
    task = asyncio.create_task(talker.fails("POST", attachments=[endless()]))
    await until(lambda: raw.received)
    await talker.client.aclose()
    error = await asyncio.wait_for(task, 20.0)
    assert isinstance(error, TransportError)
    assert error.outcome == "unknown"


async def test_one_try_is_one_try(serve, talk, path):
    raw = await serve("fin_after_reading")
    talker = talk(raw, retries=Retries(attempts=1))
    error = await talker.fails("POST", attachments=[path])
    assert isinstance(error, OutcomeUnknownError)
    assert len(raw.seen) == 1


# -- an upload whose time is over ---------------------------------------------------------------


@pytest.fixture
def late(monkeypatch):
    """Have an attempt's time be over before its n-th piece, with no round of the sweeper."""

    def at(number: int) -> None:
        monkeypatch.setattr(sweeper, "EVERY", 1e6)
        pieces: list[int] = []
        asked = sweeper.Flight.in_time

        def in_time(flight: Any) -> None:
            pieces.append(1)
            if len(pieces) == number:
                flight.started -= 3600.0
            asked(flight)

        monkeypatch.setattr(sweeper.Flight, "in_time", in_time)

    return at


class Yes:
    """A guard that lets everything go."""

    async def ask(self) -> None: ...

    async def before(self) -> None: ...

    def last_act(self) -> None: ...


LATE = {
    "text": lambda: {"text": "x" * 3_000_000},
    "file": lambda: {"attachments": [b"x" * 3_000_000]},
    "stream": lambda: {"attachments": [File(Pieces(), name="x")]},
}


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
@pytest.mark.parametrize("body", LATE)
async def test_an_upload_stops_by_itself_when_its_time_is_over(serve, talk, late, body, own):
    raw = await serve("mute")
    late(6)
    async with aiohttp.ClientSession() as session:
        talker = talk(raw, session=None if own else session)
        with guarded(Yes()):
            error = await talker.fails("POST", **LATE[body]())
        await raw.settled()
    assert type(error) is OutcomeUnknownError
    assert "Timeout.total" in str(error)
    assert error.attempts == 1
    assert 0 < raw.received < 2_000_000
    assert raw.seen == []
    talker.nothing_is_held()


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
async def test_the_end_of_a_stream_is_not_written_late(serve, talk, monkeypatch, own):
    raw = await serve("mute")
    monkeypatch.setattr(sweeper, "EVERY", 1e6)

    class Stopped(Pieces):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in Pieces():
                yield piece
            (flight,) = talker.client._pipeline.home._transport._sweeper._flights
            flight.started -= 3600.0

    async with aiohttp.ClientSession() as session:
        talker = talk(raw, session=None if own else session)
        error = await talker.fails("POST", attachments=[File(Stopped(), name="x")])
        await raw.settled()
    assert "Timeout.total" in str(error)
    assert error.outcome == "unknown"
    assert raw.received > len(DATA)
    assert raw.seen == []


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
@pytest.mark.parametrize("body", LATE)
async def test_an_upload_that_could_not_begin_in_time_was_not_sent(serve, talk, late, body, own):
    raw = await serve("mute")
    late(1)
    async with aiohttp.ClientSession() as session:
        talker = talk(raw, session=None if own else session, retries=Retries.none())
        with guarded(Yes()):
            error = await talker.fails("POST", **LATE[body]())
        await raw.settled()
    assert isinstance(error, TransportError)
    assert (error.outcome, error.attempts) == ("not_sent", 1)
    assert "Timeout.total" in str(error)
    assert raw.received == 0
    talker.nothing_is_held()


@contextlib.contextmanager
def narrow() -> Iterator[socket.socket]:
    """Listen where next to nothing is taken before somebody reads it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield listener


async def read_out(listener: socket.socket) -> bytes:
    """Return all that arrives on the next connection, however it ends."""
    loop = asyncio.get_running_loop()
    there, _ = await loop.sock_accept(listener)
    with there, contextlib.suppress(ConnectionError):
        got = b""
        while more := await loop.sock_recv(there, 2**16):
            got += more
            if got.endswith(b"--\r\n"):
                break
    return got


@pytest.mark.parametrize("own", [True, False], ids=["own", "session"])
@pytest.mark.parametrize("end", ["total", "cancelled"])
@pytest.mark.parametrize("body", ["text", "file"])
async def test_what_was_written_does_not_arrive_after_the_call_has_ended(
    talk, until, body, end, own
):
    """The system would deliver it from its own memory, minutes later on a slow line."""
    with narrow() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with aiohttp.ClientSession() as session:
            talker = talk(url, session=None if own else session)
            text, data = "x" * 100_000, b"x" * 100_000
            more = {"text": text} if body == "text" else {"attachments": [data]}
            with guarded(Yes()):
                task = asyncio.create_task(talker("POST", **more))
            await until(lambda: talker.client._pipeline.home._transport)
            flights = talker.client._pipeline.home._transport._sweeper._flights
            await until(lambda: any(flight.begun for flight in flights))
            for _ in range(20):  # its last piece, too
                await asyncio.sleep(0)
            if end == "cancelled":
                task.cancel()
            for flight in flights:
                flight.started -= 3600.0 * (end == "total")
            await asyncio.wait({task}, timeout=20.0)
            assert task.done()
            assert task.cancelled() == (end == "cancelled")
            if end == "total":
                assert "Timeout.total" in str(task.exception())
            got = await asyncio.wait_for(read_out(listener), 20.0)
    assert 0 < len(got) < 100_000


@pytest.mark.skipif(
    not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such option"
)
@pytest.mark.parametrize("body", ["text", "file"])
async def test_the_system_takes_little_of_a_body_in_advance(talk, until, body):
    """It delivers what it has taken, even for a process that was killed."""
    with narrow() as listener:
        talker = talk(f"http://127.0.0.1:{listener.getsockname()[1]}")
        more = {"text": "x" * 900_000} if body == "text" else {"attachments": [b"x" * 900_000]}
        with guarded(Yes()):
            task = asyncio.create_task(talker("POST", **more))
        await until(lambda: talker.client._pipeline.home._transport)
        flights = talker.client._pipeline.home._transport._sweeper._flights
        await until(lambda: any(flight.wire for flight in flights))
        (flight,) = flights
        await until(flight.wire.get_write_buffer_size)  # else the system took all of it
        for _ in range(100):
            await asyncio.sleep(0)
        assert flight.wire.get_write_buffer_size() > 0
        task.cancel()
        await asyncio.wait({task})


async def test_a_connection_that_was_given_back_is_left_alone(serve, talk):
    """Its answer was whole, so another call may have it by now."""
    raw = await serve("good")
    async with aiohttp.ClientSession() as session:
        talker = talk(raw, session=session)
        with guarded(Yes()):
            task = asyncio.create_task(talker("POST"))
        read = transport.AiohttpTransport._at_hand

        def at_hand(self: Any, response: Any) -> Any:
            assert response.connection is None  # back in the pool
            read(self, response)
            raise asyncio.CancelledError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(transport.AiohttpTransport, "_at_hand", at_hand)
            await asyncio.wait({task})
        assert task.cancelled()
        await talker("POST")
    assert len(raw.connections) == 1
