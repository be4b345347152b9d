"""Every documented way of saying no, in every envelope, as the error it must become."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any, Final

import pytest

from postpress_async import Timeout, errors
from postpress_async.errors import PostpressError, ResponseError
from postpress_async.wire import codec
from postpress_async.wire.routes import Route
from postpress_async.wire.values import Bad, Call, Failed, HttpRequest, Reply

# api.md §5.2: status, types, the class of all of them unless a type is named below.
CATALOGUE: Final = {
    400: (
        "BadRequestError",
        (
            "invalid_parameters missing_parameters malformed_request content_too_large invalid_url "
            "too_many_characters unescaped_characters limit_too_high invalid_request "
            "invalid_action "
            "invalid_label"
        ),
    ),
    401: (
        "AuthenticationError",
        (
            "missing_credentials multiple_sessions invalid_checkpoint_solution "
            "invalid_proxy_credentials checkpoint_error invalid_credentials expired_credentials "
            "insufficient_privileges disconnected_account disconnected_feature "
            "invalid_credentials_but_valid_account_imap expired_link wrong_account "
            "captcha_not_supported invalid_imap_configuration invalid_smtp_configuration"
        ),
    ),
    403: (
        "PermissionDeniedError",
        (
            "account_restricted account_mismatch insufficient_permissions session_mismatch "
            "feature_not_subscribed subscription_required unknown_authentication_context "
            "action_required resource_access_restricted"
        ),
    ),
    404: ("NotFoundError", "resource_not_found invalid_resource_identifier"),
    415: ("ResponseError", "unsupported_media_type"),
    422: (
        "UnprocessableError",
        (
            "invalid_account user_unreachable unprocessable_entity account_configuration_error "
            "provider_unreachable invalid_recipient no_connection_with_recipient blocked_recipient "
            "action_already_performed invalid_message invalid_post not_allowed_inmail "
            "insufficient_credits cannot_resend_yet cannot_resend_within_24hrs limit_exceeded "
            "already_invited_recently cannot_invite_attendee parent_mail_not_found "
            "invalid_reply_subject invalid_headers send_as_denied invalid_folder invalid_thread "
            "limit_too_high unauthorized sender_rejected recipient_rejected ip_rejected_by_server "
            "cant_send_message realtime_client_not_initialized"
        ),
    ),
    425: ("ResponseError", "auth_in_progress"),
    429: ("RateLimitedError", "too_many_requests"),
    500: ("ServerError", "unexpected_error provider_error authentication_intent_error"),
    501: ("NotImplementedByProviderError", "feature_not_implemented"),
    503: (
        "ServiceUnavailableError",
        "no_client_session no_channel no_handler network_down service_unavailable",
    ),
    504: ("GatewayTimeoutError", "request_timeout"),
}
ACCOUNT: Final = frozenset(
    [
        "disconnected_account",
        "expired_credentials",
        "disconnected_feature",
        "multiple_sessions",
        "checkpoint_error",
        "invalid_checkpoint_solution",
        "invalid_credentials_but_valid_account_imap",
        "account_restricted",
        "action_required",
        "unknown_authentication_context",
    ]
)
PROVIDER_LIMIT: Final = frozenset(
    [
        "limit_exceeded",
        "cannot_resend_yet",
        "cannot_resend_within_24hrs",
        "already_invited_recently",
        "provider_error",
    ]
)
NOT_HANDED_ON: Final = frozenset({"no_client_session", "no_channel", "no_handler"})
LATER: Final = frozenset({425, 429, 500, 503, 504})
TYPES: Final = [
    (status, slug) for status, (_, slugs) in CATALOGUE.items() for slug in slugs.split()
]
JSON: Final = {"Content-Type": "application/json"}
HTML: Final = {"Content-Type": "text/html; charset=utf-8"}


class Anything:
    def read(self, body: bytes) -> object:
        return json.loads(body)


def bad_of(
    status: int, body: bytes, headers: dict[str, str], method: Any = "GET", *, safe: bool = True
) -> Bad:
    request = HttpRequest(
        method=method, url="", headers=None, body=None, timeout=Timeout(), safe=False
    )
    call = Call(
        route=Route(method, "/x", action="other", safe=safe),
        request=request,
        reading=Anything(),
        account_id="acc_1",
        action="other",
    )
    reply = Reply(status=status, headers=headers, body=body)
    result = codec.read(call, reply, key="key-1", now=lambda: 0.0)
    assert isinstance(result, Bad)
    return result


def error_of(status: int, body: bytes, headers: dict[str, str], method: str = "GET") -> Any:
    return bad_of(status, body, headers, method).error


def class_of(status: int, slug: str) -> type[PostpressError]:
    name = CATALOGUE[status][0]
    if slug in ACCOUNT:
        name = "AccountError"
    elif slug in PROVIDER_LIMIT:
        name = "ProviderLimitError"
    found: type[PostpressError] = getattr(errors, name)
    return found


def maybe_happened(status: int, slug: str) -> bool:
    return status in {500, 503, 504} and slug not in NOT_HANDED_ON


def reference(status: int, slug: str, **more: object) -> bytes:
    fields = {
        "title": "A title",
        "detail": "What happened",
        "instance": "req_9",
        "type": f"errors/{slug}",
        "status": status,
    }
    return json.dumps(fields | more).encode()


def one_line_with_a_step(error: PostpressError) -> None:
    text = str(error)
    assert text == " ".join(text.split())
    assert text.isprintable()
    assert len(text) < 1000
    assert "; " in text
    assert text.rpartition("; ")[2].strip()


# -- every documented type ----------------------------------------------------------------------


@pytest.mark.parametrize(("status", "slug"), TYPES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_documented_type(status, slug, method):
    error = error_of(status, reference(status, slug), JSON, method)
    unknown = method == "POST" and maybe_happened(status, slug)
    assert type(error) is class_of(status, slug)
    assert error.status == status
    assert error.type == f"errors/{slug}"
    assert error.title == "A title"
    assert error.detail == "What happened"
    assert error.instance == error.request_id == "req_9"
    assert error.account_id == "acc_1"
    assert error.outcome == ("unknown" if unknown else "refused")
    later = (status in LATER or slug in PROVIDER_LIMIT) and slug != "authentication_intent_error"
    assert error.retryable is (later and not unknown)
    one_line_with_a_step(error)
    for part in (str(status), f"errors/{slug}", "What happened", "req_9"):
        assert part in str(error)
    if unknown:
        assert "may have happened" in str(error)


@pytest.mark.parametrize(("status", "slug"), TYPES)
def test_every_documented_type_in_the_quickstarts_envelope(status, slug):
    body = json.dumps({"error": {"code": slug, "message": "Why", "request_id": "req_7"}}).encode()
    error = error_of(status, body, JSON)
    assert type(error) is class_of(status, slug)
    assert error.type == f"errors/{slug}"
    assert error.detail == "Why"
    assert error.instance == error.request_id == "req_7"
    one_line_with_a_step(error)


@pytest.mark.parametrize(("status", "slug"), TYPES)
def test_order_padding_and_strange_company_change_nothing(status, slug):
    fields = json.loads(reference(status, slug))
    fields = {"connectionParams": {"imap_host": "x"}, **dict(reversed(fields.items()))}
    fields["status"] = str(status)  # a text for a number
    error = error_of(status, json.dumps(fields, indent=4).encode(), {})
    assert type(error) is class_of(status, slug)
    assert error.type == f"errors/{slug}"
    assert error.status == status


STATUSES: Final = [*CATALOGUE, 402, 405, 408, 409, 410, 413, 418, 451, 502, 520, 599]


def by_status(status: int) -> type[PostpressError]:
    name = CATALOGUE[status][0] if status in CATALOGUE else "ConflictError"
    if status not in CATALOGUE and status != 409:
        name = "ServerError" if status >= 500 else "ResponseError"
    found: type[PostpressError] = getattr(errors, name)
    return found


SPEECHLESS: Final = {
    "empty": b"",
    "page": b"<!doctype html><html><h1>nginx</h1></html>",
    "cut JSON": b'{"title": "No", "type": "errors/res',
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "a list": b"[1, 2, 3]",
    "a text": b'"no"',
    "null": b"null",
    "a number": b"12",
    "an empty object": b"{}",
    "wrong types": b'{"title": 1, "detail": [], "instance": {}, "type": 7, "status": null}',
    "nulls": b'{"title": null, "detail": null, "instance": null, "type": null, "status": null}',
    "empty texts": b'{"title": "", "detail": "", "instance": "", "type": "", "status": 0}',
    "wrong types inside": b'{"error": {"code": 5, "message": {}, "request_id": []}}',
    "nothing inside": b'{"error": {}}',
    "deep": b'{"detail":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep type": b'{"type":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    "a huge number": b'{"status": ' + b"9" * 5000 + b"}",
    "binary": bytes(range(256)),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", list(SPEECHLESS))
def test_an_answer_that_names_no_type_falls_back_to_its_status(status, name):
    error = error_of(status, SPEECHLESS[name], HTML, "POST")
    assert type(error) is by_status(status)
    assert error.type is None
    assert error.status == status
    one_line_with_a_step(error)
    assert str(status) in str(error)
    # no envelope: from in between, so that a write may have been handed on
    assert error.outcome == (
        "unknown" if status == 408 or (status >= 500 and status != 501) else "refused"
    )


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    "type_", ["errors/brand_new", "https://postpress.ai/errors/Brand_New", "x"]
)
def test_an_unknown_type_is_kept_and_falls_back_to_its_status(status, type_):
    error = error_of(status, json.dumps({"type": type_, "title": "T"}).encode(), JSON)
    assert type(error) is by_status(status)
    assert error.type == type_
    one_line_with_a_step(error)


def test_frameworks_that_say_error_and_message():
    body = b'{"statusCode": 404, "error": "Not Found", "message": "Cannot GET /x"}'
    error = error_of(404, body, JSON)
    assert (error.title, error.detail) == ("Not Found", "Cannot GET /x")


def test_the_request_id_comes_from_a_header_where_the_body_has_none():
    assert error_of(502, b"", {"X-Request-Id": "r1"}).request_id == "r1"
    assert error_of(
        404, reference(404, "resource_not_found"), {"X-Request-Id": "r1"}
    ).request_id == ("req_9")


def test_a_status_that_the_body_invents_does_not_count():
    error = error_of(404, reference(200, "resource_not_found"), JSON)
    assert type(error) is errors.NotFoundError
    assert error.status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_garbage_is_no_400(method):
    """aiohttp gives an answer that is not HTTP the status 400."""
    request = HttpRequest(
        method=method, url="", headers=None, body=None, timeout=Timeout(), safe=False
    )
    call = Call(
        route=Route(method, "/x"),
        request=request,
        reading=Anything(),
        account_id=None,
        action="read",
    )
    failed = Failed(kind="garbage", sent=True, detail="the answer is not HTTP")
    result = codec.read(call, failed, key="k", now=lambda: 0.0)
    assert isinstance(result, Bad)
    assert isinstance(result.error, errors.TransportError)
    assert not isinstance(result.error, ResponseError)
    assert result.status is None


# -- the line -------------------------------------------------------------------------------------

UGLY: Final = [
    "line\none\r\ntwo\ttab",
    "\x1b]0;title\x07\x1b[31mred",
    "right\u202eto left\u2066",
    "nul\x00byte\x7f",
    "long " * 5000,
    "x" * 100_000,
    "lone \ud800 surrogate".encode("utf-8", "replace").decode(),
    "   ",
    "…" * 400,
]


@pytest.mark.parametrize("text", UGLY)
@pytest.mark.parametrize("field", ["title", "detail", "instance", "type"])
@pytest.mark.parametrize("status", [401, 404, 500])
def test_the_line_stays_a_line_whatever_the_service_says(status, field, text):
    body = json.dumps({"type": "errors/x", "detail": None, field: text}).encode()
    for method in ("GET", "POST"):
        error = error_of(status, body, JSON, method)
        one_line_with_a_step(error)


def test_the_next_step_is_not_cut_off_by_a_long_detail():
    error = error_of(404, reference(404, "resource_not_found", detail="x " * 9000), JSON)
    assert str(error).endswith("check the id; it belongs to one account and provider")


def test_what_is_kept_is_bounded():
    error = error_of(500, reference(500, "x", detail="d" * 100_000, title="t" * 100_000), JSON)
    assert len(error.body) <= 4096
    assert len(error.detail) <= 4096
    assert len(pickle.dumps(error)) < 50_000


def test_cookies_are_not_kept():
    headers = {"Set-Cookie": "s=1", "set-cookie2": "s=2", "X-Other": "3"}
    assert error_of(500, b"", headers).headers == {"x-other": "3"}


def test_a_lane_that_closes_says_why_on_one_line():
    body = json.dumps({"type": "a\nb\x1b/disconnected_account", "status": 401}).encode()
    bad = bad_of(401, body, JSON)
    assert bad.verdict.effect == "close"
    assert bad.verdict.reason == "401 errors/disconnected_account"


# -- what each class can do ------------------------------------------------------------------------

CLASSES: Final = [
    cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, PostpressError)
]


def made(cls: type[PostpressError]) -> PostpressError:
    """Return an error of a class with a value in every field."""
    fields: dict[str, Any] = {
        "status": 418,
        "type": "errors/x",
        "title": "T",
        "detail": 'D é\n"',
        "instance": "I",
        "request_id": "R",
        "retry_after": 1.5,
        "headers": {"a": "b"},
        "body": b"\x00\xff",
        "account_id": "acc_1",
        "path": "$.a",
        "cursor": "c",
        "action": "message",
        "limit": "80 a day",
        "item": "item_1",
        "state": "unknown",
        "outcome": "unknown",
        "retryable": True,
        "field": "attachments[0]",
        "file": "dog.png",
    }
    accepted = inspect.signature(cls).parameters
    error = cls("what it says", **{k: v for k, v in fields.items() if k in accepted})
    error.attempts = 3
    error.idempotency_key = "key-7"
    return error


def test_every_class_is_public_and_tested():
    assert {cls.__name__ for cls in CLASSES} == set(errors.__all__) - {"Outcome"}
    assert len(CLASSES) >= 28


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_class_pickles_whole(cls, protocol):
    error = made(cls)
    same = pickle.loads(pickle.dumps(error, protocol))
    assert type(same) is cls
    assert vars(same) == vars(error)
    assert same.args == error.args
    assert str(same) == str(error) == "what it says"
    assert repr(same) == repr(error)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_every_class_copies_whole(cls, copied):
    error = made(cls)
    same = copied(error)
    assert type(same) is cls
    assert vars(same) == vars(error)
    assert str(same) == str(error)


class OfAUser(errors.NotFoundError):
    """A class that somebody derives, with a field of their own."""

    def __init__(self, message: str, *, status: int, mine: int) -> None:
        super().__init__(message, status=status)
        self.mine = mine


def test_a_derived_class_pickles_too():
    error = OfAUser("gone", status=404, mine=5)
    same = copy.deepcopy(error)
    assert (type(same), same.mine, same.status) == (OfAUser, 5, 404)


def test_notes_survive():
    error = made(errors.ServerError)
    error.add_note("while reading the list")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while reading the list"]


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults_are_the_documented_ones(cls):
    assert cls.outcome in {"not_sent", "refused", "unknown", "done"}
    assert cls.attempts == 0
    assert cls.idempotency_key is None


def test_the_tree_is_the_drawn_one():
    drawn = {
        "TransportError": ["ConnectError", "RequestTimeoutError", "OutcomeUnknownError"],
        "ResponseError": [
            *["BadRequestError", "AuthenticationError", "PermissionDeniedError", "NotFoundError"],
            *["ConflictError", "UnprocessableError", "AccountError", "RateLimitedError"],
            "ServerError",
        ],
        "RateLimitedError": ["ProviderLimitError"],
        "ServerError": [
            "ServiceUnavailableError",
            "GatewayTimeoutError",
            "NotImplementedByProviderError",
        ],
        "SchedulerError": [
            *["WaitTooLongError", "QueueFullError", "LaneClosedError", "StateUnavailableError"]
        ],
    }
    for parent, children in drawn.items():
        found = {cls.__name__ for cls in getattr(errors, parent).__subclasses__()}
        assert found - {"OfAUser"} == set(children)
