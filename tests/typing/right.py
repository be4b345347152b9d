"""What users write, with the types they get. Checked, never run."""

import asyncio
from pathlib import Path
from typing import assert_type

from postpress_async import (
    Account,
    AccountOwner,
    AddParticipant,
    Attendee,
    Chat,
    ChatAction,
    ChatDeleted,
    ChatHistorySync,
    ChatPatched,
    ChatStarted,
    Follower,
    FollowUp,
    HookEvent,
    Http,
    Identifier,
    InstagramProfile,
    InvitationCanceled,
    InvitationReceived,
    InvitationSent,
    KeyRate,
    LaneSnapshot,
    Limit,
    Limits,
    LinkedInOptions,
    LinkedInProfile,
    Message,
    MessageDeleted,
    MessageEdited,
    MessageForwarded,
    MessageReactionAdded,
    MessageSent,
    Outcome,
    Page,
    Paginator,
    Person,
    Postpress,
    PostpressError,
    Profile,
    ProfileEdited,
    ProfileLocation,
    Receipt,
    Relation,
    RequestOptions,
    ResponseError,
    Retries,
    Sandbox,
    Seen,
    SetReadStatus,
    Spacing,
    TelegramProfile,
    Timeout,
    UnknownProfile,
    UserInvitationHandled,
    UserInvitationSent,
    WhatsAppProfile,
    WorkExperience,
    XProfile,
    capture,
    identify,
)
from postpress_async.outbox import Item, Outbox, Send, Skip, export_items


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


async def people(client: Postpress) -> None:
    account = client.account("acc_1")
    assert_type(account.users.relations(filter="ada"), Paginator[Relation])
    assert_type(account.users.following(), Paginator[Relation])
    assert_type(account.users.followers(user_id="x"), Paginator[Follower])
    assert_type(await account.users.reachable("+33600000000"), bool)
    edited = await account.users.edit_me(
        location=ProfileLocation(id="1"), picture=Path("me.png"), skills=["x"]
    )
    assert_type(edited, ProfileEdited)
    sent = await account.invitations.send("x", message="Hello", user_email="a@x.example")
    assert_type(sent, UserInvitationSent)
    assert_type(sent.usage, float | int | None)
    assert_type(account.invitations.sent(), Paginator[InvitationSent])
    assert_type(await account.invitations.cancel("1"), InvitationCanceled)
    async for invitation in account.invitations.received():
        assert_type(invitation, InvitationReceived)
        assert_type(await account.invitations.accept(invitation), UserInvitationHandled)
    await account.invitations.decline("1", shared_secret="s")


async def conversations(client: Postpress, files: list[Path], action: ChatAction) -> None:
    account = client.account("acc_1")
    user = await account.users.get("x")
    someone: Person = user
    linkedin = LinkedInOptions(
        api="recruiter",
        inmail=True,
        follow_up=FollowUp(subject="S", text="T", days=3, timezone="UTC", attachments=files),
    )
    started = await account.chats.start(to=user, text="Hi", linkedin=linkedin, attachments=files)
    assert_type(started, ChatStarted)
    relation = (await account.users.relations().page()).items[0]
    await account.chats.start_group(to=[someone, relation, "x", identify("+33600000000")])
    assert_type(await account.chats.update("c", action=SetReadStatus(False)), ChatPatched)
    await account.chats.update("c", action=AddParticipant("x"))
    await account.chats.update("c", action=action)
    seen: list[str | None] = []
    sync = await account.chats.sync("c", wait=60, progress=lambda one: seen.append(one.status))
    assert_type(sync, ChatHistorySync)
    assert_type(await account.chats.delete("c"), ChatDeleted)
    await account.messages.send(chat_id="c", attachments=[Path("a"), b"x"], typing_duration=1.5)
    assert_type(await account.messages.edit("m", text="x"), MessageEdited)
    assert_type(await account.messages.delete("m"), MessageDeleted)
    assert_type(await account.messages.react("m", reaction="👍"), MessageReactionAdded)
    assert_type(await account.messages.forward("m", chat_id="c"), MessageForwarded)
    assert_type(account.attendees.list(), Paginator[Attendee])
    attendee = await account.attendees.get("a")
    assert_type(attendee, Attendee)
    assert_type(account.attendees.chats("a"), Paginator[Chat])
    async for message in account.attendees.messages("a"):
        assert_type(message.receipts, list[Receipt])
    async with account.messages.attachment("m", "a") as download:
        await download.save(Path("file"))
        async for piece in download:
            assert_type(piece, bytes)


async def kept(client: Postpress) -> None:
    async def asked(item: Item) -> Send | Skip:
        return Send() if item.text else Skip("it says nothing")

    async with Outbox(client, "sqlite:///outbox.db", before_send=asked) as outbox:
        item = await outbox.message(account_id="a", chat_id="c", text="Hi", key="k")
        assert_type(item, Item)
        assert_type(item.next_step, str | None)
        async with outbox.batch() as batch:
            await batch.invite(provider_id="p", account_id="a")
        assert_type(batch.items, tuple[Item, ...])
        async for one in outbox.list(state=["failed", "expired"]):
            assert_type(one, Item)
        async for one in outbox.changes():
            assert_type(one, Item)
        assert_type((await outbox.progress(group="g")).share, float)
        assert_type((await outbox.metrics()).needs_decision, int)
        assert_type(await outbox.forget(["a", "b"]), int)
        assert_type(await outbox.vacuum(older_than=1e9), int)
        assert_type(await export_items(outbox, target=Path("items.csv")), int)
        await outbox.run(until_empty=True)


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
