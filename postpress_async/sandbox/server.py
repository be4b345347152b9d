"""The only part that knows aiohttp: bytes in, outcomes out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from email.utils import formatdate
from functools import lru_cache
from http.client import responses
from typing import TYPE_CHECKING, Final

from aiohttp import StreamReader, hdrs, web

from .bodies import BodyReader
from .control_api import PREFIX, ControlApi, ControlRequest
from .outcomes import Incoming, Outcome, Reply, Reset, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage

    from .engine import Engine

MAX_BODY: Final = 64 * 2**20
_ENDS: Final = ("", "/", "?")
_NO_LINGER: Final = struct.pack("ii", 1, 0)  # on, 0 s: close with RST instead of FIN


class Server:
    """Serves one engine on one address."""

    def __init__(self, engine: Engine, control: ControlApi, *, host: str, port: int) -> None:
        self._engine = engine
        self._control = control
        self._host = host
        self.port: int = port
        self._runner: web.ServerRunner | None = None
        self._hanging: set[asyncio.Transport] = set()
        self._pausing: set[asyncio.Task[Outcome]] = set()

    async def start(self) -> None:
        """Listen. Port 0 takes a free one, and `port` tells which."""
        # handlers are cancelled when their client leaves: a stalled one must notice
        server = web.Server(
            self._handle,
            request_factory=_request,
            handler_cancellation=True,
            access_log=None,
        )
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port, backlog=1024)
        try:
            await site.start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        address: tuple[object, ...] = runner.addresses[0]
        self.port = int(str(address[1]))

    async def stop(self) -> None:
        """Hang up on everybody, and stop listening."""
        runner, self._runner = self._runner, None
        for transport in list(self._hanging):
            transport.abort()
        for task in list(self._pausing):
            task.cancel()
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        try:
            if target.startswith(PREFIX) and target[len(PREFIX) : len(PREFIX) + 1] in _ENDS:
                return self._steer(request, await request.read())
            body = BodyReader(request.headers.get(hdrs.CONTENT_TYPE), self._engine.vault)
            if request.body_exists:
                await _receive(request, body)
        except web.HTTPRequestEntityTooLarge:
            response = web.Response(status=413, text="too large")
            response.force_close()
            return response
        outcome = await self._handled(_incoming(request, body))
        if not isinstance(outcome, Reply) or outcome.cut:
            return await self._break_off(request, outcome)
        if outcome.pieces is not None:
            return await self._stream(request, outcome, outcome.pieces)
        headers = {hdrs.DATE: self._date(), **outcome.headers}
        return _response(outcome.status, outcome.body, outcome.content_type, headers)

    async def _handled(self, incoming: Incoming) -> Outcome:
        pause = self._engine.pause_of(incoming)
        if pause <= 0.0:
            return self._engine.handle(incoming)
        # Cancelled when the client leaves, and the service goes on: in a task of its own.
        task = asyncio.create_task(self._later(incoming, pause))
        self._pausing.add(task)
        task.add_done_callback(self._pausing.discard)
        return await asyncio.shield(task)

    async def _later(self, incoming: Incoming, pause: float) -> Outcome:
        await self._engine.clock.sleep(pause)
        return self._engine.handle(incoming)

    async def _stream(
        self, request: web.BaseRequest, reply: Reply, pieces: Iterator[bytes]
    ) -> web.StreamResponse:
        headers = {
            hdrs.CONTENT_TYPE: reply.content_type,
            hdrs.DATE: self._date(),
            **reply.headers,
        }
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = reply.size
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    def _date(self) -> str:
        """Say what time it is here: the sandbox's, which may have been moved."""
        return _written(int(self._engine.clock.time()))

    def _steer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        reply = self._control.handle(
            ControlRequest(
                method=request.method,
                target=request.raw_path,
                host=request.headers.get(hdrs.HOST, ""),
                peer=request.remote,
                port=self.port,
                content_type=request.headers.get(hdrs.CONTENT_TYPE),
                body=body,
            )
        )
        return _response(reply.status, reply.body, reply.content_type, reply.headers)

    async def _break_off(
        self, request: web.BaseRequest, outcome: Reply | Reset | Stall
    ) -> web.StreamResponse:
        """Do to the connection what no framework would: then wait until it is gone."""
        transport = request.transport
        key = outcome.key if isinstance(outcome, Stall) else None
        try:
            if transport is None:
                raise asyncio.CancelledError
            if isinstance(outcome, Reply):
                _write_half(transport, outcome, self._date())
                transport.close()
            elif isinstance(outcome, Reset):
                _reset(transport)
            self._hanging.add(transport)
            # losing the connection cancels this handler
            await asyncio.get_running_loop().create_future()
        finally:
            if transport is not None:
                self._hanging.discard(transport)
            if key is not None:
                with self._engine.lock:
                    self._engine.replays.end(key)
        raise AssertionError("nobody resolves that future")


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request that may be larger than aiohttp's default of 1 MB: attachments are."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)


async def _receive(request: web.BaseRequest, body: BodyReader) -> None:
    """Read a body piece by piece; too much of it is not even read."""
    too_much = web.HTTPRequestEntityTooLarge(max_size=MAX_BODY, actual_size=0)
    if (request.content_length or 0) > MAX_BODY:
        raise too_much
    total = 0
    async for piece in request.content.iter_any():
        total += len(piece)
        if total > MAX_BODY:
            raise too_much
        body.feed(piece)


def _incoming(request: web.BaseRequest, body: BodyReader) -> Incoming:
    headers = request.headers
    key = headers.get("X-API-KEY")
    if key is None:
        scheme, _, token = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else None
    return Incoming(
        method=request.method,
        target=request.raw_path,
        api_key=key or None,
        content_type=headers.get(hdrs.CONTENT_TYPE),
        idempotency_key=headers.get("Idempotency-Key") or None,
        body=body,
    )


def _response(
    status: int, body: bytes, content_type: str, headers: Mapping[str, str]
) -> web.Response:
    return web.Response(
        status=status, body=body, headers={hdrs.CONTENT_TYPE: content_type, **headers}
    )


@lru_cache(maxsize=2)
def _written(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _head(reply: Reply, date: str) -> bytes:
    reason = responses.get(reply.status, "")
    lines = {
        "Content-Type": reply.content_type,
        "Content-Length": str(reply.size or len(reply.body)),
        "Date": date,
        **reply.headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {reply.status} {reason}\r\n{head}\r\n".encode("latin-1")


def _write_half(transport: asyncio.Transport, reply: Reply, date: str) -> None:
    transport.write(_head(reply, date) + reply.body[: len(reply.body) // 2])
    left = reply.size // 2
    for piece in reply.pieces or ():
        transport.write(piece[:left])
        left -= len(piece)
        if left <= 0:
            return


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
