"""FakeTransport: what units script instead of a network."""

from __future__ import annotations

import asyncio
import doctest

import pytest

from postpress_async import (
    ConnectError,
    DecodeError,
    Limits,
    OutcomeUnknownError,
    Postpress,
    RateLimitedError,
    RequestOptions,
    Retries,
    Transport,
    WaitTooLongError,
)
from postpress_async.testing import FakeTransport, failure, fake, problem, reply, silence

ADA = {"object": "UserProfile", "provider": "LINKEDIN", "first_name": "Ada", "last_name": "L"}
SENT = {"object": "MessageSent", "message_id": "m_1"}


def client_of(transport: FakeTransport, **options) -> Postpress:
    options.setdefault("providers", {"acc_1": "LINKEDIN"})
    return Postpress("canary-key", transport=transport, **options)


async def send(client: Postpress, **options):
    return await client.messages.send(
        chat_id="chat_1", text="Hellö", account_id="acc_1", options=RequestOptions(**options)
    )


def test_the_example_runs():
    failed, tried = doctest.testmod(fake)
    assert (failed, tried > 0) == (0, True)


async def test_plain_json_is_an_answer_and_requests_are_remembered():
    transport: Transport = FakeTransport([ADA])  # and it is one, by its type
    async with client_of(transport) as client:
        user = await client.users.get("ada lovelace", account_id="acc_1")
    [request] = transport.requests
    assert user.display_name == "Ada L"
    assert (request.method, request.path) == ("GET", "/v1/users/ada lovelace")
    assert request.query == {"account_id": ["acc_1"]}
    assert "canary-key" not in repr(request.headers)
    assert transport.closed


async def test_a_form_can_be_read():
    transport = FakeTransport([reply(SENT, status=201)])
    async with client_of(transport) as client:
        await send(client, idempotency_key="mine")
    [request] = transport.requests
    assert request.form == {"text": "Hellö", "account_id": "acc_1"}
    assert request.headers["idempotency-key"] == "mine"


async def test_json_bodies_can_be_read():
    transport = FakeTransport([reply({"fine": True})])
    async with client_of(transport) as client:
        got = await client.request(
            "POST", "/anything", type=dict, account_id="acc_1", json={"a": [1]}
        )
    assert (got, transport.requests[0].json) == ({"fine": True}, {"a": [1]})


async def test_a_handler_sees_the_request_and_may_wait():
    async def handler(request):
        await asyncio.sleep(0)
        return ADA | {"first_name": request.path.rpartition("/")[2]}

    async with client_of(FakeTransport(handler)) as client:
        names = [
            (await client.users.get(name, account_id="acc_1")).first_name for name in ("a", "b")
        ]
    assert names == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "error", "outcome"),
    [
        (failure("connect"), ConnectError, "not_sent"),
        (failure("closed"), OutcomeUnknownError, "unknown"),
        (failure("timeout"), OutcomeUnknownError, "unknown"),
        (failure("body", status=201), DecodeError, "done"),
        (problem("too_many_requests", 429, retry_after=3), RateLimitedError, "refused"),
        (reply(body=b"{", status=201), DecodeError, "done"),
    ],
)
async def test_failures_of_a_write(answer, error, outcome):
    async with client_of(FakeTransport([answer]), retries=Retries.none()) as client:
        with pytest.raises(error) as raised:
            await send(client)
    assert raised.value.outcome == outcome


async def test_headers_are_found_in_any_case():
    limited = reply({}, status=429, headers={"retry-after": "7"})
    async with client_of(FakeTransport([limited]), retries=Retries.none()) as client:
        with pytest.raises(RateLimitedError) as raised:
            await send(client)
    assert raised.value.retry_after == 7


async def test_a_request_beyond_the_script_fails_the_test():
    async with client_of(FakeTransport([])) as client:
        with pytest.raises(AssertionError, match=r"GET .*/users/ada.* was not expected"):
            await client.users.get("ada", account_id="acc_1")


async def test_silence_is_for_cancelling():
    asked = asyncio.Event()

    def handler(_):
        asked.set()
        return silence()

    async with client_of(FakeTransport(handler)) as client:
        task = asyncio.create_task(send(client))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.looptime
async def test_with_looptime_an_hour_is_nothing():
    transport = FakeTransport(lambda _: reply(SENT, status=201))
    clients = client_of(transport, providers={"acc_1": "INSTAGRAM"}, max_wait=7200.0)
    async with clients as client:
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(send(client) for _ in range(11)))
        assert asyncio.get_running_loop().time() - start >= 3600


async def test_without_patience_the_limit_shows_at_once():
    transport = FakeTransport(lambda _: reply(SENT, status=201))
    clients = client_of(transport, providers={"acc_1": "INSTAGRAM"}, limits=Limits.recommended())
    async with clients as client:
        for _ in range(10):
            await send(client)
        with pytest.raises(WaitTooLongError):
            await send(client, max_wait=0.0)
    assert len(transport.requests) == 10


def test_a_wait_of_weeks_is_written_in_full():
    said = problem("too_many_requests", 429, retry_after=2_592_000)
    assert dict(said.headers)["Retry-After"] == "2592000"
