"""The brake: refusals of the key and failures of the service hold everybody, and let go again."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import Limit, WaitTooLongError
from postpress_async.limits import DONE, REFUND, Verdict

from .rehearsal import dismiss, examples, go, later, nothing_leaks, now, run_virtually, scheduler

pytestmark = pytest.mark.looptime

FAILED = Verdict(effect="unavailable")


def refused(seconds=None):
    return Verdict(effect="cool_down", retry_after=seconds)


def key_refused(seconds=None):
    return Verdict(effect="cool_key", retry_after=seconds)


async def slots(made, count, action="profile"):
    return [await made.take(f"acc_{index}", action) for index in range(count)]


async def cooling(made):
    return [lane.account_id for lane in await made.snapshot() if lane.cooling_until]


async def break_down(made, accounts=3, failures=5):
    held = [await made.take(f"acc_{n % accounts}", "profile") for n in range(failures)]
    for slot in held:
        made.report(slot, FAILED)


async def test_a_429_on_a_read_lets_one_call_go_after_its_time_and_then_all():
    made = scheduler()
    await go(made, "read", verdict=key_refused(10.0))
    calls = [go(made, account=f"acc_{n}", seconds=2) for n in range(6)]
    went = sorted(await asyncio.gather(*calls))
    assert went == pytest.approx([10.25, *[12.25] * 5])
    nothing_leaks(made)


async def test_a_key_that_is_refused_without_a_time_waits_twice_as_long_each_time():
    made, went = scheduler(jitter=lambda: 0.0), []
    await go(made, "read", verdict=key_refused())
    went = [await go(made, "read", verdict=key_refused()) for _ in range(8)]
    gaps = [after - before for before, after in zip([0.0, *went], went, strict=False)]
    assert gaps == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])


async def test_a_call_that_went_alone_says_nothing_of_a_refusal_after_it():
    made = scheduler()
    late = await made.take("acc_2", "read")
    await go(made, "read", verdict=key_refused(1.0))
    alone = await made.take("acc_1", "read")
    start = now()
    made.report(late, key_refused(20.0))
    made.report(alone, DONE)
    assert await go(made, "read") - start >= 20
    nothing_leaks(made)


async def test_a_call_that_never_went_alone_leaves_that_to_the_next():
    made = scheduler()
    await go(made, "read", verdict=key_refused(10.0))
    first = await made.take("acc_1", "profile")
    second = later(made, account="acc_2")
    third = later(made, account="acc_3")
    await asyncio.sleep(1)
    made.report(first, REFUND)
    alone = await second
    await asyncio.sleep(1)
    assert not third.done()
    made.report(alone, DONE)
    made.report(await third, DONE)
    nothing_leaks(made)


async def test_refusals_of_three_accounts_at_once_are_taken_for_the_keys():
    made = scheduler()
    for slot in await slots(made, 3):
        made.report(slot, refused())
        await asyncio.sleep(0.5)
    assert await cooling(made) == []
    went = await asyncio.gather(*(go(made, account=f"acc_{n}", seconds=1) for n in range(5)))
    assert min(went) < 3
    assert went.index(min(went)) < 3, "one that was refused goes first, to see"
    assert max(went) < 5
    nothing_leaks(made)


async def test_who_waited_out_a_cool_down_that_was_lifted_goes_with_the_others():
    made, calls = scheduler(), []
    for n, slot in enumerate(await slots(made, 3)):
        made.report(slot, refused())
        calls.append(asyncio.ensure_future(go(made, account=f"acc_{n}", seconds=0.1)))
        await asyncio.sleep(0.1)
    assert max(await asyncio.gather(*calls)) < 3
    nothing_leaks(made)


@pytest.mark.parametrize("pause", [1.1, 5.0])
async def test_refusals_too_far_apart_are_each_accounts_own(pause):
    made = scheduler()
    for slot in await slots(made, 3):
        made.report(slot, refused(30.0))
        await asyncio.sleep(pause)
    assert await cooling(made) == ["acc_0", "acc_1", "acc_2"]
    assert await go(made, account="acc_3") == now()


async def test_two_accounts_are_not_enough():
    made = scheduler()
    for slot in await slots(made, 2):
        made.report(slot, refused(30.0))
        made.report(await made.take("acc_9", "read"), DONE)
    assert await cooling(made) == ["acc_0", "acc_1"]


async def test_a_long_retry_after_is_never_the_keys():
    made = scheduler()
    for slot in await slots(made, 5):
        made.report(slot, refused(61.0))
    assert await cooling(made) == [f"acc_{n}" for n in range(5)]
    await go(made, account="acc_9")
    assert now() == 0


async def test_if_the_one_that_goes_to_see_is_refused_the_cool_downs_come_back():
    made = scheduler(jitter=lambda: 0.0)
    for slot in await slots(made, 4):
        made.report(slot, refused(50.0))
    others = [later(made, account=f"acc_{n}") for n in (1, 2)]
    alone = await made.take("acc_0", "profile", max_wait=1e9)
    at = now()
    assert at == pytest.approx(50)
    made.report(alone, refused(50.0))
    assert await cooling(made) == ["acc_0"]
    for task in others:
        made.report(await task, DONE)
    assert now() == pytest.approx(50)
    # For a while, such refusals are now taken for the accounts' own.
    for slot in await slots(made, 3, "read"):
        made.report(slot, refused(55.0))
    assert await cooling(made) == ["acc_0", "acc_1", "acc_2"]
    nothing_leaks(made)


async def test_cool_downs_that_were_longer_than_the_keys_come_back_in_full():
    made = scheduler(jitter=lambda: 0.0)
    for slot in await slots(made, 3):
        made.report(slot, refused())  # a minute each; the key's is one second
    others = [asyncio.ensure_future(go(made, account=f"acc_{n}")) for n in (1, 2)]
    await go(made, account="acc_0", verdict=refused())
    assert now() == pytest.approx(1)
    assert await cooling(made) == ["acc_0", "acc_1", "acc_2"]
    assert await asyncio.gather(*others) == pytest.approx([60, 60])
    nothing_leaks(made)


async def test_one_accounts_failures_do_not_open_the_circuit():
    made = scheduler()
    for _ in range(50):
        await go(made, verdict=FAILED)
    assert made.try_take("acc_2", "profile")
    assert now() == 0


async def test_failures_with_answers_in_between_do_not_open_the_circuit():
    made = scheduler()
    for index in range(60):
        await go(made, account=f"acc_{index % 7}", verdict=FAILED if index % 4 else DONE)
    assert made.try_take("acc_0", "profile")


async def test_many_accounts_failures_open_the_circuit_for_everybody():
    made = scheduler()
    await break_down(made)
    assert made.try_take("acc_9", "read") is None
    (blocker,) = await made.explain("acc_9", "read")
    assert blocker.kind == "circuit"
    with pytest.raises(WaitTooLongError, match="service fails") as caught:
        await made.take("acc_9", "profile", max_wait=0.5)
    assert caught.value.limit == "the service fails"
    assert 1 <= caught.value.retry_after <= 1.05


async def test_a_broken_circuit_tries_one_call_and_a_good_answer_closes_it():
    made = scheduler(jitter=lambda: 0.0)
    await break_down(made)
    went = await asyncio.gather(*(go(made, account=f"acc_{n}", seconds=2) for n in range(6)))
    assert sorted(went) == pytest.approx([1, 3, 3, 3, 3, 3])
    await go(made)
    assert now() == 5
    nothing_leaks(made)


async def test_the_circuit_waits_twice_as_long_after_each_failed_try():
    made = scheduler(jitter=lambda: 0.0)
    await break_down(made)
    went = [await go(made, account=f"acc_{n}", verdict=FAILED) for n in range(8)]
    gaps = [after - before for before, after in zip([0.0, *went], went, strict=False)]
    assert gaps == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    await go(made)
    await break_down(made)
    assert await go(made) == pytest.approx(now())
    assert now() == pytest.approx(went[-1] + 60 + 1)


async def test_failures_of_calls_under_way_do_not_double_it():
    made = scheduler(jitter=lambda: 0.0)
    await break_down(made, accounts=5, failures=30)
    assert await go(made) == pytest.approx(1)


async def test_a_longer_wait_that_the_service_names_is_kept():
    made = scheduler(jitter=lambda: 0.0)
    held = [await made.take(f"acc_{n % 3}", "profile") for n in range(5)]
    for slot in held:
        made.report(slot, Verdict(effect="unavailable", retry_after=40.0))
    assert await go(made) == pytest.approx(40)


async def test_the_call_that_goes_alone_may_be_cancelled():
    made = scheduler()
    await break_down(made)
    first = asyncio.ensure_future(go(made, seconds=100))
    second = asyncio.ensure_future(go(made, account="acc_2"))
    await asyncio.sleep(5)
    await dismiss(first)
    await asyncio.wait_for(second, 1)
    nothing_leaks(made)


VERDICTS = st.sampled_from(
    [
        DONE, DONE, REFUND, FAILED, FAILED, refused(), refused(0.0), refused(20.0), refused(90.0),
        key_refused(), key_refused(5.0), Verdict(effect="no_answer"),
        Verdict(effect="same_again", subject="a"), Verdict(effect="provider_error"),
    ]
)  # fmt: skip


@pytest.mark.timeout(600)
@examples(0.4)
@given(
    storm=st.lists(VERDICTS, max_size=120),
    accounts=st.integers(5, 20),
    seed=st.integers(0, 2**16),
)
def test_when_the_storm_is_over_everything_drains(storm, accounts, seed):
    async def weather():
        numbers = random.Random(seed)
        made = scheduler(Limit("profile", 20, per=30), places=8, jitter=numbers.random)
        verdicts = iter(storm)

        async def one(account):
            action = numbers.choice(["profile", "message", "read"])
            slot = await made.take(account, action, max_wait=1e9)
            try:
                await asyncio.sleep(numbers.uniform(0.01, 3))
            finally:
                made.report(slot, next(verdicts, DONE))

        names = [f"acc_{index % accounts}" for index in range(200)]
        tasks = [asyncio.ensure_future(one(name)) for name in names]
        for _ in range(20):
            await asyncio.sleep(numbers.uniform(0, 3))
            numbers.choice(tasks).cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(answer is None or type(answer) is asyncio.CancelledError for answer in answers)
        took = now()
        await asyncio.sleep(120)
        nothing_leaks(made, places=8)
        return took

    assert run_virtually(weather()) < 40 * 86400
