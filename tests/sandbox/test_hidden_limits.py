"""Hidden limits: exact rolling windows, against the plainest reference there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async.sandbox import ControlError, HiddenLimit, Sandbox
from postpress_async.sandbox.limits import HiddenLimits, seconds_to_wait
from postpress_async.sandbox.problems import counts

ACTIONS = ["message", "invite", "invite_note"]
limit = st.builds(
    HiddenLimit,
    action=st.sampled_from([*ACTIONS, "*", ("invite", "invite_note")]),
    amount=st.integers(0, 5),
    per=st.sampled_from([1, 10.0, "minute", "hour"]),
    provider=st.sampled_from([None, "LINKEDIN", "TELEGRAM"]),
    account_id=st.sampled_from([None, "a", "b"]),
)
arrival = st.tuples(
    st.sampled_from([0, 0.25, 1, 9.75, 10, 59, 60, 3600]),  # since the last one
    st.sampled_from(["a", "b"]),
    st.sampled_from([*ACTIONS, "read"]),
    st.booleans(),  # whether its answer counts
    st.integers(1, 3),
)


@given(rows=st.lists(limit, max_size=4), arrivals=st.lists(arrival, max_size=40))
def test_no_window_takes_more_than_its_amount(rows, arrivals):
    limits = HiddenLimits()
    limits.replace(rows)
    seen, now = [], 1_000.0
    for gap, account, action, counted, cost in arrivals:
        now += gap
        refusal = limits.judge(account, "LINKEDIN", action, now, cost)
        assert (refusal is not None) == naive_over(rows, seen, account, action, now, cost=cost)
        if counted:
            limits.count(account, "LINKEDIN", action, now, cost)
            seen += [(account, action, now)] * cost


def naive_over(rows, seen, account, action, now, *, cost):
    return any(
        naive_used(row, seen, account, now) + cost > row.amount
        for row in rows
        if covers(row, account, action)
    )


def naive_used(row, seen, account, now):
    return sum(
        who == account and covers(row, who, what) and at > now - row.seconds
        for who, what, at in seen
    )


def covers(row, account, action):
    named = [row.action] if isinstance(row.action, str) else row.action
    return (
        (action in named or ("*" in named and action != "read"))
        and row.provider in (None, "LINKEDIN")
        and row.account_id in (None, account)
    )


@given(
    amount=st.integers(1, 5),
    gaps=st.lists(st.floats(0, 5), min_size=6, max_size=20),
)
def test_retry_after_is_enough_and_no_more(amount, gaps):
    limits = HiddenLimits()
    limits.replace([HiddenLimit(action="message", amount=amount, per=10, retry_after=True)])
    now, refusal = 1_000.0, None
    for gap in gaps:
        now += gap
        refusal = limits.judge("a", "LINKEDIN", "message", now)
        limits.count("a", "LINKEDIN", "message", now)
        if refusal is not None:
            later = now + refusal.retry_after
            assert seconds_to_wait(refusal) >= refusal.retry_after
            assert limits.judge("a", "LINKEDIN", "message", later + 1e-6) is None or amount == 0
            return


@pytest.mark.parametrize(
    ("status", "type", "counted"),
    [
        *((status, None, False) for status in (400, 401, 415, 501)),
        *((503, slug, False) for slug in ("no_client_session", "no_channel", "no_handler")),
        *((status, None, True) for status in (200, 201, 403, 404, 409, 422, 429, 500, 502, 504)),
        (503, "network_down", True),
        (503, "service_unavailable", True),
        (503, None, True),
        (500, "provider_error", True),
        (None, None, True),
    ],
)
def test_what_counts(status, type, counted):
    assert counts(status, type) == counted


async def test_above_the_limit_is_429_and_a_429_counts_too(api, sandbox):
    account = api.account()
    sandbox.limits([{"action": "message", "amount": 2, "per": 60, "retry_after": True}])
    chat = account["chats"][0]
    statuses = [(await api.send(chat)).status for _ in range(3)]
    assert statuses == [201, 201, 429]
    await sandbox.advance(30)
    late = await api.send(chat)  # it arrives in vain, and keeps the window full
    assert (late.status, late.type) == (429, "too_many_requests")
    await sandbox.advance(31)
    assert [(await api.send(chat)).status for _ in range(2)] == [201, 429]
    assert [entry.over_limit for entry in sandbox.journal()] == [0, 0, 1, 1, 0, 1]
    assert [entry.committed for entry in sandbox.journal()] == [1, 1, 0, 0, 1, 0]


async def test_waiting_as_told_is_enough(api, sandbox):
    sandbox.limits([{"action": "message", "amount": 3, "per": "hour", "retry_after": True}])
    chat = api.account()["chats"][0]
    for _ in range(3):
        await api.send(chat)
        await sandbox.advance(60)
    for _ in range(3):
        refused = await api.send(chat)
        assert refused.status == 429
        await sandbox.advance(int(refused.headers["Retry-After"]))
        assert (await api.send(chat)).status == 201


async def test_told_not_to_it_sends_no_retry_after(api, sandbox):
    sandbox.limits([{"action": "message", "amount": 0, "per": "day", "retry_after": False}])
    refused = await api.send(api.account()["chats"][0])
    assert refused.status == 429
    assert "Retry-After" not in refused.headers


async def test_accounts_and_actions_have_their_own_windows(api, sandbox):
    one, other = api.account(), api.account(index=1)
    sandbox.limits([{"action": "profile", "amount": 1, "per": "day", "provider": "LINKEDIN"}])
    path = "/users/jordan-walke?account_id="
    assert [(await api.get(path + one["id"])).status for _ in range(2)] == [200, 429]
    assert (await api.get(path + other["id"])).status == 200
    assert (await api.send(one["chats"][0])).status == 201
    telegram = api.account("TELEGRAM")
    for name in telegram["people"][:3]:
        assert (await api.get(f"/users/{name}?account_id={telegram['id']}")).status == 200


async def test_what_does_not_reach_the_provider_does_not_count(api, sandbox):
    account = api.account()
    chat, path = account["chats"][0], f"/users/x?account_id={account['id']}&notify=maybe"
    sandbox.limits([{"action": ["message", "profile"], "amount": 1, "per": "day"}])
    assert (await api.get(path)).status == 400
    assert (await api.send(chat, key="wrong")).status == 401
    sandbox.set_status(account["id"], "CREDENTIALS")
    assert (await api.send(chat)).status == 401
    sandbox.set_status(account["id"], "OK")
    sandbox.faults([{"route": "*", "effect": "status", "type": "no_handler", "times": 1}])
    assert (await api.send(chat)).status == 503
    assert (await api.get(f"/users/nobody?account_id={account['id']}")).status == 404  # counts
    assert (await api.send(chat)).status == 429


async def test_a_lost_answer_counts(api, sandbox):
    chat = api.account()["chats"][0]
    sandbox.limits([{"action": "message", "amount": 1, "per": "day"}])
    sandbox.faults([{"route": "*", "effect": "status", "type": "request_timeout", "times": 1}])
    assert (await api.send(chat)).status == 504
    assert (await api.send(chat)).status == 429


async def test_a_search_costs_its_rows(api, sandbox):
    account = api.account()["id"]
    sandbox.limits([{"action": "search", "amount": 30, "per": "day"}])
    path = f"/linkedin/search?account_id={account}&limit="
    assert (await api.post(path + "31", json={})).status == 429
    assert sandbox.journal()[-1].over_limit


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "message", "amount": -1, "per": 1},
        {"action": "message", "amount": 1, "per": "fortnight"},
        {"action": "message", "amount": 1, "per": 0},
        {"action": "message", "amount": 1},
        {"action": "message", "per": 1},
        {"amount": 1, "per": 1},
        {"action": "massage", "amount": 1, "per": 1},
        {"action": "message", "amount": 1, "per": 1, "window": 3},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(wrong):
    sandbox = Sandbox()
    with pytest.raises(ControlError):
        sandbox.limits([wrong])
