"""A transport without a network, for units: what is to be answered is scripted."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from postpress_async.wire.multipart import UnsendableError, collected
from postpress_async.wire.values import Failed, FailureKind, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from postpress_async.wire.values import HttpRequest, Sending

_NAMED: Final = re.compile(r'; (name|filename)="([^"]*)"')
_KIND: Final = re.compile(r"Content-Type: (.+)")
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
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:.12g}"}
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


class FakeFile(msgspec.Struct, frozen=True, kw_only=True):
    """Be a file that was uploaded.

    Attributes:
        field: the form's name for it, such as `attachments`.
        name: what the recipient sees.
        content_type: its media type.
        content: its bytes.
    """

    field: str
    name: str
    content_type: str
    content: bytes


class FakeRequest:
    """Be a request as the network would have seen it.

    Attributes:
        method: the HTTP method.
        url: the whole address.
        path: its path, decoded.
        query: its query; what comes twice is a list of two.
        headers: those of this request, by lower-case name; the constant ones, the key among them,
            are the real transport's and not here.
        body: the bytes, files included.
    """

    def __init__(self, request: HttpRequest, body: bytes) -> None:
        parts = urlsplit(request.url)
        self.method: str = request.method
        self.url: str = request.url
        self.path: str = unquote(parts.path)
        self.query: dict[str, list[str]] = parse_qs(parts.query, keep_blank_values=True)
        self.headers: dict[str, str] = {
            name.lower(): value for name, value in (request.headers or {}).items()
        }
        self.body: bytes = body

    @property
    def json(self) -> object:
        """The body, decoded."""
        return msgspec.json.decode(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The texts of a multipart body, by field."""
        return {
            field: content.decode("utf-8", "replace")
            for field, name, _, content in self._parts()
            if name is None
        }

    @property
    def files(self) -> list[FakeFile]:
        """The files of a multipart body, in order."""
        return [
            FakeFile(field=field, name=name, content_type=kind, content=content)
            for field, name, kind, content in self._parts()
            if name is not None
        ]

    def _parts(self) -> Iterator[tuple[str, str | None, str, bytes]]:
        """Yield field, file name, media type and content of each part, names as a browser's."""
        boundary = self.headers.get("content-type", "").partition("boundary=")[2]
        for part in self.body.split(b"--" + boundary.encode())[1:-1]:
            head, _, content = part[2:-2].partition(b"\r\n\r\n")
            named = dict(_NAMED.findall(head.decode()))
            kind = _KIND.search(head.decode())
            name = named.get("filename")
            yield (
                _plain(named["name"]),
                None if name is None else _plain(name),
                kind[1] if kind else "text/plain",
                content,
            )

    def __repr__(self) -> str:
        """Show what was asked."""
        return f"FakeRequest({self.method} {self.url})"


def _plain(name: str) -> str:
    """Undo what a form escapes in names; any other percent sign is one."""
    return re.sub(r"%(22|[01][0-9A-F]|7F)", lambda found: chr(int(found[1], 16)), name)


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
        try:
            asked = FakeRequest(request, await collected(request.body))
        except UnsendableError as error:
            sending.sent = error.begun
            return Failed(kind="upload", sent=error.begun, detail="", unsendable=error)
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
