"""Raw servers that play a script byte by byte, and clients that talk to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from postpress_async import (
    Attempted,
    Finished,
    Limit,
    Limits,
    Postpress,
    PostpressError,
    RequestOptions,
    Retries,
    Timeout,
)
from postpress_async.exchange import direct, sweeper
from postpress_async.sandbox.clock import SandboxClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    Script = Callable[["Connection"], Awaitable[None]]
    Answer = Callable[["Connection", "Request"], None]

KEY = "key-CANARY-2f1b"
COOKIE = "cookie-CANARY-77"

PROFILE = b'{"object":"UserProfile","provider":"LINKEDIN","provider_id":"ACo1","first_name":"J"}'
SENT = b'{"object":"MessageSent","message_id":"m1"}'
DONE = b'{"object":"Done"}'


# -- a server that does as it is told ---------------------------------------------------------


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One connection, with the verbs that scripts are written in."""

    def __init__(self, server: Raw) -> None:
        self.server = server
        self.buffer = bytearray()
        self.gone = False
        self._moved = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.stalled = None
        self.server.connections.append(self)
        script = self.server.next_script()
        self.server.tasks.append(asyncio.get_running_loop().create_task(self._play(script)))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.server.received += len(data)
        self._moved.set()

    def eof_received(self) -> bool:
        self.gone = True
        self._moved.set()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self._moved.set()

    async def _play(self, script: Script) -> None:
        try:
            await script(self)
        except ConnectionError:
            pass
        finally:
            self.transport.close()

    async def _more(self) -> None:
        if self.gone:
            raise ConnectionError
        self._moved.clear()
        await self._moved.wait()

    # -- verbs

    async def request(self) -> Request:
        """Read one request whole."""
        while b"\r\n\r\n" not in self.buffer:
            await self._more()
        head, _, _ = bytes(self.buffer).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        del self.buffer[: len(head) + 4]
        if headers.get("transfer-encoding") == "chunked":
            body = await self._chunked()
        else:
            body = await self._take(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body)
        self.server.seen.append(request)
        return request

    async def _take(self, length: int) -> bytes:
        while len(self.buffer) < length:
            await self._more()
        taken = bytes(self.buffer[:length])
        del self.buffer[:length]
        return taken

    async def _chunked(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                await self._more()
            size = int(self.buffer[: self.buffer.index(b"\r\n")], 16)
            del self.buffer[: self.buffer.index(b"\r\n") + 2]
            body += (await self._take(size + 2))[:-2]
            if not size:
                return body

    async def head(self) -> None:
        """Wait until the head of a request is there; the request is seen, its body is not."""
        while b"\r\n\r\n" not in self.buffer:
            await self._more()

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def answer(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        kind: str = "application/json",
    ) -> None:
        lines = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        self.write(
            f"HTTP/1.1 {status} X\r\n".encode()
            + "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()
            + b"\r\n"
            + body
        )

    def rst(self) -> None:
        """Hang up rudely."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def fin(self) -> None:
        self.transport.close()

    async def stall(self, *, head: bool) -> None:
        """Say nothing more; time passes for the client, once it has read a head that was sent."""
        self.server.stalled = "body" if head else "head"
        await self.until_gone()

    async def until_gone(self) -> None:
        """Wait until the other side has hung up."""
        while not self.gone:
            self._moved.clear()
            await self._moved.wait()


@dataclass
class Raw:
    """A server; `scripts` are played one a connection, the last one again and again."""

    scripts: list[Script]
    host: str = "127.0.0.1"
    scheme: str = "http"
    port: int = 0
    received: int = 0
    stalled: str | None = None
    stop: Callable[[], None] = lambda: None
    seen: list[Request] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/v1"

    def next_script(self) -> Script:
        return self.scripts[min(len(self.connections) - 1, len(self.scripts) - 1)]

    @property
    def keys(self) -> set[str | None]:
        """The idempotency keys that came, each once."""
        return {request.headers.get("idempotency-key") for request in self.seen}

    async def settled(self) -> None:
        """Wait until every connection has ended, so that what was sent has arrived."""
        for connection in list(self.connections):
            with contextlib.suppress(ConnectionError):
                await connection.until_gone()


# -- scripts ----------------------------------------------------------------------------------


def good_body(request: Request) -> bytes:
    if "/messages" in request.target and request.method == "POST":
        return SENT
    return PROFILE if "/users/" in request.target else DONE


def good(c: Connection, request: Request) -> None:
    c.answer(200, good_body(request), {"X-Request-Id": f"r{len(c.server.seen)}"})


async def rst_at_once(c: Connection) -> None:
    c.rst()


async def fin_at_once(c: Connection) -> None:
    c.fin()


async def rst_after_reading(c: Connection) -> None:
    await c.request()
    c.rst()


async def fin_after_reading(c: Connection) -> None:
    await c.request()
    c.fin()


async def half_status_line(c: Connection) -> None:
    await c.request()
    c.write(b"HTTP/1.1 20")


async def half_headers(c: Connection) -> None:
    await c.request()
    c.write(f"HTTP/1.1 200 OK\r\nSet-Cookie: s={COOKIE}\r\nX-Half: ye".encode())


async def not_http(c: Connection) -> None:
    await c.request()
    c.write(b"SSH-2.0-OpenSSH_9.6\r\n")


async def silence(c: Connection) -> None:
    await c.request()
    await c.stall(head=False)


async def mute(c: Connection) -> None:
    await c.request()
    await c.until_gone()


async def deaf(c: Connection) -> None:
    await c.head()  # it leaves with the body's first piece: time that passes earlier sends nothing
    c.transport.pause_reading()
    await c.stall(head=False)


async def cut_by_length(c: Connection) -> None:
    body = good_body(await c.request())
    c.write(
        f"HTTP/1.1 200 OK\r\nSet-Cookie: s={COOKIE}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    c.write(body[:-5])


async def cut_chunked(c: Connection) -> None:
    await c.request()
    c.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" + b"x" * 20)


async def cut_by_rst(c: Connection) -> None:
    await c.request()
    c.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a"')
    await asyncio.sleep(0.01)  # a reset overtakes what is still on its way
    c.rst()


async def stalled_body(c: Connection) -> None:
    await c.request()
    c.write(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"a"')
    await c.stall(head=True)


def page(c: Connection, request: Request) -> None:
    c.answer(200, b"<html>Please log in to the proxy</html>", kind="text/html")


def cut_json(c: Connection, request: Request) -> None:
    c.answer(200, b'{"a":')


def bad_gzip(c: Connection, request: Request) -> None:
    c.answer(200, b"this is no gzip at all", {"Content-Encoding": "gzip"})


async def too_big(c: Connection) -> None:
    await c.request()
    c.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)
    await c.until_gone()


def problem(
    status: int,
    slug: str = "",
    *,
    detail: str = "said so",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Answer with a problem as the reference pages draw it; without a slug like a proxy."""
    said = {"title": "No", "detail": detail, "instance": "req_1", "status": status}

    def answer(c: Connection, request: Request) -> None:
        if slug:
            c.answer(status, json.dumps({**said, "type": f"errors/{slug}"}).encode(), headers)
        else:
            c.answer(status, b"<html>proxy</html>", headers, kind="text/html")

    return answer


def turns(*answers: Answer) -> Script:
    """Give the first request the first answer, and so on; the last one again and again."""

    async def script(c: Connection) -> None:
        while True:
            request = await c.request()
            answers[min(len(c.server.seen), len(answers)) - 1](c, request)

    return script


ANSWERS: dict[str, Answer] = {
    answer.__name__: answer for answer in (good, page, cut_json, bad_gzip)
}
SCRIPTS: dict[str, Script] = {
    script.__name__: script
    for script in (
        rst_at_once,
        fin_at_once,
        rst_after_reading,
        fin_after_reading,
        half_status_line,
        half_headers,
        not_http,
        silence,
        mute,
        deaf,
        cut_by_length,
        cut_chunked,
        cut_by_rst,
        stalled_body,
        too_big,
    )
}


def answer_of(name: str) -> Answer | None:
    """Return an answer by its name: `good`, `503 no_channel`, `502`, `429 in 0.001 s`."""
    found = re.fullmatch(r"(\d{3})(?: (\w+))?(?: in ([\d.]+) s)?", name)
    if found is None:
        return ANSWERS.get(name)
    wait = {"Retry-After": found[3]} if found[3] else None
    return problem(int(found[1]), found[2] or "", headers=wait)


def scripts_of(names: tuple[str | Script, ...]) -> list[Script]:
    """Return what to play on each connection; names of answers alone are given in turn on each."""
    answers = [answer_of(name) for name in names if isinstance(name, str)]
    if len(answers) == len(names) and None not in answers:
        return [turns(*(answer for answer in answers if answer is not None))]
    scripts = []
    for name in names:
        answer = answer_of(name) if isinstance(name, str) else None
        scripts.append(turns(answer) if answer else SCRIPTS.get(name, name))
    return scripts


# -- fixtures ---------------------------------------------------------------------------------


ROADS = {"test_direct.py", "test_guarding.py"}  # which choose the road themselves


@pytest.fixture(autouse=True)
def _road(request, monkeypatch):
    """Let `TEST_ROAD=session` send reads over aiohttp's session, as an unknown release would."""
    if os.environ.get("TEST_ROAD") == "session" and request.path.name not in ROADS:
        monkeypatch.setattr(direct.DirectGet, "clear", lambda self: False)


@pytest.fixture(autouse=True)
def fast_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for what is overdue every few milliseconds, so that short time-outs are short."""
    monkeypatch.setattr(sweeper, "EVERY", 0.01)


class Pushed(SandboxClock):
    """A clock that moves where it is pushed, and not by itself: no machine is late for it."""

    def time(self) -> float:
        return 1_800_000_000.5 + self._offset

    def monotonic(self) -> float:
        return 1_000_000.0 + self._offset


@pytest.fixture
def clock() -> SandboxClock:
    return Pushed()


@pytest.fixture
def loop_turns() -> Callable[[], Iterator[int]]:
    """Give how many turns of the loop to let pass: each of the first 300, then ever longer strides.

    Where a thread takes part, an idle loop turns as often as the machine lets it: what has to end
    after a stated number of turns ends on a quiet machine alone.
    """

    def growing() -> Iterator[int]:
        now = 1
        while True:
            yield now
            now = now + 1 if now < 300 else now * 5 // 4

    return growing


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Raw]]]:
    """Open raw servers: `await serve("rst_at_once", "good")`."""
    running: list[tuple[Raw, asyncio.Server]] = []

    async def opened(*scripts: str | Script, tls: ssl.SSLContext | None = None) -> Raw:
        raw = Raw(scripts_of(scripts))
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(raw), "127.0.0.1", 0, ssl=tls
        )
        raw.port, raw.stop = server.sockets[0].getsockname()[1], server.close
        if tls is not None:
            raw.scheme = "https"
        running.append((raw, server))
        return raw

    yield opened
    for raw, server in running:
        server.close()
        for connection in raw.connections:
            connection.transport.abort()
        for task in raw.tasks:
            task.cancel()
        broken = await asyncio.gather(*raw.tasks, return_exceptions=True)
        assert not [e for e in broken if isinstance(e, Exception)]
        await server.wait_closed()


@dataclass
class Told:
    """What the hooks were told."""

    events: list[Any] = field(default_factory=list)

    def __call__(self, event: object) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def attempts(self) -> list[Attempted]:
        return [event for event in self.events if isinstance(event, Attempted)]

    @property
    def finished(self) -> Finished:
        (event,) = (event for event in self.events if isinstance(event, Finished))
        return event


COUNTED = Limits().add(
    Limit("profile", 50, per="day"),
    Limit("message", 50, per="day"),
    Limit("other", 50, per="day"),
)


@dataclass
class Talker:
    """A client over a raw server, and the six columns of the retry table as calls."""

    client: Postpress
    told: Told
    places: int

    async def __call__(self, column: str, **more: Any) -> Any:
        client = self.client
        if column == "GET":
            return await client.users.get("jordan", account_id="acc_1", **more)
        if column in {"PUT", "DELETE", "PATCH"}:
            body = None if column == "DELETE" else {"a": 1}
            return await client.request(
                column, "/things/1", type=dict, account_id="acc_1", json=body, **more
            )
        if column == "POST+key":
            retries = Retries(attempts=client._terms.retries.attempts, trust_idempotency_key=True)
            more.setdefault("options", RequestOptions(retries=retries))
        return await client.messages.send(
            chat_id="chat_1", text=more.pop("text", "hello"), account_id="acc_1", **more
        )

    async def fails(self, column: str, **more: Any) -> PostpressError:
        with pytest.raises(PostpressError) as caught:
            await self(column, **more)
        return caught.value

    async def counted(self, column: str) -> int:
        """Return how many calls the lane counts, after checking that it holds nothing back."""
        action = {"GET": "profile", "POST": "message", "POST+key": "message"}.get(column, "other")
        self.nothing_is_held()
        (lane,) = await self.client.scheduler.snapshot("acc_1")
        return sum(use.used for use in lane.limits if f" {action} " in f" {use.limit} ")

    def nothing_is_held(self) -> None:
        """Check that no slot, no window and no place on the wire was forgotten."""
        assert self.under_way == 0
        assert self.client.scheduler._waker.places == self.places
        for lane in self.client.scheduler._lanes:
            assert lane.in_flight == 0
            assert lane.waiting == 0
            assert not any(ring.held for tally in lane.tallies.values() for ring in tally.rings)

    @property
    def under_way(self) -> int:
        """How many slots are out."""
        return self.client.scheduler._waker.out

    @property
    def waiting(self) -> int:
        """How many calls wait for a slot."""
        return sum(lane.waiting for lane in self.client.scheduler._lanes)


async def pass_time(raw: Raw, client: Postpress) -> None:
    """Let hours pass for whoever waits on a server that stalls: no test waits, or hurries."""
    while True:
        network = client._pipeline.home._transport
        if raw.stalled and network is not None:
            for flight in network._sweeper._flights:
                if flight.status is not None or (raw.stalled == "head" and flight.sending.sent):
                    flight.started -= 3600.0
                    flight.progress -= 3600.0
        await asyncio.sleep(0.002)


@pytest.fixture
async def talk() -> AsyncIterator[Callable[..., Talker]]:
    """Make clients of raw servers: counted, without jitter, all closed at the end."""
    made: list[Postpress] = []
    watches: list[asyncio.Task[None]] = []

    def make(raw: Raw | str, **options: Any) -> Talker:
        told = Told()
        options.setdefault("timeout", Timeout(total=60.0, connect=30.0, read=30.0))
        options.setdefault("retries", Retries(attempts=3))
        options.setdefault("limits", COUNTED)
        options.setdefault("key_rate", None)
        client = Postpress(
            options.pop("api_key", KEY),
            base_url=raw if isinstance(raw, str) else raw.url,
            hooks=[told, *options.pop("hooks", ())],
            **options,
        )
        client._pipeline._random = lambda: 0.0  # full jitter at its least: no pause
        made.append(client)
        if isinstance(raw, Raw):
            watches.append(asyncio.get_running_loop().create_task(pass_time(raw, client)))
        return Talker(client, told, client.scheduler._waker.places)

    yield make
    for watch in watches:
        watch.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    for client in made:
        await client.aclose()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds, turn by turn of the loop."""

    async def wait(holds: Callable[[], object]) -> None:
        async with asyncio.timeout(20.0):
            while not holds():  # noqa: ASYNC110 - what is waited for knows no event
                await asyncio.sleep(0)

    return wait


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, str], list[str]]:
    """Watch a method that may wait for a disk: it must never run in the thread of the loop."""
    ran: list[str] = []

    def watch(cls: type, name: str) -> list[str]:
        real = getattr(cls, name)

        def watched(self: object, *given: object) -> object:
            assert threading.current_thread() is not threading.main_thread(), name
            ran.append(name)
            return real(self, *given)

        monkeypatch.setattr(cls, name, watched)
        return ran

    return watch


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A port that refuses, and that nobody else is given meanwhile: it is taken, and unheard."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/v1"


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """A server that never accepts: its backlog is full, so that connections stall."""
    with contextlib.ExitStack() as open_:
        server = open_.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            filler = open_.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@dataclass
class Certificate:
    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Certificate]:
    """Make self-signed certificates: `certificate("IP:127.0.0.1")`."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl binary to make certificates with")
    made: dict[str, Certificate] = {}

    def make(name: str) -> Certificate:
        if name not in made:
            file = tmp_path_factory.mktemp("tls") / "cert.pem"
            subprocess.run(
                [
                    *[openssl, "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"],
                    *["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
                    *["-addext", f"subjectAltName={name}"],
                    *["-keyout", file, "-out", f"{file}.crt"],
                ],
                check=True,
                capture_output=True,
            )
            public = file.with_name("cert.pem.crt")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(public, file)
            made[name] = Certificate(public, context)
        return made[name]

    return make
