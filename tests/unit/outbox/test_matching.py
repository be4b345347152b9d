"""Known again, whatever a provider did to it; and nothing taken for absent that may be it."""

import html
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postpress_async.models import (
    FileAttachment,
    ImageAttachment,
    InvitationSent,
    LinkedInPostAttachment,
    LinkedInProfile,
    Message,
    Relation,
)
from postpress_async.models.profiles.linkedin import ProfileInvitation
from postpress_async.outbox.digests import (
    File,
    attachments,
    digest,
    digests,
    kind_of,
    loose,
    plain,
)
from postpress_async.outbox.matching import (
    Wanted,
    in_messages,
    in_profile,
    invited,
    related,
)
from postpress_async.outbox.protocol import Absent, Found, Perhaps

STARTED = 1_767_225_600.0
TEXT = "Hello Zoë, see https://example.com/a?b=1 & tell me"
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)


# -- digests --------------------------------------------------------------------------------


@given(texts, st.sampled_from(["NFC", "NFD"]), st.sampled_from([" ", "\n", "\t ", "\u00a0"]))
def test_white_space_and_composition_do_not_matter(text, form, blank):
    other = unicodedata.normalize(form, text).replace(" ", blank * 2)
    assert digest(f" {other}\n") == digest(text)


@given(texts)
def test_a_text_is_known_in_the_html_that_shows_it(text):
    shown = f"<p>{html.escape(text)}</p>"
    assert digest(text) in digests(shown)
    assert digest(shown, html=True) == digest(text)
    if not {"<", "&"} & set(text):  # what looks like HTML is read as HTML, loosely
        assert loose(shown) == loose(text)


@given(texts, texts)
def test_different_texts_have_different_digests(one, other):
    tidy = [" ".join(unicodedata.normalize("NFC", text).split()) for text in (one, other)]
    assert (digest(one) == digest(other)) == (tidy[0] == tidy[1])


@given(texts)
@example("<À>")  # a tag by its first letter only when that is decomposed
def test_equal_texts_are_loosely_equal(text):
    assert loose(f" {unicodedata.normalize('NFD', text)}\n") == loose(text)


def test_loose_ignores_case_links_and_punctuation():
    assert loose("Hello, Zoë! https://x.example/1") == loose("hello zoë www.other.example")
    assert loose("Hello") != loose("Hallo")
    assert loose("👍") != loose("👎")


def test_html_blocks_are_white_space():
    assert plain("<p>one</p><p>two<br>three</p>").split() == ["one", "two", "three"]
    assert plain("1 < 2 & 3") == "1 < 2 & 3"


def test_attachments_in_any_order():
    one, two = File(kind="img", size=10), File(kind="file")
    assert attachments([one, two]) == attachments([two, one])
    assert attachments([one]) != attachments([one, one])
    assert attachments([one]) != attachments([File(kind="img", size=11)])
    known = [kind_of(said) for said in ("image/png", "Audio/OGG; x=1", "application/pdf", None)]
    assert known == ["img", "audio", "file", "file"]


# -- messages -------------------------------------------------------------------------------


def message(seconds=1.0, **changes):
    at = datetime.fromtimestamp(STARTED + seconds, UTC).isoformat()
    return Message(**{"id": "m1", "text": TEXT, "is_sender": 1, "timestamp": at, **changes})


def look(*messages, bound=(), now=STARTED + 200, **changes):
    wanted = Wanted(
        **{
            "text_digest": digest(TEXT),
            "loose_digest": loose(TEXT),
            "started_at": STARTED,
            **changes,
        }
    )
    return in_messages(messages, wanted, bound=frozenset(bound), now=now)


IMAGE = File(kind="img", size=1000)
FOUND, ABSENT = Found(result_id="m1"), Absent()
PERHAPS = Perhaps


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, FOUND),
        ({"seconds": -119.0}, FOUND),
        ({"seconds": 319.0}, FOUND),
        ({"text": f"  {TEXT}\n"}, FOUND),
        ({"text": f"<p>{html.escape(TEXT)}</p>"}, FOUND),
        ({"text": "Something else"}, ABSENT),
        ({"is_sender": 0}, ABSENT),
        ({"is_event": 1}, ABSENT),
        ({"hidden": 1}, ABSENT),
        # near, and so never absent
        ({"seconds": -121.0}, PERHAPS),
        ({"seconds": 400.0}, PERHAPS),
        ({"seconds": -3600.0}, PERHAPS),
        ({"seconds": -200_000.0}, PERHAPS),  # a clock may be wrong by any number of days
        ({"timestamp": None}, PERHAPS),
        ({"is_sender": None}, PERHAPS),
        ({"id": None}, PERHAPS),
        ({"text": TEXT.upper()}, PERHAPS),
        ({"text": None, "deleted": 1}, PERHAPS),
        ({"text": "Something else", "edited": 1}, PERHAPS),
        ({"attachments": [ImageAttachment(id="a")]}, PERHAPS),
        ({"attachments": [LinkedInPostAttachment(id="a")]}, FOUND),
    ],
)
def test_one_message(changes, seen):
    found = look(message(**changes))
    assert isinstance(found, Perhaps) if seen is PERHAPS else found == seen


def test_a_preview_of_a_link_is_no_attachment_of_ours():
    assert look(message(attachments=[LinkedInPostAttachment(id="p")])) == FOUND


@pytest.mark.parametrize(
    ("came", "seen"),
    [
        ([ImageAttachment(id="a", file_size=1000)], FOUND),
        ([ImageAttachment(id="a")], FOUND),
        ([ImageAttachment(id="a", file_size=900)], PERHAPS),
        ([FileAttachment(id="a", file_size=1000)], PERHAPS),
        ([], PERHAPS),
        ([ImageAttachment(id="a"), ImageAttachment(id="b")], PERHAPS),
    ],
)
def test_attachments(came, seen):
    found = look(message(attachments=came), files=(IMAGE,))
    assert isinstance(found, Perhaps) if seen is PERHAPS else found == seen


def test_a_picture_whose_text_was_lost_is_perhaps_it():
    found = look(message(text=None, attachments=[ImageAttachment(id="a")]), files=(IMAGE,))
    assert isinstance(found, Perhaps)


@pytest.mark.parametrize("name", ["id", "message_id", "provider_id"])
def test_what_belongs_to_another_item_is_not_ours(name):
    one = message(**{"id": "m1", name: "other"})
    assert look(one, bound={"other"}) == ABSENT


def test_of_several_the_first_unbound_one_is_ours():
    several = [message(5.0, id="late"), message(1.0, id="m0"), message(2.0, id="early")]
    assert look(*several, bound={"m0"}) == Found(result_id="early")


def test_equal_ones_settled_without_an_id_are_not_ours():
    assert isinstance(look(message(), baseline=1), Perhaps)
    assert isinstance(look(message(), message(id="m2"), baseline=1), Found)


def test_an_inmail_is_no_other_message():
    assert look(message(message_type="INMAIL"), inmail=True) == FOUND
    assert isinstance(look(message(message_type="MESSAGE"), inmail=True), Perhaps)


# -- people ---------------------------------------------------------------------------------


def test_invitations():
    listed = [InvitationSent(id="i1", invited_user_id="ACo1", invited_user_public_id="Zoe")]
    assert invited(listed, "ACo1", bound=frozenset()) == Found(result_id="i1", by="invitation")
    assert invited(listed, "zoe", bound=frozenset({"i1"})) == Found(result_id=None, by="invitation")
    assert invited(listed, "ACo2", bound=frozenset()) == ABSENT


def test_relations_and_profiles():
    assert related([Relation(member_id="ACo1")], "ACo1") == Found(result_id=None, by="relation")
    assert related([Relation(member_id="ACo1")], "ACo2") == ABSENT
    for shows, seen in [
        (LinkedInProfile(invitation=ProfileInvitation(type="SENT", status="PENDING")), True),
        (LinkedInProfile(invitation=ProfileInvitation(type="SENT", status="WITHDRAWN")), False),
        (LinkedInProfile(invitation=ProfileInvitation(type="RECEIVED", status="PENDING")), False),
        (LinkedInProfile(network_distance="FIRST_DEGREE"), True),
        (LinkedInProfile(is_relationship=True), True),
        (LinkedInProfile(network_distance="SECOND_DEGREE"), False),
    ]:
        assert isinstance(in_profile(shows), Found) is seen
