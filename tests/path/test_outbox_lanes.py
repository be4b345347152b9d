"""Accounts that rest, and pools: what a worker takes, and when it looks again."""

import asyncio
import logging

import pytest

from postpress_async import ConfigurationError, KeyRate, Limit, Limits, Postpress
from postpress_async.outbox import Outbox, Replace, Send, watching

MESSAGES = "POST /chats/{chat_id}/messages"
DAY = 86_400.0


@pytest.fixture
def pool(sandbox):
    found = [one["id"] for one in sandbox.world()["accounts"] if one["provider"] == "LINKEDIN"]
    assert len(found) >= 2
    return found[:2]


@pytest.fixture
def working():
    """Run workers for as long as a test lasts."""
    tasks = []

    def begin(outbox, **more):
        tasks.append(asyncio.create_task(outbox.run(**more)))
        return tasks[-1]

    yield begin
    for task in tasks:
        task.cancel()


async def stop(*tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


SOON = 3600.0  # told seconds for a look and a claim, on however slow a machine; limits are a day's


async def until(ask, holds, sandbox, *, seconds=5.0, most=10 * DAY):
    """Move the clock until what is asked for is as it should be; return how far it moved."""
    moved = 0.0
    async with asyncio.timeout(40):
        while not holds(await ask()):
            assert moved < most
            await asyncio.sleep(0.02)
            await sandbox.advance(seconds)
            moved += seconds
    return moved


async def used(client, account):
    (lane,) = await client.scheduler.snapshot(account["id"])
    return lane.limits


def put(outbox, account, n):
    given = {"account_id": account["id"], "chat_id": account["chats"][n], "text": f"Hi {n}"}
    return outbox.message(**given, key=f"k{n}")


# -- lanes that rest ---------------------------------------------------------------------------

ONE = Limits.none().add(Limit("message", 1, per="day"))


async def test_what_was_put_off_goes_soon_after_a_limit_is_lifted(
    connect, url, account, sandbox, working
):
    async with connect(limits=ONE) as client, Outbox(client, url) as outbox:
        for n in range(3):
            await put(outbox, account, n)
        task = working(outbox)
        await until(outbox.metrics, lambda seen: (seen.sent, seen.resting) == (1, 1), sandbox)
        await client.scheduler.set_limits(account["id"], Limits.none())
        moved = await until(outbox.counts, lambda counts: counts == {"sent": 3}, sandbox)
        assert moved < SOON  # and not at the end of the day
        assert (await outbox.metrics()).resting == 0
        await stop(task)


async def test_what_was_put_off_goes_soon_after_an_account_is_resumed(
    connect, url, account, sandbox, working
):
    async with connect() as client, Outbox(client, url) as outbox:
        until_then = sandbox.clock.time() + 5 * DAY
        await client.scheduler.pause(account["id"], until=until_then, reason="holidays")
        await put(outbox, account, 1)
        task = working(outbox)
        await until(outbox.metrics, lambda seen: seen.resting == 1, sandbox)
        [reason, *_] = await outbox.explain("k1")
        assert "holidays" in reason.reason
        await client.scheduler.resume(account["id"])
        assert await until(outbox.counts, lambda counts: counts == {"sent": 1}, sandbox) < SOON
        await stop(task)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 429, "type": "too_many_requests", "retry_after": 600.0},
        {"status": 401, "type": "missing_credentials"},  # no lane of ours closes by it
    ],
)
async def test_what_the_service_put_off_waits_as_long_as_it_said(
    connect, url, account, sandbox, answer
):
    least = answer.get("retry_after", 300.0)
    async with connect() as client, Outbox(client, url) as outbox:
        await client.accounts.get(account["id"])  # the key is a good one
        sandbox.faults([{"route": MESSAGES, "effect": "status", "times": 1, **answer}])
        await put(outbox, account, 1)
        start = sandbox.clock.time()
        task = asyncio.create_task(outbox.run())
        await until(outbox.metrics, lambda seen: seen.resting == 1, sandbox, seconds=1.0)
        await until(outbox.counts, lambda counts: counts == {"sent": 1}, sandbox, seconds=15.0)
        (first, second) = sandbox.journal(route=MESSAGES)
        assert (first.status, second.committed) == (answer["status"], True)
        assert second.at - start >= least
        await stop(task)


@pytest.mark.parametrize("ahead", [600, 60 * DAY])
async def test_an_account_that_is_put_off_until_an_epoch_goes_on(  # noqa: PLR0917 - fixtures
    connect, tmp_path, account, sandbox, working, ahead
):
    async with connect() as client, Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox:
        epoch = int(sandbox.clock.time() + ahead)
        sandbox.faults([{"route": MESSAGES, "status": 429, "times": 1, "retry_after": epoch}])
        await put(outbox, account, 1)
        task = working(outbox)
        await until(outbox.metrics, lambda seen: seen.resting == 1, sandbox, seconds=1.0)
        sent = {"sent": 1}
        await until(outbox.counts, lambda counts: counts == sent, sandbox, seconds=15.0, most=DAY)
        (first, second) = sandbox.journal(route=MESSAGES)
        assert (first.status, second.committed) == (429, True)
        if ahead == 600:  # it is believed, and obeyed in full
            assert second.at >= epoch
        await stop(task)


async def test_a_new_worker_with_shared_counts_looks_at_what_rested_before(
    sandbox, account, tmp_path, working
):
    def made(limits):
        return Postpress(
            sandbox.api_key, base_url=sandbox.url, clock=sandbox.clock, key_rate=KeyRate(1000),
            state=f"sqlite:///{tmp_path / 'counts.db'}", limits=limits,
        )  # fmt: skip

    url = f"sqlite:///{tmp_path / 'outbox.db'}"
    async with made(ONE) as client, Outbox(client, url) as outbox:
        for n in range(2):
            await put(outbox, account, n)
        task = working(outbox)
        await until(outbox.metrics, lambda seen: (seen.sent, seen.resting) == (1, 1), sandbox)
        await stop(task)
    async with made(Limits.none()) as client, Outbox(client, url) as outbox:
        task = working(outbox)
        assert await until(outbox.counts, lambda counts: counts == {"sent": 2}, sandbox) < SOON
        await stop(task)


NOTES = Limits.none().add(
    Limit(("invite", "invite_note"), 10, per="day"), Limit("invite_note", 1, per="day")
)


async def test_a_note_that_before_send_adds_waits_where_notes_are_counted(
    connect, url, account, sandbox, working
):
    asked = []

    async def before_send(item):
        asked.append(item.key)
        return Replace(text=f"Hello {item.key}") if item.key.startswith("note") else Send()

    async with (
        connect(limits=NOTES) as client,
        Outbox(client, url, before_send=before_send) as outbox,
    ):
        keys = ("note-1", "note-2", "note-3", "bare-1", "bare-2")
        uninvited = account["strangers"][6:]
        for key, person in zip(keys, uninvited, strict=False):
            await outbox.invite(account_id=account["id"], provider_id=person, key=key)

        async def requests():
            return [one.text for one in sandbox.journal(route="POST /users/invite")]

        task = working(outbox)
        moved = await until(requests, lambda texts: len(texts) == 3, sandbox, seconds=1.0)
        assert moved < SOON  # those without a note wait for nobody
        assert len([text for text in await requests() if text]) == 1
        await sandbox.advance(600)
        assert len(asked) <= 3 + 2 * 2  # not again and again
        await until(outbox.metrics, lambda seen: seen.resting == 1, sandbox, seconds=1.0)
        waiting = [one async for one in outbox.list(state="queued")]
        # Its text is what `before_send` says, then.
        assert [(one.action, one.text) for one in waiting] == [("invite_note", None)] * 2
        assert [limit.used for limit in await used(client, account)] == [3, 1]
        moved = await until(requests, lambda texts: len(texts) == 4, sandbox, seconds=3600.0)
        assert moved > DAY / 2
        await stop(task)


async def test_who_knows_no_limit_is_told_that_the_lane_rests(
    connect, url, account, sandbox, working
):
    async with connect(limits=ONE) as client, Outbox(client, url) as outbox:
        for n in range(2):
            await put(outbox, account, n)
        task = working(outbox)
        await until(outbox.metrics, lambda seen: (seen.sent, seen.resting) == (1, 1), sandbox)
        [waiting] = [one async for one in outbox.list(state="queued")]
        assert [one.kind for one in await outbox.explain(waiting.id)] == ["limits"]
        await stop(task)
    async with connect() as client, Outbox(client, url) as outbox:  # as `outbox show` may look
        [reason] = await outbox.explain(waiting.id)
        assert reason.kind == "resting"
        assert reason.until.timestamp() > sandbox.clock.time() + DAY / 2
        assert account["id"] in reason.reason
        assert reason.next_step


@pytest.fixture
def warned(caplog, monkeypatch):
    """What an outbox has warned of, in a process that has not yet warned of anything."""
    monkeypatch.setattr(watching, "_told", False)
    caplog.set_level(logging.WARNING, "postpress_async.outbox")
    return lambda: [
        one.getMessage() for one in caplog.records if one.name == "postpress_async.outbox"
    ]


@pytest.mark.parametrize("limits", [ONE, Limits.none()])
async def test_it_is_warned_once_that_counts_in_memory_are_not_shared(
    connect, account, tmp_path, warned, limits
):
    for place in "ab":
        url = f"sqlite:///{tmp_path / place}.db"
        async with connect(limits=limits) as client, Outbox(client, url) as outbox:
            await put(outbox, account, 1)
            async with asyncio.timeout(20):
                await outbox.run(until_empty=True)
    assert len(warned()) == (1 if limits is ONE else 0)
    assert all("state='memory:'" in one and "sqlite:///counts.db" in one for one in warned())


# -- pools -------------------------------------------------------------------------------------


async def test_a_worker_of_some_accounts_looks_through_those_of_its_own(
    connect, url, pool, sandbox
):
    async with connect() as client, Outbox(client, url) as outbox:
        items = [await outbox.profile("jordan-walke", accounts=pool, key=f"{n}") for n in range(3)]
        others = await outbox.profile("jordan-walke", accounts=pool[:1], key="of the other")
        async with asyncio.timeout(30):
            await outbox.run(until_empty=True, accounts=[pool[1]])
        seen = [await outbox.get(item.id) for item in items]
        assert {(one.state, one.seen_by) for one in seen} == {("sent", pool[1])}
        assert (await outbox.get(others.id)).state == "queued"
        at = sandbox.clock.time() + 3600.0
        late = await outbox.profile(
            "jordan-walke", accounts=pool, key="late", not_before=items[0].created_at.fromtimestamp(
                at, tz=items[0].created_at.tzinfo
            )
        )  # fmt: skip
        ending = asyncio.create_task(outbox.run(until_empty=True, accounts=[pool[0]]))
        moved = await until(
            lambda: outbox.get("of the other"), lambda one: one.state == "sent", sandbox
        )
        assert moved < 3000.0
        assert not ending.done()  # it waits for what is of the future, too
        await until(
            lambda: outbox.get(late.id), lambda one: one.state == "sent", sandbox, seconds=60.0
        )
        async with asyncio.timeout(30):
            await ending
        assert (await outbox.get(late.id)).seen_by == pool[0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"accounts": "acc_1"}, "put it in brackets"),
        ({"accounts": []}, "leave it out to send for all"),
        ({"accounts": [""]}, "account_id must be"),
        ({"stop": True}, "stop must be a Event"),
    ],
    ids=str,
)
async def test_a_worker_of_nobody_is_refused(connect, tmp_path, account, wrong, words):
    async with connect() as client, Outbox(client, f"sqlite:///{tmp_path / 'o.db'}") as outbox:
        await put(outbox, account, 0)
        with pytest.raises(ConfigurationError, match=words):
            await asyncio.wait_for(outbox.run(until_empty=True, **wrong), 10)
        assert (await outbox.get("k0")).state == "queued"


async def test_pools_that_come_later_are_found_and_rest_for_nobody_else(
    connect, url, pool, sandbox, working
):
    limits = Limits.none().add(Limit("profile", 1, per="day"))
    async with connect(limits=limits) as client, Outbox(client, url) as outbox:
        one = working(outbox, accounts=[pool[0]])
        await until(outbox.metrics, lambda seen: seen.workers == 1, sandbox)
        items = [await outbox.profile("jordan-walke", accounts=pool, key=f"{n}") for n in range(3)]

        async def seen():
            return [(await outbox.get(item.id)).seen_by for item in items]

        assert await until(seen, lambda names: pool[0] in names, sandbox) < SOON
        await until(outbox.metrics, lambda seen: seen.resting == 1, sandbox, seconds=1.0)
        other = working(outbox, accounts=[pool[1]])
        # That the first one has no room keeps nobody else waiting.
        assert await until(seen, lambda names: set(pool) <= set(names), sandbox) < SOON
        assert (await seen()).count(None) == 1
        await until(seen, lambda names: None not in names, sandbox, seconds=3600.0)
        await stop(one, other)
