"""What users write, with the types they get. Checked, never run."""

import asyncio
from typing import assert_type

from postpress_async import (
    Account,
    AccountOwner,
    Attendee,
    Chat,
    HookEvent,
    Http,
    Identifier,
    InstagramProfile,
    KeyRate,
    LaneSnapshot,
    Limit,
    Limits,
    LinkedInProfile,
    Message,
    MessageSent,
    Outcome,
    Page,
    Paginator,
    Postpress,
    PostpressError,
    Profile,
    RequestOptions,
    ResponseError,
    Retries,
    Sandbox,
    Seen,
    Spacing,
    TelegramProfile,
    Timeout,
    UnknownProfile,
    WhatsAppProfile,
    WorkExperience,
    XProfile,
    capture,
    identify,
)


def hook(event: HookEvent) -> None:
    assert_type(event.call_id, int)


async def reads(client: Postpress) -> str | None:
    user = await client.users.get("jordan-walke", account_id="acc_1", linkedin_sections=["*"])
    assert_type(user, Profile)
    assert_type(user.messaging_id, str | None)
    match user:
        case LinkedInProfile(headline=headline):
            assert_type(headline, str | None)
            assert_type(user.work_experience, list[WorkExperience])
            return headline
        case WhatsAppProfile() | InstagramProfile() | TelegramProfile() | XProfile():
            return user.provider_id
        case UnknownProfile(provider=provider):
            assert_type(provider, str | None)
            return provider


async def lists(client: Postpress) -> None:
    account = client.account("acc_1")
    assert_type(account, Postpress)
    assert_type(account.chats.list(unread=True).limit(500), Paginator[Chat])
    async for chat in account.chats.list(unread=True).limit(500):
        assert_type(chat, Chat)
        async for message in client.messages.list(chat_id=chat.id):
            assert_type(message, Message)
        async for page in client.messages.list(chat_id=chat.id).pages():
            assert_type(page, Page[Message])
    assert_type(await client.accounts.list().page(), Page[Account])
    assert_type(await client.accounts.get("acc_1"), Account)
    assert_type(client.chats.attendees("chat_1"), Paginator[Attendee])
    assert_type(await account.users.me(), AccountOwner)


async def writes(client: Postpress) -> None:
    account = client.account("acc_1")
    assert_type(await account.messages.send(chat_id="chat_1", text="Hello"), MessageSent)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.users.get("x", account_id="acc_1"))
    assert_type(task.result(), Profile)
    found = await client.request("GET", "/users/x", type=dict[str, object], account_id="acc_1")
    assert_type(found, dict[str, object])
    options = RequestOptions(timeout=Timeout(total=5.0), retries=Retries.none(), priority=-1)
    await client.users.get(identify("@x"), account_id="acc_1", options=options)
    with capture() as seen:
        assert_type(seen, list[Seen])
    assert_type(await client.scheduler.snapshot(), list[LaneSnapshot])
    async with client.scheduler.slot("acc_1", "profile"):
        pass


async def made() -> None:
    async with Postpress(
        "key",
        limits=Limits.recommended()
        .replace(Limit(("invite", "invite_note"), 20, per="day"))
        .add(Spacing(30.0, 150.0)),
        timeout=Timeout(total=None),
        http=Http(connections=10),
        key_rate=KeyRate(10),
        hooks=[hook],
        providers={"acc_1": "LINKEDIN"},
    ) as client:
        try:
            await client.users.get("x", account_id="acc_1")
        except ResponseError as error:
            assert_type(error.status, int)
            assert_type(error.retry_after, float | None)
        except PostpressError as error:
            assert_type(error.outcome, Outcome)
    async with Sandbox(seed=1) as sandbox:
        Postpress(sandbox.api_key, base_url=sandbox.url, clock=sandbox.clock)
    assert_type(identify("x"), Identifier)
