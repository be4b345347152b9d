"""aiohttp's sessions as this package wants them: told what left, never sending twice."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp

from .failures import UNCONNECTED, Cut

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import SimpleNamespace

    from postpress_async.options import Http

    from .sweeper import Flight


def session_of(
    http: Http,
    connector: aiohttp.TCPConnector,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
    traces: list[aiohttp.TraceConfig],
) -> aiohttp.ClientSession:
    """Return a session without cookies, with the constant headers, that never sends twice."""
    session = aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        trace_configs=traces,
        trust_env=http.trust_env,
        proxy=http.proxy,
    )
    if hasattr(session, "_retry_connection"):
        session._retry_connection = False  # noqa: SLF001 - aiohttp has no public switch (its issue 10790)
    else:  # pragma: no cover - every supported release has the switch; a later one may not
        session._middlewares = (once,)  # noqa: SLF001 - as above
    return session


def tls(http: Http) -> ssl.SSLContext | bool:
    """Return the one TLS context of both sessions."""
    if http.ssl is not None:
        return http.ssl
    if http.ca_file is not None:
        return ssl.create_default_context(cafile=http.ca_file)
    return True  # aiohttp's default context, made once a process


async def once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a request a second time by itself."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise Cut(type(error).__name__) from None


def counting(flight: Flight) -> aiohttp.ClientMiddlewareType:
    """Return what stands behind a user's own middlewares and counts the tries that may have left.

    They may try again what was cut, and hand on, swallow or rename what the last try ended with.
    A try is counted from its beginning: it may be cancelled, or be one of two at a time.
    """

    async def counted(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        flight.crossed += 1
        try:
            return await handler(request)
        except UNCONNECTED:
            flight.crossed -= 1
            raise

    return counted


def telling() -> aiohttp.TraceConfig:
    """Return the trace that tells a flight what has left."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_headers_sent)
    trace.on_request_chunk_sent.append(_chunk_sent)
    return trace


async def _headers_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    flight: Flight = context.trace_request_ctx
    flight.sending.leaves()
    flight.progressed()


async def _chunk_sent(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceRequestChunkSentParams,
) -> None:
    flight: Flight = context.trace_request_ctx
    flight.piece()
