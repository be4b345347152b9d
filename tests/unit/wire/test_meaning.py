"""What each answer means for the account, its action, the key and the service."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from postpress_async import Timeout
from postpress_async.wire import codec
from postpress_async.wire.routes import Route
from postpress_async.wire.values import Bad, Call, Failed, HttpRequest, Reply

JSON = {"Content-Type": "application/json"}
AGAIN = ("cannot_resend_yet", "cannot_resend_within_24hrs", "already_invited_recently")


class Anything:
    def read(self, body: bytes) -> object:
        return msgspec.json.decode(body)


def bad_of(answer: Reply | Failed, action: str = "invite", method: Any = "POST") -> Bad:
    request = HttpRequest(
        method=method, url="", headers=None, body=None, timeout=Timeout(), safe=False
    )
    call = Call(
        route=Route(method, "/x", action=action),
        request=request,
        reading=Anything(),
        account_id="acc_1",
        action=action,
        subject="ACo1",
    )
    result = codec.read(call, answer, key="key-1", now=lambda: 1_800_000_000.0)
    assert isinstance(result, Bad)
    return result


def said(status: int, slug: str | None, headers: dict[str, str] | None = None) -> Reply:
    body = b"" if slug is None else msgspec.json.encode({"type": f"errors/{slug}", "title": "No"})
    return Reply(status=status, headers={**JSON, **(headers or {})}, body=body)


@pytest.mark.parametrize(
    ("status", "slug", "effect"),
    [
        (429, "too_many_requests", "cool_down"),
        (429, None, "cool_down"),
        (422, "limit_exceeded", "close_action"),
        *((status, slug, "same_again") for status in (409, 422) for slug in AGAIN),
        (422, "user_unreachable", "none"),
        (404, "resource_not_found", "none"),
        (500, "provider_error", "provider_error"),
        (500, "authentication_intent_error", "no_answer"),
        (500, "unexpected_error", "unavailable"),
        (500, None, "unavailable"),
        (501, "feature_not_implemented", "no_answer"),
        (502, None, "unavailable"),
        (502, "provider_error", "unavailable"),
        (503, None, "unavailable"),
        (503, "no_client_session", "unavailable"),
        (503, "service_unavailable", "unavailable"),
        (504, "request_timeout", "unavailable"),
        (520, None, "unavailable"),
        (408, None, "no_answer"),
        (401, "disconnected_account", "close"),
        (401, "expired_credentials", "close"),
        (403, "account_restricted", "restrict"),
        (401, "missing_credentials", "key_refused"),
        (401, "key_missing", "key_refused"),
        (401, "key_revoked", "key_refused"),
        (401, None, "key_refused"),
        (401, "invalid_credentials", "no_answer"),
        (401, "insufficient_privileges", "no_answer"),
        (401, "invalid_proxy_credentials", "no_answer"),
        (401, "checkpoint_error", "no_answer"),
    ],
)
def test_what_an_answer_means_for_an_invitation(status, slug, effect):
    assert bad_of(said(status, slug)).verdict.effect == effect


@pytest.mark.parametrize(
    ("status", "slug", "effect"),
    [
        (429, "too_many_requests", "cool_key"),
        (500, "provider_error", "no_answer"),
        (500, "unexpected_error", "unavailable"),
        (422, "limit_exceeded", "none"),
        (422, "cannot_resend_yet", "none"),
        (401, "missing_credentials", "key_refused"),
        (401, "disconnected_account", "close"),
    ],
)
def test_a_read_says_nothing_about_a_providers_limits(status, slug, effect):
    assert bad_of(said(status, slug), "read", "GET").verdict.effect == effect


@pytest.mark.parametrize("slug", ["missing_credentials", "key_missing", None])
def test_what_a_login_is_refused_for_is_its_own(slug):
    assert bad_of(said(401, slug), "login").verdict.effect == "no_answer"


def test_who_was_asked_again_is_named_and_why_an_action_closes():
    again = bad_of(said(422, "already_invited_recently")).verdict
    assert (again.subject, again.reason) == ("ACo1", "422 errors/already_invited_recently")
    assert again.counts
    closes = bad_of(said(422, "limit_exceeded")).verdict
    assert (closes.subject, closes.reason) == (None, "422 errors/limit_exceeded")
    assert bad_of(said(404, "resource_not_found")).verdict.reason is None


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("connect", "unavailable"),
        ("dns", "unavailable"),
        ("timeout", "unavailable"),
        ("closed", "unavailable"),
        ("garbage", "unavailable"),
        ("certificate", "no_answer"),
        ("tls", "no_answer"),
        ("late", "no_answer"),
    ],
)
def test_silence_is_the_services_only_where_it_should_have_spoken(kind, sent, effect):
    verdict = bad_of(Failed(kind=kind, sent=sent, detail="d")).verdict
    assert verdict.effect == effect
    assert verdict.counts is sent
    assert verdict.settle == (codec.SETTLE if sent else 0.0)
    own = bad_of(Failed(kind=kind, sent=sent, detail="d", backlog=True)).verdict
    assert own.effect == "no_answer"
    assert own.counts is sent


@pytest.mark.parametrize("kind", ["body", "too_big", "encoding", "timeout"])
def test_a_good_head_without_its_body_is_no_sign_of_a_failing_service(kind):
    bad = bad_of(Failed(kind=kind, sent=True, detail="d", status=200, headers=JSON))
    assert bad.verdict.effect == "no_answer"


# -- how long a 429 asks to wait ------------------------------------------------------------


@pytest.mark.parametrize("name", ["X-RateLimit-Reset", "x-ratelimit-reset", "RateLimit-Reset"])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("86400", 86400.0),
        ("1800000060", 60.0),
        ("1799999000", None),
        ("1800086401", None),
        ("100000", None),
        ("1800000060000", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_reset_stands_in_for_a_missing_retry_after(name, text, seconds):
    bad = bad_of(said(429, "too_many_requests", {name: text}))
    assert bad.retry_after == bad.verdict.retry_after == bad.error.retry_after == seconds


def test_an_epoch_is_measured_against_the_answers_own_date():
    headers = {"X-RateLimit-Reset": "1000000060", "Date": "Sun, 09 Sep 2001 01:46:40 GMT"}
    assert bad_of(said(429, None, headers)).retry_after == 60.0


def test_a_retry_after_goes_before_a_reset_and_only_a_429_has_one():
    both = {"Retry-After": "5", "X-RateLimit-Reset": "30"}
    assert bad_of(said(429, None, both)).retry_after == 5.0
    assert bad_of(said(503, None, {"X-RateLimit-Reset": "30"})).retry_after is None
