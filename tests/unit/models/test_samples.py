from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

import msgspec
import pytest

from postpress_async.models import (
    Account,
    AccountOwner,
    Attendee,
    Chat,
    ChatDeleted,
    ChatHistorySync,
    ChatPatched,
    ChatStarted,
    FileAttachment,
    Follower,
    InvitationCanceled,
    InvitationReceived,
    InvitationSent,
    LinkedInInvitationSpecifics,
    Message,
    MessageDeleted,
    MessageEdited,
    MessageForwarded,
    MessageReactionAdded,
    MessageSent,
    PageReader,
    Profile,
    ProfileEdited,
    Reader,
    Receipt,
    Relation,
    UnknownAttachment,
    UnknownInvitationSpecifics,
    UserInvitationHandled,
    UserInvitationSent,
    VideoAttachment,
)

FULL = {
    "profile_linkedin_full": Profile,
    "profile_whatsapp_full": Profile,
    "profile_instagram_full": Profile,
    "profile_telegram_full": Profile,
    "profile_x_full": Profile,
    "owner_linkedin_full": AccountOwner,
    "owner_telegram_full": AccountOwner,
    "owner_x_full": AccountOwner,
    "owner_gmail_full": AccountOwner,
    "owner_outlook_full": AccountOwner,
    "owner_imap_full": AccountOwner,
    "message_full": Message,
    "chat_full": Chat,
    "attendee_full": Attendee,
    "invitation_sent_full": InvitationSent,
    "invitation_received_full": InvitationReceived,
    "user_invitation_sent_full": UserInvitationSent,
    "invitation_canceled": InvitationCanceled,
    "invitation_handled_accepted": UserInvitationHandled,
    "invitation_handled_declined": UserInvitationHandled,
    "relation_full": Relation,
    "profile_edited": ProfileEdited,
    "chat_started_full": ChatStarted,
    "chat_patched": ChatPatched,
    "chat_history_sync_done": ChatHistorySync,
    "chat_deleted": ChatDeleted,
    "message_sent_full": MessageSent,
    "message_deleted": MessageDeleted,
    "message_forwarded_full": MessageForwarded,
    "message_reaction_added": MessageReactionAdded,
}


@pytest.mark.parametrize("case", FULL)
def test_full_answers_decode_whole_and_on_the_fast_path(sample, case):
    body = sample(case)
    value = msgspec.json.Decoder(FULL[case]).decode(body)  # no second chance here
    assert msgspec.to_builtins(value) == json.loads(body)


def fields_without_default(value, path="$"):
    """Every place of a model that a sample left as it was by default."""
    if isinstance(value, list):
        return [bad for item in value for bad in fields_without_default(item, f"{path}[]")]
    if not isinstance(value, msgspec.Struct):
        return []
    bad = [
        place
        for name in value.__struct_fields__
        for place in fields_without_default(getattr(value, name), f"{path}.{name}")
    ]
    defaults = type(value)()
    return bad + [
        f"{path}.{name}"
        for name in value.__struct_fields__
        if getattr(value, name) == getattr(defaults, name)
    ]


EXPLAINED = {"$.recruiter.error", "$.sales_navigator.owner_seat_id", "$.entities.url.urls"}
EXPLAINED |= {"$.sales_navigator.contract_id"}


@pytest.mark.parametrize("case", FULL)
def test_full_answers_leave_no_field_out(sample, case):
    value = Reader(FULL[case]).read(sample(case))
    assert set(fields_without_default(value)) <= EXPLAINED


def test_every_union_member_has_a_full_sample(sample):
    seen = {type(Reader(kind).read(sample(case))) for case, kind in FULL.items()}
    for union in (Profile, AccountOwner):
        known = {one for one in get_args(union) if not one.__name__.startswith("Unknown")}
        assert known <= seen


def test_the_documented_example_reads_as_documented(sample):
    profile = Reader(Profile).read(sample("profile_linkedin_seed"))
    assert profile.display_name == "Jordan Walke"
    assert profile.work_experience[0].end is None
    assert profile.work_experience[0].is_current
    assert profile.education[0].skills == []
    assert (profile.skills, profile.skills_total_count) == ([], 32)
    assert profile.throttled_sections == []
    assert profile.languages[0].proficiency == "NATIVE_OR_BILINGUAL"
    assert profile.degree == 2
    assert profile.issues == ()
    assert profile.raw == json.loads(sample("profile_linkedin_seed"))


def test_linkedin_oddities_stay_on_the_fast_path(sample):
    body = sample("profile_linkedin_wild")
    profile = msgspec.json.Decoder(Profile).decode(body)
    assert profile.member_urn == 19186432
    assert profile.websites == profile.recruiting_activity == profile.throttled_sections == []
    assert profile.work_experience[0].company_id == 1234567
    assert [job.is_current for job in profile.work_experience] == [True, False]
    assert profile.work_experience[0].skills == []
    assert profile.skills[0].endorsement_id is None
    assert profile.skills[0].insights == []
    assert profile.notes[0].author.public_profile_url == "https://www.linkedin.com/in/r"
    assert profile.recommendations.received == profile.recommendations.given == []
    assert profile.display_name is None


def test_one_restriction_reason_becomes_a_list(sample):
    profile = Reader(Profile).read(sample("profile_telegram_wild"))
    assert [one.platform for one in profile.restriction_reason] == ["ios"]
    assert profile.issues == ("$.restriction_reason",)
    assert profile.raw["restriction_reason"]["reason"] == "porn"


def test_an_account_never_shows_its_proxy(sample):
    rich = pytest.importorskip("rich.pretty")
    account = Reader(Account).read(sample("account_linkedin_wild"))
    assert account.issues == ()
    proxy = account.connection_params.im.proxy
    assert (proxy.username, proxy.password) == ("proxy-user-7", "hunter2-secret")
    for shown in (repr(account), str(account), rich.pretty_repr(account), f"{proxy!r}"):
        assert "hunter2" not in shown
        assert "proxy-user-7" not in shown
        assert "proxy.example" in shown
    assert account.raw["connection_params"]["im"]["proxy"]["password"] == "hunter2-secret"


def test_a_page_of_messages_keeps_all_but_the_odd_nodes(sample):
    body = sample("messages_page_wild")
    page = PageReader(Message).read(body)
    assert [one.id for one in page.items] == ["msg_0", "msg_1", "msg_2"]
    assert page.cursor == "next-1"
    assert page.raw["total_items"] == 3
    image, poll, video = page.items[1].attachments
    assert image.type == "img"
    assert isinstance(poll, UnknownAttachment)
    assert (poll.type, poll.id, poll.raw["question"]) == ("poll", "7", "Lunch?")
    assert isinstance(video, VideoAttachment)
    assert (video.size.width, video.size.height) == (640, 480)
    assert page.items[2].reactions == []
    assert page.items[0].is_own is False
    assert page.issues == page.items[1].issues
    assert "$.items[1].attachments[1]" in page.issues
    assert [one.raw for one in page.items] == json.loads(body)["items"]


def test_attendees_read_on_the_fast_path(sample):
    page = PageReader(Attendee).read(sample("attendees_page_full"))
    assert page.issues == ()
    assert page.cursor is None
    ada, bob, cy = page.items
    assert (ada.provider, ada.specifics.degree, ada.messaging_id) == ("LINKEDIN", 1, "ACoAA1")
    assert (bob.provider, bob.specifics.public_identifier) == ("INSTAGRAM", "bob")
    assert (cy.provider, cy.specifics.phone_number) == ("WHATSAPP", "hidden")
    sent = json.loads(sample("attendees_page_full"))["items"]
    assert [msgspec.to_builtins(one) for one in page.items] == sent


def test_receipts_may_lack_their_ids(sample):
    started = Reader(ChatStarted).read(sample("chat_started_null"))
    assert (started.chat_id, started.message_id) == ("chat_1", None)
    assert Reader(ChatStarted).read(b'{"object":"MessageSent","message_id":"m"}').chat_id is None
    assert Reader(MessageSent).read(sample("message_sent_null")).message_id is None


def test_invitations_read_whatever_is_missing(sample):
    body = sample("invitations_page_wild")
    page = PageReader(InvitationSent).read(body)
    prose, bare, instagram, odd = page.items
    assert (prose.date, prose.invitation_text, prose.specifics) == ("Sent 2 months ago", None, None)
    assert prose.about == datetime(2026, 3, 14, 9, 12, 44, 120_000, tzinfo=UTC)
    assert (bare.inviter, bare.specifics) == (None, None)
    for one, provider in ((instagram, "INSTAGRAM"), (odd, "XING")):
        assert isinstance(one.specifics, UnknownInvitationSpecifics)
        assert one.specifics.provider == provider
        assert one.invited_user == "Ada Fuller"
    assert instagram.inviter is not None
    assert odd.inviter is None
    assert page.issues == (
        "$.items[2].specifics",
        "$.items[3].inviter",
        "$.items[3].specifics",
    )
    assert [one.raw for one in page.items] == json.loads(body)["items"]


def test_an_invitation_names_the_secret_that_its_answer_needs(sample):
    received = Reader(InvitationReceived).read(sample("invitation_received_full"))
    assert isinstance(received.specifics, LinkedInInvitationSpecifics)
    assert received.shared_secret == "xYz12_9"
    assert InvitationReceived().shared_secret is None


def test_answers_to_invitations_tell_what_they_mean(sample):
    assert Reader(UserInvitationSent).read(sample("user_invitation_sent_plain")).usage is None
    handled = Reader(UserInvitationHandled)
    assert handled.read(sample("invitation_handled_accepted")).is_accepted
    assert not handled.read(sample("invitation_handled_declined")).is_accepted


def test_relations_read_as_people(sample):
    page = PageReader(Relation).read(sample("relations_page_wild"))
    ada, cy, bob = page.items
    assert (ada.provider_id, ada.public_id, ada.display_name) == (None, "ada", "Ada")
    assert ada.connected_at == datetime(2024, 5, 14, 8, tzinfo=UTC)
    assert (cy.provider_id, cy.public_id, cy.display_name) == ("501", "cy", "cy")
    assert (bob.provider_id, bob.display_name, bob.connected_at) == ("12345", "Bob Q", None)
    assert page.issues == ("$.items[2].created_at", "$.items[2].member_id")
    assert Relation(created_at=1e30).connected_at is None


def test_followers_of_both_providers_read_on_the_fast_path(sample):
    page = PageReader(Follower).read(sample("followers_page_full"))
    ada, cy = page.items
    assert page.issues == ()
    assert (ada.provider_id, ada.display_name, ada.headline) == (
        "ACoAAA1",
        "Ada Fuller",
        "Engineer",
    )
    assert (cy.messaging_id, cy.username, cy.is_verified) == ("340282", "cy", True)
    rows = json.loads(sample("followers_page_full"))["items"]
    for one, row in zip(page.items, rows, strict=True):
        assert {k: v for k, v in msgspec.to_builtins(one).items() if k in row} == row


def test_chats_keep_all_but_the_odd_nodes(sample):
    page = PageReader(Chat).read(sample("chats_page_wild"))
    lid, crew, slack = page.items
    assert page.cursor is None
    assert (lid.name, lid.folder, lid.is_muted_forever, lid.is_unread) == (None, [], True, True)
    assert (crew.is_group, crew.disabled_features, crew.muted_until[:4]) == (
        True,
        ["reactions"],
        "2026",
    )
    assert (slack.type, slack.unread_count) == (0, 4)
    hologram, file = slack.last_message.attachments
    assert isinstance(hologram, UnknownAttachment)
    assert (hologram.type, hologram.id) == ("hologram", "h")
    assert isinstance(file, FileAttachment)
    assert file.file_name == "é.pdf"
    assert page.issues == (
        "$.items[2].type",
        "$.items[2].unread_count",
        "$.items[2].lastMessage.attachments[0]",
    )


def test_a_sync_says_when_it_is_over(sample):
    states = {
        word: Reader(ChatHistorySync).read(sample(f"chat_history_sync_{word}"))
        for word in ("started", "running", "done")
    }
    assert [one.is_over for one in states.values()] == [False, False, True]
    assert states["done"].is_done
    deleted = ChatHistorySync(status="CHAT_DELETED")
    assert (deleted.is_over, deleted.is_done) == (True, False)


def test_a_link_is_found_whatever_its_key(sample):
    patched = Reader(ChatPatched)
    link = "https://chat.whatsapp.com/AbCdEf"
    assert patched.read(sample("chat_patched_link")).invite_link == link
    assert patched.read(
        b'{"object":"ChatPatched","code":7,"result":"%s"}' % link.encode()
    ).invite_link
    assert patched.read(sample("chat_patched")).invite_link is None


def test_receipts_are_told_person_by_person(sample):
    message = Message(seen_by={"a": True, "b": "2026-05-01T10:00:00.000Z", "c": False, "d": "yes"})
    ten = datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert message.receipts == [
        Receipt(provider_id="a"),
        Receipt(provider_id="b", at=ten),
        Receipt(provider_id="c", seen=False),
        Receipt(provider_id="d"),
    ]
    assert Message().receipts == []
    assert [Message(is_event=one).is_system for one in (None, 0, 1, True)] == [
        False,
        False,
        True,
        True,
    ]


def test_voice_notes_and_stickers_are_told_apart(sample):
    image, _, audio, *_ = Reader(Message).read(sample("message_full")).attachments
    assert (image.is_sticker, audio.is_voice_note) == (False, True)


def test_an_edit_may_name_its_message(sample):
    assert Reader(MessageEdited).read(sample("message_edited")).message_id is None
