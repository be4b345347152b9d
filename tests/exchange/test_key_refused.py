"""A refused API key: whoever waits is told at once, and nothing stays closed."""

from __future__ import annotations

import asyncio

import pytest

from postpress_async import AuthenticationError, Http, KeyRate, Limits, NotFoundError, Retries


async def waiting(talker, until, calls: int) -> list[asyncio.Task[object]]:
    """Start calls of several accounts, all but the first of which find no place."""
    client = talker.client
    tasks = [
        asyncio.ensure_future(client.users.get("jordan", account_id=f"acc_{number % 4}"))
        for number in range(calls)
    ]
    await until(lambda: talker.waiting == calls - 1)
    return tasks


@pytest.mark.parametrize("answer", ["401 missing_credentials", "401 key_revoked", "401"])
async def test_all_who_wait_are_told_at_once_and_the_next_call_asks_again(
    serve, talk, until, answer
):
    release = asyncio.Event()
    refused = True

    async def script(c):
        while True:
            await c.request()
            await release.wait()
            slug = answer.partition(" ")[2]
            said = f'{{"type":"errors/{slug}"}}' if slug else ""
            c.answer(401 if refused else 200, said.encode() if refused else b"{}")

    raw = await serve(script)
    talker = talk(raw, limits=Limits.none(), http=Http(connections=1), retries=Retries.none())
    tasks = await waiting(talker, until, 21)
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(result) for result in results} == {AuthenticationError}
    assert len({id(result) for result in results}) == 21  # each one of its own
    assert len(raw.seen) == 1
    first, *others = results
    assert (first.attempts, first.outcome) == (1, "refused")
    assert {(error.attempts, error.outcome) for error in others} == {(0, "not_sent")}
    assert all("POSTPRESS_API_KEY" in str(error) for error in results)
    talker.nothing_is_held()

    refused = False
    await talker.client.request("GET", "/users/jordan", type=dict, account_id="acc_1")
    assert len(raw.seen) == 2


async def test_whoever_waits_for_the_key_gate_is_told_without_asking(
    serve, talk, until, monkeypatch
):
    raw = await serve("401 missing_credentials")
    slow = {"key_rate": KeyRate(1, per=600.0), "max_wait": 1e6}
    talker = talk(raw, limits=Limits.none(), retries=Retries.none(), **slow)
    calls = [asyncio.create_task(talker("GET")) for _ in range(5)]
    await until(lambda: any(call.done() for call in calls))
    assert sum(call.done() for call in calls) == 1
    loop, leapt = asyncio.get_running_loop(), 0.0
    true = loop.time
    monkeypatch.setattr(loop, "time", lambda: true() + leapt)  # the gate's own clock
    while not all(call.done() for call in calls):
        leapt += 600.0
        await asyncio.sleep(0)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {AuthenticationError}
    assert len(raw.seen) == 1
    talker.nothing_is_held()


@pytest.mark.parametrize("answer", ["401 invalid_credentials", "401 invalid_proxy_credentials"])
async def test_what_is_refused_to_one_login_turns_nobody_else_away(serve, talk, until, answer):
    raw = await serve(answer)
    talker = talk(raw, limits=Limits.none(), http=Http(connections=1), retries=Retries.none())
    results = await asyncio.gather(*(talker("GET") for _ in range(5)), return_exceptions=True)
    assert {error.attempts for error in results} == {1}
    assert len(raw.seen) == 5


async def test_a_login_that_is_refused_turns_nobody_away(serve, talk):
    raw = await serve("401 missing_credentials", "404")
    talker = talk(raw, limits=Limits.none(), http=Http(connections=1), retries=Retries.none())
    login = talker.client.request(
        "POST", "/accounts/acc_1", type=dict, account_id="acc_1", json={"provider": "LINKEDIN"}
    )
    results = await asyncio.gather(login, talker("GET"), return_exceptions=True)
    assert [type(error) for error in results] == [AuthenticationError, NotFoundError]
