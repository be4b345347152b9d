"""A transport without a network, for units: what is to be answered is scripted."""

from __future__ import annotations

import asyncio
import inspect
from email import policy
from email.parser import BytesParser
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from postpress_async.wire.values import Failed, FailureKind, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from postpress_async.wire.values import HttpRequest, Sending

_NEVER_SENT: Final = frozenset({"connect", "dns", "certificate", "tls", "late"})


class Silence(msgspec.Struct, frozen=True):
    """Stand for an answer that never comes; see `silence`."""


Answer: TypeAlias = "Reply | Failed | Silence | dict[str, object] | list[object]"
"""What a fake transport answers; a plain dict or list is the JSON of a 200."""

Handler: TypeAlias = "Callable[[FakeRequest], Answer | Awaitable[Answer]]"


def reply(
    json: object = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Reply:
    """Return an answer.

    Args:
        json: what it says; left out, the body is empty.
        status: the HTTP status.
        headers: further headers, in any case.
        body: bytes instead of JSON, for answers that cannot be read.
    """
    if body is None:
        body = b"" if json is None else msgspec.json.encode(json)
    named = {
        "Content-Type": "application/json",
        **{n.title(): v for n, v in (headers or {}).items()},
    }
    return Reply(status=status, headers=named, body=body)


def problem(
    type: str,
    status: int,
    *,
    detail: str | None = None,
    retry_after: float | None = None,
) -> Reply:
    """Return an answer that says no, worded as the service does.

    Args:
        type: the documented type, with or without `errors/`.
        status: the HTTP status.
        detail: the service's words.
        retry_after: seconds, sent as the header.
    """
    said = {
        "type": f"errors/{type.removeprefix('errors/')}",
        "title": type.replace("_", " ").capitalize(),
        "detail": detail,
        "status": status,
        "instance": "req_fake",
    }
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return reply(said, status=status, headers=headers)


def failure(
    kind: FailureKind = "closed",
    *,
    sent: bool | None = None,
    status: int | None = None,
    detail: str = "as the test asked",
) -> Failed:
    """Return an exchange without a whole answer.

    Args:
        kind: `connect`, `dns`, `certificate`, `tls`, `timeout`, `closed`, `garbage`, `body` or
            `too_big`.
        sent: whether a byte may have left; by default what the kind implies.
        status: of a head that came before it failed.
        detail: words for the error.
    """
    left = kind not in _NEVER_SENT if sent is None else sent
    return Failed(
        kind=kind, sent=left, detail=detail, status=status, headers={} if status else None
    )


def silence() -> Silence:
    """Return an answer that never comes, for tests that cancel; no `Timeout` is enforced here."""
    return Silence()


class FakeRequest:
    """Be a request as the network would have seen it.

    Attributes:
        method: the HTTP method.
        url: the whole address.
        path: its path, decoded.
        query: its query; what comes twice is a list of two.
        headers: those of this request, by lower-case name; the constant ones, the key among them,
            are the real transport's and not here.
        body: the bytes.
    """

    def __init__(self, request: HttpRequest) -> None:
        parts = urlsplit(request.url)
        self.method: str = request.method
        self.url: str = request.url
        self.path: str = unquote(parts.path)
        self.query: dict[str, list[str]] = parse_qs(parts.query, keep_blank_values=True)
        self.headers: dict[str, str] = {
            name.lower(): value for name, value in (request.headers or {}).items()
        }
        self.body: bytes = request.body or b""

    @property
    def json(self) -> object:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The texts of a multipart body, by field."""
        head = f"Content-Type: {self.headers.get('content-type', '')}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
        fields: dict[str, str] = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = cast("bytes", part.get_payload(decode=True))
            fields[str(name)] = content.decode("utf-8", "replace")
        return fields

    def __repr__(self) -> str:
        """Show what was asked."""
        return f"FakeRequest({self.method} {self.url})"


class FakeTransport:
    """Answer from a script, and remember every request.

    Args:
        script: the answers in order; or a function of the request, which may be a coroutine.

    A request beyond the script fails the test that makes it.

    >>> import asyncio
    >>> from postpress_async import Postpress
    >>> from postpress_async.testing import FakeTransport, problem, reply
    >>>
    >>> async def main() -> None:
    ...     fake = FakeTransport([
    ...         problem("no_client_session", 503),
    ...         reply({"object": "UserProfile", "provider": "LINKEDIN", "first_name": "Ada"}),
    ...     ])
    ...     async with Postpress("key", transport=fake, providers={"acc_1": "LINKEDIN"}) as client:
    ...         user = await client.users.get("ada", account_id="acc_1")
    ...     print(user.display_name, [request.path for request in fake.requests])
    >>>
    >>> asyncio.run(main())
    Ada ['/v1/users/ada', '/v1/users/ada']

    Attributes:
        requests: what was asked, oldest first; repeats included.
        closed: whether the client let go of it.
    """

    def __init__(self, script: Iterable[Answer] | Handler) -> None:
        self.requests: list[FakeRequest] = []
        self.closed: bool = False
        self._handler: Handler = script if callable(script) else _Script(script)

    async def exchange(self, request: HttpRequest, sending: Sending, /) -> Reply | Failed:
        """Answer one request; what the client calls."""
        asked = FakeRequest(request)
        self.requests.append(asked)
        answer = self._handler(asked)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Silence):
            await asyncio.get_running_loop().create_future()
        if isinstance(answer, Failed):
            sending.sent = answer.sent
        return answer if isinstance(answer, Reply | Failed) else reply(answer)

    async def aclose(self) -> None:
        """Note that the client is closed."""
        self.closed = True


class _Script:
    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = iter(answers)

    def __call__(self, request: FakeRequest) -> Answer:
        for answer in self._answers:
            return answer
        msg = f"{request!r} was not expected: the script is at its end"
        raise AssertionError(msg)
