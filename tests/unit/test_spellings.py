"""The ways in which one name of somebody is written, and when two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import spellings

PLAIN = "33612345678"
JID = f"{PLAIN}@s.whatsapp.net"
LINKEDIN = "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"
PHONES = [
    PLAIN, f"+{PLAIN}", f"00{PLAIN}", f"tel:+{PLAIN}", "+33 6 12 34 56 78", "+33 (0)6-12-34-56-78",
    JID, JID.upper(), f"{PLAIN}:12@s.whatsapp.net", f"https://wa.me/{PLAIN}", f"wa.me/{PLAIN}",
    f"t.me/+{PLAIN}", f" \u202a+{PLAIN}\u202c ",
]  # fmt: skip


@pytest.mark.parametrize("name", PHONES)
def test_a_number_is_one_however_it_is_written(name):
    assert spellings.meant(name) == JID
    assert {PLAIN, f"+{PLAIN}", JID} <= set(spellings.forms(name))
    assert spellings.forms(name)[0] == name.strip()
    assert spellings.digits_of(name) == PLAIN
    assert spellings.folded(name) & spellings.folded(JID)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (LINKEDIN, LINKEDIN),
        (f"urn:li:fsd_profile:{LINKEDIN}", LINKEDIN),
        (f"https://www.linkedin.com/in/{LINKEDIN}/", LINKEDIN),
        ("https://www.linkedin.com/in/jordan-walke?trk=x", "jordan-walke"),
        ("@ada", "ada"),
        ("https://www.instagram.com/ada/", "ada"),
        ("linkedin.com/in/%20ada", "ada"),
        ("linkedin.com/in/%20", "linkedin.com/in/%20"),
        ("jordan-walke", "jordan-walke"),
        ("ada.lovelace", "ada.lovelace"),
    ],
)
def test_a_link_an_urn_and_a_handle_are_the_id_in_them(name, value):
    assert spellings.meant(name) == value
    assert set(spellings.forms(name)) == {name, value}
    assert spellings.digits_of(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "lead-42", "crm/42", "1234", "0612345678", "42@crm", "33612345678@lid", "1-2@g.us", "a\nb",
        "ada@example.org", "123456789012345678", "linkedin.com/company/acme", "x" * 3000, "лид 7",
    ],
)  # fmt: skip
def test_what_proves_nothing_is_only_itself(name):
    assert spellings.forms(name) == (name,)
    assert spellings.meant(name) == name
    assert spellings.digits_of(name) is None


@given(st.text(max_size=80) | st.from_regex(r"(\+|00|https://wa.me/)?[0-9 ()@/%-]{0,30}"))
def test_any_text_is_itself_and_its_forms_mean_the_same(name):
    forms = spellings.forms(name)
    assert forms[0] == name.strip()
    assert all(forms[1:])
    for form in forms:
        assert spellings.folded(form) & spellings.folded(name)
        assert form == form.strip()
    if (digits := spellings.digits_of(name)) is not None:
        assert {spellings.digits_of(form) for form in forms} == {digits}


def test_letters_are_the_same_in_capitals_and_however_their_marks_are_kept():
    assert spellings.folded(" JOSE\u0301 ") == spellings.folded("josé")
    assert spellings.folded("STRASSE") == spellings.folded("straße")
    assert not spellings.folded("lead-4") & spellings.folded("lead-42")
