"""The retry table of reliability.md §1, row by row, over real sockets.

A cell: the verdict's letter (R retry, S stop, U unknown, a digit: so many attempts), `+` where the
error says that it may be repeated, then the error's class and its outcome.
"""
# ruff: noqa: E501 - a table has a row a line

from __future__ import annotations

from typing import Any

import pytest

import postpress_async
from postpress_async import PostpressError, Retries, Timeout

GROUPS = (("GET",), ("PUT", "DELETE", "PATCH"), ("POST+key",), ("POST",))
ATTEMPTS = {"R": 3, "1": 2, "S": 1, "U": 1}
BY_READ = Timeout(total=None, connect=30.0, read=30.0)
BY_TOTAL = Timeout(total=60.0, connect=30.0, read=None)

# row | GET | PUT DELETE PATCH | POST+key | POST | does an attempt count?
NO_ANSWER = """
rst_at_once       | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
fin_at_once       | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
rst_after_reading | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
fin_after_reading | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
half_status_line  | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
half_headers      | R+ TransportError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
not_http          | 1+ TransportError unknown | U OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
silence           | R+ RequestTimeoutError unknown | R OutcomeUnknownError unknown | R OutcomeUnknownError unknown | U OutcomeUnknownError unknown | yes
"""
BROKEN_ANSWER = """
cut_by_length     | R+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
cut_chunked       | R+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
cut_by_rst        | R+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
stalled_body      | R+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
page              | 1+ DecodeError done | S DecodeError done | R DecodeError unknown | U DecodeError unknown | yes
cut_json          | 1+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
bad_gzip          | 1+ DecodeError done | S DecodeError done | S DecodeError done    | S DecodeError done    | yes
"""
ANSWERS = """
301                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
302                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
303                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
307                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
308                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
400 invalid_parameters       | S BadRequestError refused | S BadRequestError refused | S BadRequestError refused | S BadRequestError refused | no
401 missing_credentials      | S AuthenticationError refused | S AuthenticationError refused | S AuthenticationError refused | S AuthenticationError refused | no
401 disconnected_account     | S AccountError refused | S AccountError refused | S AccountError refused | S AccountError refused | no
401 expired_credentials      | S AccountError refused | S AccountError refused | S AccountError refused | S AccountError refused | no
403 insufficient_permissions | S PermissionDeniedError refused | S PermissionDeniedError refused | S PermissionDeniedError refused | S PermissionDeniedError refused | yes
403 account_restricted       | S AccountError refused | S AccountError refused | S AccountError refused | S AccountError refused | yes
404 resource_not_found       | S NotFoundError refused | S NotFoundError refused | S NotFoundError refused | S NotFoundError refused | yes
408                          | R+ ResponseError refused | R ResponseError unknown | R ResponseError unknown | U ResponseError unknown | yes
409                          | S ConflictError refused | S ConflictError refused | R ConflictError refused | S ConflictError refused | yes
413                          | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | yes
415 unsupported_media_type   | S ResponseError refused | S ResponseError refused | S ResponseError refused | S ResponseError refused | no
422 unprocessable_entity     | S UnprocessableError refused | S UnprocessableError refused | S UnprocessableError refused | S UnprocessableError refused | yes
422 limit_exceeded           | S+ ProviderLimitError refused | S+ ProviderLimitError refused | S+ ProviderLimitError refused | S+ ProviderLimitError refused | yes
422 cannot_resend_yet        | S+ ProviderLimitError refused | S+ ProviderLimitError refused | S+ ProviderLimitError refused | S+ ProviderLimitError refused | yes
429 too_many_requests in 0.001 s | R+ RateLimitedError refused | R+ RateLimitedError refused | R+ RateLimitedError refused | R+ RateLimitedError refused | yes
500 unexpected_error         | R+ ServerError refused | R ServerError unknown | R ServerError unknown | U ServerError unknown | yes
500 provider_error in 0.001 s    | 1+ ProviderLimitError refused | 1 ProviderLimitError unknown | 1 ProviderLimitError unknown | U ProviderLimitError unknown | yes
501 feature_not_implemented  | S NotImplementedByProviderError refused | S NotImplementedByProviderError refused | S NotImplementedByProviderError refused | S NotImplementedByProviderError refused | no
502                          | R+ ServerError refused | R ServerError unknown | R ServerError unknown | U ServerError unknown | yes
503                          | R+ ServiceUnavailableError refused | R ServiceUnavailableError unknown | R ServiceUnavailableError unknown | U ServiceUnavailableError unknown | yes
503 no_client_session        | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | no
503 no_channel               | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | no
503 no_handler               | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | R+ ServiceUnavailableError refused | no
503 network_down             | R+ ServiceUnavailableError refused | R ServiceUnavailableError unknown | R ServiceUnavailableError unknown | U ServiceUnavailableError unknown | yes
504 request_timeout          | R+ GatewayTimeoutError refused | R GatewayTimeoutError unknown | R GatewayTimeoutError unknown | U GatewayTimeoutError unknown | yes
"""


def cells(*tables: str) -> list[Any]:
    found = []
    for line in "".join(tables).replace("\n\n", "\n").strip().splitlines():
        row, *words, counts = (cell.strip() for cell in line.split("|"))
        for columns, cell in zip(GROUPS, words, strict=True):
            letter, name, outcome = cell.split()
            for column in columns:
                expected = (letter, getattr(postpress_async, name), outcome, counts == "yes")
                found.append(pytest.param(row, column, expected, id=f"{row}-{column}"))
    return found


@pytest.mark.parametrize(("row", "column", "expected"), cells(NO_ANSWER, BROKEN_ANSWER, ANSWERS))
async def test_row(serve, talk, row, column, expected):
    letter, cls, outcome, counts = expected
    raw = await serve(row)
    talker = talk(raw, timeout=BY_READ)
    attempts = ATTEMPTS[letter[0]]
    if row == "500 unexpected_error" and column == "PATCH":
        attempts = 2  # «R once»

    error = await talker.fails(column)

    assert type(error) is cls
    assert error.outcome == outcome
    assert "Timeout" not in str(error) or row in {"silence", "stalled_body"}
    assert error.retryable is ("+" in letter)
    assert error.attempts == attempts, talker.told.events
    await agrees(raw, talker, column, error, attempts=attempts)
    assert await talker.counted(column) == (attempts if counts else 0)


async def agrees(
    raw: Any, talker: Any, column: str, error: PostpressError, *, attempts: int
) -> None:
    """Check that the error, the hooks and the server tell the same story."""
    saw = len(raw.seen) or len(raw.connections)
    assert saw == attempts
    assert len(talker.told.attempts) == attempts
    assert [event.number for event in talker.told.attempts] == list(range(1, attempts + 1))
    finished = talker.told.finished
    assert finished.attempts == attempts
    assert finished.outcome == error.outcome
    assert finished.error == type(error).__name__
    keyed = column in {"POST", "POST+key", "PATCH"}
    if raw.seen and keyed:
        assert raw.keys == {error.idempotency_key}
        assert error.idempotency_key
    if not keyed and column == "GET":
        assert error.idempotency_key is None
    if column == "POST" and error.outcome in {"unknown", "done"}:
        assert saw == 1


@pytest.mark.parametrize("column", ["GET", "PUT", "DELETE", "PATCH", "POST+key", "POST"])
async def test_silence_until_total_is_as_silence_until_read(serve, talk, column):
    raw = await serve("silence")
    talker = talk(raw, timeout=BY_TOTAL, retries=Retries(attempts=2))
    error = await talker.fails(column)
    attempts = 1 if column == "POST" else 2
    assert error.outcome == "unknown"
    assert error.attempts == attempts, talker.told.events
    assert "Timeout.total=60" in str(error)
    await agrees(raw, talker, column, error, attempts=attempts)


@pytest.mark.parametrize("column", ["GET", "PUT", "DELETE", "PATCH", "POST+key", "POST"])
async def test_a_body_that_stalls_until_total(serve, talk, column):
    raw = await serve("stalled_body")
    talker = talk(raw, timeout=BY_TOTAL, retries=Retries(attempts=2))
    error = await talker.fails(column)
    assert type(error) is postpress_async.DecodeError
    assert error.outcome == "done"
    await agrees(raw, talker, column, error, attempts=2 if column == "GET" else 1)


ONCE = [
    ("rst_at_once", "GET PUT DELETE PATCH POST+key"),
    ("fin_after_reading", "GET PUT DELETE PATCH POST+key"),
    ("half_headers", "GET PUT DELETE PATCH POST+key"),
    ("not_http", "GET POST+key"),
    ("silence", "GET PUT DELETE PATCH POST+key"),
    ("cut_by_length", "GET"),
    ("stalled_body", "GET"),
    ("page", "GET POST+key"),
    ("bad_gzip", "GET"),
    ("429 too_many_requests in 0.001 s", "GET PUT DELETE PATCH POST+key POST"),
    ("500 provider_error in 0.001 s", "GET PUT DELETE PATCH POST+key"),
    ("502", "GET PUT DELETE PATCH POST+key"),
    ("503 no_channel", "GET PUT DELETE PATCH POST+key POST"),
]


@pytest.mark.parametrize(
    ("row", "column"), [(row, column) for row, columns in ONCE for column in columns.split()]
)
async def test_a_repeat_that_succeeds_is_a_success(serve, talk, row, column):
    raw = await serve(row, "good")
    talker = talk(raw, timeout=BY_READ)
    await talker(column)
    saw = len(raw.seen) + (row == "rst_at_once")
    assert saw == 2
    assert talker.told.finished.outcome == "done"
    assert talker.told.finished.error is None
    assert talker.told.finished.attempts == 2
    assert len(raw.keys) == 1
    assert await talker.counted(column) == (1 if row == "503 no_channel" else 2)


REPEATED_IN_DOUBT = [
    # the first attempt may have happened; what the second one hears; what that proves
    ("DELETE", "fin_after_reading", "404 resource_not_found", "NotFoundError done"),
    ("DELETE", "502", "404 resource_not_found", "NotFoundError done"),
    ("PUT", "fin_after_reading", "404 resource_not_found", "NotFoundError unknown"),
    ("PUT", "502", "400 invalid_parameters", "BadRequestError unknown"),
    ("PATCH", "silence", "403 insufficient_permissions", "PermissionDeniedError unknown"),
    ("POST+key", "502", "422 already_invited_recently", "ProviderLimitError done"),
    ("POST+key", "silence", "422 cannot_resend_yet", "ProviderLimitError done"),
    ("POST+key", "502", "422 action_already_performed", "UnprocessableError done"),
    ("POST+key", "502", "422 limit_exceeded", "ProviderLimitError unknown"),
    ("POST+key", "fin_after_reading", "401 disconnected_account", "AccountError unknown"),
    ("POST+key", "502", "501 feature_not_implemented", "NotImplementedByProviderError unknown"),
]


@pytest.mark.parametrize(
    ("column", "first", "second", "expected"), REPEATED_IN_DOUBT, ids=range(len(REPEATED_IN_DOUBT))
)
async def test_what_a_repeat_proves(  # noqa: PLR0917 - fixtures
    serve, talk, column, first, second, expected
):
    raw = await serve(first, second)
    talker = talk(raw, timeout=BY_READ)
    error = await talker.fails(column)
    assert f"{type(error).__name__} {error.outcome}" == expected
    assert not error.retryable
    assert error.attempts == len(raw.seen) == 2
    assert talker.told.finished.maybe_sent
    if column != "DELETE":
        assert len(raw.keys) == 1


async def test_a_first_404_of_a_delete_is_a_refusal(serve, talk):
    error = await talk(await serve("404 resource_not_found")).fails("DELETE")
    assert (error.outcome, error.attempts) == ("refused", 1)


async def test_a_write_in_doubt_stays_in_doubt_when_nobody_listens_any_more(serve, talk):
    async def last_words(c: Any) -> None:
        await c.request()
        c.server.stop()
        c.fin()

    raw = await serve(last_words)
    talker = talk(raw)
    error = await talker.fails("POST+key")
    assert type(error) is postpress_async.OutcomeUnknownError
    assert (error.outcome, error.retryable, error.attempts) == ("unknown", False, 3)
    assert [event.sent for event in talker.told.attempts] == [True, False, False]
    assert await talker.counted("POST") == 1
