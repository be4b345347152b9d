"""The retry table of reliability.md §1, row by row, as a pure question.

The letters are the document's: R retry, S stop, U unknown, B back off, C cool down; `1` after a
letter: once. Columns: GET, PUT, DELETE, PATCH, POST with a trusted key, POST.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from postpress_async import Retries, Timeout
from postpress_async.exchange.retry import (
    BASE_SECONDS,
    MOST_SECONDS,
    TOO_EARLY_SECONDS,
    Stop,
    Unknown,
    Wait,
    decide,
)
from postpress_async.wire import codec
from postpress_async.wire.routes import Route
from postpress_async.wire.values import Bad, Call, Failed, HttpRequest, Reply

COLUMNS: Final = ("GET", "PUT", "DELETE", "PATCH", "POST+key", "POST")
JSON: Final = {"Content-Type": "application/json"}
HTML: Final = {"Content-Type": "text/html"}


class Dict:
    def read(self, body: bytes) -> dict[str, Any]:
        return msgspec.json.decode(body, type=dict)


def said(status: int, slug: str) -> Reply:
    body = msgspec.json.encode({"type": f"errors/{slug}", "title": "No", "status": status})
    return Reply(status=status, headers=JSON, body=body)


def page(status: int) -> Reply:
    return Reply(status=status, headers=HTML, body=b"<html>proxy</html>")


def good(body: bytes, headers: dict[str, str] = JSON) -> Reply:
    return Reply(status=200, headers=headers, body=body)


def failed(kind: Any, *, sent: bool, status: int | None = None) -> Failed:
    head = None if status is None else JSON
    return Failed(kind=kind, sent=sent, detail="it failed", status=status, headers=head)


# what a client sees -> GET PUT DELETE PATCH POST+key POST. In the column POST+key a U of the
# document stands as R, because that is what trusting the key means; «happened» and «done» are S.
TABLE: Final[dict[str, tuple[Reply | Failed, str]]] = {
    "refused": (failed("connect", sent=False), "R R R R R R"),
    "name unknown": (failed("dns", sent=False), "R1 R1 R1 R1 R1 R1"),
    "certificate": (failed("certificate", sent=False), "S S S S S S"),
    "no TLS": (failed("tls", sent=False), "S S S S S S"),
    "closed in the handshake": (failed("connect", sent=False), "R R R R R R"),
    "total passes while connecting": (failed("timeout", sent=False), "R R R R R R"),
    "closed before or after it read": (failed("closed", sent=True), "R R R R R U"),
    "not sent after all": (failed("closed", sent=False), "R R R R R R"),
    "not HTTP": (failed("garbage", sent=True), "R1 U U U R U"),
    "silence": (failed("timeout", sent=True), "R R R R R U"),
    "2xx, body cut": (failed("body", sent=True, status=200), "R S S S S S"),
    "2xx, body stalls": (failed("timeout", sent=True, status=200), "R S S S S S"),
    "2xx, bad gzip": (failed("encoding", sent=True, status=200), "R1 S S S S S"),
    "2xx, too big": (failed("too_big", sent=True, status=200), "S S S S S S"),
    "2xx, a page": (good(b"<html>", HTML), "R1 S S S R U"),
    "2xx, cut JSON": (good(b'{"a":'), "R1 S S S S S"),
    "2xx, empty": (good(b""), "R1 S S S S S"),
    "301": (page(301), "S S S S S S"),
    "302": (page(302), "S S S S S S"),
    "303": (page(303), "S S S S S S"),
    "307": (page(307), "S S S S S S"),
    "308": (page(308), "S S S S S S"),
    "400": (said(400, "invalid_parameters"), "S S S S S S"),
    "403": (said(403, "insufficient_permissions"), "S S S S S S"),
    "404": (said(404, "resource_not_found"), "S S S S S S"),
    "422": (said(422, "unprocessable_entity"), "S S S S S S"),
    "501": (said(501, "feature_not_implemented"), "S S S S S S"),
    "401 key": (said(401, "missing_credentials"), "S S S S S S"),
    "401 disconnected": (said(401, "disconnected_account"), "S S S S S S"),
    "401 expired": (said(401, "expired_credentials"), "S S S S S S"),
    "403 restricted": (said(403, "account_restricted"), "S S S S S S"),
    "408": (page(408), "R R R R R U"),
    "409": (said(409, "conflict"), "S S S S R S"),
    "413": (page(413), "S S S S S S"),
    "415": (said(415, "unsupported_media_type"), "S S S S S S"),
    "422 resend": (said(422, "cannot_resend_yet"), "S S S S S S"),
    "422 limit": (said(422, "limit_exceeded"), "S S S S S S"),
    "422 invited": (said(422, "already_invited_recently"), "S S S S S S"),
    "425": (said(425, "auth_in_progress"), "C C C C C C"),
    "429": (said(429, "too_many_requests"), "C C C C C C"),
    "429 of a proxy": (page(429), "C C C C C C"),
    "500": (said(500, "unexpected_error"), "B B B B1 R U"),
    "500 of a proxy": (page(500), "B B B B1 R U"),
    "500 provider": (said(500, "provider_error"), "C1 C1 C1 C1 R1 U"),
    "502": (page(502), "B B B B R U"),
    "504": (said(504, "request_timeout"), "B B B B R U"),
    "503 of a proxy": (page(503), "B B B B R U"),
    "503 session": (said(503, "no_client_session"), "B B B B B B"),
    "503 channel": (said(503, "no_channel"), "B B B B B B"),
    "503 handler": (said(503, "no_handler"), "B B B B B B"),
    "503 network": (said(503, "network_down"), "B B B B B U"),
    "503 service": (said(503, "service_unavailable"), "B B B B R U"),
    "520 of a proxy": (page(520), "B B B B R U"),
}


def policy_of(column: str, attempts: int = 9) -> Retries:
    return Retries(attempts=attempts, trust_idempotency_key=column == "POST+key")


def bad_of(answer: Reply | Failed, route: Route) -> Bad:
    call = Call(
        route=route,
        request=HttpRequest(
            method=route.method, url="", headers=None, body=None, timeout=Timeout(), safe=False
        ),
        reading=Dict(),
        account_id="acc_1",
        action="other",
    )
    result = codec.read(call, answer, key="key-1", now=lambda: 0.0)
    assert isinstance(result, Bad)
    return result


def asked(
    answer: Reply | Failed, column: str, number: int, *, jitter: float = 0.5, attempts: int = 9
) -> Wait | Stop | Unknown:
    route = Route(column.partition("+")[0], "/x", action="other")
    return decide(bad_of(answer, route), route, number, policy_of(column, attempts), jitter)


CELLS: Final = [
    pytest.param(answer, column, letter, id=f"{name}-{column}")
    for name, (answer, letters) in TABLE.items()
    for column, letter in zip(COLUMNS, letters.split(), strict=True)
]


@pytest.mark.parametrize(("answer", "column", "letter"), CELLS)
def test_every_cell_says_what_the_document_says(answer, column, letter):
    first, second = (asked(answer, column, number) for number in (1, 2))
    if letter == "S":
        assert isinstance(first, Stop)
    elif letter == "U":
        assert isinstance(first, Unknown)
    else:
        assert isinstance(first, Wait)
        if letter.endswith("1"):
            assert isinstance(second, Stop)
        else:
            assert isinstance(second, Wait)


@pytest.mark.parametrize(("answer", "column", "letter"), CELLS)
def test_the_outcome_forbids_what_the_table_forbids(answer, column, letter):
    """A write stopped as U is unknown; whatever was refused or never left may go again."""
    route = Route(column.partition("+")[0], "/x", action="other")
    bad = bad_of(answer, route)
    if letter == "U":
        assert bad.error.outcome == "unknown"
        assert not bad.error.retryable
    if route.method == "POST" and letter[0] in "BC" and not bad.html:
        assert bad.error.outcome == ("unknown" if bad.slug == "network_down" else "refused")
    if letter == "S" and bad.status == 200:
        assert bad.error.outcome == "done"
    if not bad.sent:
        assert bad.error.outcome == "not_sent"


@pytest.mark.parametrize(("answer", "column", "letter"), CELLS)
def test_the_last_attempt_is_the_last(answer, column, letter):
    assert not isinstance(asked(answer, column, 3, attempts=3), Wait)


@pytest.mark.parametrize("number", [1, 2, 3, 6, 7, 40])
@pytest.mark.parametrize("jitter", [0.0, 0.25, 0.999])
def test_back_off_is_full_jitter_below_a_doubling_bound(number, jitter):
    decision = asked(failed("connect", sent=False), "GET", number, jitter=jitter, attempts=99)
    assert isinstance(decision, Wait)
    assert decision.seconds == jitter * min(MOST_SECONDS, BASE_SECONDS * 2.0 ** (number - 1))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_retry_after_is_never_undercut(status):
    reply = Reply(status=status, headers={"Retry-After": "7.5"}, body=b"")
    decision = asked(reply, "GET", 1, jitter=0.1)
    assert isinstance(decision, Wait)
    assert decision.seconds == 7.5


def test_too_early_waits_a_moment_at_least_and_its_retry_after_at_most():
    assert asked(said(425, "auth_in_progress"), "POST", 1, jitter=0.0) == Wait(
        TOO_EARLY_SECONDS, "too_early"
    )
    slow = Reply(status=425, headers={"Retry-After": "9"}, body=b"")
    assert asked(slow, "POST", 1, jitter=0.0) == Wait(9.0, "too_early")


def test_after_a_429_the_lane_does_the_waiting():
    assert asked(said(429, "too_many_requests"), "POST", 1) == Wait(0.0, "cool_down")
    assert asked(said(500, "provider_error"), "GET", 1) == Wait(0.0, "cool_down")


@pytest.mark.parametrize("answer", [failed("closed", sent=True), page(502), page(504)])
def test_a_get_that_starts_work_is_repeated_no_more_than_a_post(answer):
    route = Route("GET", "/accounts/{id}/sync", safe=False)
    bad = bad_of(answer, route)
    assert bad.error.outcome == "unknown"
    for trusted in (False, True):  # it carries no key that could be trusted
        policy = Retries(trust_idempotency_key=trusted)
        assert isinstance(decide(bad, route, 1, policy, 0.5), Unknown)


def test_the_default_never_repeats_a_write_in_doubt():
    assert not Retries().trust_idempotency_key
