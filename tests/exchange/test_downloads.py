"""Files on their way in: whole or an error, on disk or in memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import stat
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from postpress_async import (
    ConfigurationError,
    DecodeError,
    DownloadError,
    Http,
    NotFoundError,
    PostpressError,
    RequestOptions,
    Retries,
    TransportError,
)
from postpress_async.exchange import direct
from postpress_async.resources._saving import Saving
from postpress_async.testing import FakeTransport, failure, problem, reply

if TYPE_CHECKING:
    from pathlib import Path

DATA = os.urandom(1_200_007)
HEAD = {"Content-Disposition": 'attachment; filename="../../dog.png"'}


def file(data: bytes = DATA, *, cut: int | None = None, chunked: bool = False) -> Any:
    """Answer with a file, perhaps with the beginning of it alone."""
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(data))}
    lines = {"Content-Type": "image/PNG; q=1", **HEAD, **length}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sent = data if cut is None else data[:cut]
    if chunked:
        sent = f"{len(data):x}\r\n".encode() + sent + (b"\r\n0\r\n\r\n" if cut is None else b"")

    async def script(c: Any) -> None:
        while True:
            await c.request()
            c.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + sent)
            if cut is not None:
                return

    return script


async def stalling(c: Any) -> None:
    await c.request()
    c.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegin")
    await c.stall(head=True)


async def huge(c: Any) -> None:
    await c.request()
    c.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n" + bytes(1000))
    await c.until_gone()


async def endless(c: Any) -> None:
    await c.request()
    c.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not c.gone:
        c.write(b"10000\r\n" + bytes(2**16) + b"\r\n")
        await asyncio.sleep(0)


async def unavailable(c: Any) -> None:
    await c.request()
    c.answer(
        503, b'{"type":"errors/no_channel","status":503,"title":"No"}', {"Connection": "close"}
    )


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def asked(talker: Any, **more: Any) -> Any:
    return talker.client.messages.attachment("m1", "a1", **more)


@pytest.fixture(params=["direct", "session", "user's"])
async def talks(request, talk, monkeypatch):
    """Make clients for each road that an answer can take."""
    if request.param == "session":
        monkeypatch.setattr(direct.DirectGet, "clear", lambda self: False)
    async with contextlib.AsyncExitStack() as stack:
        session = None
        if request.param == "user's":
            session = await stack.enter_async_context(aiohttp.ClientSession())
        yield lambda raw, **more: talk(raw, session=session, **more)


# -- what comes --------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("data", [DATA, b"x", b""], ids=["large", "small", "empty"])
async def test_a_file_comes_byte_for_byte(serve, talks, data, chunked):
    raw = await serve(file(data, chunked=chunked and bool(data)))
    talker = talks(raw)
    async with asked(talker) as download:
        pieces = [piece async for piece in download]
        talker.nothing_is_held()  # it has ended: the block need not
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= 2**19 for piece in pieces)
    assert download.size == (None if chunked and data else len(data))
    assert (download.content_type, download.name) == ("image/png", "dog.png")
    (request,) = raw.seen
    assert request.target == "/v1/messages/m1/attachments/a1"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["accept"] == "*/*"
    async with asked(talker) as download:
        assert await download.read() == data
    assert len(raw.connections) == 1  # a file that was read whole leaves its connection for others
    talker.nothing_is_held()


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("attachment; filename=a.pdf", "a.pdf"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x\\\\y.doc"', "y.doc"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.pdf", "été.pdf"),
        ('attachment; filename=".."', None),
        ("attachment; filename*=nonsense''%ff", "ÿ"),
        ("attachment", None),
        ('inline; filename="a\x7fb.txt"', "ab.txt"),
    ],
)
async def test_a_name_is_never_a_path(talk, said, name):
    fake = FakeTransport([reply(body=b"x", headers={"Content-Disposition": said})])
    talker = talk("http://localhost/v1", transport=fake)
    async with asked(talker) as download:
        assert download.name == name


async def test_a_file_over_a_transport_that_knows_no_streams(talk, tmp_path):
    fake = FakeTransport([problem("no_client_session", 503), reply(body=DATA)])
    talker = talk("http://localhost/v1", transport=fake)
    async with asked(talker) as download:
        talker.nothing_is_held()
        assert await download.save(tmp_path / "x") == len(DATA)
    assert (tmp_path / "x").read_bytes() == DATA
    assert len(fake.requests) == 2


# -- again -------------------------------------------------------------------------------------


async def test_it_is_asked_for_again_until_the_first_piece(serve, talks):
    raw = await serve(unavailable, "fin_after_reading", file(cut=0), file())
    talker = talks(raw, retries=Retries(attempts=5))
    async with asked(talker) as download:
        assert await download.read() == DATA
    assert len(raw.connections) == 4
    talker.nothing_is_held()


async def test_what_was_handed_on_is_not_asked_for_again(serve, talks):
    raw = await serve(file(cut=700_000), file())
    talker = talks(raw)
    got = b""
    async with asked(talker) as download:
        with pytest.raises(DecodeError, match="the file: the answer was cut") as caught:  # noqa: PT012 - what it read counts
            async for piece in download:
                got += piece
        talker.nothing_is_held()
    assert DATA.startswith(got)
    assert len(raw.connections) == 1
    assert (caught.value.outcome, caught.value.retryable, caught.value.attempts) == (
        "done",
        True,
        1,
    )


@pytest.mark.parametrize("how", ["cancelled", "cut"])
async def test_who_reads_on_after_an_error_finds_no_end(serve, talks, how):
    raw = await serve(stalling if how == "cancelled" else file(cut=700_000))
    talker = talks(raw)
    async with asked(talker) as download:
        assert await anext(download)
        with pytest.raises((TimeoutError, DecodeError)):  # noqa: PT012 - what breaks may be any piece
            while True:
                await asyncio.wait_for(anext(download), 0.05 if how == "cancelled" else 5.0)
        talker.nothing_is_held()
        for _ in range(2):
            with pytest.raises(DecodeError, match="broke off at an earlier read: ask for it again"):
                await anext(download)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_cut_file_is_never_a_short_one(serve, talks, chunked):
    raw = await serve(file(cut=len(DATA) - 1, chunked=chunked))
    async with asked(talks(raw)) as download:
        with pytest.raises(DecodeError):
            await download.read()


async def test_a_save_begins_again(serve, talks, tmp_path):
    raw = await serve(file(cut=700_000), file(cut=900_000), file())
    talker = talks(raw)
    told: list[tuple[int, int | None]] = []
    async with asked(talker) as download:
        size = await download.save(tmp_path / "x", progress=lambda *now: told.append(now))
    assert size == len(DATA)
    assert (tmp_path / "x").read_bytes() == DATA
    assert names(tmp_path) == ["x"]
    assert told[-1] == (len(DATA), len(DATA))
    assert len(raw.connections) == 3
    talker.nothing_is_held()


async def test_a_save_has_no_more_attempts_than_a_call(serve, talk, tmp_path):
    raw = await serve(unavailable, file(cut=700_000))
    talker = talk(raw, retries=Retries(attempts=3))
    with pytest.raises(DecodeError):
        async with asked(talker) as download:
            await download.save(tmp_path / "x")
    assert len(raw.connections) == 3
    assert names(tmp_path) == []
    raw.scripts = [file(cut=700_000)]
    once = RequestOptions(retries=Retries.none())
    with pytest.raises(DecodeError):
        async with asked(talker, options=once) as download:
            await download.save(tmp_path / "x")
    assert len(raw.connections) == 4


async def test_a_refusal_is_what_it_is_elsewhere(serve, talks):
    raw = await serve("404 resource_not_found")
    talker = talks(raw)
    with pytest.raises(NotFoundError, match="said so"):
        async with asked(talker):
            pass
    talker.nothing_is_held()


# -- silence ------------------------------------------------------------------------------------


async def test_silence_is_bounded_piece_by_piece(serve, talks, tmp_path):
    raw = await serve(stalling)
    talker = talks(raw, retries=Retries(attempts=2))
    async with asked(talker) as download:
        with pytest.raises(DecodeError, match=r"nothing more came within Timeout\.read"):
            await download.read()
    with pytest.raises(DecodeError):
        async with asked(talker) as download:
            await download.save(tmp_path / "x")
    assert names(tmp_path) == []
    talker.nothing_is_held()


async def test_a_slow_reader_is_not_silence(serve, talk, monkeypatch):
    from postpress_async import Timeout  # noqa: PLC0415 - beside its use

    raw = await serve(file())
    talker = talk(raw, timeout=Timeout(total=0.3, read=0.1))
    got = b""
    async with asked(talker) as download:
        async for piece in download:
            got += piece
            if len(got) < 300_000:
                await asyncio.sleep(0.2)
    assert got == DATA


# -- into memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [huge, endless], ids=["2 GB", "endless"])
async def test_what_is_too_large_for_memory_is_not_read(serve, talks, script):
    raw = await serve(script)
    talker = talks(raw, http=Http(max_body=2**20))
    async with asked(talker) as download:
        with pytest.raises(DecodeError, match=r"larger than the 1048576 bytes of Http\.max_body"):
            await download.read()
        talker.nothing_is_held()
    await asyncio.wait_for(raw.settled(), 20.0)


async def test_a_stream_has_no_such_bound(serve, talks):
    raw = await serve(endless)
    talker = talks(raw, http=Http(max_body=2**20))
    seen = 0
    async with asked(talker) as download:
        async for piece in download:
            seen += len(piece)
            if seen > 5 * 2**20:
                break
    await asyncio.wait_for(raw.settled(), 20.0)  # and leaving hangs up
    talker.nothing_is_held()


# -- onto a disk ----------------------------------------------------------------------------------


async def test_a_save_replaces_what_was_there_and_is_private(serve, talk, tmp_path):
    raw = await serve(file())
    (tmp_path / "x").write_bytes(b"old")
    async with asked(talk(raw)) as download:
        assert await download.save(str(tmp_path / "x")) == len(DATA)
    assert (tmp_path / "x").read_bytes() == DATA
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600
    assert names(tmp_path) == ["x"]


async def test_a_disk_is_never_waited_for_in_the_loop(serve, talk, tmp_path, elsewhere):
    raw = await serve(file(cut=900_000), file())
    talker = talk(raw)
    for name in ("_begin", "_write", "_restart", "_finish"):
        ran = elsewhere(Saving, name)
    for _ in range(2):
        async with asked(talker) as download:
            await download.save(tmp_path / "x")
    assert set(ran) == {"_begin", "_write", "_restart", "_finish"}


def full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    written = 0
    write = os.write

    def limited(descriptor: int, data: bytes) -> int:
        nonlocal written
        if written >= after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = write(descriptor, data[: after - written])  # as a disk does, it takes what it can
        written += done
        return done

    monkeypatch.setattr("postpress_async.resources._saving.os.write", limited)


@pytest.mark.parametrize("after", [0, 1, 600_000, len(DATA) - 1])
async def test_a_full_disk(serve, talks, tmp_path, monkeypatch, after):
    raw = await serve(file())
    talker = talks(raw)
    (tmp_path / "x").write_bytes(b"old")
    full(monkeypatch, after)
    async with asked(talker) as download:
        with pytest.raises(DownloadError, match="No space left on device") as caught:
            await download.save(tmp_path / "x")
        talker.nothing_is_held()
    assert caught.value.path == str(tmp_path / "x")
    assert caught.value.outcome == "done"
    assert isinstance(caught.value.__cause__, OSError)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


async def test_places_that_cannot_be_saved_to(serve, talk, tmp_path):
    raw = await serve(file())
    talker = talk(raw)
    os.mkfifo(tmp_path / "pipe")  # a device would be replaced as well, for the whole machine
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for place, words in (
        (tmp_path / "no" / "x", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "pipe", "it is no regular file"),
        (tmp_path / "link", "it is no regular file"),
    ):
        async with asked(talker) as download:
            with pytest.raises(DownloadError, match=words):
                await download.save(place)
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    (tmp_path / "link").unlink()
    (tmp_path / "pipe").unlink()
    for bad in (5, None, b"x", "a\0b", ""):
        async with asked(talker) as download:
            with pytest.raises(ConfigurationError, match="path must be"):
                await download.save(bad)
    long = tmp_path / ("é" * 127)  # 254 bytes: no room for anything beside it
    async with asked(talker) as download:
        await download.save(long)
    assert names(tmp_path) == [long.name]
    talker.nothing_is_held()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_save_may_be_bounded(serve, talk, tmp_path, chunked):
    raw = await serve(file(chunked=chunked))
    talker = talk(raw)
    async with asked(talker) as download:
        with pytest.raises(DownloadError, match="larger than max_bytes=1000000"):
            await download.save(tmp_path / "x", max_bytes=1_000_000)
    assert names(tmp_path) == []
    async with asked(talker) as download:
        assert await download.save(tmp_path / "x", max_bytes=len(DATA)) == len(DATA)


async def test_what_progress_raises_ends_the_save(serve, talk, tmp_path):
    raw = await serve(file())
    talker = talk(raw)

    def broken(_now: int, _total: int | None) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with asked(talker) as download:
            await download.save(tmp_path / "x", progress=broken)
    assert names(tmp_path) == []
    talker.nothing_is_held()


async def test_cancelled_after_any_turn_of_the_loop(serve, talk, tmp_path, until, loop_turns):
    raw = await serve(file())
    talker = talk(raw)

    async def save() -> None:
        async with asked(talker) as download:
            await download.save(tmp_path / "x")

    for ticks in loop_turns():
        task = asyncio.ensure_future(save())
        for _ in range(ticks):
            await asyncio.sleep(0)
            if task.done():
                break
        done = task.done()
        if not done:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        talker.nothing_is_held()
        if done:
            await task
            break
    await until(lambda: names(tmp_path) == ["x"])  # a thread may clean up a moment later
    assert (tmp_path / "x").read_bytes() == DATA


# -- how it is used --------------------------------------------------------------------------------


async def test_a_download_is_entered_once_and_read_inside(serve, talk, tmp_path):
    raw = await serve(file())
    talker = talk(raw)
    download = asked(talker)
    with pytest.raises(ConfigurationError, match="inside its block"):
        await download.read()
    async with download:
        await anext(download)
        with pytest.raises(ConfigurationError, match="read in part"):
            await download.save(tmp_path / "x")
        with pytest.raises(ConfigurationError, match="read in part"):
            await download.read()
    for use in (download.__anext__, download.read, download.__aenter__):
        with pytest.raises(ConfigurationError):
            await use()
    talker.nothing_is_held()


@pytest.mark.parametrize("how", ["break", "raise", "cancel", "nothing"])
async def test_leaving_early_gives_all_back(serve, talks, how):
    raw = await serve(file())
    talker = talks(raw)
    reading = asyncio.Event()

    async def use() -> None:
        async with asked(talker) as download:
            assert talker.under_way == 1
            if how == "nothing":
                return
            async for _ in download:
                if how == "raise":
                    raise ZeroDivisionError
                if how == "cancel":
                    reading.set()
                    await asyncio.get_running_loop().create_future()
                break

    task = asyncio.create_task(use())
    if how == "cancel":
        await asyncio.wait_for(reading.wait(), 20.0)
        task.cancel()
    await asyncio.wait({task})
    talker.nothing_is_held()
    await asyncio.wait_for(raw.settled(), 20.0)


async def test_one_that_is_never_left_gives_all_back_with_its_memory(serve, talks):
    raw = await serve(file(bytes(8_000_000)))
    talker = talks(raw)
    download = asked(talker)
    await download.__aenter__()
    with pytest.warns(ResourceWarning, match="a download was never left: use it in `async with`"):  # noqa: PT031 - and then collect
        del download
        gc.collect()
    await asyncio.sleep(0)
    talker.nothing_is_held()
    raw.scripts = [file()]
    async with asked(talker) as download:
        assert await download.read() == DATA


async def test_a_client_that_closes_ends_its_downloads(serve, talk, monkeypatch):
    monkeypatch.setattr("postpress_async.client.CLOSING_SECONDS", 0.02)
    raw = await serve(stalling)
    talker = talk(raw)
    async with asked(talker) as download:
        assert await anext(download) == b"begin"
        reading = asyncio.create_task(anext(download))
        await asyncio.sleep(0)
        await talker.client.aclose()
        await asyncio.wait({reading})
        assert isinstance(reading.exception(), PostpressError)
    talker.nothing_is_held()


async def test_a_failure_without_a_head(talk):
    talker = talk("http://localhost/v1", transport=FakeTransport([failure()] * 3))
    with pytest.raises(TransportError):
        async with asked(talker):
            pass


async def test_downloads_count_as_reads(serve, talk):
    raw = await serve(file())
    talker = talk(raw)
    async with asked(talker) as download:
        await download.read()
    assert {event.action for event in talker.told.events} == {"read"}
