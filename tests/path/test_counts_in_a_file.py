"""Counts in an SQLite file hold for all processes of a machine, and over their restarts."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from postpress_async import (
    LaneClosedError,
    Limit,
    Limits,
    Postpress,
    StateUnavailableError,
    WaitTooLongError,
)

WORKER = Path(__file__).with_name("worker_of_counts.py")
PER_DAY = Limits.none().add(Limit("profile", 5, per="day"))


@pytest.fixture
def account(sandbox):
    return sandbox.world()["accounts"][0]["id"]


@pytest.fixture
def client(sandbox, tmp_path):
    """Return a function that makes a client over the one file; each is like a process."""

    def make(limits=PER_DAY, **options):
        return Postpress(
            sandbox.api_key,
            base_url=sandbox.url,
            state=f"sqlite:///{tmp_path / 'counts.db'}",
            limits=limits,
            **options,
        )

    return make


async def look_up(client, account, times):
    for _ in range(times):
        await client.users.get("jordan-walke", account_id=account)


async def look_up_now_and_then(client, account, times):
    for _ in range(times):
        await look_up(client, account, 1)
        await asyncio.sleep(1.1)  # the file is looked for once a second


async def test_what_was_counted_is_counted_after_a_restart(client, account):
    async with client() as first:
        await look_up(first, account, 4)
    async with client() as second:
        await look_up(second, account, 1)
        with pytest.raises(WaitTooLongError) as caught:
            await look_up(second, account, 1)
    assert caught.value.limit == "5 profile per day"
    assert caught.value.retry_after == pytest.approx(86400, abs=60)


async def test_two_at_once_share_one_budget(client, account, sandbox):
    async with client() as one, client() as other:
        calls = [look_up(each, account, 1) for each in (one, other) for _ in range(6)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 5
    assert all(answer is None or isinstance(answer, WaitTooLongError) for answer in answers)
    assert len(sandbox.journal(account_id=account, route="GET /users/{identifier}")) == 5


async def test_a_pause_and_limits_of_its_own_hold_for_everybody(client, account):
    async with client() as one, client() as other:
        await look_up(one, account, 1)
        await other.scheduler.pause(account, reason="the customer asked")
        with pytest.raises(LaneClosedError, match="the customer asked"):
            await look_up(one, account, 1)
        await one.scheduler.resume(account)
        await look_up(other, account, 1)
        await one.scheduler.set_limits(account, Limits.none().add(Limit("profile", 2)))
        with pytest.raises(WaitTooLongError, match="2 profile per day"):
            await look_up(other, account, 1)
        await one.scheduler.pause("*", reason="all hands off")
        with pytest.raises(LaneClosedError, match="all hands off"):
            await look_up(other, account, 1)
        (lane,) = await other.scheduler.snapshot(account)
        assert lane.paused == "all hands off"
        assert [(one.used, one.left) for one in lane.limits] == [(2, 0)]


async def test_what_others_have_done_is_counted(client, account):
    async with client() as one, client() as other:
        await one.scheduler.record(account, "profile", 4)
        await look_up(other, account, 1)
        with pytest.raises(WaitTooLongError):
            await look_up(other, account, 1)
        estimate = await other.scheduler.estimate(account, "profile", 1)
        assert estimate.limit == "5 profile per day"
        assert estimate.seconds == pytest.approx(86400, abs=60)
        blockers = await other.scheduler.explain(account, "profile")
        assert [blocker.kind for blocker in blockers] == ["limit"]


async def test_a_store_that_is_lost_stops_what_is_counted_and_nothing_else(
    client, account, tmp_path
):
    async with client() as made:
        await look_up(made, account, 1)
        file = tmp_path / "counts.db"
        file.rename(tmp_path / "away.db")
        with pytest.raises(StateUnavailableError) as caught:
            await look_up_now_and_then(made, account, 3)
        assert caught.value.outcome == "not_sent"
        assert (await made.accounts.get(account)).id == account  # `read` never stops
        (tmp_path / "away.db").rename(file)
        for _ in range(100):
            with contextlib.suppress(StateUnavailableError):
                await look_up(made, account, 1)
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("it did not recover")


async def test_a_file_that_others_hold_is_waited_for_and_then_told(sandbox, account, tmp_path):
    file = tmp_path / "counts.db"
    made = Postpress(
        sandbox.api_key, base_url=sandbox.url, state=f"sqlite:///{file}?timeout=0.3", limits=PER_DAY
    )
    async with made:
        await look_up(made, account, 1)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StateUnavailableError):
                await look_up(made, account, 1)
            other.execute("ROLLBACK")
        await look_up(made, account, 1)


async def test_no_window_is_over_whoever_is_killed(sandbox, tmp_path):
    """Three processes share five accounts; one after the other is killed at its work."""
    caps = [("profile", 6, 2.0), ("profile", 30, 60.0)]
    accounts = [one["id"] for one in sandbox.world()["accounts"][:5]]
    sandbox.limits(
        [{"action": action, "amount": amount, "per": per} for action, amount, per in caps]
    )
    command = [
        sys.executable, str(WORKER), sandbox.url, sandbox.api_key,
        f"sqlite:///{tmp_path / 'counts.db'}", *accounts,
    ]  # fmt: skip

    def start():
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    workers = [start() for _ in range(3)]
    try:
        for turn in range(9):
            worker = workers[turn % 3]
            assert await asyncio.wait_for(asyncio.to_thread(worker.stdout.readline), 30)
            worker.kill()
            worker.wait()
            worker.stdout.close()
            workers[turn % 3] = start()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            worker.stdout.close()
    journal = sandbox.journal(route="GET /users/{identifier}")
    assert not any(entry.over_limit for entry in journal)
    assert all(entry.status != 429 for entry in journal)
    assert len(journal) >= 9


async def test_a_provider_that_one_was_made_with_is_known_to_the_others(client, account):
    rows = Limits.none().add(
        Limit("profile", 5, per="day", provider="LINKEDIN"),
        Limit("profile", 1, per="day", provider="TELEGRAM"),
    )
    async with (
        client(limits=rows, providers={account: "LINKEDIN"}) as one,
        client(limits=rows) as other,
    ):
        async with one.scheduler.slot(account, "profile"):
            pass
        other.scheduler.look_up = None  # what it knows, it knows from the file
        told = await other.scheduler.estimate(account, "profile", 4)
        assert told.seconds == 0.0
