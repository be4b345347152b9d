"""The key, the envelope, and what every answer carries."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

# Every error type of the reference pages, with the status of its heading.
DOCUMENTED = {
    400: """invalid_parameters missing_parameters malformed_request content_too_large invalid_url
        too_many_characters unescaped_characters limit_too_high invalid_request invalid_action
        invalid_label""",
    401: """missing_credentials multiple_sessions invalid_checkpoint_solution
        invalid_proxy_credentials checkpoint_error invalid_credentials expired_credentials
        insufficient_privileges disconnected_account disconnected_feature
        invalid_credentials_but_valid_account_imap expired_link wrong_account
        captcha_not_supported invalid_imap_configuration invalid_smtp_configuration""",
    403: """account_restricted account_mismatch insufficient_permissions session_mismatch
        feature_not_subscribed subscription_required unknown_authentication_context
        action_required resource_access_restricted""",
    404: "resource_not_found invalid_resource_identifier",
    415: "unsupported_media_type",
    422: """invalid_account user_unreachable unprocessable_entity account_configuration_error
        provider_unreachable invalid_recipient no_connection_with_recipient blocked_recipient
        action_already_performed invalid_message invalid_post not_allowed_inmail
        insufficient_credits cannot_resend_yet cannot_resend_within_24hrs limit_exceeded
        already_invited_recently cannot_invite_attendee parent_mail_not_found
        invalid_reply_subject invalid_headers send_as_denied invalid_folder invalid_thread
        unauthorized sender_rejected recipient_rejected ip_rejected_by_server cant_send_message
        realtime_client_not_initialized already_connected connection_limit_reached""",
    425: "auth_in_progress",
    429: "too_many_requests",
    500: "unexpected_error provider_error authentication_intent_error",
    501: "feature_not_implemented",
    503: "no_client_session no_channel no_handler network_down service_unavailable",
    504: "request_timeout",
}
TYPES = [(status, slug) for status, slugs in DOCUMENTED.items() for slug in slugs.split()]


async def test_every_documented_error_can_be_provoked_by_its_type(api, sandbox):
    for status, slug in TYPES:
        sandbox.faults([{"route": "GET /accounts", "effect": "status", "type": slug}])
        answer = await api.get("/accounts")
        assert (answer.status, answer.type) == (status, slug)
        assert set(answer.json) == {"title", "detail", "instance", "type", "status"}
        assert answer.json["type"] == f"errors/{slug}"
        assert answer.json["status"] == status
        assert answer.json["title"]


@pytest.mark.parametrize(
    ("fault", "status", "type"),
    [
        ({"status": 429}, 429, "too_many_requests"),
        ({"status": 503}, 503, "service_unavailable"),
        ({"status": 404, "type": "errors/resource_not_found"}, 404, "resource_not_found"),
        ({"status": 422, "type": "limit_too_high"}, 422, "limit_too_high"),
        ({"status": 418, "type": "never_heard_of"}, 418, "never_heard_of"),
        ({"status": 599}, 599, "unexpected_error"),
    ],
)
async def test_status_and_type_may_be_named_apart(api, sandbox, fault, status, type):
    sandbox.faults([{"route": "GET /accounts", "effect": "status", **fault}])
    answer = await api.get("/accounts")
    assert (answer.status, answer.type) == (status, type)


async def test_the_request_id_is_in_the_header_and_in_the_envelope(api, sandbox):
    answer = await api.get("/accounts/none")
    assert answer.headers["x-request-id"] == answer.json["instance"]
    assert sandbox.journal()[-1].request_id == answer.json["instance"]
    ids = {(await api.get("/accounts")).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"req_\w+", one) for one in ids)


async def test_every_answer_has_a_date_and_json(api):
    for path in ("/accounts", "/accounts/none", "/nothing"):
        answer = await api.get(path)
        assert answer.headers["Date"].endswith("GMT")
        assert answer.headers["Content-Type"].startswith("application/json")


async def test_the_date_is_that_of_the_sandboxs_clock(api, sandbox):
    await sandbox.advance(3 * 86_400.0)
    before = sandbox.clock.time()
    answer = await api.get("/accounts")
    said = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert int(before) <= said <= sandbox.clock.time()


async def test_the_key_is_taken_in_both_headers(api, sandbox):
    for headers in ({"X-API-KEY": sandbox.api_key}, {"Authorization": f"Bearer {sandbox.api_key}"}):
        assert (await api.get("/accounts", key=None, headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-KEY": "wrong"},
        {"X-API-KEY": ""},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
    ],
)
@pytest.mark.parametrize("mount", ["/v1", "/api/v1"])
async def test_a_missing_or_wrong_key_is_refused(api, sandbox, headers, mount):
    answer = await api.get("/accounts", key=None, headers=headers, mount=mount)
    assert (answer.status, answer.type) == (401, "missing_credentials")
    assert "wrong" not in answer.raw.decode()
    assert sandbox.journal()[-1].status == 401


async def test_no_cors_header_is_ever_sent(api):
    for method, path in (("GET", "/accounts"), ("OPTIONS", "/accounts")):
        answer = await api(method, path, headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("status", "answers"),
    [
        ("CREDENTIALS", (401, "disconnected_account")),
        ("STOPPED", (401, "disconnected_account")),
        ("ERROR", (401, "disconnected_account")),
        ("PERMISSIONS", (401, "disconnected_account")),
        ("CONNECTING", (503, "no_client_session")),
        ("RESTRICTED", (403, "account_restricted")),
    ],
)
async def test_an_account_that_is_gone_refuses_what_reaches_the_provider(
    api, sandbox, status, answers
):
    account = api.account()
    chat, profile = account["chats"][0], f"/users/jordan-walke?account_id={account['id']}"
    sandbox.set_status(account["id"], status)
    for answer in (await api.get(profile), await api.send(chat)):
        assert (answer.status, answer.type) == answers
    source = (await api.get(f"/accounts/{account['id']}")).json["sources"][0]
    assert source["status"] == ("ERROR" if status == "RESTRICTED" else status)
    assert sandbox.world()["accounts"][0]["status"] == status
    for path in (f"/chats/{chat}", f"/chats/{chat}/messages", "/accounts"):
        assert (await api.get(path)).status == 200  # over stale data
    other = api.account(index=1)["id"]
    assert (await api.get(f"/users/jordan-walke?account_id={other}")).status == 200
    sandbox.set_status(account["id"], "OK")
    assert (await api.get(profile)).status == 200
    assert (await api.send(chat)).status == 201
