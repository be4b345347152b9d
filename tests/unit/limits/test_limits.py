"""Rows: what they say, and which of them hold."""

import pytest

from postpress_async import ConfigurationError, Limit, Limits, Spacing
from postpress_async.limits import ACTIONS, RECOMMENDED, seconds_of


def amounts(limits, provider, action, tier=None):
    return sorted((row.amount, row.seconds) for row in limits.rows_for(provider, tier, action))


EVERYTHING = (*RECOMMENDED.rows, *RECOMMENDED.spacings, *RECOMMENDED.warm_ups)
DAY, WEEK, MONTH = 86400.0, 604800.0, 31 * 86400.0


@pytest.mark.parametrize(
    ("provider", "tier", "action", "expected"),
    [
        ("LINKEDIN", None, "invite", [(80, DAY), (150, WEEK)]),
        ("LINKEDIN", "free", "invite", [(80, DAY), (150, WEEK)]),
        ("LINKEDIN", "premium", "invite", [(80, DAY), (200, WEEK)]),
        ("LINKEDIN", None, "invite_note", [(5, MONTH), (80, DAY), (150, WEEK)]),
        ("LINKEDIN", "recruiter", "invite_note", [(80, DAY), (200, WEEK)]),
        ("LINKEDIN", None, "profile", [(80, DAY)]),
        ("LINKEDIN", "sales_navigator", "profile", [(150, DAY)]),
        ("LINKEDIN", "recruiter", "search", [(2500, DAY)]),
        ("LINKEDIN", "premium", "search", [(1000, DAY)]),
        ("LINKEDIN", "premium", "inmail", [(30, DAY), (800, MONTH)]),
        ("LINKEDIN", None, "message", [(100, DAY)]),
        ("INSTAGRAM", None, "message", [(10, 3600.0), (100, DAY)]),
        ("WHATSAPP", None, "first_message", [(30, DAY)]),
        ("TELEGRAM", None, "message", [(30, 60.0)]),
        ("TWITTER", None, "message", [(500, DAY)]),
        ("MESSENGER", None, "other", [(100, DAY)]),
        ("LINKEDIN", None, "read", []),
    ],
)
def test_the_recommended_rows(provider, tier, action, expected):
    assert amounts(RECOMMENDED, provider, action, tier) == expected


def test_an_unknown_provider_gets_every_row_so_the_strictest_holds():
    assert (10, 3600.0) in amounts(RECOMMENDED, None, "message")
    assert (30, 60.0) in amounts(RECOMMENDED, None, "message")
    assert (100, DAY) in amounts(RECOMMENDED, None, "message")
    assert [row.least for row in RECOMMENDED.spacings_for(None)] == [15.0]
    assert RECOMMENDED.spacings_for("LINKEDIN") == ()


def test_every_recommended_row_names_its_source():
    assert all(row.source for row in EVERYTHING)


def test_replace_is_instead_of_all_that_the_action_had():
    limits = RECOMMENDED.replace(Limit("profile", 5, per="hour", provider="LINKEDIN"))
    assert amounts(limits, "LINKEDIN", "profile", "sales_navigator") == [(5, 3600.0)]
    assert amounts(limits, "LINKEDIN", "message") == [(100, DAY)]


def test_replace_of_one_action_leaves_the_shared_budget_to_the_other():
    limits = RECOMMENDED.replace(Limit("invite", 10, per="day", provider="LINKEDIN"))
    assert amounts(limits, "LINKEDIN", "invite") == [(10, DAY)]
    assert amounts(limits, "LINKEDIN", "invite_note", "premium") == [(80, DAY), (200, WEEK)]


def test_replace_without_a_provider_means_every_provider():
    limits = RECOMMENDED.replace(Limit("message", 7, per="day"))
    for provider in ("LINKEDIN", "INSTAGRAM", "TELEGRAM", "TWITTER", None):
        assert amounts(limits, provider, "message") == [(7, DAY)]


def test_replacing_for_one_provider_cuts_a_row_of_all_for_it_alone():
    limits = RECOMMENDED.replace(Limit("other", 3, provider="LINKEDIN"))
    assert amounts(limits, "LINKEDIN", "other") == [(3, DAY)]
    assert amounts(limits, "TELEGRAM", "other") == [(100, DAY)]


def test_without_takes_spacings_too():
    limits = RECOMMENDED.without("message", "WHATSAPP")
    assert limits.spacings_for("WHATSAPP") == ()
    assert RECOMMENDED.without("message").rows_for("TWITTER", None, "message") == ()
    assert len(RECOMMENDED.without("message", "LINKEDIN").spacings) == 1


def test_add_holds_besides():
    limits = RECOMMENDED.add(Limit("profile", 2, per="minute"), Spacing(1.0, 2.0))
    assert (2, 60.0) in amounts(limits, "LINKEDIN", "profile")
    assert (80, DAY) in amounts(limits, "LINKEDIN", "profile")
    assert len(limits.spacings_for("TWITTER")) == 1


def test_none_has_none():
    for action in ACTIONS:
        assert Limits.none().rows_for("LINKEDIN", None, action) == ()


def test_values_are_frozen_and_read_as_words():
    row = Limit(("invite", "invite_note"), 80, per="day", provider="LINKEDIN")
    assert str(row) == "80 invite+invite_note per day (LINKEDIN)"
    assert str(Limit("profile", 3, per=90)) == "3 profile per 90 s"
    with pytest.raises(AttributeError):
        row.amount = 3


BAD = {
    'Limit("profile", -1)': "Limit.amount",
    'Limit("profile", 1.5)': "Limit.amount",
    'Limit("profile", True)': "Limit.amount",
    'Limit("profil", 1)': "profil",
    "Limit((), 1)": "Limit.actions",
    'Limit("read", 1)': "read",
    'Limit("profile", 1, per="fortnight")': "Limit.per",
    'Limit("profile", 1, per=0)': "Limit.per",
    'Limit("profile", 1, per=-5.0)': "Limit.per",
    'Limit("profile", 1, per=float("nan"))': "Limit.per",
    'Limit("profile", 1, tier="gold")': "Limit.tier",
    "Spacing(-1, 2)": "Spacing.least",
    "Spacing(5, 2)": "Spacing.most",
    'Spacing(1, 2, action="read")': "read",
    'Limits.none().without("nothing")': "nothing",
}


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_work_names_its_field(source):
    with pytest.raises(ConfigurationError) as caught:
        eval(source)
    assert BAD[source] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_month_is_never_too_short():
    assert seconds_of("month") == MONTH
    assert seconds_of(2) == 2.0
