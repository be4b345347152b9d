"""What aiohttp's exceptions say, in this package's words.

Only words: whether a byte left is known from the flight, and an exception's own text may hold
headers or the key, so none of it is kept.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from postpress_async.wire.values import Failed, FailureKind

if TYPE_CHECKING:
    from .sweeper import Flight

# Shorter than the 5 s after which common servers close an idle connection.
KEPT_CONNECTION_SECONDS: Final = 4.0


class Cut(aiohttp.ClientError):
    """Stand for a dropped connection where aiohttp would have sent the request again."""


def failed_by(error: Exception, flight: Flight) -> Failed:
    """Say what an exception means, given what the flight saw."""
    kind, detail, never_sent = _meaning(error)
    if never_sent and flight.crossed:  # the exception speaks of the last try alone
        kind, never_sent = "closed", False
        detail = f"{detail}, but an earlier try may have been sent"
    return Failed(
        kind="body" if flight.status is not None and kind in {"closed", "garbage"} else kind,
        sent=flight.sending.sent and not never_sent,
        detail=detail,
        status=flight.status,
        headers=flight.headers,
    )


# In this order: the first class that fits. The last column: the exception alone proves that no
# connection was made, so that nothing was sent in the try that it ended.
_MEANINGS: Final[tuple[tuple[type[Exception], tuple[FailureKind, str, bool]], ...]] = (
    (
        aiohttp.ClientConnectorCertificateError,
        ("certificate", "its certificate is bad", True),
    ),
    (aiohttp.ClientConnectorSSLError, ("tls", "the server does not speak TLS as it should", True)),
    (aiohttp.ClientConnectorDNSError, ("dns", "the server's name is unknown", True)),
    (aiohttp.ClientConnectorError, ("connect", "no connection", True)),
    (aiohttp.ConnectionTimeoutError, ("connect", "no connection within Timeout.connect", True)),
    (aiohttp.ClientHttpProxyError, ("connect", "the proxy refused", True)),
    (aiohttp.ClientPayloadError, ("body", "the answer was cut", False)),
    (aiohttp.ClientResponseError, ("garbage", "the answer is not HTTP", False)),
    (TimeoutError, ("timeout", "no answer in time", False)),
)
UNCONNECTED: Final = tuple(cls for cls, (_, _, never_sent) in _MEANINGS if never_sent)
"""The exceptions of a try that found no connection."""
_CLOSED: Final[tuple[FailureKind, str, bool]] = (
    "closed",
    "the connection was closed before the answer",
    False,
)


def _meaning(error: Exception) -> tuple[FailureKind, str, bool]:
    kind, words, never_sent = next(
        (meaning for cls, meaning in _MEANINGS if isinstance(error, cls)), _CLOSED
    )
    cause: object = getattr(error, "__cause__", None)
    if isinstance(cause, ContentEncodingError):
        return "encoding", "the answer is not compressed as it says", False
    if isinstance(error, aiohttp.ClientConnectorError):
        errno: object = getattr(error, "errno", None)
        words = f"{words} ({_reason(errno)})"
    return kind, words, never_sent


def _reason(errno: object) -> str:
    if not isinstance(errno, int):
        return "closed while connecting"
    try:
        return os.strerror(errno)
    except ValueError:
        return "refused"
