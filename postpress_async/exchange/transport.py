"""The network's edge: a request in, a whole answer or the reason for none out. Never raises either.

Two sessions over one TLS context. *Safe* carries GET over kept connections. *Unsafe* carries all
else over a fresh connection each, because a POST on a connection that the server has just closed
is an unknown outcome, and tells by its trace whether a byte may have left: the signal fires before
the first byte, so «not fired» means «certainly not sent». The class of an exception does not say.

aiohttp by itself re-sends GET, PUT and DELETE once on a dropped connection, follows redirects with
the key and the body, and reads an answer of any size. All three are switched off here.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from yarl import URL

from postpress_async.errors import ConfigurationError
from postpress_async.machine import boot_time
from postpress_async.wire.multipart import Form, UnsendableError
from postpress_async.wire.values import Failed, HttpRequest, Reply, Sending

from .direct import DirectGet, supported
from .failures import KEPT_CONNECTION_SECONDS, failed_by
from .sessions import counting, once, session_of, telling, tls
from .streams import Receiver, Sender, Streamed, Told
from .sweeper import Flight, Sweeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from postpress_async.options import Http, Timeout

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_GOOD: Final = range(200, 300)
_WRITTEN_AT_ONCE: Final = 2**20


class Transport(Protocol):
    """Carry a request. Another one may be given to the client, for tests or another network."""

    async def exchange(self, request: HttpRequest, sending: Sending, /) -> Reply | Failed:
        """Carry one request; a transport that cannot tell whether it was sent says that it was."""
        ...

    async def aclose(self) -> None:
        """Let go of all connections."""
        ...


class AiohttpTransport:
    """Carry requests over aiohttp; connections are made at the first one."""

    def __init__(
        self,
        http: Http,
        headers: Mapping[str, str],
        timeout: Timeout,
        *,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._http = http
        self._headers = dict(headers)
        self._connect = timeout.connect
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout.connect)
        self._own = session is None
        self._safe = session
        self._unsafe = session
        self._direct: DirectGet | None = None
        self._sweeper = Sweeper()

    async def exchange(self, request: HttpRequest, sending: Sending, /) -> Reply | Failed:
        """Carry one request, within its `Timeout`."""
        at_once = sending.sent = request.safe or not self._own
        flight = self._sweeper.start(request.timeout, sending)
        response, sender = None, None
        flight.boots = inf if request.safe else boot_time()
        try:
            url = URL(request.url, encoded=True)
            if isinstance(request.body, Form):
                sending.sent = False
                sender = Sender(request.body, flight)
                await sender.open()
                sending.sent = at_once
            response = await self._request(request, url, flight, sender)
            if response.status in _REDIRECTS and request.safe:
                response = await self._follow(response, request, url, flight)
            flight.status, flight.headers = response.status, response.headers
            if request.streamed and response.status in _GOOD:
                return await self._streamed(response, request, flight)
            body = self._at_hand(response)
            if body is None:
                body = await self._read(response, flight)
                if body is None:
                    return self._too_big(response)
            return Reply(status=response.status, headers=response.headers, body=body)
        except asyncio.CancelledError:
            _drop(response, flight)
            if flight.caught():
                return self._timed_out(flight)
            raise
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, UnsendableError) as error:
            _drop(response, flight)
            return self._ended(error, flight, sender)
        finally:
            self._sweeper.end(flight)
            if sender is not None:
                await sender.close()

    async def aclose(self) -> None:
        """Close the sessions that were made here; one that was given stays open."""
        if not self._own:
            return
        for session in (self._safe, self._unsafe):
            if session is not None:
                await session.close()
        self._safe = self._unsafe = None

    # -- one exchange -------------------------------------------------------------------------

    def _request(
        self, request: HttpRequest, url: URL, flight: Flight, sender: Sender | None = None
    ) -> Awaitable[aiohttp.ClientResponse]:
        session = self._safe if request.safe else self._unsafe
        if not self._own and session is not None and session.closed:
            flight.sending.sent = False
            msg = "session is closed: give the client an open one"
            raise ConfigurationError(msg, scope="setup")
        if session is None:
            session = self._open(safe=request.safe)
        if request.safe and self._direct is not None and self._direct.clear():
            timeout = self._timeout
            if request.timeout.connect != self._connect:
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=request.timeout.connect)
            return self._direct.send(request, url, timeout, flight)
        if self._own and request.body is None and request.timeout.connect == self._connect:
            return session.request(
                request.method,
                url,
                headers=request.headers,
                allow_redirects=False,
                raise_for_status=False,
                trace_request_ctx=flight,
            )
        theirs = session._middlewares  # noqa: SLF001 - they have no public name
        return session.request(
            request.method,
            url,
            headers=self._all_headers(request),
            data=_upload(request.body, flight) if sender is None else Streamed(sender, flight),
            allow_redirects=False,
            raise_for_status=False,
            trace_request_ctx=flight,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.timeout.connect),
            middlewares=None if self._own else (once, *theirs, counting(flight)),
        )

    async def _follow(
        self, response: aiohttp.ClientResponse, request: HttpRequest, url: URL, flight: Flight
    ) -> aiohttp.ClientResponse:
        """Follow a redirect of a GET within the same server; any other stays the answer."""
        for _ in range(_MOST_REDIRECTS):
            target = _same_origin(url, response.headers.get("Location", ""))
            if response.status not in _REDIRECTS or target is None:
                break
            response.release()
            url, flight.crossed = target, flight.crossed + 1
            response = await self._request(request, url, flight)
        return response

    def _all_headers(self, request: HttpRequest) -> Mapping[str, str]:
        headers = dict(request.headers or {})
        if isinstance(request.body, Form) and request.body.size is not None:
            headers["Content-Length"] = str(request.body.size)
        return headers if self._own else {**self._headers, **headers}

    async def _streamed(
        self, response: aiohttp.ClientResponse, request: HttpRequest, flight: Flight
    ) -> Reply:
        """Return a file as far as its first piece: until then, a failure costs nothing."""
        flight.progressed()
        rest = Receiver(response, self._sweeper, request.timeout, self._http.max_body)
        first = await response.content.readany()
        return Reply(status=response.status, headers=response.headers, body=first, rest=rest)

    def _at_hand(self, response: aiohttp.ClientResponse) -> bytes | None:
        """Return a body that came whole with its head, as most do; None if it must be awaited."""
        content = response.content
        if content.is_eof() and content.total_bytes <= self._http.max_body:
            return content.read_nowait()
        return None

    async def _read(self, response: aiohttp.ClientResponse, flight: Flight) -> bytes | None:
        """Read piece by piece, so that silence is seen; None where it grows too big."""
        flight.progressed()
        pieces: list[bytes] = []
        size, most = 0, self._http.max_body
        async for piece in response.content.iter_any():
            flight.progressed()
            size += len(piece)
            if size > most:
                return None
            pieces.append(piece)
        return b"".join(pieces)

    def _ended(self, error: Exception, flight: Flight, sender: Sender | None) -> Failed:
        """Say why it ended; what was stopped from here comes first, since that broke it."""
        caught = flight.caught()
        refused, flight.refused = flight.refused, None
        if refused is not None:
            raise refused from None
        if caught or flight.over is not None:
            return self._timed_out(flight)
        return _failed(error, flight, sender)

    def _timed_out(self, flight: Flight) -> Failed:
        return Failed(
            kind="timeout",
            sent=flight.sending.sent,
            detail=f"no answer within {flight.spent or flight.over}",
            status=flight.status,
            headers=flight.headers,
            # A session of the user's own has a pool of its own, whose waits are not told apart.
            backlog=not self._own,
        )

    def _too_big(self, response: aiohttp.ClientResponse) -> Failed:
        response.close()
        return Failed(
            kind="too_big",
            sent=True,
            detail=f"the answer is larger than Http.max_body={self._http.max_body} bytes",
            status=response.status,
            headers=response.headers,
        )

    # -- sessions -----------------------------------------------------------------------------

    def _open(self, *, safe: bool) -> aiohttp.ClientSession:
        # The scheduler bounds the connections (limit=0): pool waits would count as time-outs.
        context = tls(self._http)
        if safe:
            connector = aiohttp.TCPConnector(
                limit=0, ssl=context, keepalive_timeout=KEPT_CONNECTION_SECONDS
            )
            self._safe = self._session(connector, [])
            if supported() and self._http.proxy is None and not self._http.trust_env:
                self._direct = DirectGet(self._safe, connector, self._headers)
            return self._safe
        connector = aiohttp.TCPConnector(limit=0, ssl=context, force_close=True)
        self._unsafe = self._session(connector, [telling()])
        return self._unsafe

    def _session(
        self, connector: aiohttp.TCPConnector, traces: list[aiohttp.TraceConfig]
    ) -> aiohttp.ClientSession:
        return session_of(self._http, connector, self._headers, self._timeout, traces)


def _drop(response: aiohttp.ClientResponse | None, flight: Flight) -> None:
    if response is not None:
        response.close()
    flight.hang_up()


def _failed(error: Exception, flight: Flight, sender: Sender | None) -> Failed:
    """Say what failed; a file that broke off comes first, since it broke the connection."""
    file = None if sender is None else sender.failure
    if isinstance(error, UnsendableError):
        file = error
    if file is None:
        return failed_by(error, flight)
    detail = "a file had changed"
    return Failed(kind="upload", sent=flight.sending.sent, detail=detail, unsendable=file)


def _upload(body: bytes | Form | None, flight: Flight) -> bytes | BytesIO | aiohttp.Payload | None:
    """Return a body as aiohttp likes it: a large one piece by piece, or it warns."""
    if not isinstance(body, bytes):
        return None
    if flight.sending.last_act is not None:  # it asks in the last step, also in a pool of others
        return Told(body, flight)
    return BytesIO(body) if len(body) > _WRITTEN_AT_ONCE else body


def _same_origin(url: URL, location: str) -> URL | None:
    """Return where a redirect leads if that is the same server; the key goes nowhere else."""
    try:
        target = url.join(URL(location))
        return target if location and target.origin() == url.origin() else None
    except ValueError:  # no URL, or one without an origin, such as mailto:
        return None
