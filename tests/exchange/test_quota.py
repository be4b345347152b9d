"""The bound on all retries of a client: its sums, and a storm that it holds down."""

from __future__ import annotations

import asyncio
import logging

import pytest

from postpress_async import Limit, Limits, Retries, ServiceUnavailableError
from postpress_async.exchange.quota import (
    CAPACITY,
    CUT_OFF_COST,
    RETRY_COST,
    RetryQuota,
)

UNLIMITED = {"limits": Limits.none(), "retries": Retries(attempts=4), "max_wait": 120.0}


# -- the sums -------------------------------------------------------------------------------


def test_what_is_spent_is_gone_until_it_is_earned_back():
    quota = RetryQuota(20)
    assert quota.spent == 0
    assert [quota.spend(RETRY_COST) for _ in range(5)] == [True, True, True, True, False]
    assert (quota.left, quota.spent, quota.dry) == (0, 20, True)
    quota.earn(RETRY_COST)
    assert quota.spend(RETRY_COST)
    assert not quota.dry


def test_a_refusal_costs_nothing():
    quota = RetryQuota(9)
    assert not quota.spend(CUT_OFF_COST)
    assert quota.left == 9
    assert quota.spend(RETRY_COST)


def test_nobody_earns_beyond_the_capacity():
    quota = RetryQuota(20)
    quota.earn(7)
    quota.spend(RETRY_COST)
    quota.earn(100)
    assert quota.left == 20


# -- a storm --------------------------------------------------------------------------------


async def failing(talker, calls: int) -> list[BaseException]:
    results = await asyncio.gather(*(talker("GET") for _ in range(calls)), return_exceptions=True)
    assert all(isinstance(result, BaseException) for result in results)
    return results


async def test_a_service_that_always_fails_meets_no_storm(serve, talk, caplog):
    raw = await serve("503 no_handler")
    talker = talk(raw, **UNLIMITED)
    with caplog.at_level(logging.WARNING, "postpress_async"):
        errors = await failing(talker, 300)
    # each call once, and as many retries as the quota pays for; without it 1,200
    assert len(raw.seen) == 300 + CAPACITY // RETRY_COST
    assert {type(error) for error in errors} == {ServiceUnavailableError}
    assert {error.outcome for error in errors} == {"refused"}
    assert max(error.attempts for error in errors) <= 4
    told = [record for record in caplog.records if "retry quota" in record.getMessage()]
    assert len(told) == 1  # not once a call


async def test_a_cut_connection_costs_twice_as_much(serve, talk):
    raw = await serve("fin_after_reading")
    talker = talk(raw, **UNLIMITED)
    await failing(talker, 100)
    assert len(raw.seen) == 100 + CAPACITY // CUT_OFF_COST


async def test_a_quota_is_shared_by_all_copies_of_a_client(serve, talk):
    raw = await serve("503 no_handler")
    talker = talk(raw, **UNLIMITED)
    await failing(talker, 300)
    before = len(raw.seen)
    talker.client = talker.client.with_options(max_wait=60.0).account("acc_2")
    await failing(talker, 10)
    assert len(raw.seen) == before + 10


async def test_successes_earn_retries_back(serve, talk):
    broken = True

    def answer(c, request):
        c.answer(503 if broken else 200, b'{"type":"errors/no_handler"}' if broken else b"{}")

    async def script(c):
        while True:
            answer(c, await c.request())

    raw = await serve(script)
    talker = talk(raw, **UNLIMITED)
    await failing(talker, 200)
    quota = talker.client._pipeline._quota
    assert quota.left < RETRY_COST
    broken = False
    for _ in range(3 * RETRY_COST):
        await talker("DELETE")
    assert quota.left == 3 * RETRY_COST
    broken = True
    before = len(raw.seen)
    await failing(talker, 1)
    assert len(raw.seen) == before + 4


async def test_a_retry_that_succeeds_gives_back_what_it_cost(serve, talk):
    raw = await serve("503 no_handler", "good", "good")
    talker = talk(raw, **UNLIMITED)
    await talker("GET")
    quota = talker.client._pipeline._quota
    assert len(raw.seen) == 2
    assert quota.left == CAPACITY
    await talker("GET")
    assert quota.left == CAPACITY


async def test_a_429_is_paced_by_its_lane_and_costs_nothing(serve, talk):
    raw = await serve("429 too_many_requests in 0.001 s", "429 in 0.001 s", "good")
    talker = talk(raw, **UNLIMITED)
    talker.client._pipeline._quota.spend(CAPACITY)
    await talker("GET")
    assert len(raw.seen) == 3


@pytest.mark.parametrize("column", ["GET", "POST+key", "POST"])
async def test_without_a_quota_an_error_is_what_it_was(serve, talk, column):
    raw = await serve("502")
    talker = talk(raw, **UNLIMITED)
    talker.client._pipeline._quota.spend(CAPACITY)
    error = await talker.fails(column)
    assert error.attempts == len(raw.seen) == 1
    assert error.outcome == ("refused" if column == "GET" else "unknown")


async def test_a_retry_that_found_no_slot_costs_nothing(serve, talk):
    raw = await serve("503")
    talker = talk(raw, limits=Limits.none().add(Limit("profile", 1, per="day")))
    error = await talker.fails("GET")
    assert (error.status, error.attempts) == (503, 1)
    assert talker.client._pipeline._quota.left == CAPACITY
