"""Answers as values or errors: bytes and a status in, what they mean out. Never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

from postpress_async.errors import (
    AttachmentError,
    ConnectError,
    DecodeError,
    OutcomeUnknownError,
    PostpressError,
    RequestTimeoutError,
    TransportError,
)

from . import meaning, problems
from .meaning import SETTLE
from .redaction import kept_body, kept_headers, kept_text, kept_type, one_line, struck_out
from .values import Bad, Call, Failed, Good, Reply
from .waits import retry_after, until_reset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postpress_async.errors import Outcome

    from .multipart import UnsendableError

__all__ = ["SETTLE", "failed", "maybe_done", "read", "retry_after", "secrets_of"]

T = TypeVar("T")

_OUR_HEADERS: Final = frozenset({"Idempotency-Key", "Content-Type"})
_OK: Final = range(200, 300)
_LATER: Final = frozenset({408, 425})  # the only ones below 500, 429 apart, that pass by waiting
_UNAVAILABLE: Final = 503
_SERVER: Final = 500
_SAID_KEPT: Final = 4096  # a sentence is cut before it is searched: answers may be megabytes
_MANY: Final = 429


def read(
    call: Call[T], answer: Reply | Failed, *, key: str, now: Callable[[], float]
) -> Good[T] | Bad:
    """Say what one attempt brought.

    Args:
        call: what was asked.
        answer: what the transport brought back.
        key: the API key, struck out of whatever is kept of the answer.
        now: tells seconds since the epoch, for a Retry-After that is a date.
    """
    if isinstance(answer, Failed):
        return failed(call, answer, key=key, now=now)
    if not 200 <= answer.status < 300:
        return _refused(call, answer, key, now)
    if call.request.streamed:  # who asks for a file gets the reply itself, and reads on
        return Good(cast("T", answer))
    try:
        return Good(call.reading.read(answer.body))
    except ValueError as error:
        return _unreadable(call, answer, key, path=getattr(error, "path", "$"), why=str(error))


def maybe_done(status: int, slug: str | None, *, envelope: bool) -> bool:
    """Tell whether a write that got this answer may have happened all the same.

    408, 502, 504 and a proxy's 503 come from in between; 500 and `network_down` from after the
    point of no return. All else was refused before anything was done.
    """
    if status == _UNAVAILABLE:
        return not (envelope and slug in problems.NOT_HANDED_ON)
    return status == 408 or (status >= _SERVER and status != 501)


# -- answers that say no --------------------------------------------------------------------


def _refused(call: Call[T], reply: Reply, key: str, now: Callable[[], float]) -> Bad:
    problem = problems.parse(reply.body)
    status, slug = reply.status, problem.slug
    wait = retry_after(reply.headers, now())
    if wait is None and status == _MANY:
        wait = until_reset(reply.headers, now())
    cls = problems.class_of(status, slug)
    outcome: Outcome = "refused"
    if call.route.repeatable != "safe" and maybe_done(status, slug, envelope=problem.envelope):
        outcome = "unknown"
    secrets = secrets_of(call, key)
    said = problem.detail or problem.title or problems.meaning(status)
    type_ = kept_type(problem.type, secrets)
    request_id = _request_id(reply.headers, problem.instance, secrets)
    error = cls(
        _sentence(
            " ".join(part for part in (str(status), one_line(type_ or "")) if part),
            struck_out(said[:_SAID_KEPT], secrets),
            request_id,
            problems.next_step(status, slug) if outcome == "refused" else _STEPS[outcome],
        ),
        status=status,
        type=type_,
        title=kept_text(problem.title, secrets),
        detail=kept_text(problem.detail, secrets),
        instance=kept_text(problem.instance, secrets),
        request_id=request_id,
        retry_after=wait,
        headers=kept_headers(reply.headers, secrets),
        body=kept_body(reply.body, secrets),
        account_id=call.account_id,
        outcome=outcome,
        retryable=_retryable(status, slug, outcome),
    )
    return Bad(
        error=error,
        kind="answer",
        sent=True,
        status=status,
        slug=slug,
        envelope=problem.envelope,
        retry_after=wait,
        html=_is_page(reply),
        verdict=meaning.of_answer(call, status, problem, wait),
    )


def _retryable(status: int, slug: str | None, outcome: Outcome) -> bool | None:
    """Tell whether the same call may do better later; None leaves it to the error's class."""
    if outcome == "unknown" or slug in problems.FINAL:
        return False
    return True if status in _LATER else None


def _sentence(what: str, said: str, request_id: str | None, step: str) -> str:
    """Return one line: what came, what it said, which request it was, and what to do next."""
    where = f" (request {one_line(request_id)})" if request_id else ""
    return f"{what}: {one_line(said).rstrip('.')}{where}; {step}"


# -- answers that cannot be read ------------------------------------------------------------


def _unreadable(
    call: Call[T], reply: Reply, key: str, *, path: str, why: str, chance: bool = False
) -> Bad:
    page = _is_page(reply)
    # A proxy's page in place of a write's answer proves nothing; the API's own JSON proves it done.
    outcome: Outcome = "unknown" if page and call.route.repeatable == "write" else "done"
    secrets = secrets_of(call, key)
    request_id = _request_id(reply.headers, None, secrets)
    path = struck_out(path, secrets)
    said = "a page instead of JSON" if page else struck_out(why, secrets)
    step = _STEPS[outcome]
    if call.route.repeatable == "safe":
        step = _NOTHING_CHANGED if chance else "report it with this request id"
    where = "file" if call.request.streamed else f"answer at {one_line(path)}"
    error = DecodeError(
        _sentence(f"{reply.status}: cannot read the {where}", said, request_id, step),
        status=reply.status,
        path=path,
        body=kept_body(reply.body, secrets),
        request_id=request_id,
        outcome=outcome,
        retryable=call.route.repeatable == "safe",
    )
    return Bad(
        error=error,
        kind="unreadable",
        sent=True,
        status=reply.status,
        html=page,
        verdict=meaning.UNREADABLE,
    )


_STEPS: Final[dict[Outcome, str]] = {
    "unknown": "it may have happened: look before you repeat it",
    "done": "it was done: do not repeat it, look up its id",
    "not_sent": "nothing was sent: it may be repeated",
    "refused": "it was refused",
}

_NOTHING_CHANGED: Final = "nothing was changed: it may be repeated"

# -- no answer --------------------------------------------------------------------------------


def failed(call: Call[T], failed: Failed, *, key: str, now: Callable[[], float]) -> Bad:
    """Say what an exchange without a whole answer means."""
    if failed.status is not None:
        head = Reply(status=failed.status, headers=failed.headers or {}, body=b"")
        if failed.status not in _OK:
            return _refused(call, head, key, now)
        return _unreadable_body(call, head, failed, key)
    return Bad(
        error=_transport_error(call, failed, secrets_of(call, key)),
        kind=failed.kind,
        sent=failed.sent,
        verdict=meaning.of_silence(failed),
    )


def _unreadable_body(call: Call[T], head: Reply, failed: Failed, key: str) -> Bad:
    chance = failed.kind in {"body", "timeout"}
    bad = _unreadable(call, head, key, path="$", why=failed.detail, chance=chance)
    return Bad(
        error=bad.error,
        kind=failed.kind,
        sent=True,
        status=head.status,
        html=bad.html,
        verdict=meaning.UNFINISHED,
    )


def _transport_error(call: Call[T], failed: Failed, secrets: tuple[str, ...]) -> PostpressError:
    if failed.unsendable is not None:
        return _attachment_error(failed.unsendable, sent=failed.sent)
    cls: type[TransportError] = RequestTimeoutError if failed.kind == "timeout" else TransportError
    outcome: Outcome = "unknown" if failed.sent else "not_sent"
    retryable = failed.kind not in {"certificate", "tls"}
    if not failed.sent and failed.kind != "timeout":
        cls = ConnectError
    elif failed.sent and call.route.repeatable != "safe":
        cls, retryable = OutcomeUnknownError, False
    step = _STEPS[outcome]
    if call.route.repeatable == "safe" and failed.sent:
        step = _NOTHING_CHANGED
    if not retryable and not failed.sent:
        step = "check base_url, Http.ca_file and the machine's certificates"
    where = f"{call.route.method} {call.route.template}"
    text = _sentence(where, struck_out(failed.detail, secrets), None, step)
    return cls(text, outcome=outcome, retryable=retryable)


def _attachment_error(file: UnsendableError, *, sent: bool) -> AttachmentError:
    """Name the file; half a request is none, but nobody can tell what the service makes of it."""
    outcome: Outcome = "unknown" if sent else "not_sent"
    step = "the connection was dropped: look before you repeat it" if sent else "nothing was sent"
    said = f"{file.field}: {one_line(file.file)!r} {one_line(file.detail)}; {step}"
    error = AttachmentError(said, field=file.field, file=file.file, outcome=outcome)
    error.__cause__ = file.__cause__  # what the user's own iterator raised
    return error


# -- what an answer names --------------------------------------------------------------------


def secrets_of(call: Call[T], key: str) -> tuple[str, ...]:
    """Return what no error, log or event may repeat: the key, the caller's texts and headers."""
    headers = call.request.headers or {}
    return (key, *call.secrets, *(headers[name] for name in headers if name not in _OUR_HEADERS))


def _request_id(
    headers: Mapping[str, str], instance: str | None, secrets: tuple[str, ...]
) -> str | None:
    return kept_text(instance or headers.get("X-Request-Id") or headers.get("Request-Id"), secrets)


def _is_page(reply: Reply) -> bool:
    kind = reply.headers.get("Content-Type", "")
    return "html" in kind.lower() or reply.body[:64].lstrip()[:1] == b"<"
