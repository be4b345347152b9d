"""Every effect, before and after the write."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from postpress_async.sandbox import ControlError, Fault, Sandbox

SEND = "POST /chats/{chat_id}/messages"


def fault(effect, **more):
    return {"route": SEND, "effect": effect, **more}


async def texts(api, chat):
    return [row["text"] for row in (await api.get(f"/chats/{chat}/messages?limit=3")).items]


@pytest.fixture
def chat(api):
    return api.account()["chats"][0]


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize(
    ("effect", "status", "kind"),
    [
        ("status", 503, "application/json"),
        ("html", 502, "text/html"),
        ("redirect", 307, "application/json"),
    ],
)
async def test_an_answer_is_replaced(api, sandbox, chat, *, effect, status, kind, stage):
    more = {"type": "network_down"} if effect == "status" else {}
    sandbox.faults([fault(effect, stage=stage, times=1, **more)])
    answer = await api.send(chat, "marker")
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["x-request-id"]
    check(sandbox, status, effect, stage)
    assert ("marker" in await texts(api, chat)) == (stage == "after")
    assert (await api.send(chat)).status == 201  # once is once


@pytest.mark.parametrize("stage", ["before", "after"])
async def test_a_connection_is_reset(api, sandbox, chat, stage):
    sandbox.faults([fault("reset", stage=stage, times=1)])
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await api.send(chat, "marker")
    check(sandbox, None, "reset", stage)
    assert ("marker" in await texts(api, chat)) == (stage == "after")


@pytest.mark.parametrize("stage", ["before", "after"])
async def test_a_reset_is_a_reset_and_not_a_goodbye(api, sandbox, chat, stage):
    sandbox.faults([fault("reset", stage=stage)])
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    writer.write(raw_send(sandbox, chat))
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


def raw_send(sandbox, chat):
    return (
        f"POST /v1/chats/{chat}/messages HTTP/1.1\r\nHost: x\r\nX-API-KEY: {sandbox.api_key}\r\n"
        'Content-Type: application/json\r\nContent-Length: 17\r\n\r\n{"text":"marker"}'
    ).encode()


@pytest.mark.parametrize("stage", ["before", "after", None])
async def test_half_a_body_arrives_under_a_head_that_claims_success(api, sandbox, chat, stage):
    sandbox.faults([fault("half_body", times=1, **({"stage": stage} if stage else {}))])
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
    writer.write(raw_send(sandbox, chat))
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert head.startswith(b"HTTP/1.1 20")
    assert 0 < len(body) < int(lines["Content-Length"])
    assert {"Date", "x-request-id", "Content-Type"} <= set(lines)
    assert ("marker" in await texts(api, chat)) == (stage != "before")
    check(sandbox, 200 if stage == "before" else 201, "half_body", stage or "after")


@pytest.mark.parametrize("stage", ["before", "after"])
async def test_a_stalled_request_never_hears_anything(api, sandbox, chat, stage):
    sandbox.faults([fault("stall", stage=stage, times=1)])
    sending = asyncio.create_task(api.send(chat, "marker"))
    await until(lambda: sandbox.journal(route=SEND))
    check(sandbox, None, "stall", stage)
    await asyncio.wait({sending}, timeout=0.05)  # an answer would come in a millisecond
    assert not sending.done()
    sending.cancel()
    await asyncio.wait({sending})
    assert ("marker" in await texts(api, chat)) == (stage == "after")


def check(sandbox, status, effect, stage):
    entry = sandbox.journal(route=SEND)[0]
    assert (entry.status, entry.fault, entry.committed) == (status, effect, stage == "after")


async def until(true):
    async with asyncio.timeout(20.0):
        while not true():  # noqa: ASYNC110 - the sandbox tells nobody but its journal
            await asyncio.sleep(0)


async def test_closing_does_not_wait_for_stalled_requests():
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        sandbox.faults([{"route": "*", "effect": "stall"}])
        headers = {"X-API-KEY": sandbox.api_key}
        stalled = [
            asyncio.create_task(session.get(f"{sandbox.url}/v1/accounts", headers=headers))
            for _ in range(5)
        ]
        await until(lambda: len(sandbox.journal()) == 5)
        sandbox._server._runner._shutdown_timeout = 600.0  # who waited for them would wait so long
        async with asyncio.timeout(20.0):
            await sandbox.aclose()
            ended = await asyncio.gather(*stalled, return_exceptions=True)
    assert all(isinstance(one, aiohttp.ClientError) for one in ended)


async def test_a_fault_strikes_as_often_as_told(api, sandbox):
    sandbox.faults([{"route": "GET /accounts", "effect": "status", "status": 500, "times": 2}])
    assert [(await api.get("/accounts")).status for _ in range(4)] == [500, 500, 200, 200]


async def test_the_first_fault_that_meets_the_request_is_the_one(api, sandbox):
    account = api.account()["id"]
    sandbox.faults(
        [
            Fault(route="GET /users/{who}", status=503, account_id=account, times=1),
            Fault(route="*", status=500, times=1),
        ]
    )
    profile = f"/users/jordan-walke?account_id={account}"
    other = f"/users/jordan-walke?account_id={api.account(index=1)['id']}"
    assert [(await api.get(path)).status for path in (other, profile, profile)] == [500, 503, 200]


async def test_chance_follows_from_the_seed():
    async def luck(seed):
        async with Sandbox(seed=seed) as sandbox, aiohttp.ClientSession() as session:
            sandbox.faults([{"route": "*", "effect": "status", "status": 500, "probability": 0.5}])
            headers, statuses = {"X-API-KEY": sandbox.api_key}, []
            for _ in range(40):
                async with session.get(f"{sandbox.url}/v1/accounts", headers=headers) as answer:
                    statuses.append(answer.status)
            return statuses

    first, again, other = await luck(1), await luck(1), await luck(2)
    assert first == again != other
    assert {200, 500} == set(first)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (7, "7"),
        (0, "0"),
        (1.5, "1.5"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ("soon", "soon"),
        (None, None),
    ],
)
async def test_retry_after_is_sent_as_given(api, sandbox, given, sent):
    sandbox.faults([{"route": "*", "effect": "status", "status": 429, "retry_after": given}])
    assert (await api.get("/accounts")).headers.get("Retry-After") == sent


async def test_a_redirect_leads_to_the_stored_place_only(api, sandbox):
    sandbox.faults([{"route": "*", "effect": "redirect", "times": 1}])
    answer = await api.get("/accounts?limit=3&to=https://evil.example")
    assert answer.headers["Location"] == "/v1/accounts?limit=3&to=https://evil.example"
    place = "https://elsewhere.example/v1/accounts"
    sandbox.faults([{"route": "*", "effect": "redirect", "status": 308, "location": place}])
    answer = await api.get("/accounts")
    assert (answer.status, answer.headers["Location"]) == (308, place)


async def test_a_gateway_answers_html_where_only_gateways_answer(api, sandbox):
    sandbox.faults([{"route": "*", "effect": "status", "status": 502}])
    assert (await api.get("/accounts")).headers["Content-Type"].startswith("text/html")
    sandbox.faults([{"route": "*", "effect": "html", "status": 200}])
    answer = await api.get("/accounts")
    assert (answer.status, answer.headers["Content-Type"][:9]) == (200, "text/html")


async def test_an_empty_success_can_be_provoked(api, sandbox):
    for status, body in ((200, b"{}"), (204, b"")):
        sandbox.faults([{"route": "*", "effect": "status", "status": status}])
        answer = await api.get("/accounts")
        assert (answer.status, answer.raw) == (status, body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"effect": "explode"},
        {"effect": "status"},
        {"effect": "status", "type": "never_heard_of"},
        {"effect": "status", "status": 42},
        {"effect": "redirect", "status": 200},
        {"effect": "reset", "stage": "during"},
        {"effect": "reset", "probability": 2},
        {"effect": "reset", "probability": "often"},
        {"effect": "reset", "times": -1},
        {"effect": "reset", "times": True},
        {"effect": "reset", "account": "acc_1"},
        {"effect": "status", "status": 429, "retry_after": "a\r\nb: c"},
        {"effect": "redirect", "location": "/a\r\nb: c"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    sandbox = Sandbox()
    with pytest.raises(ControlError):
        sandbox.faults([{"route": "*", **wrong}])
