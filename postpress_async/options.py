"""What a user may set: frozen values, checked when they are made, with the reason in the error."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from ssl import SSLContext  # at run time too, so that `inspect.signature` can read the fields
from typing import TYPE_CHECKING

import msgspec

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Http", "KeyRate", "RequestOptions", "Retries", "Timeout"]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_OURS = frozenset({"x-api-key", "authorization", "idempotency-key", "content-type", "host"})
_OURS_TOO = frozenset({"content-length", "transfer-encoding", "connection", "accept-encoding"})


def positive(name: str, value: object, *, zero: bool = False) -> None:
    """Refuse a number of seconds or things that is not one, naming the field and the remedy."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or _is_none(value):
        msg = f"{name} must be a number, not {value!r:.80}: give seconds, or None"
        raise ConfigurationError(msg)
    if value < 0 or (value == 0 and not zero):
        least = "zero or more" if zero else "more than zero"
        msg = f"{name} must be {least}, not {value!r}"
        raise ConfigurationError(msg)


def _is_none(value: float) -> bool:
    """Tell whether a number is none to count with."""
    try:
        return math.isnan(value)
    except OverflowError:  # a whole one with more digits than there is room for
        return True


def whole(name: str, value: object, *, least: int) -> None:
    """Refuse what is not a whole number of at least `least`, naming the field."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        msg = f"{name} must be a whole number, {least} or more, not {value!r}"
        raise ConfigurationError(msg)


def of_kind(name: str, value: object, kind: type, example: str) -> None:
    """Refuse what is neither of a type nor None, naming the field."""
    if value is not None and not isinstance(value, kind):
        msg = f"{name} must be a {kind.__name__}, such as {example}, not {type(value).__name__}"
        raise ConfigurationError(msg)


class Discreet(msgspec.Struct, frozen=True, kw_only=True):
    """Be shown by some fields only, to rich as well, which asks structs for all of them."""

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what may be seen."""
        yield from ()

    def __repr__(self) -> str:
        """Show what may be seen."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._shown())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Show the same in colour."""
        return list(self._shown())


class Timeout(msgspec.Struct, frozen=True, kw_only=True):
    """Bound one attempt, in seconds; None takes a bound away.

    Waiting for a slot or between attempts is not in it: that is `max_wait`.

    Attributes:
        total: from the first byte sent to the last byte read; of a download, to its first piece.
            Enforced at most 0.25 s late; where something blocks the event loop, 0.5 s and five of
            its turns. No piece of a body is begun after it.
        connect: for the connection alone, TLS included.
        read: the longest silence while an answer is awaited or read.
    """

    total: float | None = 60.0
    connect: float | None = 10.0
    read: float | None = 30.0

    def __post_init__(self) -> None:
        positive("Timeout.total", self.total)
        positive("Timeout.connect", self.connect)
        positive("Timeout.read", self.read)


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """Say how often a call that may be repeated is tried.

    Attributes:
        attempts: the most requests one logical call may make, the first included.
        trust_idempotency_key: repeat also a write whose outcome is unknown, under the same
            `Idempotency-Key`. The documents promise that the service honours it in one place only,
            so it is off unless you know better.
    """

    attempts: int = 4
    trust_idempotency_key: bool = False

    def __post_init__(self) -> None:
        whole("Retries.attempts", self.attempts, least=1)

    @staticmethod
    def none() -> Retries:
        """Return the policy that tries once."""
        return Retries(attempts=1)


class KeyRate(msgspec.Struct, frozen=True):
    """Describe the API key's own token bucket, shared by all accounts of a client.

    The service's tiers are not published (quickstart, «Rate limits»): set yours.

    Attributes:
        amount: tokens, and the burst.
        per: seconds in which the bucket fills again.
    """

    amount: float
    per: float = 1.0

    def __post_init__(self) -> None:
        positive("KeyRate.amount", self.amount)
        positive("KeyRate.per", self.per)
        if self.amount < 1:
            msg = f"KeyRate.amount must be 1 or more, not {self.amount!r}: lengthen `per` instead"
            raise ConfigurationError(msg)


class Http(Discreet, frozen=True, kw_only=True):
    """Set how the connection is made.

    Attributes:
        proxy: URL of a forward proxy, user and password included; never shown.
        trust_env: read proxies from the environment; costs CPU on every call.
        ssl: a context of your own instead of the default one.
        ca_file: a bundle of certificate authorities instead of the default one.
        insecure: allow `http://` to hosts other than this machine. The key then travels openly.
        connections: the most connections at once, reads and writes together.
        max_body: the most bytes of one answer in memory, after decompression; a download that is
            walked or saved has no such bound.
    """

    proxy: str | None = None
    trust_env: bool = False
    ssl: SSLContext | None = None
    ca_file: str | None = None
    insecure: bool = False
    connections: int = 100
    max_body: int = 16 * 2**20

    def __post_init__(self) -> None:
        whole("Http.connections", self.connections, least=1)
        whole("Http.max_body", self.max_body, least=1)
        of_kind("Http.ssl", self.ssl, SSLContext, "ssl.create_default_context()")
        of_kind("Http.proxy", self.proxy, str, "'http://proxy:3128'")
        of_kind("Http.ca_file", self.ca_file, str, "'/etc/ssl/own.pem'")
        if self.ssl is not None and self.ca_file is not None:
            msg = "Http.ssl and Http.ca_file exclude each other: load the file into the context"
            raise ConfigurationError(msg)
        if self.ca_file is not None and not os.path.isfile(self.ca_file):  # noqa: PTH113 - pathlib costs import time
            msg = f"Http.ca_file {self.ca_file!r} is no file: give the path of a PEM bundle"
            raise ConfigurationError(msg)
        if self.proxy is not None and not self.proxy.startswith(("http://", "https://")):
            msg = "Http.proxy must begin with http:// or https://"
            raise ConfigurationError(msg)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield all but the proxy's credentials."""
        yield "proxy", None if self.proxy is None else "…"
        yield "trust_env", self.trust_env
        yield "ca_file", self.ca_file
        yield "insecure", self.insecure
        yield "connections", self.connections
        yield "max_body", self.max_body


class RequestOptions(Discreet, frozen=True, kw_only=True):
    """Override, for one call, what the client was made with; None keeps the client's.

    Attributes:
        timeout: bounds of each attempt.
        retries: how often it is tried.
        max_wait: seconds of waiting allowed in all, slots and back-off together.
        priority: lower goes first in the account's queue.
        idempotency_key: your own key for this write, instead of one minted for it.
        headers: further request headers; those that this package sets itself are refused.
    """

    timeout: Timeout | None = None
    retries: Retries | None = None
    max_wait: float | None = None
    priority: int = 0
    idempotency_key: str | None = None
    headers: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        of_kind("RequestOptions.timeout", self.timeout, Timeout, "Timeout(total=30)")
        of_kind("RequestOptions.retries", self.retries, Retries, "Retries(attempts=2)")
        positive("RequestOptions.max_wait", self.max_wait, zero=True)
        of_kind("RequestOptions.priority", self.priority, int, "-1")
        if self.idempotency_key is not None:
            check_header("idempotency_key", "Idempotency-Key", self.idempotency_key)
            if not self.idempotency_key:
                msg = "idempotency_key must not be empty: leave it out to have one minted"
                raise ConfigurationError(msg)
        if self.headers is not None:
            check_headers(self.headers)

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield header names without their values, which may be secrets."""
        yield "timeout", self.timeout
        yield "retries", self.retries
        yield "max_wait", self.max_wait
        yield "priority", self.priority
        yield "idempotency_key", self.idempotency_key
        yield "headers", None if self.headers is None else sorted(self.headers)


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that cannot travel, or that this package sets itself."""
    of_kind("headers", headers, Mapping, '{"X-Tenant": "7"}')
    for name, value in headers.items():
        check_header("headers", name, value)
        if name.lower() in _OURS or name.lower() in _OURS_TOO:
            msg = f"headers[{name!r}] is set by the client itself: leave it out"
            raise ConfigurationError(msg)


def check_header(field: str, name: object, value: object) -> None:
    """Refuse a header whose name or value would break the request's head."""
    if not isinstance(name, str) or not _TOKEN.match(name):
        msg = f"{field}: {name!r} is no header name"
        raise ConfigurationError(msg)
    if not isinstance(value, str):
        msg = f"{field}: the value of {name!r} must be text, not {type(value).__name__}"
        raise ConfigurationError(msg)
    if not value.isascii() or any(ord(c) < 32 or ord(c) == 127 for c in value):  # noqa: PLR2004 - ASCII controls
        msg = f"{field}: the value of {name!r} must be printable ASCII without line breaks"
        raise ConfigurationError(msg)
