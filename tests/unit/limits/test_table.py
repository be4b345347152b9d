"""The table: changed copies, budgets that meet, and what depends on the provider."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpress_async import (
    AccountInfo,
    ConfigurationError,
    Limit,
    Limits,
    Spacing,
    WarmUp,
    WorkingHours,
)
from postpress_async.limits import ACTIONS, RECOMMENDED

HUMAN = Limits.human(tz="Europe/Paris")


def test_a_limit_reads_as_words():
    limit = Limit("profile", 80, provider="LINKEDIN", keep=5, burst=2, scope="key")
    said = "80 profile per day (LINKEDIN), 2 at once, 5 kept for replies for all accounts together"
    assert str(limit) == said
    assert str(Limit("profile", 80, scope="key")) == "80 profile per day for all accounts together"


def test_a_budget_of_all_accounts_is_another_budget():
    own, shared = Limit("profile", 80), Limit("profile", 500, scope="key")
    assert own.key != shared.key
    assert Limits.none().add(own, shared).rows_for(None, None, "profile") == (own, shared)


BAD = {
    'Limit("profile", 5, keep=-1)': "Limit.keep must be a whole number, 0 or more, not -1",
    'Limit("profile", 5, keep=6)': "Limit.keep (6) must not be above Limit.amount (5)",
    'Limit("profile", 5, keep=0.5)': "Limit.keep must be a whole number",
    'Limit("profile", 5, scope="team")': "Limit.scope must be 'account' or 'key', not 'team'",
    'Limit("profile", 5, burst=0)': "Limit.burst must be a whole number, 1 or more, not 0",
    'Limit("profile", 5, burst=True)': "Limit.burst must be a whole number",
    'Limit("profile", 10**10)': "Limit.amount must be 1,000,000,000 or less",
    'Limit(["profile"], 5)': "Limit.actions must be an action or a tuple of actions",
    "Limit((3,), 5)": "action 3 is not one of",
    'Limit("profile", 5, per=float("inf"))': "Limit.per must be a finite number, not inf",
    'Limit("profile", 5, per=10**400)': "Limit.per must be a number of seconds or days, and not",
    'Limit("profile", 5, per=None)': "Limit.per must be a finite number, not None",
    'Limit("profile", 5, provider=[])': "Limit.provider must be a wire word",
    "Spacing(1, float('inf'))": "Spacing.most must be a finite number",
    "Spacing(None, 1)": "Spacing.least must be a finite number",
    "Limits.none().add(3)": "limits must be given as Limit('profile', 80, per='day')",
    "Limits.none().replace(Spacing(1, 2))": "limits must be given as Limit(",
    "Limits.none().replace(WarmUp())": "limits must be given as Limit(",
    'Limits.none().without("post", "X")': "provider must be a wire word",
    'Limits.human(tz="Paris")': "did you mean 'Europe/Paris'?",
}


@pytest.mark.parametrize("source", BAD)
def test_what_cannot_work_names_its_field(source):
    with pytest.raises(ConfigurationError) as caught:
        eval(source)
    assert BAD[source] in str(caught.value)


def test_every_changed_copy_carries_all_the_rest():
    for copy in (HUMAN.add(), HUMAN.replace(), HUMAN.without("login"), HUMAN.add(Limit("post", 1))):
        assert copy.hours == HUMAN.hours
        assert copy.warm_ups == HUMAN.warm_ups
        assert copy.spacings == HUMAN.spacings
    assert len(HUMAN.without("login", "SLACK").without("post").cuts) == 1
    assert HUMAN.add(WarmUp()).rows == HUMAN.rows


def test_rows_of_one_budget_all_hold():
    row = Limit("profile", 100, keep=10, burst=5)
    assert _one(row, Limit("profile", 50)) == Limit("profile", 50, burst=5)
    assert _one(row, Limit("profile", 95)) == Limit("profile", 95, keep=5, burst=5)
    assert _one(row, Limit("profile", 200, burst=2)) == Limit("profile", 100, keep=10, burst=2)
    assert _one(row, row) is row


def test_rows_of_one_budget_and_tier_all_hold():
    limits = RECOMMENDED.add(
        Limit("profile", 50, provider="LINKEDIN", tier="sales_navigator"),
        Limit("profile", 500, provider="LINKEDIN", tier="sales_navigator"),
    )
    rows = limits.rows_for("LINKEDIN", "sales_navigator", "profile")
    assert [row.amount for row in rows] == [50]


def _one(*rows):
    (found,) = Limits.none().add(*rows).rows_for(None, None, "profile")
    (other,) = Limits.none().add(*reversed(rows)).rows_for(None, None, "profile")
    assert found == other
    return found


ROWS = st.builds(
    lambda action, amount, provider, tier, keep, burst: Limit(
        action,
        amount,
        provider=provider,
        tier=tier,
        keep=min(keep, amount),
        burst=burst,
    ),
    st.sampled_from(["post", "profile", ("post", "profile")]),
    st.integers(0, 9),
    st.sampled_from([None, "LINKEDIN", "TWITTER"]),
    st.sampled_from([None, "free", "premium"]),
    st.integers(0, 3),
    st.sampled_from([None, 1, 2]),
)


@given(rows=st.lists(ROWS, max_size=6), data=st.data())
def test_the_order_of_rows_changes_nothing_but_their_order(rows, data):
    shuffled = data.draw(st.permutations(rows))
    one, other = Limits.none().add(*rows), Limits.none().add(*shuffled)
    for provider in (None, "LINKEDIN", "SLACK"):
        for tier in (None, "free", "recruiter"):
            for action in ("post", "profile"):
                assert set(one.rows_for(provider, tier, action)) == set(
                    other.rows_for(provider, tier, action)
                )


@given(rows=st.lists(ROWS, max_size=6))
def test_what_is_not_known_yet_is_never_laxer(rows):
    limits = Limits.none().add(*rows)
    for action in ("post", "profile"):
        unknown = {row.key: row for row in limits.rows_for(None, None, action)}
        for provider in ("LINKEDIN", "SLACK"):
            for tier in ("free", "recruiter"):
                for row in limits.rows_for(provider, tier, action):
                    held = unknown[row.key]
                    assert held.amount <= row.amount
                    assert held.amount - held.keep <= row.amount - row.keep
                    assert held.burst is None or row.burst is None or held.burst <= row.burst
                    assert row.burst is None or held.burst is not None


def test_what_is_added_after_a_cut_holds_for_the_provider_too():
    limits = RECOMMENDED.without("other", "LINKEDIN").add(Limit("other", 5), Spacing(1, 2, "other"))
    assert [row.amount for row in limits.rows_for("LINKEDIN", None, "other")] == [5]
    assert [row.amount for row in limits.rows_for("SLACK", None, "other")] == [5]
    assert [row.least for row in limits.spacings_for("LINKEDIN")] == [1]
    assert [row.least for row in limits.spacings_for("SLACK")] == [1]


def test_without_cuts_a_spacing_of_every_provider_for_one():
    limits = Limits.none().add(Spacing(1, 2, "post"), Spacing(3, 4)).without("post", "LINKEDIN")
    assert [row.least for row in limits.spacings_for("LINKEDIN")] == [3]
    assert [row.least for row in limits.spacings_for("SLACK")] == [1, 3]


def test_human_is_the_recommended_one_with_pace_and_hours():
    assert HUMAN.rows == RECOMMENDED.rows
    assert HUMAN.hours == (WorkingHours("09:00-18:00", tz="Europe/Paris", days="mon-fri"),)
    spaced = {row.action: (row.least, row.most) for row in HUMAN.spacings_for("LINKEDIN")}
    assert spaced == {None: (30, 90), "invite": (120, 300), "invite_note": (120, 300)}
    assert HUMAN.spacings_for("TELEGRAM") == ()
    assert [row.start for row in HUMAN.warm_ups_for("WHATSAPP", "first_message")] == [0.1, 0.2]
    assert all(row.source for row in (*HUMAN.spacings, *HUMAN.warm_ups))
    assert Limits.human(tz="UTC", hours="10:00-12:00", days="sat").hours[0].days == "sat"


@pytest.mark.parametrize(
    ("row", "asks"),
    [
        (Limit("post", 1, provider="LINKEDIN"), {"post"}),
        (Limit("post", 1), set()),
        (Spacing(1, 2, "post", provider="LINKEDIN"), {"post"}),
        (Spacing(1, 2, provider="LINKEDIN"), ACTIONS - {"read"}),
        (WarmUp(actions="post", provider="LINKEDIN"), {"post"}),
        (WarmUp(provider="LINKEDIN"), ACTIONS - {"read"}),
        (WarmUp(), set()),
        (WorkingHours(tz="UTC", provider="LINKEDIN"), ACTIONS - {"read"}),
        (WorkingHours(tz="UTC"), set()),
    ],
)
def test_the_provider_is_asked_for_where_it_makes_a_difference(row, asks):
    limits = Limits.none().add(row)
    assert {action for action in ACTIONS if limits.ask_provider(action)} == asks


def test_values_survive_a_change_of_one_field():
    info = AccountInfo(account_id="acc_1", provider="LINKEDIN", connected_at=1.5)
    assert msgspec.structs.replace(info, tier="free").connected_at == 1.5
    assert AccountInfo(account_id="acc_1") == AccountInfo(
        account_id="acc_1", provider=None, tier=None, connected_at=None
    )
    with pytest.raises(TypeError):
        AccountInfo("acc_1")
