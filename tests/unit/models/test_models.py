from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
import pytest

from postpress_async import models
from postpress_async.models import (
    Account,
    AccountSource,
    Attendee,
    CandidateMoved,
    Chat,
    ContactInfo,
    GmailAlias,
    GmailOwner,
    ImapOwner,
    InstagramProfile,
    LinkedInOwner,
    LinkedInProfile,
    MailServer,
    MailServers,
    Message,
    NoteActivity,
    NoteAdded,
    NoteDeleted,
    OutlookOwner,
    Profile,
    Reader,
    TelegramOwner,
    TelegramProfile,
    UnhandledEvent,
    UnknownActivity,
    UnknownAttachment,
    UnknownOwner,
    UnknownProfile,
    UnknownSpecifics,
    WhatsAppProfile,
    WorkExperience,
    XOwner,
    XProfile,
)

PEOPLE = [
    (
        LinkedInProfile(provider_id="ACoAA1", public_identifier="ada", first_name="Ada"),
        ("LINKEDIN", "ACoAA1", "ada", "Ada", "ACoAA1"),
    ),
    (LinkedInProfile(public_identifier="ada"), ("LINKEDIN", None, "ada", "ada", None)),
    (
        WhatsAppProfile(id="33600000000@s.whatsapp.net"),
        (
            "WHATSAPP",
            "33600000000@s.whatsapp.net",
            "33600000000@s.whatsapp.net",
            "+33600000000",
            "33600000000@s.whatsapp.net",
        ),
    ),
    (WhatsAppProfile(id="1@lid"), ("WHATSAPP", "1@lid", None, None, "1@lid")),
    (
        InstagramProfile(
            provider_id="1", provider_messaging_id="17", public_identifier="ada", full_name=""
        ),
        ("INSTAGRAM", "1", "ada", "ada", "17"),
    ),
    (InstagramProfile(provider_id="1"), ("INSTAGRAM", "1", None, None, None)),
    (
        TelegramProfile(provider_id="1", first_name="Ada", last_name="L", phone="336"),
        ("TELEGRAM", "1", "336", "Ada L", "1"),
    ),
    (XProfile(id="1", screen_name="ada"), ("TWITTER", "1", "ada", "ada", "1")),
    (
        UnknownProfile(raw={"provider": "SLACK", "id": "U1", "name": "Ada"}),
        ("SLACK", "U1", None, "Ada", None),
    ),
    (UnknownProfile(), (None, None, None, None, None)),
]


@pytest.mark.parametrize(("person", "expected"), PEOPLE)
def test_every_profile_answers_the_same_questions(person, expected):
    answers = (
        person.provider,
        person.provider_id,
        person.public_id,
        person.display_name,
        person.messaging_id,
    )
    assert answers == expected


def test_profiles_match_by_class_and_by_word():
    found = []
    for person, _ in PEOPLE:
        match person:
            case LinkedInProfile(public_identifier=slug):
                found.append(slug)
            case WhatsAppProfile() | InstagramProfile() | TelegramProfile() | XProfile():
                found.append(person.provider)
            case UnknownProfile(provider=provider):
                found.append(provider)
    words = ["ada", "ada", "WHATSAPP", "WHATSAPP", "INSTAGRAM", "INSTAGRAM", "TELEGRAM", "TWITTER"]
    assert found == [*words, "SLACK", None]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ("PERSONNAL", "PERSONAL"),
        ("PERSONAL", "PERSONAL"),
        ("BUSINESS", "BUSINESS"),
        ("professionnal", "PROFESSIONAL"),
        ("NEW", "NEW"),
        (None, None),
    ],
)
def test_instagram_kinds_take_both_spellings(sent, kind):
    assert InstagramProfile(profile_type=sent).kind == kind


def test_activities_match_by_kind_and_by_event():
    seen = []
    for activity in (NoteAdded(content="a"), NoteDeleted(), CandidateMoved(state="HIRED")):
        match activity:
            case NoteActivity(event="NOTE_ADDED", content=text):
                seen.append(text)
            case NoteActivity(event=event):
                seen.append(event)
            case CandidateMoved(state=state):
                seen.append(state)
    assert seen == ["a", "NOTE_DELETED", "HIRED"]
    assert UnhandledEvent().event == "UNHANDLED_EVENT"
    assert UnknownActivity(raw={"event": "DANCE"}).event == "DANCE"


@pytest.mark.parametrize(
    ("job", "current"),
    [
        (WorkExperience(start="2010"), True),
        (WorkExperience(start="2010", end="2011"), False),
        (WorkExperience(), False),
        (WorkExperience(current=0, start="2010"), False),
        (WorkExperience(current=True, end="2011"), True),
    ],
)
def test_a_job_is_current_as_sent_else_by_its_dates(job, current):
    assert job.is_current is current


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ([], "OK"),
        (["OK", None], "OK"),
        (["OK", "CONNECTING"], "CONNECTING"),
        (["CONNECTING", "FROZEN"], "FROZEN"),
        (["FROZEN", "STOPPED"], "STOPPED"),
        (["STOPPED", "ERROR", "OK"], "ERROR"),
        (["ERROR", "credentials"], "CREDENTIALS"),
    ],
)
def test_an_account_is_as_well_as_its_worst_source(statuses, worst):
    account = Account(sources=[AccountSource(status=status) for status in statuses])
    assert account.status == worst
    assert account.is_ok is (worst == "OK")


@pytest.mark.parametrize(
    ("im", "tier"),
    [
        ({"premiumFeatures": ["premium", "recruiter", "sales_navigator"]}, "recruiter"),
        ({"premiumFeatures": ["premium", "sales_navigator"]}, "sales_navigator"),
        ({"premiumFeatures": ["premium"]}, "premium"),
        ({"premiumFeatures": ["something_new"]}, "free"),
        ({"premiumFeatures": []}, "free"),
        ({"premiumFeatures": None, "premiumId": None}, None),
        ({"premiumId": "12"}, "premium"),
        ({"premiumContractId": "12"}, "premium"),
        ({}, None),
        (None, None),
    ],
)
def test_the_tier_is_the_highest_product_and_none_when_untold(im, tier):
    body = msgspec.json.encode({"type": "linkedin", "connection_params": {"im": im}})
    account = Reader(Account).read(body)
    assert account.provider == "LINKEDIN"
    assert account.tier == tier
    assert account.issues == ()


def test_only_linkedin_has_tiers():
    body = b'{"type":"TELEGRAM","connection_params":{"im":{"user_id":"1","premiumFeatures":[]}}}'
    assert Reader(Account).read(body).tier is None
    assert Account().tier is None
    assert Account().provider is None


def test_chats_have_tidy_names():
    chat = Chat(
        account_type="linkedin",
        type=1,
        timestamp="2026-05-01T10:00:00.000Z",
        unread_count=2,
        muted_until=-1,
        disabledFeatures=["reply"],
        lastMessage=Message(id="m"),
    )
    assert chat.provider == "LINKEDIN"
    assert chat.is_group
    assert chat.is_unread
    assert chat.is_muted_forever
    assert chat.disabled_features == ["reply"]
    assert chat.last_message.id == "m"
    assert chat.last_activity_at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert Chat(timestamp="May 14, 2026").last_activity_at is None
    assert not Chat().is_unread


@pytest.mark.parametrize(("distance", "degree"), [(1, 1), (3, 3), (4, None), (-1, None)])
def test_messages_count_degrees(distance, degree):
    assert Message(attendee_distance=distance).degree == degree


OWNERS = [
    (LinkedInOwner(provider_id="1", public_identifier="ada"), ("LINKEDIN", "1", "ada")),
    (TelegramOwner(provider_id="1", username="ada"), ("TELEGRAM", "1", "ada")),
    (XOwner(id="1", name="Ada"), ("TWITTER", "1", "Ada")),
    (
        GmailOwner(email="a@b", aliases=[GmailAlias(display_name="Ada", is_primary=True)]),
        ("GMAIL", "a@b", "Ada"),
    ),
    (GmailOwner(email="a@b"), ("GMAIL", "a@b", "a@b")),
    (OutlookOwner(id="1", display_name="Ada"), ("OUTLOOK", "1", "Ada")),
    (ImapOwner(), ("IMAP", None, None)),
    (
        ImapOwner(connection_params=MailServers(imap=MailServer(username="a@b"))),
        ("IMAP", "a@b", "a@b"),
    ),
    (UnknownOwner(raw={"provider": "YAHOO", "id": "1", "email": "a@b"}), ("YAHOO", "1", "a@b")),
]


@pytest.mark.parametrize(("owner", "expected"), OWNERS)
def test_every_owner_answers_the_same_questions(owner, expected):
    assert (owner.provider, owner.provider_id, owner.display_name) == expected


def test_the_rest_has_tidy_names_too():
    assert Attendee(name="Ada").display_name == "Ada"
    assert Attendee().provider is None
    assert Attendee(specifics=UnknownSpecifics(raw={"provider": "SLACK"})).provider == "SLACK"
    assert UnknownAttachment(raw={"url": "att://1"}).url == "att://1"
    assert Message(timestamp="2026-05-01T10:00:00.000Z").sent_at == datetime(
        2026, 5, 1, 10, tzinfo=UTC
    )
    assert ContactInfo(adresses=["1 Main Street"]).addresses == ["1 Main Street"]


class TestMemory:
    """What a model remembers of its bytes disturbs nobody."""

    body = b'{"provider":"X-NOT","id":"1"}'

    @pytest.fixture
    def person(self):
        return Reader(Profile).read(b'{"provider":"WHATSAPP","id":"1@lid","new":"SECRET"}')

    def test_equality_and_hash_see_fields_only(self, person):
        assert person == WhatsAppProfile(id="1@lid")
        assert hash(person) == hash(WhatsAppProfile(id="1@lid"))

    def test_repr_never_prints_the_body(self, person):
        _ = person.raw
        assert "SECRET" not in repr(person)
        assert repr(person) == "WhatsAppProfile(object=None, id='1@lid', is_business=None)"

    @pytest.mark.parametrize(
        "again",
        [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))],
        ids=["copy", "deepcopy", "pickle"],
    )
    def test_copies_are_equal_and_fall_back_to_their_fields(self, person, again):
        twin = again(person)
        assert twin == person
        assert twin.raw["id"] == "1@lid"
        assert twin.issues == ()

    def test_raw_is_what_was_sent_and_decoded_once(self, person):
        assert person.raw == {"provider": "WHATSAPP", "id": "1@lid", "new": "SECRET"}
        assert person.raw is person.raw

    def test_hand_made_values_have_raw_too(self):
        assert WhatsAppProfile(id="1").raw["provider"] == "WHATSAPP"

    def test_unknown_profiles_survive_pickling_whole(self):
        person = Reader(Profile).read(self.body)
        assert pickle.loads(pickle.dumps(person)).raw == {"provider": "X-NOT", "id": "1"}

    def test_a_model_is_frozen(self, person):
        with pytest.raises(AttributeError):
            person.id = "2"
        with pytest.raises(AttributeError):
            person.raw = {}


def test_null_lists_read_as_empty_ones_in_patterns_and_subclasses():
    profile = Reader(Profile).read(b'{"provider":"TELEGRAM","restriction_reason":null}')
    match profile:
        case TelegramProfile(restriction_reason=[]):
            pass
        case _:
            pytest.fail("a null list did not match []")


def test_encoding_and_decoding_again_changes_nothing():
    body = b'{"provider":"LINKEDIN","recruiting_activity":[{"event":"DANCE","to":1}]}'
    profile = Reader(Profile).read(body)
    again = Reader(Profile).read(msgspec.json.encode(profile))
    assert again == profile
    assert again.issues == ()


def test_public_names_are_sorted_and_exist():
    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)


def test_importing_models_brings_neither_network_nor_repair_shop():
    code = "import sys, postpress_async.models; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "postpress_async.models.chats" in loaded
    assert not loaded & {"aiohttp", "asyncio", "postpress_async.models._mending"}
