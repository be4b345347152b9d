"""A GET over aiohttp's connector, without the session's road around it.

`ClientSession.request` asks some thirty questions a request (proxies, cookies, redirects, sending
again, middlewares), whose answers are always no for the safe session; they cost a quarter of a
call's CPU. This takes the same steps that are left: connect, write, read the head. A release of
aiohttp that does not know them in this shape is told by `supported`; whoever patches or traces
`ClientSession` (a mock, a tracer) wants to see every request and is noticed by `clear`. Then the
session's road is taken; both roads pass the same tests.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from postpress_async.wire.values import HttpRequest

    from .sweeper import Flight

_READ_SIZE: Final = 2**18  # as the session: with less, each full read of a socket pauses it
_NEEDED: Final = (
    (aiohttp.ClientRequest.__init__, {"method", "url", "headers", "loop", "session"}),
    (aiohttp.ClientRequest.__init__, {"response_class"}),
    (aiohttp.ClientRequest.send, {"conn"}),
    (aiohttp.ClientResponse.start, {"connection"}),
    (aiohttp.BaseConnector.connect, {"req", "traces", "timeout"}),
    (ResponseHandler.set_response_params, {"read_until_eof", "auto_decompress", "read_bufsize"}),
)


def supported() -> bool:
    """Tell whether this aiohttp has the steps that are taken here."""
    return all(names <= set(signature(step).parameters) for step, names in _NEEDED)


class DirectGet:
    """Send GETs of one session's origin and headers over its connector."""

    __slots__ = ("_clear", "_connector", "_headers", "_seen", "_session")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        connector: aiohttp.BaseConnector,
        headers: Mapping[str, str],
    ) -> None:
        self._session = session
        self._connector = connector
        self._headers: CIMultiDict[str] = CIMultiDict(headers)
        self._seen: object = None
        self._clear = False

    def clear(self) -> bool:
        """Tell whether nobody stands on the session's road who must see this request."""
        road = aiohttp.ClientSession._request  # noqa: SLF001 - what mocks replace
        if road is not self._seen:
            code = getattr(road, "__code__", None)
            own = getattr(code, "co_filename", None) == aiohttp.client.__file__
            self._seen, self._clear = road, own and not self._session.trace_configs
        return self._clear

    async def send(
        self,
        asked: HttpRequest,
        url: URL,
        bounds: aiohttp.ClientTimeout,
        flight: Flight,
    ) -> aiohttp.ClientResponse:
        """Return the response once its head is read; raise what the session would raise.

        `flight.sending` turns True in the same step that hands the first byte on; behind a
        redirect it is so from the beginning.
        """
        flight.sending.sent = flight.crossed > 0
        request = aiohttp.ClientRequest(
            "GET",
            url,
            headers=self._headers if asked.headers is None else self._merged(asked.headers),
            loop=flight.loop,
            session=self._session,
            response_class=aiohttp.ClientResponse,
        )
        try:
            connection = await self._connector.connect(request, traces=[], timeout=bounds)
        except TimeoutError:
            raise aiohttp.ConnectionTimeoutError from None
        protocol = connection.protocol
        if protocol is None:  # closed in this very tick
            raise aiohttp.ServerDisconnectedError
        try:
            protocol.set_response_params(
                read_until_eof=True, auto_decompress=True, read_bufsize=_READ_SIZE
            )
            flight.sending.leaves()
            flight.progressed()
            response = await request.send(connection)
            return await response.start(connection)
        except BaseException:
            connection.close()
            raise

    def _merged(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        merged = self._headers.copy()
        merged.update(headers)
        return merged
