"""Reading people, accounts, chats and messages of the five providers."""

import pytest

from postpress_async import (
    ConfigurationError,
    InstagramProfile,
    LinkedInProfile,
    NotFoundError,
    TelegramProfile,
    WhatsAppProfile,
    XProfile,
    capture,
    identify,
)

TYPES = {
    "LINKEDIN": LinkedInProfile,
    "WHATSAPP": WhatsAppProfile,
    "INSTAGRAM": InstagramProfile,
    "TELEGRAM": TelegramProfile,
    "TWITTER": XProfile,
}


@pytest.mark.parametrize("provider", TYPES)
async def test_every_identifier_of_a_provider_reads_as_its_type(connect, accounts, provider):
    account = accounts[provider]
    async with connect() as client:
        for person in account["people"][:12]:
            profile = await client.users.get(person, account_id=account["id"])
            assert type(profile) is TYPES[provider]
            assert profile.provider == provider
            assert profile.provider_id
            assert profile.raw["provider"] == provider
            assert profile.issues == ()


async def test_the_documented_example(connect, accounts):
    async with connect() as client:
        linkedin = client.account(accounts["LINKEDIN"]["id"])
        user = await linkedin.users.get("jordan-walke", linkedin_sections=["*_preview", "skills"])
        assert (user.first_name, user.headline) == ("Jordan", "Engineer at Acme")
        assert user.messaging_id == user.provider_id
        pasted = await linkedin.users.get("https://www.linkedin.com/in/jordan-walke/?trk=x")
        assert pasted.provider_id == user.provider_id


@pytest.mark.parametrize("provider", ["LINKEDIN", "TELEGRAM", "TWITTER"])
async def test_the_account_itself(connect, accounts, provider):
    async with connect() as client:
        me = await client.account(accounts[provider]["id"]).users.me()
        assert me.provider == provider


async def test_nobody_is_a_not_found_error_with_its_request(connect, accounts):
    async with connect() as client:
        with pytest.raises(NotFoundError) as caught:
            await client.users.get("nobody-at-all", account_id=accounts["LINKEDIN"]["id"])
    error = caught.value
    assert error.type == "errors/resource_not_found"
    assert error.request_id
    assert error.request_id in str(error)
    assert error.account_id == accounts["LINKEDIN"]["id"]
    assert error.outcome == "refused"
    assert not error.retryable


@pytest.mark.parametrize(
    "identifier",
    [
        "https://www.linkedin.com/company/microsoft",
        "urn:li:company:1035",
        "https://www.linkedin.com/posts/jordan-walke_activity-7332661864792854528-abcd",
    ],
)
async def test_what_is_no_person_is_refused_before_any_request(
    connect, accounts, journal, identifier
):
    account = accounts["LINKEDIN"]["id"]
    async with connect(providers={account: "LINKEDIN"}) as client:
        with pytest.raises(ConfigurationError, match="identifier"):
            await client.users.get(identifier, account_id=account)
    assert journal() == []


@pytest.mark.parametrize(
    ("provider", "identifier"),
    [
        ("LINKEDIN", "33600000000@s.whatsapp.net"),
        ("LINKEDIN", "https://x.com/postpressApp"),
        ("TELEGRAM", "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"),
        ("WHATSAPP", "https://www.linkedin.com/in/jordan-walke"),
    ],
)
async def test_an_id_of_another_provider_is_refused_before_any_request(
    connect, accounts, journal, provider, identifier
):
    account = accounts[provider]["id"]
    async with connect(providers={account: provider}) as client:
        with pytest.raises(ConfigurationError) as caught:
            await client.users.get(identifier, account_id=account)
    assert "identifier" in str(caught.value)
    assert provider in str(caught.value)
    assert journal() == []


async def test_an_identifier_of_another_product_is_read_through_it(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    lead = next(person for person in account["people"] if person.startswith("ACw"))
    async with connect() as client:
        await client.users.get(identify(lead), account_id=account["id"])
        (entry,) = sandbox.journal(route="GET /users/{identifier}")
    assert "linkedin_api=sales_navigator" in entry.raw_path


async def test_walks_over_chats_and_messages_see_every_one_once(connect, accounts):
    async with connect() as client:
        for account in accounts.values():
            chats = [
                chat async for chat in client.chats.list(account_id=account["id"], page_size=5)
            ]
            assert sorted(chat.id for chat in chats) == sorted(account["chats"])
            walk = client.messages.list(chat_id=chats[0].id, page_size=3)
            ids = [message.id async for message in walk]
            assert len(ids) == len(set(ids)) > 3
            everybody = [one async for one in client.chats.attendees(chats[0].id)]
            assert everybody
            assert (await client.chats.get(chats[0].id)).id == chats[0].id
            assert (await client.messages.get(ids[0])).id == ids[0]


async def test_a_send_is_written_once_with_its_text(connect, accounts, sandbox):
    account = accounts["LINKEDIN"]
    async with connect() as client:
        with capture() as seen:
            sent = await client.account(account["id"]).messages.send(
                chat_id=account["chats"][0], text='Grüße, 世界 \n"quoted" 👋'
            )
        (entry,) = sandbox.journal(route="POST /chats/{chat_id}/messages")
        assert entry.committed
        assert entry.text == 'Grüße, 世界 \n"quoted" 👋'
        assert entry.idempotency_key
        assert (await client.messages.get(sent.message_id)).text == entry.text
    assert [(one.status, one.attempts) for one in seen] == [(201, 1)]
    assert seen[0].request_id


async def test_the_client_of_both_mounts_reads_the_same(accounts, sandbox):
    from postpress_async import Postpress  # noqa: PLC0415 - told apart from the fixture

    ids = []
    for mount in ("", "/v1/", "/api/v1"):
        async with Postpress(sandbox.api_key, base_url=sandbox.url + mount) as client:
            ids.append([account.id async for account in client.accounts.list(page_size=2)])
    assert ids[0] == ids[1] == ids[2]
    assert len(ids[0]) == 8


async def test_any_other_route_goes_through_request(connect, accounts):
    account = accounts["LINKEDIN"]["id"]
    async with connect() as client:
        found = await client.request(
            "GET", "/chats", type=dict[str, object], action="read", query={"limit": 2}
        )
        assert found["object"] == "ChatList"
        user = await client.account(account).request(
            "GET", "/users/jordan-walke", type=dict[str, object], action="profile"
        )
        assert user["first_name"] == "Jordan"
        with pytest.raises(ConfigurationError, match="account_id"):
            await client.request("GET", "/users/jordan-walke", type=dict[str, object])
        for path in ("users", "/a/../b", "/a b", "/a?b=c", "/%2e%2e/x", "/é", "//evil/..%2f/.."):
            with pytest.raises(ConfigurationError, match="path"):
                await client.request("GET", path, type=dict[str, object], action="read")


async def test_a_number_as_people_write_it_is_read_as_its_provider_takes_it(
    connect, accounts, sandbox
):
    for provider in ("WHATSAPP", "TELEGRAM"):
        account = accounts[provider]
        numbers = [
            person.partition("@")[0]
            for person in account["people"]
            if person.partition("@")[0].isdigit() and not person.endswith("@lid")
        ]
        known = [number for number in numbers if len(number) == 11]
        if not known:
            continue
        async with connect(providers={account["id"]: provider}) as client:
            profile = await client.users.get("+" + known[0], account_id=account["id"])
        assert profile.provider == provider
    assert sandbox.journal(route="GET /users/{identifier}")


async def test_an_answer_of_some_age_cannot_be_asked_for_yet(connect, accounts):
    async with connect() as client:
        with pytest.raises(ConfigurationError, match="max_age"):
            await client.users.get("x", account_id=accounts["LINKEDIN"]["id"], max_age=60.0)


async def test_a_session_that_is_closed_is_told_by_its_name(sandbox, accounts):
    import aiohttp  # noqa: PLC0415 - beside its use

    from postpress_async import Postpress  # noqa: PLC0415 - told apart from the fixture

    session = aiohttp.ClientSession()
    await session.close()
    async with Postpress(sandbox.api_key, base_url=sandbox.url, session=session) as client:
        with pytest.raises(ConfigurationError, match="session"):
            await client.accounts.get(accounts["LINKEDIN"]["id"])


async def test_a_session_that_raises_for_status_hides_no_answer(sandbox, accounts):
    import aiohttp  # noqa: PLC0415 - beside its use

    from postpress_async import Postpress  # noqa: PLC0415 - told apart from the fixture

    session = aiohttp.ClientSession(raise_for_status=True)
    client = Postpress(sandbox.api_key, base_url=sandbox.url, session=session)
    async with session, client:
        with pytest.raises(NotFoundError):
            await client.accounts.get("acc_nobody")
