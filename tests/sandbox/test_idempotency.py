"""Idempotency keys: honoured, ignored, in flight, misused."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
import pytest

SEND = "POST /chats/{chat_id}/messages"
KEY = {"Idempotency-Key": "campaign-7/lead-42"}


@pytest.fixture
def chat(api):
    return api.account()["chats"][0]


def written(sandbox):
    return [entry.committed for entry in sandbox.journal(route=SEND)]


async def test_a_replay_gives_the_first_answer_and_writes_nothing(api, sandbox, chat):
    first = await api.send(chat, headers=KEY)
    again = await api.send(chat, headers=KEY)
    assert (first.status, first.json) == (again.status, again.json)
    assert written(sandbox) == [True, False]
    replayed = sandbox.journal()[-1]
    assert replayed.replayed
    assert replayed.idempotency_key == KEY["Idempotency-Key"]
    assert replayed.text is None


async def test_a_replay_may_have_another_boundary(api, sandbox, chat):
    for _ in range(2):
        data = aiohttp.FormData(default_to_multipart=True)
        data.add_field("text", "Hello")
        data.add_field("attachments", b"x", filename="a.txt")
        await api.post(f"/chats/{chat}/messages", data=data, headers=KEY)
    assert written(sandbox) == [True, False]


async def test_keys_can_be_ignored(api, sandbox, chat):
    sandbox.idempotency(honoured=False)
    first, again = [await api.send(chat, headers=KEY) for _ in range(2)]
    assert first.json != again.json
    assert written(sandbox) == [True, True]
    assert (await api.steer("/idempotency", {"honoured": True})).json == {"honoured": True}
    assert (await api.steer("/idempotency", {"honoured": 1})).status == 400


async def test_without_a_key_each_is_a_write(api, sandbox, chat):
    for _ in range(2):
        await api.send(chat)
    assert written(sandbox) == [True, True]


async def test_other_keys_are_other_writes(api, sandbox, chat):
    for key in ("a", "b"):
        await api.send(chat, headers={"Idempotency-Key": key})
    assert written(sandbox) == [True, True]


@pytest.mark.parametrize("change", ["text", "chat"])
async def test_a_key_used_for_another_request_is_refused(api, sandbox, chat, change):
    await api.send(chat, headers=KEY)
    other = api.account()["chats"][1] if change == "chat" else chat
    answer = await api.send(other, "Hello" if change == "chat" else "Other", headers=KEY)
    assert (answer.status, answer.type) == (422, "unprocessable_entity")
    assert written(sandbox)[-1] is False


@pytest.mark.parametrize("refusal", [{"type": "too_many_requests"}, {"type": "network_down"}])
async def test_a_refusal_is_no_result(api, sandbox, chat, refusal):
    sandbox.faults([{"route": SEND, "effect": "status", "times": 1, **refusal}])
    assert (await api.send(chat, headers=KEY)).status in (429, 503)
    assert (await api.send(chat, headers=KEY)).status == 201
    assert written(sandbox) == [False, True]


@pytest.mark.parametrize("effect", ["reset", "half_body", "status", "html"])
async def test_a_write_whose_answer_was_lost_is_replayed(api, sandbox, chat, effect):
    more = {"status": 504} if effect == "status" else {}
    fault = {"route": SEND, "effect": effect, "stage": "after", "times": 1, **more}
    sandbox.faults([fault])
    with contextlib.suppress(aiohttp.ClientError):
        await api.send(chat, headers=KEY)
    again = await api.send(chat, headers=KEY)
    last = (await api.get(f"/chats/{chat}")).json["lastMessage"]
    assert again.status == 201
    assert again.json["message_id"] == last["id"]
    assert written(sandbox) == [True, False]


@pytest.mark.parametrize("stage", ["before", "after"])
async def test_the_same_key_in_flight_is_a_conflict(api, sandbox, chat, stage):
    sandbox.faults([{"route": SEND, "effect": "stall", "stage": stage, "times": 1}])
    first = asyncio.create_task(api.send(chat, headers=KEY))
    while not sandbox.journal():  # noqa: ASYNC110 - the sandbox tells nobody but its journal
        await asyncio.sleep(0)
    second = await api.send(chat, headers=KEY)
    assert (second.status, second.type) == (409, "request_in_progress")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with asyncio.timeout(20.0):  # until it is noticed that the first one left
        while (await api.send(chat, headers=KEY)).status == 409:
            pass
    assert sum(written(sandbox)) == 1


async def test_a_key_means_nothing_on_a_get(api, sandbox):
    for limit in (1, 2):
        page = await api.get(f"/accounts?limit={limit}", headers=KEY)
        assert len(page.items) == limit


async def test_a_replay_is_given_also_when_the_window_is_full(api, sandbox, chat):
    sandbox.limits([{"action": "message", "amount": 1, "per": "day"}])
    first = await api.send(chat, headers=KEY)
    assert (await api.send(chat, headers=KEY)).json == first.json
    assert (await api.send(chat)).status == 429


async def test_a_reset_forgets_keys(api, sandbox):
    chat = api.account()["chats"][0]
    first = await api.send(chat, headers=KEY)
    sandbox.reset(seed=1)
    again = await api.send(chat, "Other", headers=KEY)
    assert (first.status, again.status) == (201, 201)
