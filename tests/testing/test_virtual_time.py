"""VirtualTime: sandbox and client on one clock that a test moves."""

from __future__ import annotations

import asyncio

import pytest

from postpress_async import NotFoundError


def account_of(sandbox, provider):
    return next(row for row in sandbox.world()["accounts"] if row["provider"] == provider)


async def test_advance_wakes_a_waiting_call(
    postpress_sandbox, postpress_client, postpress_virtual_time
):
    account = account_of(postpress_sandbox, "WHATSAPP")
    lane = postpress_client.account(account["id"])

    async def send():
        await lane.messages.send(chat_id=account["chats"][0], text="Hi")

    await send()
    second = asyncio.create_task(send())
    while not (await postpress_client.scheduler.snapshot(account["id"]))[0].queued:  # noqa: ASYNC110 - no event tells of a queue
        await asyncio.sleep(0)
    assert not second.done()
    await postpress_virtual_time.advance(21.0)  # the gap is 15 to 20 s
    await second


async def test_run_returns_and_raises_what_the_work_does(postpress_client, postpress_virtual_time):
    async def work():
        return [account.id async for account in postpress_client.accounts.list()]

    ids = await postpress_virtual_time.run(work())
    with pytest.raises(NotFoundError):
        await postpress_virtual_time.run(postpress_client.users.get("nobody", account_id=ids[0]))


async def test_run_ends_its_work_when_it_is_cancelled(postpress_virtual_time):
    ended = asyncio.Event()

    async def work():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    running = asyncio.create_task(postpress_virtual_time.run(work()))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


async def test_a_day_of_pacing_stays_within_the_hidden_limit(
    postpress_sandbox, postpress_client, postpress_virtual_time
):
    postpress_sandbox.limits(
        [{"provider": "INSTAGRAM", "action": "message", "amount": 10, "per": "hour"}]
    )
    account = account_of(postpress_sandbox, "INSTAGRAM")
    lane = postpress_client.account(account["id"]).with_options(max_wait=90_000.0)
    start = postpress_virtual_time.now()
    await postpress_virtual_time.run(
        asyncio.gather(
            *(lane.messages.send(chat_id=account["chats"][0], text=f"{n}") for n in range(101))
        )
    )
    journal = postpress_sandbox.journal(account_id=account["id"])
    assert not any(entry.over_limit for entry in journal)
    assert 86_400 <= postpress_virtual_time.now() - start < 90_000  # 100 a day: the last waits


async def test_who_is_just_waking_is_not_skipped_past(postpress_sandbox):
    """A waiter that was woken sets its next timer a few turns of the loop later."""
    clock = postpress_sandbox.clock
    woken = asyncio.Event()
    clock.call_at(clock.monotonic() + 5.0, woken.set)
    far = clock.call_at(clock.monotonic() + 86_400.0, lambda: None)
    clock.advance(5.0)
    await woken.wait()
    assert clock.next_due() <= clock.monotonic()
    for _ in range(10):
        await asyncio.sleep(0)
    assert clock.next_due() == far.when
