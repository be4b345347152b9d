from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postpress_async.errors import ConfigurationError
from postpress_async.identifiers import Identifier, identify

CLASSIC = "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ"  # the users overview's own example
RECENT = "ADo" + CLASSIC[3:]
NAVIGATOR = "ACw" + CLASSIC[3:]
RECRUITER = "AEM" + CLASSIC[3:]
PHONE = "33600000000@s.whatsapp.net"

LINKEDIN_IDS = [
    (CLASSIC, "classic"),
    (RECENT, "classic"),
    (NAVIGATOR, "sales_navigator"),
    (RECRUITER, "recruiter"),
]


@pytest.mark.parametrize(("text", "product"), LINKEDIN_IDS)
def test_linkedin_ids_tell_their_product(text, product):
    expected = Identifier("LINKEDIN", "provider_id", text, product, certain=True)
    assert identify(text) == expected
    assert identify(f"urn:li:fsd_profile:{text}") == expected
    assert identify(f"https://www.linkedin.com/in/{text}/") == expected


def test_a_linkedin_id_of_another_length_is_likely_but_proves_nothing():
    found = identify(CLASSIC[:-4])
    assert (found.provider, found.linkedin_api, found.certain) == ("LINKEDIN", "classic", False)
    assert not found.conflicts_with("TELEGRAM")


KNOWN = [
    # LinkedIn
    ("https://www.linkedin.com/in/jordan-walke", "LINKEDIN", "public_id", "jordan-walke"),
    ("linkedin.com/in/jordan-walke/", "LINKEDIN", "public_id", "jordan-walke"),
    ("HTTPS://FR.LinkedIn.COM/in/jordan-walke?trk=x#top", "LINKEDIN", "public_id", "jordan-walke"),
    ("www.linkedin.com./in/jordan-walke/fr/", "LINKEDIN", "public_id", "jordan-walke"),
    ("linkedin.com/in/jordan-walke?u=https://evil.org", "LINKEDIN", "public_id", "jordan-walke"),
    ("//linkedin.com/in/jordan-walke", "LINKEDIN", "public_id", "jordan-walke"),
    ("linkedin.com/in/jos%C3%A9-mart%C3%AD", "LINKEDIN", "public_id", "josé-martí"),
    ("linkedin.com/in/%E5%BC%A0-%E4%BC%9F", "LINKEDIN", "public_id", "张-伟"),
    ("linkedin.com/in/josé", "LINKEDIN", "public_id", "josé"),
    ("linkedin.com/in/bad%FFescape", "LINKEDIN", "public_id", "bad%FFescape"),
    ("linkedin.com/in/a%2Fb", "LINKEDIN", "public_id", "a%2Fb"),
    ("linkedin.com/in/a%0Ab", "LINKEDIN", "public_id", "a%0Ab"),
    ("linkedin.com/in/%2E%2E", "LINKEDIN", "public_id", "%2E%2E"),
    (
        f"https://www.linkedin.com/sales/lead/{NAVIGATOR},NAME_SEARCH,x1y2?_ntb=a",
        "LINKEDIN",
        "provider_id",
        NAVIGATOR,
    ),
    (f"linkedin.com/sales/people/{NAVIGATOR}", "LINKEDIN", "provider_id", NAVIGATOR),
    (f"linkedin.com/talent/profile/{RECRUITER}?x=1", "LINKEDIN", "provider_id", RECRUITER),
    (
        f"linkedin.com/talent/hire/12/manage/all/profile/{RECRUITER}",
        "LINKEDIN",
        "provider_id",
        RECRUITER,
    ),
    ("linkedin.com/recruiter/profile/12345,aBc,CAP", "LINKEDIN", "provider_id", "12345"),
    ("https://www.linkedin.com/company/microsoft/about/", "LINKEDIN", "company", "microsoft"),
    ("linkedin.com/company/1035", "LINKEDIN", "company", "1035"),
    ("linkedin.com/school/mit", "LINKEDIN", "company", "mit"),
    ("linkedin.com/sales/company/1035", "LINKEDIN", "company", "1035"),
    ("urn:li:fsd_company:1035", "LINKEDIN", "company", "1035"),
    ("urn:li:organization:1035", "LINKEDIN", "company", "1035"),
    (
        f"urn:li:fs_salesProfile:({NAVIGATOR},NAME_SEARCH,a)",
        "LINKEDIN",
        "provider_id",
        NAVIGATOR,
    ),
    ("urn:li:activity:73326", "LINKEDIN", "post", "urn:li:activity:73326"),
    (
        "linkedin.com/feed/update/urn:li:activity:73326/",
        "LINKEDIN",
        "post",
        "urn:li:activity:73326",
    ),
    ("urn:li:member:12", "LINKEDIN", "unknown", "urn:li:member:12"),
    ("linkedin.com", "LINKEDIN", "unknown", "linkedin.com"),
    ("linkedin.com/talent/profile", "LINKEDIN", "unknown", "linkedin.com/talent/profile"),
    # WhatsApp
    ("0000000000@lid", "WHATSAPP", "provider_id", "0000000000@lid"),
    (PHONE, "WHATSAPP", "provider_id", PHONE),
    ("336:12@s.whatsapp.net", "WHATSAPP", "provider_id", "336:12@s.whatsapp.net"),
    ("12036304@g.us", "WHATSAPP", "group", "12036304@g.us"),
    ("https://wa.me/33600000000?text=hi", "WHATSAPP", "phone", PHONE),
    ("wa.me/+33600000000", "WHATSAPP", "phone", PHONE),
    ("https://api.whatsapp.com/send?phone=%2B33600000000&text=x", "WHATSAPP", "phone", PHONE),
    ("https://web.whatsapp.com/send/?phone=33600000000", "WHATSAPP", "phone", PHONE),
    ("whatsapp://send?phone=33600000000", "WHATSAPP", "phone", PHONE),
    ("wa.me/message/ABC", "WHATSAPP", "unknown", "wa.me/message/ABC"),
    ("chat.whatsapp.com/AbC", "WHATSAPP", "unknown", "chat.whatsapp.com/AbC"),
    # Instagram
    ("https://www.instagram.com/nasa/?hl=en", "INSTAGRAM", "public_id", "nasa"),
    ("instagram.com/stories/nasa/123", "INSTAGRAM", "public_id", "nasa"),
    ("instagram.com/p/Cabc", "INSTAGRAM", "unknown", "instagram.com/p/Cabc"),
    ("instagram.com/naïve", "INSTAGRAM", "unknown", "instagram.com/naïve"),
    # Telegram
    ("https://t.me/durov", "TELEGRAM", "public_id", "durov"),
    ("t.me/s/durov", "TELEGRAM", "public_id", "durov"),
    ("durov.t.me", "TELEGRAM", "public_id", "durov"),
    ("telegram.me/durov", "TELEGRAM", "public_id", "durov"),
    ("tg://resolve?domain=durov", "TELEGRAM", "public_id", "durov"),
    ("tg://resolve?phone=33600000000", "TELEGRAM", "phone", "33600000000"),
    ("tg://user?id=123", "TELEGRAM", "provider_id", "123"),
    ("t.me/+33600000000", "TELEGRAM", "phone", "33600000000"),
    ("t.me/+AbCdEf123", "TELEGRAM", "unknown", "t.me/+AbCdEf123"),
    ("t.me/joinchat/AbC", "TELEGRAM", "unknown", "t.me/joinchat/AbC"),
    ("tg://join?invite=AbC", "TELEGRAM", "unknown", "tg://join?invite=AbC"),
    # X
    ("https://x.com/postpressApp/status/12", "TWITTER", "public_id", "postpressApp"),
    ("x.com/@postpressApp", "TWITTER", "public_id", "postpressApp"),
    ("https://mobile.twitter.com/postpressApp", "TWITTER", "public_id", "postpressApp"),
    ("x.com/i/user/12", "TWITTER", "provider_id", "12"),
    ("twitter.com/intent/user?screen_name=jack", "TWITTER", "public_id", "jack"),
    ("x.com/home", "TWITTER", "unknown", "x.com/home"),
]


@pytest.mark.parametrize(
    ("text", "provider", "kind", "value"), KNOWN, ids=[row[0] for row in KNOWN]
)
def test_links_and_shapes_of_one_provider_are_recognised_and_prove_it(text, provider, kind, value):
    found = identify(text)
    assert (found.provider, found.kind, found.value) == (provider, kind, value)
    assert str(found) == value
    assert found.certain
    assert identify(f" \n{text}\t") == found if kind != "unknown" else True
    others = {"LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER", "SLACK"} - {provider}
    assert all(found.conflicts_with(other) for other in others)
    assert not found.conflicts_with(provider)
    assert not found.conflicts_with(provider.lower())
    assert not found.conflicts_with(None)


OPEN = [
    ("@postpressApp", None, "handle", "postpressApp"),
    ("jordan-walke", None, "public_id", "jordan-walke"),
    ("postpressApp", None, "public_id", "postpressApp"),
    ("张-伟", None, "public_id", "张-伟"),
    ("ACorn-Labs", None, "public_id", "ACorn-Labs"),
    ("33600000000", None, "unknown", "33600000000"),
    ("0600000000", None, "unknown", "0600000000"),
    ("+12", None, "unknown", "+12"),
    ("+33 6 00 00 00 00 00 00 00", None, "unknown", "+33 6 00 00 00 00 00 00 00"),
    ("+0 600 000 000", None, "unknown", "+0 600 000 000"),
    ("Ada Lovelace", None, "unknown", "Ada Lovelace"),
    ("ada@example.com", None, "unknown", "ada@example.com"),
    ("..", None, "unknown", ".."),
    ("@", None, "unknown", "@"),
    ("in/ada", None, "unknown", "in/ada"),
    ("https://evil-linkedin.com/in/ada", None, "unknown", "https://evil-linkedin.com/in/ada"),
    ("linkedin.com.evil.org/in/ada", None, "unknown", "linkedin.com.evil.org/in/ada"),
    (
        "https://evil.org/linkedin.com/in/ada",
        None,
        "unknown",
        "https://evil.org/linkedin.com/in/ada",
    ),
    ("https://linkedin.com@evil.org/in/a", None, "unknown", "https://linkedin.com@evil.org/in/a"),
    ("http://[::1", None, "unknown", "http://[::1"),
    ("[x", None, "unknown", "[x"),
    ("urn:isbn:12", None, "unknown", "urn:isbn:12"),
]


@pytest.mark.parametrize(("text", "provider", "kind", "value"), OPEN, ids=[row[0] for row in OPEN])
def test_what_may_be_anybodys_stays_open(text, provider, kind, value):
    found = identify(text)
    assert (found.provider, found.kind, found.value) == (provider, kind, value)
    assert not any(found.conflicts_with(one) for one in ("LINKEDIN", "WHATSAPP", "TELEGRAM"))


@pytest.mark.parametrize(
    "text",
    [
        "+33 6 00 00 00 00",
        "+33600000000",
        "+33 (0)6 00 00 00 00",
        "+33-600-000-000",
        "+33.600.000.000",
        "+33/600/000/000",
        "0033 600 000 000",
        "tel:+33600000000",
        "+33\u00a06\u202f00\u00a000\u00a000\u00a000",
        "\u202a+33 6 00 00 00 00\u202c",
        "+33 6\u201100\u201100\u201100\u201100",
    ],
)
def test_a_phone_number_becomes_its_whatsapp_id(text):
    found = identify(text)
    assert (found.provider, found.kind, str(found)) == ("WHATSAPP", "phone", PHONE)
    # Telegram knows phone numbers too, so this refuses nothing.
    assert not found.conflicts_with("TELEGRAM")


def test_x_goes_by_both_of_its_names():
    assert not identify("x.com/jack").conflicts_with("X")
    assert identify("x.com/jack").conflicts_with("INSTAGRAM")


@pytest.mark.parametrize(
    "text", ["", "  ", "\n", "\u200b", "a\x00b", "a\nb", "a\x85b", "\ud800", "x" * 2049, "é" * 1025]
)
def test_what_cannot_be_an_id_is_refused_before_any_call(text):
    with pytest.raises(ConfigurationError):
        identify(text)


def test_identifiers_are_plain_values():
    one = identify("x.com/jack")
    assert one == identify("https://twitter.com/jack")
    assert len({one, identify("@jack")}) == 2
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.value = "x"


PIECES = ["https://", "linkedin.com", "x.com", "t.me", "wa.me", "tg://", "/", "in", "?", "#", "%"]
PIECES += ["%C3", "@", "+", "ACoAA", "urn:li:", "a", "1", ",", "(", ")", ":", "[", "]", "."]


@settings(deadline=None, max_examples=5 * settings().max_examples, database=None)
@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(PIECES),
            max_size=12,
        ).map("".join),
    )
)
def test_any_text_is_identified_or_refused(text):
    try:
        found = identify(text)
    except ConfigurationError:
        return
    assert found.value
    assert not set(found.value) & {"\n", "\r", "\x00"}
    assert identify(found.value).value  # what comes out may come in again
    assert found.provider or not found.certain


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "@",
        "+1 ",
        "(0)",
        "%41",
        "/",
        "linkedin.com/in/",
        ".",
        "ACoAA",
        "urn:li:a:(",
        "?p=",
        "é",
    ],
)
def test_the_longest_text_takes_no_longer_than_its_length(piece):
    text = (piece * 2048)[: 2048 // len(piece[0].encode())].strip()
    spent = []
    for _ in range(3):  # the machine's other work, and a collection of garbage, are not its own
        started = time.thread_time()
        for prefix in ("", "+", "urn:li:x:", "https://linkedin.com/in/", "tg://resolve?domain="):
            identify((prefix + text)[:1000])
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.05


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("https://www.linkedin.com/comm/in/jordan-walke?x=1", "public_id", "jordan-walke"),
        ("https://www.linkedin.com/mwlite/in/jordan-walke", "public_id", "jordan-walke"),
        ("https://www.linkedin.com/IN/jordan-walke", "public_id", "jordan-walke"),
        ("https://fr.linkedin.com/pub/jordan-walke/1/2/3", "public_id", "jordan-walke"),
        ("<https://www.linkedin.com/in/jordan-walke>", "public_id", "jordan-walke"),
        (
            "https://www.linkedin.com/posts/jordan_activity-733-abcd",
            "post",
            "jordan_activity-733-abcd",
        ),
        (
            "https://www.linkedin.com/profile/view?id=ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ",
            "provider_id",
            "ACoAAAEkwwAB9KEc2TrQgOLEQ-vzRyZeCDyc6DQ",
        ),
    ],
)
def test_links_as_mails_and_old_phones_write_them(text, kind, value):
    found = identify(text)
    assert (found.provider, found.kind, found.value) == ("LINKEDIN", kind, value)


@pytest.mark.parametrize("wrong", [None, 5, b"x", ["x"]], ids=["none", "int", "bytes", "list"])
def test_what_is_no_text_is_refused(wrong):
    with pytest.raises(ConfigurationError, match="text"):
        identify(wrong)
