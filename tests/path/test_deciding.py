"""What calls count as where the path alone does not say; known paths of `client.request`."""

from __future__ import annotations

import asyncio

import pytest

from postpress_async import (
    ConfigurationError,
    Limit,
    Limits,
    Postpress,
    PostpressError,
    WaitTooLongError,
)
from postpress_async.testing import FakeTransport, problem, reply

COUNTED = Limits.none().add(
    *(
        Limit(action, 100, per="day")
        for action in ("follow", "invite", "invite_note", "inmail", "first_message", "browse")
    ),
    Limit("search", 100, per="day"),
    Limit("other", 100, per="day"),
)


async def used(client: Postpress, account_id: str) -> dict[str, int]:
    (lane,) = await client.scheduler.snapshot(account_id)
    found = {use.limit.split()[1]: use.used for use in lane.limits}
    return {action: count for action, count in found.items() if count}


def service(provider: str = "LINKEDIN", status: int = 200):
    """A service that knows one account, and takes whatever is asked."""

    def answer(request):
        if request.path.startswith("/v1/accounts/"):
            if status != 200:
                return problem("resource_not_found", status)
            said = {"object": "Account", "id": "acc_1", "type": provider, "sources": []}
            return reply({**said, "name": "A", "created_at": "2026-01-01T00:00:00.000Z"})
        return reply({"object": "Done"})

    return FakeTransport(answer)


def client_of(fake: FakeTransport, **options) -> Postpress:
    options.setdefault("limits", COUNTED)
    return Postpress("key", transport=fake, key_rate=None, **options)


async def invite(client: Postpress, **fields: object) -> None:
    body = {"provider_id": "ACo1", "account_id": "acc_1", **fields}
    await client.request("POST", "/users/invite", type=dict, account_id="acc_1", json=body)


@pytest.mark.parametrize(
    ("provider", "fields", "action"),
    [
        ("LINKEDIN", {}, "invite"),
        ("LINKEDIN", {"message": "Hello"}, "invite_note"),
        ("INSTAGRAM", {}, "follow"),
        ("INSTAGRAM", {"message": "Hello"}, "follow"),
    ],
)
@pytest.mark.parametrize("known", [True, False])
async def test_an_invitation_counts_as_its_provider_takes_it(provider, fields, action, known):
    fake = service(provider)
    async with client_of(fake, providers={"acc_1": provider} if known else None) as client:
        await invite(client, **fields)
        await invite(client, **fields)
        assert await used(client, "acc_1") == {action: 2}
    asked = [request.path for request in fake.requests if "accounts" in request.path]
    assert len(asked) == (0 if known else 1)


async def test_many_invitations_share_one_look_up():
    fake = service("INSTAGRAM")
    async with client_of(fake) as client:
        await asyncio.gather(*(invite(client) for _ in range(10)))
        assert await used(client, "acc_1") == {"follow": 10}
    assert sum("accounts" in request.path for request in fake.requests) == 1


async def test_without_an_answer_the_strictest_holds_and_nobody_asks_again():
    fake = service(status=404)
    async with client_of(fake) as client:
        await invite(client, message="Hello")
        await invite(client)
        assert await used(client, "acc_1") == {"invite_note": 1, "invite": 1}
    assert sum("accounts" in request.path for request in fake.requests) == 1


async def test_hooks_and_patience_see_the_decided_call():
    told = []
    limits = Limits.none().add(Limit("follow", 1, per="day"))
    async with client_of(service("INSTAGRAM"), limits=limits, hooks=[told.append]) as client:
        await invite(client)
        with pytest.raises(WaitTooLongError, match="follow"):
            await invite(client)
    calls = [event for event in told if event.route == "/users/invite"]
    assert {event.action for event in calls[1:]} == {"follow"}


@pytest.mark.parametrize(
    ("json", "action"),
    [
        ({"text": "Hi"}, "first_message"),
        ({"text": "Hi", "linkedin": {"api": "classic", "inmail": True}}, "inmail"),
        ({"text": "Hi", "linkedin[inmail]": "true"}, "inmail"),
    ],
)
async def test_a_chat_starts_as_an_inmail_only_if_asked_to(json, action):
    fake = service()
    async with client_of(fake) as client:
        await client.request("POST", "/chats", type=dict, account_id="acc_1", json=json)
        assert await used(client, "acc_1") == {action: 1}
    assert len(fake.requests) == 1  # the provider makes no difference


@pytest.mark.parametrize(
    ("more", "rows"),
    [({}, 10), ({"query": {"limit": 25}}, 25), ({"cost": 3}, 3), ({"json": {"limit": 7}}, 7)],
)
async def test_a_search_costs_its_rows(more, rows):
    async with client_of(service()) as client:
        more.setdefault("json", {"api": "classic"})
        await client.request("POST", "/linkedin/search", type=dict, account_id="acc_1", **more)
        assert await used(client, "acc_1") == {"search": rows}


async def test_a_cost_is_a_whole_number():
    async with client_of(service()) as client:
        for cost in (0, -1, 1.5, True):
            with pytest.raises(ConfigurationError, match="cost"):
                await client.request("GET", "/x", type=dict, account_id="acc_1", cost=cost)


async def test_a_path_that_nobody_knows_is_other_and_a_named_action_holds():
    async with client_of(service()) as client:
        await client.request("GET", "/things/1", type=dict, account_id="acc_1")
        assert await used(client, "acc_1") == {"other": 1}
        await client.request("GET", "/things/1", type=dict, account_id="acc_1", action="browse")
        await client.request("GET", "/users/me", type=dict, account_id="acc_1", action="browse")
        assert await used(client, "acc_1") == {"other": 1, "browse": 2}


async def test_only_a_read_goes_without_an_account():
    async with client_of(service()) as client:
        await client.request("GET", "/chats", type=dict)
        for method, path in (("POST", "/users/invite"), ("GET", "/users/me"), ("GET", "/x")):
            with pytest.raises(ConfigurationError, match="account_id is needed"):
                await client.request(method, path, type=dict)


async def test_a_get_that_starts_work_is_not_repeated():
    fake = FakeTransport([problem("unexpected_error", 500)])
    async with client_of(fake, limits=Limits.none()) as client:
        with pytest.raises(PostpressError) as caught:
            await client.request("GET", "/chats/1/sync", type=dict, account_id="acc_1")
    assert (caught.value.outcome, caught.value.attempts) == ("unknown", 1)


async def test_the_sandbox_sees_the_same_action(connect, accounts, sandbox):
    told = []
    async with connect(hooks=[told.append]) as client:
        for provider in ("LINKEDIN", "INSTAGRAM"):
            account = accounts[provider]["id"]
            for body in ({}, {"message": "Hello"}):
                with pytest.raises(PostpressError):  # not played yet: 501
                    await client.request(
                        "POST",
                        "/users/invite",
                        type=dict,
                        account_id=account,
                        json={"account_id": account, "provider_id": "x", **body},
                    )
    seen = [entry.action for entry in sandbox.journal(route="POST /users/invite")]
    attempts = [event for event in told if type(event).__name__ == "Attempted"]
    ours = [event.action for event in attempts if event.route == "/users/invite"]
    assert seen == ours == ["invite", "invite_note", "follow", "follow"]


async def test_sections_that_were_held_back_are_told():
    profile = {"object": "UserProfile", "provider": "LINKEDIN", "provider_id": "ACo1"}
    held_back = {**profile, "throttled_sections": ["experience", "skills"]}
    fake = FakeTransport([profile, {**profile, "throttled_sections": []}, held_back])
    warned = []
    async with client_of(fake, providers={"acc_1": "LINKEDIN"}) as client:
        for sections in (None, ["*"], ["*"]):
            await client.users.get("ada", account_id="acc_1", linkedin_sections=sections)
            (lane,) = await client.scheduler.snapshot("acc_1")
            warned.append(lane.warnings)
    assert warned == [(), (), ("throttled_sections: experience, skills",)]
