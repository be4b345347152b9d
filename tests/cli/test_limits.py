"""`postpress limits`: the table, how an account stands, what it would take, and pauses."""

from __future__ import annotations

import contextlib
import math
import os
import pty
import re
import shlex
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postpress_async import ConfigurationError, Limits, Postpress
from postpress_async.cli.commands import limits
from postpress_async.cli.pacing import bars, times
from postpress_async.cli.pacing.given import Given, state_of
from postpress_async.cli.pacing.lane import print_lane
from postpress_async.scheduler.snapshot import LaneSnapshot, LimitUse

DAY = 86_400
PAGE = Path(__file__).parents[2] / "docs/cli.md"
EXAMPLES = re.findall(
    r"^\$ postpress (limits .*)\n((?:(?!```|\$ ).*\n)*)", PAGE.read_text("utf-8"), re.MULTILINE
)
INVITES = "80 invite+invite_note per day (LINKEDIN)"
NAMES = ("show", "explain", "estimate", "plan", "pause", "resume")


def seconds_of(stamp):
    """Return an instant of JSON in seconds: it says its zone."""
    at = datetime.fromisoformat(stamp)
    assert at.utcoffset() is not None
    return at.timestamp()


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def alone(monkeypatch):
    """Neither a key nor a service; whoever is asked is not there."""
    monkeypatch.delenv("POSTPRESS_API_KEY", raising=False)
    monkeypatch.setenv("POSTPRESS_BASE_URL", "http://127.0.0.1:9")


@pytest.fixture
def linkedin(account):
    return account("LINKEDIN")["id"]


def file_of(tmp_path, text, name="limits.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# -- the table ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
class TestTable:
    def test_all_rows_stand_in_it_with_their_sources(self, run):
        ran = run("limits", "show")
        assert (ran.code, ran.err) == (0, "")
        for row in Limits.recommended().rows:
            assert row.source in ran.out
        assert "15-20 s apart" in ran.out
        assert "none until day 1, 10% until day 7, all from day 21" in ran.out

    def test_json_has_a_line_for_each_row(self, run):
        lines = run("limits", "show", "--json").lines
        recommended = Limits.recommended()
        kinds = [line["kind"] for line in lines]
        assert kinds == ["limit"] * len(recommended.rows) + ["spacing", "warm_up"]
        assert lines[0] == {
            "kind": "limit", "actions": ["invite", "invite_note"], "amount": 80, "per": "day",
            "seconds": 86400.0, "provider": "LINKEDIN", "tier": None, "keep": 0,
            "scope": "account", "burst": None, "source": "P1 P2: 80-100 a day",
        }  # fmt: skip

    @pytest.mark.parametrize("word", ["whatsapp", "WHATSAPP"])
    def test_those_of_a_provider_and_of_any(self, run, word):
        lines = run("limits", "show", "--provider", word, "--json").lines
        assert {line["provider"] for line in lines} == {"WHATSAPP", None}
        assert [line["kind"] for line in lines] == ["limit", "limit", "spacing", "warm_up"]

    def test_those_of_a_tier(self, run):
        arguments = ("limits", "show", "--provider", "LINKEDIN", "--json")
        every = [(line["tier"], line["amount"]) for line in run(*arguments).lines]
        assert ("free", 150) in every
        assert ("sales_navigator", 150) in every
        free = [(line["tier"], line["amount"]) for line in run(*arguments, "--tier", "free").lines]
        assert ("free", 150) in free
        assert (None, 200) not in free
        assert "sales_navigator" not in {tier for tier, _ in free}

    def test_human_has_hours_and_paces(self, run):
        arguments = ("limits", "show", "--limits", "human", "--tz", "Europe/Paris")
        assert "Europe/Paris" in run(*arguments).out
        kinds = {line["kind"] for line in run(*arguments, "--json").lines}
        assert kinds == {"limit", "spacing", "warm_up", "working_hours"}

    def test_none(self, run):
        assert run("limits", "show", "--limits", "none").out.startswith("no limits")
        assert run("limits", "show", "--limits", "none", "--json").out == ""

    def test_a_file_with_all_that_a_row_may_say(self, run, tmp_path):
        text = """
            base = "none"
            [[limit]]
            actions = "profile"
            amount = 500
            per = 90
            keep = 7
            burst = 3
            scope = "key"
        """
        path = file_of(tmp_path, text)
        shown = run("limits", "show", "--limits", path).out
        for words in ("KEPT", "AT ONCE", "500 / 90 s", "all accounts together"):
            assert words in shown
        [line] = run("limits", "show", "--limits", path, "--json").lines
        assert (line["keep"], line["burst"], line["scope"], line["per"]) == (7, 3, "key", 90)

    def test_what_does_not_hold_for_a_provider_is_said(self, run, tmp_path):
        path = file_of(tmp_path, '[[without]]\naction = "other"\nprovider = "TWITTER"\n')
        arguments = ("limits", "show", "--limits", path, "--json")
        assert run(*arguments).lines[-1] == {
            "kind": "cut", "provider": "TWITTER", "action": "other"
        }  # fmt: skip
        ours = run(*arguments, "--provider", "TWITTER").lines
        assert "other" not in {name for line in ours for name in line["actions"]}


# -- an account -----------------------------------------------------------------------------------


def test_show_looks_the_account_up(run, served, linkedin):
    ran = run("limits", "show", linkedin)
    assert (ran.code, ran.err) == (0, "")
    for words in (linkedin, "LINKEDIN", "open", INVITES, "0 of 80 used, 80 left"):
        assert words in ran.out
    assert served.journal(route="GET /accounts/{id}")


def test_show_counts_what_was_used_where_its_window_still_knows(run, linkedin):
    used = ("--used", "invite=30", "--used", "invite=20@3d", "--used", "invite=9@2w")
    [lane] = run("limits", "show", linkedin, *used, "--json").lines
    by_window = {one["per"]: one["used"] for one in lane["limits"] if "invite+" in one["limit"]}
    assert by_window == {DAY: 30, 7 * DAY: 50}
    assert {"account_id", "provider", "tier", "paused", "status", "connected_at"} <= set(lane)
    assert lane["status"] == "OK"
    assert "30 of 80 used, 50 left" in run("limits", "show", linkedin, *used).out


def test_at_says_when_for_those_that_do_not_say_it_themselves(run, linkedin):
    used = ("--used", "invite=30", "--used", "invite=5@1h", "--at", "25h")
    [lane] = run("limits", "show", linkedin, *used, "--json").lines
    by_window = {one["per"]: one["used"] for one in lane["limits"] if "invite+" in one["limit"]}
    assert by_window == {DAY: 5, 7 * DAY: 35}


@pytest.mark.usefixtures("alone")
def test_with_a_provider_nobody_is_asked_and_no_key_is_needed(run):
    ran = run("limits", "show", "acc_x", "--provider", "linkedin", "--tier", "free", "--json")
    assert (ran.code, ran.err) == (0, "")
    [lane] = ran.lines
    assert (lane["provider"], lane["tier"], lane["status"]) == ("LINKEDIN", "free", None)


@pytest.mark.usefixtures("alone")
def test_amounts_are_those_of_today(run):
    ran = run("limits", "show", "new", "--provider", "WHATSAPP")
    assert "0 of 0 used, 0 left (now 0 instead of 30)" in ran.out
    [lane] = run("limits", "show", "new", "--provider", "WHATSAPP", "--json").lines
    assert lane["limits"][0]["amount"] == 0


def test_an_account_that_the_service_does_not_know_is_1(run, served):
    ran = run("limits", "show", "acc_nobody")
    assert (ran.code, ran.out) == (1, "")


def test_a_troubled_lane_says_so(capsys):
    use = LimitUse(limit="3 profile per day", used=3, left=0, amount=3, per=DAY)
    lane = LaneSnapshot(
        account_id="acc_1", provider="LINKEDIN", tier=None, limits=(use,), queued={"invite": 2},
        in_flight=1, cooling_until=time.time() + 7500, paused=None,
        closed_actions={"invite": "refused \x1b[2Jtwice"}, rate=0.25, warnings=("slow down",),
    )  # fmt: skip
    print_lane(lane, Limits.none(), None)
    shown = capsys.readouterr().out
    for words in ("cools down until", "(in 2 h 5 min)", "invite: refused twice", "2 invite"):
        assert words in shown
    for words in ("0.25 calls a second", "slow down", "█" * 20, "3 of 3 used, 0 left"):
        assert words in shown
    assert "\x1b" not in shown


# -- explain --------------------------------------------------------------------------------------


def test_explain_has_nothing_to_say_of_a_calm_account(run, linkedin):
    ran = run("limits", "explain", linkedin, "invite")
    assert (ran.code, ran.out, ran.err) == (0, "nothing holds it back\n", "")
    assert run("limits", "explain", linkedin, "--json").out == ""


@pytest.mark.parametrize("action", [("invite",), ()])
def test_explain_says_what_until_when_and_what_next(run, linkedin, action):
    arguments = ("limits", "explain", linkedin, *action, "--used", "invite=80", "--at", "22h")
    ran = run(*arguments)
    assert ran.code == 0
    assert f"used up: {INVITES}" in ran.out
    assert re.search(r"until +\w{3} \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in 2 h 0 min\)", ran.out)
    assert "wait, or raise the limit" in ran.out
    [line] = run(*arguments, "--json").lines
    assert set(line) == {"kind", "until", "limit", "reason", "next_step"}
    assert (line["kind"], line["limit"]) == ("limit", INVITES)
    assert seconds_of(line["until"]) == pytest.approx(time.time() + 2 * 3600, abs=30)


def test_explain_knows_what_the_service_says_of_the_account(run, served, linkedin):
    served.set_status(linkedin, "CREDENTIALS")
    try:
        ran = run("limits", "explain", linkedin, "--json")
        shown = run("limits", "explain", linkedin).out
    finally:
        served.set_status(linkedin, "OK")
    [line] = ran.lines
    assert (ran.code, line["kind"], line["until"]) == (0, "credentials", None)
    assert "CREDENTIALS" in line["reason"]
    assert ["until", "nobody", "knows"] in [row.split() for row in shown.splitlines()]


# -- estimate and plan ----------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
class TestForecasts:
    OFFLINE = ("--provider", "LINKEDIN")

    def test_an_estimate(self, run):
        ran = run("limits", "estimate", "a", "invite", "81", *self.OFFLINE)
        assert (ran.code, ran.err) == (0, "")
        assert "at least 24 h 0 min" in ran.out
        assert INVITES in ran.out
        [line] = run("limits", "estimate", "a", "invite", "81", *self.OFFLINE, "--json").lines
        assert set(line) == {"account_id", "action", "count", "seconds", "at", "limit"}
        assert line["seconds"] == pytest.approx(DAY, abs=1)
        assert seconds_of(line["at"]) == pytest.approx(time.time() + DAY, abs=30)

    def test_what_may_go_now(self, run):
        assert "it may go now" in run("limits", "estimate", "a", "invite", *self.OFFLINE).out

    def test_what_was_used_makes_it_longer(self, run):
        arguments = ("limits", "estimate", "a", "invite", *self.OFFLINE, "--json")
        [line] = run(*arguments, "--used", "invite=80").lines
        assert line["seconds"] == pytest.approx(DAY, abs=5)
        earlier = datetime.fromtimestamp(time.time() - DAY / 2, UTC).isoformat()
        [line] = run(*arguments, "--used", "invite=80", "--at", earlier).lines
        assert line["seconds"] == pytest.approx(DAY / 2, abs=30)

    def test_never_is_null(self, run, tmp_path):
        text = 'base = "none"\n[[limit]]\nactions = "profile"\namount = 0\n'
        arguments = (*self.OFFLINE, "--limits", file_of(tmp_path, text))
        assert "it would never go" in run("limits", "estimate", "a", "profile", *arguments).out
        [line] = run("limits", "estimate", "a", "profile", *arguments, "--json").lines
        assert (line["seconds"], line["at"]) == (None, None)
        assert line["limit"] == "0 profile per day"
        assert "never" in run("limits", "plan", "a", "profile=1", *arguments).out
        [line] = run("limits", "plan", "a", "profile=1", *arguments, "--json").lines
        assert (line["seconds"], line["actions"][0]["last_at"]) == (None, None)

    def test_a_plan(self, run):
        arguments = ("limits", "plan", "a", "invite=200", "message=50", *self.OFFLINE)
        ran = run(*arguments, "--tier", "premium")
        assert (ran.code, ran.err) == (0, "")
        rows = [line.split() for line in ran.out.splitlines()]
        assert ["1", "80", "50", "█" * 30] in [
            [r[0], r[-3], r[-2], r[-1]] for r in rows if len(r) > 3
        ]
        assert INVITES in ran.out
        [line] = run(*arguments, "--tier", "premium", "--json").lines
        assert set(line) == {"account_id", "seconds", "limit", "actions", "days"}
        assert line["days"] == [{"invite": 80, "message": 50}, {"invite": 80}, {"invite": 40}]
        assert [one["action"] for one in line["actions"]] == ["invite", "message"]
        first, last = (seconds_of(line["actions"][0][name]) for name in ("first_at", "last_at"))
        assert (first, last) == (
            pytest.approx(time.time(), abs=30), pytest.approx(time.time() + 2 * DAY, abs=30)
        )  # fmt: skip

    def test_a_long_plan_is_cut_for_people_only(self, run, tmp_path):
        text = 'base = "none"\n[[limit]]\nactions = "profile"\namount = 1\n'
        arguments = ("limits", "plan", "a", "profile=40", "--limits", file_of(tmp_path, text))
        assert "and 9 more days; --json has all of them" in run(*arguments, *self.OFFLINE).out
        [line] = run(*arguments, *self.OFFLINE, "--json").lines
        assert len(line["days"]) == 40


# -- pause and resume -----------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "arguments", [("pause", "acc_1", "--reason", "r"), ("pause", "*", "--reason", "r"),
                  ("resume", "acc_1"), ("resume", "*")], ids=" ".join,
)  # fmt: skip
def test_a_pause_that_nobody_would_see_is_refused(run, arguments):
    ran = run("limits", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "client.scheduler.pause()" in ran.err
    assert "--state" in ran.err


def test_a_pause_in_a_file_holds_for_whoever_shares_it(run, served, counts):
    state = counts
    ran = run("limits", "pause", "acc_1", "--reason", "under review", "--state", state)
    assert ran.code == 0
    seen = run("limits", "explain", "acc_1", "--provider", "LINKEDIN", "--state", state)
    assert (seen.code, "under review" in seen.out) == (0, True)
    assert run("limits", "resume", "acc_1", "--state", state).code == 0
    seen = run("limits", "explain", "acc_1", "--provider", "LINKEDIN", "--state", state)
    assert "under review" not in seen.out


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "arguments", [("pause", "*", "--reason", "r"), ("resume", "acc_1"), ("show", "acc_1"),
                  ("explain", "acc_1", "--provider", "LINKEDIN"),
                  ("plan", "acc_1", "invite=1", "--provider", "LINKEDIN")], ids=" ".join,
)  # fmt: skip
def test_a_file_that_is_not_there_is_nobodys_state(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    ran = run("limits", *arguments, "--state", "sqlite:///misspelled.db")
    assert (ran.code, ran.out) == (2, "")
    assert str(tmp_path / "misspelled.db") in ran.err  # where it was looked for
    assert list(tmp_path.iterdir()) == []


LOOKS = (
    ("show", "acc_1"), ("explain", "acc_1", "--provider", "LINKEDIN"),
    ("estimate", "acc_1", "invite", "--provider", "LINKEDIN"),
    ("plan", "acc_1", "invite=1", "--provider", "LINKEDIN"),
)  # fmt: skip
PAUSES = (("pause", "*", "--reason", "r"), ("resume", "acc_1"))


@pytest.mark.usefixtures("alone")
def test_a_database_without_counts_is_nobodys_state(run, postgres):
    for arguments in (*LOOKS, *PAUSES):
        ran = run("limits", *arguments, "--state", f"{postgres.url}?prefix=nobodys")
        assert (ran.code, ran.out) == (2, "")
        assert "no store of counts in the schema nobodys" in ran.err
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'nobodys'")
        assert found.fetchone() == (0,)


@pytest.mark.usefixtures("alone")
def test_a_look_leaves_an_empty_redis_empty_and_a_pause_says_that_it_was(run, valkeys):
    server = valkeys()
    for arguments in LOOKS:
        ran = run("limits", *arguments, "--state", server.url)
        assert (ran.code, ran.out) == (2, "")
        assert "no store of counts under the prefix postpress" in ran.err
    assert server.ask("DBSIZE") == 0
    for words in ("there was no store of counts on this server before", ""):
        ran = run("limits", "pause", "*", "--reason", "all off", "--state", server.url)
        assert (ran.code, words in ran.err) == (0, True)
    assert ran.err == ""
    assert run("limits", "show", "acc_1", "--state", server.url).code == 0


@pytest.mark.usefixtures("alone")
def test_a_pause_of_an_account_that_the_state_does_not_know_says_so(run, counts):
    def err(*arguments):
        ran = run("limits", *arguments, "--state", counts)
        assert ran.code == 0
        return ran.err

    assert err("pause", "acc_0", "--reason", "r") == ""
    assert "acc_typo" in err("pause", "acc_typo", "--reason", "r")
    assert err("pause", "acc_typo", "--reason", "again") == ""
    assert err("pause", "*", "--reason", "r") == ""


WHERE = ("--provider", "LINKEDIN")
OF_A_TYPO = (
    ("show", "acc_typo"), ("show", "acc_typo", *WHERE), ("explain", "acc_typo", *WHERE),
    ("estimate", "acc_typo", "invite", *WHERE), ("plan", "acc_typo", "invite=1", *WHERE),
    ("resume", "acc_typo"),
)  # fmt: skip


def rows_of(counts):
    """Return all that a file of counts has."""
    with contextlib.closing(sqlite3.connect(counts.removeprefix("sqlite:///"))) as connection:
        return sorted(connection.execute("SELECT key, image FROM images"))


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("paused", [False, True])
def test_a_look_at_an_account_that_the_state_does_not_know_says_so_and_leaves_no_trace(
    run, counts, paused
):
    if paused:  # all of them, so that this one is closed too
        assert run("limits", "pause", "*", "--reason", "all off", "--state", counts).code == 0
    before = rows_of(counts)
    assert {key for key, _ in before} - {"*", "*news"} == {"acc_0"}
    for arguments in OF_A_TYPO:
        plain = run("limits", *arguments, "--state", counts)
        told = run("limits", *arguments, "--json", "--state", counts)
        assert (plain.code, told.code, plain.out != "") == (0, 0, True)
        for ran in (plain, told):
            assert "this state knew nothing of account acc_typo before" in ran.err
        if arguments[0] != "explain" or paused:
            assert told.lines
    assert rows_of(counts) == before


@pytest.mark.usefixtures("alone")
def test_of_an_account_that_the_state_knows_nothing_is_said(run, counts):
    for arguments in OF_A_TYPO:
        name = [word.replace("acc_typo", "acc_0") for word in arguments]
        ran = run("limits", *name, "--state", counts)
        assert (ran.code, ran.err) == (0, "")
    known = run("limits", "show", "acc_0", "--json", "--state", counts).lines
    assert known[0]["provider"] == "WHATSAPP"  # whatever was supposed of it


@pytest.mark.usefixtures("alone")
def test_what_was_used_is_written_and_the_account_is_known_from_then_on(run, counts):
    used = ("--used", "invite=3", *WHERE, "--state", counts)
    assert "acc_9" in run("limits", "show", "acc_9", *used).err
    seen = run("limits", "show", "acc_9", "--state", counts)
    assert (seen.err, "3 of 80 used" in seen.out) == ("", True)


def test_a_look_with_a_key_leaves_what_it_learns_to_those_who_send(run, served, linkedin, counts):
    before = rows_of(counts)
    for _ in range(2):
        seen = run("limits", "show", linkedin, "--json", "--state", counts)
        [lane] = seen.lines
        assert (seen.code, lane["provider"]) == (0, "LINKEDIN")
        assert f"knew nothing of account {linkedin}" in seen.err
    assert rows_of(counts) == before


@pytest.mark.usefixtures("alone")
def test_a_look_leaves_a_server_as_it_was(run, valkeys):
    server = valkeys()
    assert run("limits", "pause", "*", "--reason", "all off", "--state", server.url).code == 0
    before = server.ask("DBSIZE")
    for arguments in OF_A_TYPO:
        ran = run("limits", *arguments, "--state", server.url)
        assert (ran.code, "acc_typo" in ran.err) == (0, True)
    assert server.ask("DBSIZE") == before
    assert (
        "acc_typo" in run("limits", "pause", "acc_typo", "--reason", "r", "--state", server.url).err
    )
    assert run("limits", "show", "acc_typo", "--state", server.url).err == ""


@pytest.mark.usefixtures("alone")
def test_a_shared_state_needs_no_key(run, counts):
    state = ("--state", counts)
    assert run("limits", "pause", "acc_1", "--reason", "under review", *state).code == 0
    seen = run("limits", "show", "acc_1", "--json", *state)
    [lane] = seen.lines
    assert (seen.code, lane["paused"], lane["provider"]) == (0, "under review", None)
    for arguments in (("explain", "acc_1"), ("plan", "acc_1", "invite=1")):
        seen = run("limits", *arguments, *state)  # whose limits would hold?
        assert seen.code == 2
        assert "acc_1" in seen.err
        assert "--provider" in seen.err
    used = ("--provider", "LINKEDIN", "--used", "invite=80")
    assert run("limits", "show", "acc_1", *used, *state).code == 0
    assert run("limits", "resume", "acc_1", *state).code == 0
    [lane] = run("limits", "show", "acc_1", "--json", *state).lines
    assert (lane["paused"], lane["provider"], lane["status"]) == (None, "LINKEDIN", None)
    seen = run("limits", "estimate", "acc_1", "invite", "--json", *state)
    [line] = seen.lines
    assert (seen.code, line["limit"]) == (0, INVITES)
    assert "80 of 80 used" in run("limits", "show", "acc_1", *state).out


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_state_that_cannot_be_reached_is_told_without_its_password(run, served, scheme):
    state = f"{scheme}://me:canary@127.0.0.1:1/0"
    ran = run("limits", "pause", "a", "--reason", "r", "--state", state)
    assert (ran.code, ran.out, "127.0.0.1:1" in ran.err) == (1, "", True)
    assert "canary" not in ran.err


def test_a_state_that_names_no_store_is_refused(run, served, monkeypatch):
    monkeypatch.setenv("POSTPRESS_STATE", "mysql://:canary@host")
    for arguments in (("pause", "a", "--reason", "r"), ("show", "a"), ("resume", "a")):
        ran = run("limits", *arguments)
        assert (ran.code, "mysql" in ran.err, "canary" in ran.err) == (2, True, False)


def test_a_pause_in_a_redis_holds_for_whoever_shares_it(run, served, valkeys):
    state = valkeys().url
    assert run("limits", "pause", "*", "--reason", "all off", "--state", state).code == 0
    seen = run("limits", "explain", "acc_1", "--provider", "LINKEDIN", "--state", state)
    assert (seen.code, "all off" in seen.out) == (0, True)
    assert run("limits", "resume", "*", "--state", state).code == 0
    seen = run("limits", "explain", "acc_1", "--provider", "LINKEDIN", "--state", state)
    assert (seen.code, "all off" in seen.out) == (0, False)


def test_the_option_goes_before_the_environment(monkeypatch):
    assert state_of(None) == "memory:"
    monkeypatch.setenv("POSTPRESS_STATE", "redis://host")
    assert (state_of(None), state_of("memory:")) == ("redis://host", "memory:")


async def test_a_pause_in_a_state_that_is_shared(served, linkedin, capsys):
    async with Postpress() as client:
        end = time.time() + 7200
        await limits.pause_in(
            client, linkedin, action=None, until=end, reason="asked to", as_json=False
        )
        shown = capsys.readouterr().out
        assert f"paused: account {linkedin}, all actions but read, until" in shown
        assert re.search(r"closed until .+ \(in .+\): asked to", shown)
        [blocker] = await client.scheduler.explain(linkedin)
        assert (blocker.kind, blocker.until) == ("paused", pytest.approx(end, abs=5))
        await limits.resume_in(client, linkedin, action=None, as_json=False)
        assert "open" in capsys.readouterr().out
        assert await client.scheduler.explain(linkedin) == []


async def test_a_pause_of_all_accounts(served, linkedin, run, capsys):
    async with Postpress() as client:
        await client.accounts.get(linkedin)
        await limits.pause_in(
            client, "*", action="invite", until=None, reason="stop", as_json=False
        )
        shown = capsys.readouterr().out
        assert "paused: all accounts, invite, until resumed" in shown
        assert "invite: stop" in shown
        await limits.resume_in(client, "*", action="invite", as_json=True)
        assert '"closed_actions":{}' in capsys.readouterr().out


async def test_a_pause_without_a_reason_is_refused(served):
    async with Postpress() as client:
        with pytest.raises(ConfigurationError, match="reason"):
            await limits.pause_in(client, "a", action=None, until=None, reason="", as_json=True)


def test_the_command_reaches_a_shared_state(run, served, linkedin, monkeypatch):
    monkeypatch.setattr(limits, "shared", lambda state: Postpress())
    ran = run("limits", "pause", linkedin, "--reason", "asked to", "--until", "2h", "--json")
    [lane] = ran.lines
    assert (ran.code, lane["account_id"], lane["paused"]) == (0, linkedin, "asked to")
    [lane] = run("limits", "resume", linkedin, "--json").lines
    assert lane["paused"] is None


# -- what is wrong --------------------------------------------------------------------------------


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "a", "invites"), ("ACTION", "invite,")),
        (("estimate", "a", "invites"), ("ACTION", "invite,")),
        (("estimate", "a", "invite", "0"), ("COUNT", "1 or more")),
        (("estimate", "a", "invite", "many"), ("COUNT",)),
        (("plan", "a"), ("ACTIONS", "invite=200")),
        (("plan", "a", "invite"), ("ACTIONS", "invite=30")),
        (("plan", "a", "invite=-1"), ("ACTIONS invite", "1 or more")),
        (("plan", "a", "invite=²"), ("ACTIONS invite", "1 or more")),
        (("plan", "a", f"invite={'9' * 5000}"), ("ACTIONS invite",)),
        (("plan", "a", "invite=1", "invite=2"), ("ACTIONS", "twice")),
        (("plan", "a", "invite=100001", "--provider", "LINKEDIN"), ("100,000",)),
        (("show", "--provider", "X"), ("--provider", "TWITTER")),
        (("show", "a", "--tier", "free"), ("--tier", "--provider")),
        (("show", "--tier", "gold"), ("--tier", "recruiter")),
        (("show", "--limits", "default"), ("--limits", "recommended")),
        (("show", "--limits", "missing.toml"), ("missing.toml", "no such file")),
        (("show", "--limits", "human"), ("--tz", "Europe/Paris")),
        (("show", "--limits", "human", "--tz", "Paris"), ("Europe/Paris",)),
        (("show", "--tz", "Europe/Paris"), ("--limits human",)),
        (("show", "--used", "invite=1"), ("--used", "acc_1")),
        (("show", "a", "--at", "5h"), ("--used",)),
        (("show", "a", "--used", "invite=1", "--at", "soon"), ("--at", "2h30m")),
        (("show", "a", "--used", "invite=1@2999-01-01"), ("--used", "in the past")),
        (("show", "a", "--used", "read=x"), ("--used read",)),
        (("show", " ", "--provider", "LINKEDIN"), ("account_id",)),
        (("show", "a"), ("POSTPRESS_API_KEY",)),
        (("pause", "a"), ("--reason",)),
        (("pause", "a", "--reason", "r", "--until", "2x"), ("--until", "2h30m")),
        (("pause", "a", "--reason", "r", "--until", "2020-01-01"), ("--until", "passed")),
        (("pause", "a", "--reason", "r", "--action", "x"), ("--action", "invite")),
        (("resume", "a", "--action", "x"), ("--action", "invite")),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_2_with_the_field_and_the_next_step(run, arguments, words, as_json):
    ran = run("limits", *arguments, *(["--json"] if as_json else []))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    message = ran.error["message"] if as_json else ran.err
    for word in words:
        assert word in message


def test_an_error_in_a_file_shows_its_line(run, tmp_path):
    path = file_of(tmp_path, 'base = "none"\n[[limit]]\nactions = "profile"\namont = 3\n')
    ran = run("limits", "show", "--limits", path)
    assert ran.code == 2
    assert "limits.toml:4: limit 1: unknown name 'amont'; did you mean 'amount'?" in ran.err


# -- terminals ------------------------------------------------------------------------------------


@pytest.fixture
def on_a_terminal(program):
    """Run a command with a terminal for its stdout; return what it showed, and the raw bytes."""

    def on_a_terminal(*arguments, **environment):
        ours, theirs = pty.openpty()
        env = os.environ | {"TERM": "xterm", "COLUMNS": "40"} | environment
        process = program("limits", *arguments, stdout=theirs, env=env)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal without writers ends
            while piece := os.read(ours, 65_536):
                shown += piece
        os.close(ours)
        assert (process.wait(30), process.stderr.read()) == (0, "")
        return re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()), shown

    return on_a_terminal


OFFLINE = ("a", "--provider", "LINKEDIN", "--used", "invite=40")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "arguments",
    [("show",), ("show", *OFFLINE), ("explain", "a", "invite", *OFFLINE[1:], "--used", "invite=40"),
     ("estimate", "a", "invite", "90", *OFFLINE[1:]),
     ("plan", "a", "invite=90", "message=4", *OFFLINE[1:])],
    ids=lambda arguments: " ".join(arguments[:2]),
)  # fmt: skip
def test_a_narrow_terminal(on_a_terminal, arguments):
    text, _ = on_a_terminal(*arguments)
    assert max(len(line) for line in text.splitlines()) <= 40
    if arguments[0] != "show" or len(arguments) > 1:
        assert "invite+invite_note" in text


@pytest.mark.usefixtures("alone")
def test_bars_without_colours(on_a_terminal):
    text, raw = on_a_terminal("show", *OFFLINE, NO_COLOR="1")
    assert "█" * 10 + "░" * 10 in text
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", raw)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("columns", ["40", "120"])
def test_bars_of_a_terminal_that_knows_ascii_alone(on_a_terminal, columns):
    text, raw = on_a_terminal("show", *OFFLINE, PYTHONIOENCODING="ascii", COLUMNS=columns)
    assert "#" * 10 + "." * 10 in text
    assert raw.isascii()
    assert "?" not in text
    text, _ = on_a_terminal("plan", "a", "invite=4", *OFFLINE[1:], PYTHONIOENCODING="ascii")
    assert "#" * 8 in text


@pytest.mark.usefixtures("alone")
def test_a_file_in_another_encoding(program):
    env = os.environ | {"PYTHONIOENCODING": "latin-1"}
    out, err = program("limits", "show", *OFFLINE, env=env).communicate(timeout=30)
    assert (err, "#" * 10 + "." * 10 in out) == ("", True)


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 80, ".........."), (1, 80, "#........."), (79, 80, "#########."), (80, 80, "##########"),
     (90, 80, "##########"), (0, 0, "##########"), (40, 80, "#####.....")],
)  # fmt: skip
def test_a_bar_is_full_and_empty_only_where_that_is_true(part, whole, shown):
    assert bars.bar(part, whole, width=10, ascii_only=True).plain == shown


def test_columns_are_told_apart_from_nothing():
    shown = [bars.column(n, 50, width=5, ascii_only=True).plain for n in (0, 1, 25, 50)]
    assert shown == ["", "#", "##", "#####"]
    assert bars.column(0, 0, width=5, ascii_only=False).plain == ""


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("2h30m", 9000), ("1d 12h", 129_600), ("2w", 1_209_600), ("", None),
     ("5", None), ("h", None), ("2h 1d", None), ("-5h", None), ("1.5h", None), ("٢h", None)],
)  # fmt: skip
def test_durations(text, seconds):
    assert times.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["2026-01-05T09:00", "2026-01-05T09:00Z", "2026-01-05 10:00+01:00", "6h"]
)
def test_instants_in_the_past(text):
    nine = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
    assert times.instant("--at", text, now=nine + 6 * 3600, way="ago") == nine


@pytest.mark.parametrize(
    "text", ["999999w", "0001-01-01", "9999-12-31T23:59:59-23:59", "1969-01-01"]
)
def test_instants_beyond_time_are_refused(text):
    with pytest.raises(ConfigurationError, match="--at"):
        times.instant("--at", text, now=1e9, way="ago")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.2, "1 s"), (59.5, "1 min 0 s"), (7499.9, "2 h 5 min"), (DAY, "24 h 0 min"),
     (3.5 * DAY, "3 d 12 h"), (5000 * DAY, "5,000 d 0 h"), (math.inf, "never")],
)  # fmt: skip
def test_lengths(seconds, words):
    assert times.length(seconds) == words


def test_what_no_calendar_knows():
    assert times.local(1e15) == "beyond every calendar"


def test_an_empty_given_is_the_default():
    assert Given().limits == "recommended"


@pytest.mark.parametrize("name", NAMES)
def test_help_has_examples(run, name):
    shown = run("limits", name, "--help").out
    assert f" postpress limits {name} " in shown
    assert re.search(rf"  {name}: \w", run("limits", "--help").out)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=lambda value: value[:60])
def test_the_examples_of_the_page_run(run, command, shown):
    ran = run(*shlex.split(command))
    assert (ran.code, ran.err) == (0, "")
    at = re.compile(r'"at":"[0-9T:.-]+Z"')
    if shown:
        assert at.sub("", ran.out) == at.sub("", shown)


def test_the_examples_of_the_page_are_found():
    assert len(EXAMPLES) == 4
    assert sum(1 for _, shown in EXAMPLES if shown) == 3


def test_the_page_names_the_commands_that_are_there():
    told = re.findall(r"^\| `limits ([a-z]+)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert tuple(told) == NAMES
