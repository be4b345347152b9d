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
import ssl
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from yarl import URL

from postpress_async.errors import ConfigurationError
from postpress_async.wire.values import Failed, HttpRequest, Reply, Sending

from .direct import DirectGet, supported
from .failures import KEPT_CONNECTION_SECONDS, Cut, failed_by
from .sweeper import Flight, Sweeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from types import SimpleNamespace

    from postpress_async.options import Http, Timeout

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
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
        sending.sent = request.safe or not self._own
        flight = self._sweeper.start(request.timeout, sending)
        response = None
        try:
            url = URL(request.url, encoded=True)
            response = await self._request(request, url, flight)
            if response.status in _REDIRECTS and request.safe:
                response = await self._follow(response, request, url, flight)
            flight.status, flight.headers = response.status, response.headers
            body = self._at_hand(response)
            if body is None:
                body = await self._read(response, flight)
                if body is None:
                    return self._too_big(response)
            return Reply(status=response.status, headers=response.headers, body=body)
        except asyncio.CancelledError:
            _drop(response)
            if flight.caught():
                return self._timed_out(flight)
            raise
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            _drop(response)
            return self._timed_out(flight) if flight.caught() else failed_by(error, flight)
        finally:
            self._sweeper.end(flight)

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
        self, request: HttpRequest, url: URL, flight: Flight
    ) -> Awaitable[aiohttp.ClientResponse]:
        session = self._safe if request.safe else self._unsafe
        if not self._own and session is not None and session.closed:
            flight.sending.sent = False
            msg = "session is closed: give the client an open one"
            raise ConfigurationError(msg)
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
        return session.request(
            request.method,
            url,
            headers=self._all_headers(request.headers),
            data=_upload(request.body),
            allow_redirects=False,
            raise_for_status=False,
            trace_request_ctx=flight,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=request.timeout.connect),
            middlewares=None if self._own else (_once, *session._middlewares),  # noqa: SLF001 - they have no public name
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
            url = target
            response = await self._request(request, url, flight)
        return response

    def _all_headers(self, headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
        return headers if self._own else {**self._headers, **(headers or {})}

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

    def _timed_out(self, flight: Flight) -> Failed:
        return Failed(
            kind="timeout",
            sent=flight.sending.sent,
            detail=f"no answer within {flight.spent}",
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
        context = _tls(self._http)
        if safe:
            connector = aiohttp.TCPConnector(
                limit=0, ssl=context, keepalive_timeout=KEPT_CONNECTION_SECONDS
            )
            self._safe = self._session(connector, [])
            if supported() and self._http.proxy is None and not self._http.trust_env:
                self._direct = DirectGet(self._safe, connector, self._headers)
            return self._safe
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_headers_sent)
        trace.on_request_chunk_sent.append(_chunk_sent)
        connector = aiohttp.TCPConnector(limit=0, ssl=context, force_close=True)
        self._unsafe = self._session(connector, [trace])
        return self._unsafe

    def _session(
        self, connector: aiohttp.TCPConnector, traces: list[aiohttp.TraceConfig]
    ) -> aiohttp.ClientSession:
        # The scheduler bounds the connections (limit=0 above): pool waits would count as time-outs.
        session = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trace_configs=traces,
            trust_env=self._http.trust_env,
            proxy=self._http.proxy,
        )
        if hasattr(session, "_retry_connection"):
            session._retry_connection = False  # noqa: SLF001 - aiohttp has no public switch (its issue 10790)
        else:  # pragma: no cover - every supported release has the switch; a later one may not
            session._middlewares = (_once,)  # noqa: SLF001 - as above
        return session


def _drop(response: aiohttp.ClientResponse | None) -> None:
    if response is not None:
        response.close()


def _upload(body: bytes | None) -> bytes | BytesIO | None:
    """Return a body as aiohttp likes it: a large one piece by piece, or it warns."""
    return BytesIO(body) if body is not None and len(body) > _WRITTEN_AT_ONCE else body


def _tls(http: Http) -> ssl.SSLContext | bool:
    if http.ssl is not None:
        return http.ssl
    if http.ca_file is not None:
        return ssl.create_default_context(cafile=http.ca_file)
    return True  # aiohttp's default context, made once a process


def _same_origin(url: URL, location: str) -> URL | None:
    """Return where a redirect leads if that is the same server; the key goes nowhere else."""
    try:
        target = url.join(URL(location))
        return target if location and target.origin() == url.origin() else None
    except ValueError:  # no URL, or one without an origin, such as mailto:
        return None


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request a second time by itself."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Cut(type(error).__name__) from None


async def _headers_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    flight: Flight = context.trace_request_ctx
    flight.sending.sent = True
    flight.progressed()


async def _chunk_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestChunkSentParams,
) -> None:
    flight: Flight = context.trace_request_ctx
    flight.progressed()
