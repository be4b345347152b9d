from __future__ import annotations

import json
from typing import get_args

import msgspec
import pytest

from postpress_async.models import (
    Account,
    AccountOwner,
    Attendee,
    Chat,
    ChatStarted,
    Message,
    MessageSent,
    PageReader,
    Profile,
    Reader,
    UnknownAttachment,
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
