"""What is said and done shows up where it must: the client against the sandbox, over sockets."""

import asyncio

import pytest

from postpress_async import (
    Attendee,
    FileAttachment,
    GetInviteLink,
    LinkedInOptions,
    NotFoundError,
    PermissionDeniedError,
    ProviderLimitError,
    SetReadStatus,
    UnprocessableError,
)
from postpress_async.resources._files import File


async def messages_of(account, chat_id):
    return {one.id: one async for one in account.messages.list(chat_id=chat_id)}


@pytest.fixture
def account(connect, accounts):
    """Bind a client to the first account of a provider."""

    def made(provider, **options):
        client = connect(**options)
        return client, client.account(accounts[provider]["id"])

    return made


async def test_a_message_is_sent_edited_reacted_to_forwarded_and_deleted(account, accounts):
    client, whatsapp = account("WHATSAPP")
    chat, other = accounts["WHATSAPP"]["chats"][:2]
    async with client:
        sent = await whatsapp.messages.send(chat_id=chat, text="Helo", typing_duration=0.5)
        assert (await messages_of(whatsapp, chat))[sent.message_id].text == "Helo"
        await whatsapp.messages.edit(sent.message_id, text="Hello é")
        message = await whatsapp.messages.get(sent.message_id)
        assert (message.text, bool(message.edited), message.is_own) == ("Hello é", True, True)
        assert (await whatsapp.messages.react(sent.message_id, reaction="👍")).success
        (reaction,) = (await whatsapp.messages.get(sent.message_id)).reactions
        assert (reaction.value, bool(reaction.is_sender)) == ("👍", True)
        forwarded = await whatsapp.messages.forward(sent.message_id, chat_id=other)
        assert (await messages_of(whatsapp, other))[forwarded.message_id].text == "Hello é"
        quoting = await whatsapp.messages.send(chat_id=chat, text="!", quote_id=sent.message_id)
        assert (await whatsapp.messages.get(quoting.message_id)).quoted.text == "Hello é"
        await whatsapp.messages.delete(sent.message_id)
        assert (await whatsapp.messages.get(sent.message_id)).deleted


async def test_files_come_back_as_they_went(account, accounts, tmp_path):
    client, linkedin = account("LINKEDIN")
    chat = accounts["LINKEDIN"]["chats"][0]
    content = bytes(range(256)) * 1000
    path = tmp_path / "offre été.pdf"
    path.write_bytes(content)
    async with client:
        sent = await linkedin.messages.send(
            chat_id=chat, attachments=[path, File(b"x", name="a.png")]
        )
        first, _ = (await linkedin.messages.get(sent.message_id)).attachments
        assert isinstance(first, FileAttachment)
        assert first.file_name == "offre été.pdf"
        async with linkedin.messages.attachment(sent.message_id, first.id) as download:
            await download.save(tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content


async def test_a_relation_is_written_to_and_a_stranger_is_not(account, accounts):
    client, linkedin = account("LINKEDIN")
    async with client:
        relation = (await linkedin.users.relations(page_size=1).page()).items[0]
        started = await linkedin.chats.start(to=relation, text="Hello")
        message = await linkedin.messages.get(started.message_id)
        assert (message.chat_id, message.text) == (started.chat_id, "Hello")
        found = [chat.id async for chat in linkedin.chats.list()]
        assert started.chat_id in found
        related = {one.provider_id async for one in linkedin.users.relations()}
        people = accounts["LINKEDIN"]["people"]
        profiles = [await linkedin.users.get(p) for p in people if p.startswith("ACo")]
        stranger = next(one for one in profiles if one.provider_id not in related)
        with pytest.raises(UnprocessableError, match="no_connection_with_recipient"):
            await linkedin.chats.start(to=stranger, text="Hello")


async def test_an_inmail_counts_as_one(account, accounts, sandbox):
    client, linkedin = account("LINKEDIN")
    async with client:
        profile = await linkedin.users.get("jordan-walke")
        await linkedin.chats.start(
            to=profile, text="Hi", linkedin=LinkedInOptions(api="classic", inmail=True)
        )
    (entry,) = sandbox.journal(route="POST /chats")
    assert entry.action == "inmail"


async def test_a_group_starts_with_those_who_were_named(account):
    client, whatsapp = account("WHATSAPP")
    async with client:
        people = [one async for one in whatsapp.attendees.list() if not one.is_self][:3]
        started = await whatsapp.chats.start_group(to=people, subject="Vacation", text="Hi")
        chat = await whatsapp.chats.get(started.chat_id)
        assert (chat.name, chat.is_group) == ("Vacation", True)
        inside = {one.provider_id async for one in whatsapp.chats.attendees(chat.id)}
        assert {one.provider_id for one in people} <= inside
        patched = await whatsapp.chats.update(chat.id, action=GetInviteLink())
        assert patched.invite_link.startswith("https://")


async def test_a_chat_is_read_unread_synced_and_deleted(account, accounts):
    client, linkedin = account("LINKEDIN")
    chat = accounts["LINKEDIN"]["chats"][0]
    async with client:
        for read in (False, True):
            await linkedin.chats.update(chat, action=SetReadStatus(read))
            assert (await linkedin.chats.get(chat)).is_unread is not read
        seen = []
        assert not (await linkedin.chats.sync(chat, progress=seen.append)).is_over
        assert [one.status for one in seen] == ["SYNC_STARTED"]
        await linkedin.chats.delete(chat)
        with pytest.raises(NotFoundError):
            await linkedin.chats.get(chat)


async def test_a_sync_is_followed_while_the_clock_runs(account, accounts, sandbox):
    client, linkedin = account("LINKEDIN")
    async with client:
        sync = asyncio.ensure_future(
            linkedin.chats.sync(accounts["LINKEDIN"]["chats"][0], wait=3600.0)
        )
        while not sync.done():
            await sandbox.advance(10.0)
            await asyncio.sleep(0.01)
        assert (await sync).is_done


async def test_an_invitation_is_sent_listed_and_taken_back(account):
    client, linkedin = account("LINKEDIN")
    async with client:
        profile = await linkedin.users.get("jordan-walke")
        sent = await linkedin.invitations.send(profile, message="Hello Jordan")
        listed = {one.id: one async for one in linkedin.invitations.sent(page_size=3)}
        invitation = listed[sent.invitation_id]
        assert invitation.invited_user_id == profile.provider_id
        assert invitation.invitation_text == "Hello Jordan"
        with pytest.raises(ProviderLimitError, match="already_invited"):
            await linkedin.invitations.send(profile)
        await linkedin.invitations.cancel(sent.invitation_id)
        assert sent.invitation_id not in [one.id async for one in linkedin.invitations.sent()]


async def test_an_invitation_that_is_accepted_makes_a_relation(account, sandbox):
    client, linkedin = account("LINKEDIN")
    async with client:
        profile = await linkedin.users.get("jordan-walke")
        sent = await linkedin.invitations.send(profile)
        sandbox.accept(invitation_id=sent.invitation_id)
        related = {one.provider_id async for one in linkedin.users.relations()}
        assert profile.provider_id in related


async def test_invitations_that_came_are_answered(account):
    client, linkedin = account("LINKEDIN")
    async with client:
        waiting = [one async for one in linkedin.invitations.received()]
        assert len(waiting) >= 2
        accepted = await linkedin.invitations.accept(waiting[0])
        declined = await linkedin.invitations.decline(
            waiting[1].id, shared_secret=waiting[1].shared_secret
        )
        assert (accepted.is_accepted, declined.is_accepted) == (True, False)
        left = {one.id async for one in linkedin.invitations.received()}
        assert not left & {waiting[0].id, waiting[1].id}


async def test_following_on_instagram_counts_as_such(account, accounts, sandbox):
    client, instagram = account("INSTAGRAM")
    async with client:
        follower = (await instagram.users.followers(page_size=1).page()).items[0]
        assert follower.messaging_id
        await instagram.invitations.send(accounts["INSTAGRAM"]["people"][0])
    (entry,) = sandbox.journal(route="POST /users/invite")
    assert entry.action == "follow"


async def test_attendees_lead_to_their_chats_messages_and_pictures(account, accounts, tmp_path):
    client, linkedin = account("LINKEDIN")
    chat = accounts["LINKEDIN"]["chats"][0]
    async with client:
        other = next(
            [one async for one in linkedin.chats.attendees(chat) if not one.is_self].__iter__()
        )
        assert isinstance(await linkedin.attendees.get(other.id), Attendee)
        assert chat in [one.id async for one in linkedin.attendees.chats(other.provider_id)]
        said = [one async for one in linkedin.attendees.messages(other.id).limit(5)]
        assert {one.sender_id for one in said} == {other.provider_id}
        async with linkedin.attendees.picture(other.id) as download:
            assert download.content_type.startswith("image/")
            await download.save(tmp_path / "face")
            assert download.size == (tmp_path / "face").stat().st_size


async def test_what_a_provider_cannot_do_is_its_own_error(account, accounts):
    client, telegram = account("TELEGRAM")
    async with client:
        page = await telegram.messages.list(chat_id=accounts["TELEGRAM"]["chats"][0]).page()
        with pytest.raises(PermissionDeniedError):
            await telegram.messages.react(page.items[0].id, reaction="👍")


async def test_an_own_profile_is_edited(account):
    client, linkedin = account("LINKEDIN")
    async with client:
        await linkedin.users.edit_me(
            headline="Engineer at Acme", picture=File(b"\x89PNG\r\n\x1a\n", name="me.png")
        )
        assert (await linkedin.users.me()).headline == "Engineer at Acme"


async def test_numbers_are_reachable_or_not(account, accounts):
    client, whatsapp = account("WHATSAPP")
    known = next(one for one in accounts["WHATSAPP"]["people"] if one.endswith("@s.whatsapp.net"))
    async with client:
        assert await whatsapp.users.reachable("+" + known.partition("@")[0])
        assert not await whatsapp.users.reachable("+1 202 555 0199")
