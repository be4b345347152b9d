"""The values that pass between the wire and the network.

Those of every call hold no cycle, so the garbage collector need not count them (`gc=False`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from postpress_async.options import Discreet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from postpress_async.errors import PostpressError
    from postpress_async.limits import Verdict
    from postpress_async.options import Timeout

    from .multipart import Form, UnsendableError
    from .routes import Route

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """Turn the bytes of a good answer into its value."""

    def read(self, body: bytes, /) -> T_co:
        """Decode, or raise a ValueError."""
        ...


class HttpRequest(Discreet, frozen=True, kw_only=True, gc=False):
    """Be one request as it goes out; every attempt of a call sends the same one.

    Attributes:
        method: the HTTP method.
        url: absolute and percent-encoded.
        headers: those of this request alone; the transport adds the key and the constants.
        body: the bytes, or a form with files that is opened for each attempt; None for no body.
        timeout: the bounds of each attempt.
        safe: whether a kept connection may carry it: True only for what may be repeated.
        streamed: whether a good answer is handed on piece by piece instead of read whole.
    """

    method: str
    url: str
    headers: Mapping[str, str] | None
    body: bytes | Form | None
    timeout: Timeout
    safe: bool
    streamed: bool = False

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield neither headers nor body."""
        yield "method", self.method
        yield "url", self.url


class Sending(msgspec.Struct, eq=False, gc=False):
    """Be told, while an exchange runs, whether a byte of it may have left.

    A cancelled exchange returns nothing; this is what is known of it. It says True unless the
    transport knows better.

    Attributes:
        sent: whether a byte may have left.
        last_act: asked in the step before the first byte; raises where it must not leave.
    """

    sent: bool = True
    last_act: Callable[[], None] | None = None

    def leaves(self) -> None:
        """Be told in the step that hands the first byte on; raise where it must not leave."""
        if self.last_act is not None:
            self.last_act()
        self.sent = True


class Incoming(Protocol):
    """Be the body of an answer that is still being read.

    Attributes:
        most_at_once: what may be read of it into memory: `Http.max_body`.
    """

    most_at_once: int

    async def read(self) -> bytes | Failed:
        """Return the next piece, an empty one at the end, or why there is none."""
        ...

    def close(self) -> None:
        """Let go of the connection; a second time does nothing."""
        ...


class Reply(Discreet, frozen=True, kw_only=True, gc=False):
    """Be an answer that was read whole, or as far as the first piece of a file.

    Attributes:
        status: the HTTP status of a head that was parsed.
        headers: by any case.
        body: the bytes, decompressed.
        rest: what follows the body, for whoever asked to be handed it piece by piece.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    rest: Incoming | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield neither headers nor body."""
        yield "status", self.status
        yield "size", len(self.body)


FailureKind: TypeAlias = Literal[
    "connect",  # refused, reset or closed before a byte of the request left
    "dns",  # the name is unknown
    "certificate",  # the certificate is not to be trusted
    "tls",  # the other side does not speak TLS
    "timeout",  # a time of Timeout ran out
    "closed",  # cut while the answer was awaited
    "garbage",  # what came is not HTTP
    "body",  # a head came, its body did not
    "encoding",  # the body is not what its Content-Encoding says
    "too_big",  # the body is larger than Http.max_body
    "upload",  # a file could not be read any more, or had changed
    "late",  # the slot was older than its use_by: given back, never sent
]


class Failed(Discreet, frozen=True, kw_only=True):
    """Be an exchange without a whole answer.

    Attributes:
        kind: what failed.
        sent: False only where certainly no byte of the request left.
        detail: words for the error, free of secrets.
        status: of the head, where one came; else None.
        headers: of that head.
        backlog: it may have failed for want of a place on this side, which says nothing about the
            service.
        unsendable: the file that kept the request from being sent whole.
    """

    kind: FailureKind
    sent: bool
    detail: str
    status: int | None = None
    headers: Mapping[str, str] | None = None
    backlog: bool = False
    unsendable: UnsendableError | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield no headers."""
        yield "kind", self.kind
        yield "sent", self.sent
        yield "detail", self.detail
        yield "status", self.status


class Call(Discreet, Generic[T_co], frozen=True, kw_only=True, gc=False):
    """Be one logical call: what to send, what it counts as, how to read its answer.

    Attributes:
        route: which endpoint.
        request: the request, its key and headers included.
        reading: how the answer becomes a value.
        account_id: whose lane it takes; None for the client's own.
        action: what it counts as.
        cost: how much of it; rows for a search.
        secrets: texts of the caller that no error may repeat.
        key: its `Idempotency-Key`, None for what needs none.
        subject: whom it is about, where the service may refuse to ask the same person again.
    """

    route: Route
    request: HttpRequest
    reading: Reading[T_co]
    account_id: str | None
    action: str
    cost: int = 1
    secrets: tuple[str, ...] = ()
    key: str | None = None
    subject: str | None = None

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield what identifies the call, and nothing that was sent."""
        yield "route", f"{self.route.method} {self.route.template}"
        yield "account_id", self.account_id


class Good(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """Be an attempt that brought its value."""

    value: T


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """Be an attempt that failed.

    Attributes:
        error: what the caller gets if this attempt was the last.
        kind: `answer` for a parsed status, `unreadable` for a good head without a usable body,
            else the transport's word.
        sent: whether a byte may have left.
        status, slug, envelope: what the answer said.
        retry_after: seconds that it asked for.
        html: the body was a page: a proxy's, not the service's.
        verdict: what it means for the lane.
    """

    error: PostpressError
    kind: FailureKind | Literal["answer", "unreadable"]
    sent: bool
    verdict: Verdict
    status: int | None = None
    slug: str | None = None
    envelope: bool = False
    retry_after: float | None = None
    html: bool = False
