"""`postpress outbox`: files go in, workers send, people look and decide."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postpress_async import Postpress
from postpress_async.outbox import Outbox

MESSAGES = "POST /chats/{chat_id}/messages"
SECRET = "text-CANARY-9"


@pytest.fixture
def linkedin(account):
    return account("LINKEDIN")


@pytest.fixture
def box(tmp_path, monkeypatch, served):
    """An outbox and counts of the test's own, named by the environment."""
    monkeypatch.setenv("POSTPRESS_OUTBOX", f"sqlite:///{tmp_path / 'outbox.db'}")
    monkeypatch.setenv("POSTPRESS_STATE", f"sqlite:///{tmp_path / 'counts.db'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def leads(box, linkedin):
    """A list of so many leads."""

    def made(count, *, name="leads.csv", **more):
        head = ["id", "chat", "first_name", *more]
        rows = [
            ",".join([str(n), linkedin["chats"][n % 3], f"Ada{n}", *more.values()])
            for n in range(count)
        ]
        (box / name).write_text("\n".join([",".join(head), *rows]) + "\n", encoding="utf-8")
        return name

    return made


@pytest.fixture
def bare(served, tmp_path, monkeypatch):
    """Nobody says where anything is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTPRESS_STATE", raising=False)
    monkeypatch.delenv("POSTPRESS_OUTBOX", raising=False)
    return tmp_path


@pytest.fixture
def options(linkedin):
    return (
        "--account-id", linkedin["id"], "--chat-id", "{chat}", "--key", "spring/{id}",
        "--text", SECRET + " {first_name}", "--group", "spring",
    )  # fmt: skip


@pytest.fixture
def put(run, leads, options):
    """Put so many leads in."""

    def done(count, *more):
        ran = run("outbox", "import", leads(count), *options, *more)
        assert (ran.code, ran.err) == (0, "")

    return done


@pytest.fixture
def sent(served):
    """What of ours the service took since the test began."""
    before = served.journal()[-1].n if served.journal() else 0

    def seen():
        return [one for one in served.journal(route=MESSAGES) if one.n > before and one.committed]

    return seen


def test_a_file_is_planned_put_in_sent_and_put_in_again(run, leads, options, sent):
    name = leads(5)
    plan = run("outbox", "import", name, *options, "--dry-run", "--json")
    assert plan.code == 0
    first, second = plan.lines
    assert first == {"lines": 5, "new": 5, "already": 0, "forgotten": 0}
    assert second["actions"][0]["action"] == "message"
    assert second["actions"][0]["count"] == 5
    assert datetime.fromisoformat(second["actions"][0]["last_at"]).tzinfo is not None
    assert run("outbox", "list", "--json").out == ""
    done = run("outbox", "import", name, *options, "--json")
    assert (done.code, done.lines[0]["queued"], done.lines[0]["already"]) == (0, 5, 0)
    again = run("outbox", "import", name, *options, "--json")
    assert (again.code, again.lines[0]["queued"], again.lines[0]["already"]) == (0, 0, 5)
    assert sent() == []
    work = run("outbox", "run", "--until-empty", "--limits", "none", "--json")
    assert work.code == 0
    assert work.lines[-1] == {
        "sent": 5, "failed": 0, "cancelled": 0, "expired": 0, "left": {},
    }  # fmt: skip
    assert {line["key"] for line in work.lines[:-1] if line["state"] == "sent"} == {
        f"spring/{n}" for n in range(5)
    }
    assert len(sent()) == 5
    listed = run("outbox", "list", "--only", "sent", "--json").lines
    assert [line["key"] for line in listed] == [f"spring/{n}" for n in range(5)]
    assert all(line["result_id"] for line in listed)
    assert SECRET not in plan.out + done.out + work.out + work.err


def test_a_plan_tells_how_many_expire_before_they_could_go(run, box, linkedin):
    end = datetime.now(UTC) + timedelta(hours=36)
    lines = "".join(f"{n},{linkedin['chats'][0]},{end.isoformat()}\n" for n in range(500))
    (box / "late.csv").write_text(f"id,chat_id,expires_at\n{lines}", encoding="utf-8")
    ask = ("outbox", "import", "late.csv", "--account-id", linkedin["id"], "--text", "Hi")
    plan = run(*ask, "--key", "{id}", "--dry-run", "--json")
    days = [day["message"] for day in plan.lines[1]["days"]]
    assert 0 < sum(days[2:]) <= plan.lines[0]["expiring"] <= sum(days[1:])
    ran = run(*ask, "--key", "{id}", "--dry-run")
    assert re.search(r"expire before they could go +\d+, by this plan", ran.out)
    plan = run(*ask, "--key", "{id}", "--dry-run", "--json", "--limits", "none")
    assert "expiring" not in plan.lines[0]


def test_a_plan_tells_of_whom_the_outbox_invites_already(run, box, linkedin):
    (box / "people.csv").write_text("id,provider_id\n1,ACoAAC\n2,ACoAAD\n", encoding="utf-8")
    ask = ("outbox", "import", "people.csv", "--kind", "invite", "--account-id", linkedin["id"])
    assert run(*ask, "--key", "a/{id}").code == 0
    plan = run(*ask, "--key", "b/{id}", "--dry-run", "--json")
    assert (plan.lines[0]["new"], plan.lines[0]["refusals"]) == (0, 2)
    assert [one["line"] for one in plan.lines[0]["refused"]] == [2, 3]
    ran = run(*ask, "--key", "b/{id}", "--dry-run")
    assert "refused" in ran.out
    assert "line 2: item " in ran.err
    assert "to the same person is open: wait for it, or cancel it" in ran.err


def test_what_is_wrong_is_listed_and_nothing_is_put_in(run, box, options):
    (box / "bad.csv").write_text("id,chat,first_name\n1,,Ada\n2,c,\n", encoding="utf-8")
    ran = run("outbox", "import", "bad.csv", *options)
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert lines[0].startswith("line 2, chat: is empty")
    assert lines[1].startswith("line 3, first_name: is empty")
    assert lines[2].startswith("postpress: bad.csv: 2 lines cannot be queued, so nothing was")
    ran = run("outbox", "import", "bad.csv", *options, "--problems", "1", "--json")
    assert ran.lines == [
        {"line": 2, "column": "chat", "message": ran.lines[0]["message"]},
    ]  # fmt: skip
    assert ran.error["exit"] == 2
    assert not (box / "outbox.db").exists()


def test_an_account_that_is_none_is_told_before_anything_is_put_in(run, leads, options):
    ran = run("outbox", "import", leads(1), *options[2:], "--account-id", "acc_none")
    assert ran.code == 2
    assert "acc_none" in ran.err


def test_items_are_shown_without_what_they_say_unless_that_is_asked_for(run, put, linkedin):
    put(2, "--hold", "--recipient", "lead {id}")
    for arguments in (("list",), ("show", "spring/1")):
        for form in ((), ("--json",)):
            ran = run("outbox", *arguments, *form)
            assert ran.code == 0
            assert SECRET not in ran.out
            assert "held" in ran.out
            assert SECRET in run("outbox", *arguments, *form, "--text").out
    shown = run("outbox", "show", "spring/1")
    assert "release" in shown.out  # the next step
    [listed] = run("outbox", "list", "--limit", "1", "--json").lines
    assert "chat_id" not in listed
    [listed] = run("outbox", "list", "--limit", "1", "--text", "--json").lines
    assert (listed["chat_id"], listed["person"]) == (linkedin["chats"][0], None)
    [line] = run("outbox", "show", "spring/1", "--json").lines
    assert (line["state"], line["group"], line["recipient"]) == ("held", "spring", "lead 1")
    assert line["reasons"][0]["kind"] == "held"
    missing = run("outbox", "show", "nothing")
    assert (missing.code, missing.out) == (1, "")
    assert "no item of the id or key 'nothing'" in missing.err


def test_a_list_is_walked_in_pieces(run, put):
    put(5)
    keys, start = [], ()
    for _ in range(3):
        ran = run("outbox", "list", "--limit", "2", "--json", *start)
        keys += [line["key"] for line in ran.lines]
        start = ("--start", ran.error["cursor"]) if ran.err else ()
    assert keys == [f"spring/{n}" for n in range(5)]
    assert start == ()
    assert run("outbox", "list", "--limit", "0").code == 2


def test_items_are_released_cancelled_and_queued_again(run, put, sent):
    put(4, "--hold")
    assert run("outbox", "list", "--counts", "--json").lines == [{"held": 4}]
    released = run("outbox", "release", "spring/0", "spring/1", "nothing", "--json")
    assert released.code == 1  # one of them is not there; the others are released
    assert [line["state"] for line in released.lines] == ["queued", "queued"]
    assert released.error["error"] == "OutboxNotFoundError"
    assert run("outbox", "release", "spring/0").code == 1
    cancelled = run("outbox", "cancel", "spring/0", "--json")
    assert [line["state"] for line in cancelled.lines] == ["cancelled"]
    assert run("outbox", "cancel", "--group", "spring", "--json").lines == [{"cancelled": 3}]
    assert run("outbox", "retry", "spring/1", "--json").lines[0]["state"] == "queued"
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 0
    assert len(sent()) == 1
    assert run("outbox", "retry", "spring/1").code == 1  # it has gone
    for wrong in (("cancel",), ("retry",), ("release",), ("cancel", "a", "--group", "b")):
        ran = run("outbox", *wrong)
        assert (ran.code, ran.out) == (2, "")
        assert "name items, or --group" in ran.err


def test_what_failed_and_what_is_in_doubt_have_codes_and_steps(run, put, served):
    put(1)
    problem = {"route": MESSAGES, "effect": "status", "status": 404, "type": "not_found"}
    served.faults([problem])
    ran = run("outbox", "run", "--until-empty", "--limits", "none", "--json")
    assert (ran.code, ran.lines[-1]["failed"]) == (1, 1)
    served.faults([])
    [failed] = run("outbox", "list", "--only", "failed", "--json").lines
    assert "404" in failed["error"]
    [again] = run("outbox", "retry", "--group", "spring", "--json").lines
    assert again["state"] == "queued"
    ran = run("outbox", "resolve", "spring/0", "--sent")
    assert ran.code == 1
    assert "only an unknown one is" in ran.err
    assert run("outbox", "resolve", "spring/0").code == 2


def test_an_item_in_doubt_waits_for_a_person_where_that_was_asked_for(
    program, run, put, served, sent
):
    put(1)
    served.faults([{"route": MESSAGES, "effect": "reset", "stage": "after"}])
    worker = program("outbox", "run", "--limits", "none", "--hold-unknown", "--json")
    line = json.loads(worker.stdout.readline())
    while line["state"] != "unknown":
        line = json.loads(worker.stdout.readline())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) in {0, 3}
    assert len(sent()) == 1  # it was done, and nobody sends it again
    chat = Path("leads.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[1]
    for form in ((), ("--json",)):  # where to look whether it arrived
        assert chat in run("outbox", "show", "spring/0", *form).out
    assert run("outbox", "retry", "spring/0").code == 1
    [settled] = run("outbox", "resolve", "spring/0", "--sent", "--json").lines
    assert settled["state"] == "sent"


def test_who_has_answered_or_is_on_the_list_gets_nothing(run, put, linkedin, served, sent):
    put(3, "--recipient", "{first_name}")
    Path("blocked.txt").write_text("\ufeffADA0\n\nnobody\n", encoding="utf-8")
    time.sleep(0.05)
    served.receive(account_id=linkedin["id"], chat_id=linkedin["chats"][1], text="No, thanks")
    ran = run(
        "outbox", "run", "--until-empty", "--limits", "none", "--stop-on-reply",
        "--do-not-contact", "blocked.txt", "--json",
    )  # fmt: skip
    assert (ran.lines[-1]["sent"], ran.lines[-1]["cancelled"]) == (1, 2)
    assert len(sent()) == 1
    assert run("outbox", "run", "--do-not-contact", "none.txt").code == 2


@pytest.mark.parametrize("ending", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_worker_that_is_told_to_stop_ends_and_loses_nothing(program, run, put, sent, ending):
    number, code = ending
    put(60)
    worker = program("outbox", "run", "--limits", "none", "--concurrency", "2", "--json")
    while json.loads(worker.stdout.readline())["state"] != "sent":
        pass
    worker.send_signal(number)
    out, err = worker.communicate(timeout=30)
    assert (worker.returncode, err) == (code, "")
    last = json.loads(out.splitlines()[-1])
    assert last["left"].keys() <= {"queued"}
    counts = run("outbox", "list", "--counts", "--json").lines[0]
    assert counts["sent"] == len(sent())
    assert counts["sent"] + counts["queued"] == 60
    assert counts["queued"] > 0
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 0
    assert len(sent()) == 60
    assert len({one.idempotency_key for one in sent()}) == 60


def test_a_second_signal_ends_a_worker_whose_request_hangs(program, run, put, served, sent):
    put(1)
    served.faults([{"route": MESSAGES, "effect": "stall", "stage": "after"}])
    worker = program("outbox", "run", "--limits", "none")
    deadline = time.monotonic() + 20
    while not sent() and time.monotonic() < deadline:
        time.sleep(0.05)
    begun = time.monotonic()
    worker.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert worker.poll() is None  # it gives the request its time
    worker.send_signal(signal.SIGINT)
    assert worker.wait(15) == 130
    assert time.monotonic() - begun < 15
    [line] = run("outbox", "list", "--json").lines
    assert line["state"] == "unknown"


def test_progress_is_for_terminals_only(program, put):
    put(1)
    terminal, other = pty.openpty()
    worker = program(
        "outbox", "run", "--until-empty", "--limits", "none", stderr=other,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    out, _ = worker.communicate(timeout=30)
    os.close(other)
    assert worker.returncode == 0
    assert out.split() == ["sent", "1", "left", "nothing"]
    assert os.read(terminal, 10_000)
    os.close(terminal)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("list",), "name the outbox by --outbox or POSTPRESS_OUTBOX"),
        (("list", "--outbox", "sqlite:///none.db"), "there is no outbox"),
        (("run", "--outbox", "sqlite:///none.db"), "where counts live"),
        (("run", "--outbox", "sqlite:///none.db", "--state", "memory:"), "where counts live"),
        (("run", "--outbox", "redis://h", "--state", "sqlite:///x.db"), "cannot keep an outbox"),
        (("list", "--outbox", "sqlite:///none.db", "--only", "gone"), "gone"),
        (("run", "--limits", "human"), "--limits human needs --tz"),
        (("import", "l.csv", "--problems", "0"), "--problems must be a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(run, bare, arguments, words):
    ran = run("outbox", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert list(bare.iterdir()) == []


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "x"), ("status",), ("cancel", "--group", "g"), ("export",),
                  ("forget", "x"), ("vacuum",)], ids=" ".join,
)  # fmt: skip
def test_a_look_makes_no_tables_in_a_database_that_has_none(run, postgres, arguments):
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    url = f"{postgres.url}?prefix=nobody_put_in"
    ran = run("outbox", *arguments, "--outbox", url)
    assert (ran.code, ran.out) == (2, "")
    assert "there is no outbox in the schema nobody_put_in" in ran.err
    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT to_regnamespace('nobody_put_in')").fetchone()
    assert found == (None,)


def test_what_has_not_gone_is_edited(run, put, sent):
    put(2)
    ran = run(
        "outbox", "edit", "spring/0", "--text", "Hello Ada", "--not-before", "2h",
        "--expires-at", "7d", "--priority", "-1", "--json",
    )  # fmt: skip
    [item] = ran.lines
    assert (ran.code, item["key"], item["priority"], item["state"]) == (0, "spring/0", -1, "queued")
    until = datetime.fromisoformat(item["not_before"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < until <= timedelta(hours=2)
    assert datetime.fromisoformat(item["expires_at"]) > datetime.now(UTC) + timedelta(days=6)
    [shown] = run("outbox", "show", "spring/0", "--text", "--json").lines
    assert shown["text"] == "Hello Ada"
    assert any("postpress outbox edit ID" in one["next_step"] for one in shown["reasons"])
    ran = run("outbox", "edit", "spring/0", "--not-before", "now", "--expires-at", "never")
    assert (ran.code, "spring/0" in ran.out, "Hello" in ran.out) == (0, True, False)
    [shown] = run("outbox", "show", "spring/0", "--json", "--text").lines
    assert (shown["not_before"], shown["expires_at"]) == (None, None)
    assert (shown["priority"], shown["text"]) == (-1, "Hello Ada")  # as they were
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 0
    assert sorted(one.text for one in sent()) == ["Hello Ada", f"{SECRET} Ada1"]
    ran = run("outbox", "edit", "spring/0", "--text", "too late")
    assert (ran.code, "is sent" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what is to be changed"),
        (("--text", " "), "text"),
        (("--not-before", "soon"), "--not-before"),
        (("--not-before", "never"), "--not-before"),
        (("--expires-at", "2020-01-01"), "passed already"),
        (("--expires-at", "2h", "--not-before", "3h"), "never goes"),
        (("--priority", "99999999999"), "priority"),
    ],
)
def test_an_edit_that_cannot_be_changes_nothing(run, put, arguments, words):
    put(1)
    before = run("outbox", "show", "spring/0", "--text", "--json").lines
    ran = run("outbox", "edit", "spring/0", *arguments)
    assert (ran.code, words in ran.err) == (2, True)
    assert run("outbox", "show", "spring/0", "--text", "--json").lines == before


def test_a_text_of_stdin_is_edited_in(program, run, put):
    put(1)
    ran = program("outbox", "edit", "spring/0", "--text", "-", stdin=-1)
    assert ran.communicate("- Hello,\nAda\n", timeout=30)[1] == ""
    [shown] = run("outbox", "show", "spring/0", "--text", "--json").lines
    assert (ran.returncode, shown["text"]) == (0, "- Hello,\nAda")


def test_a_look_begins_no_counts_and_says_that_there_are_none(run, put, box, postgres, valkeys):
    import psycopg  # noqa: PLC0415 - where there is a server, there is the client

    put(1)
    [item] = run("outbox", "list", "--json").lines
    redis = valkeys()
    states = (f"{postgres.url}?prefix=nobody_counts", redis.url, "sqlite:///nobody_counts.db")
    for state in states:
        for arguments in (("status",), ("show", item["id"])):
            ran = run("outbox", *arguments, "--state", state)
            assert (ran.code, ran.err.count("nobody has counted in the store")) == (0, 1)
            assert "left" in ran.out or "queued" in ran.out
    with psycopg.connect(postgres.url) as connection:
        found = connection.execute("SELECT to_regnamespace('nobody_counts')").fetchone()
    assert (found, redis.ask("DBSIZE")) == ((None,), 0)
    assert not (box / "nobody_counts.db").exists()


def test_a_look_leaves_the_counts_as_they_were(run, put, box, counts, monkeypatch):
    monkeypatch.setenv("POSTPRESS_STATE", f"sqlite:///{box / 'other.db'}")

    def kept():
        with contextlib.closing(sqlite3.connect(counts.removeprefix("sqlite:///"))) as connection:
            return connection.execute("SELECT key, image FROM images ORDER BY key").fetchall()

    put(1)
    [item] = run("outbox", "list", "--json").lines
    before = kept()
    for arguments in (("status",), ("show", item["id"])):
        ran = run("outbox", *arguments, "--state", counts, "--json")
        assert (ran.code, len(ran.lines)) == (0, 1)
    assert kept() == before


def test_a_file_in_the_home_is_found(run, put, box, monkeypatch):
    put(1)
    monkeypatch.setenv("HOME", str(box))
    ran = run("outbox", "list", "--counts", "--outbox", "sqlite:///~/outbox.db")
    assert (ran.code, ran.err) == (0, "")


def test_stdin_and_a_text_of_a_file(program, run, box, linkedin):
    (box / "text.txt").write_text("Hello {first_name},\n\nbye\n", encoding="utf-8")
    ran = program(
        "outbox", "import", "-", "--text-file", "text.txt", "--account-id", linkedin["id"],
        "--json", stdin=-1,
    )  # fmt: skip
    line = {"chat_id": linkedin["chats"][0], "first_name": "Ada"}
    out, err = ran.communicate(json.dumps(line) + "\n", timeout=30)
    assert (ran.returncode, err) == (0, "")
    assert json.loads(out)["queued"] == 1
    [item] = run("outbox", "list", "--text", "--json").lines
    assert item["text"] == "Hello Ada,\n\nbye"
    both = run("outbox", "import", "-", "--text-file", "text.txt", "--text", "x")
    assert (both.code, "not both" in both.err) == (2, True)
    none = run("outbox", "import", "-", "--text-file", "gone.txt")
    assert (none.code, "cannot be read" in none.err) == (2, True)


def test_looking_needs_no_key_and_asks_nobody(run, put, monkeypatch, served):
    put(1)
    monkeypatch.delenv("POSTPRESS_API_KEY")
    asked = len(served.journal())
    for arguments in (("list",), ("show", "spring/0"), ("status",)):
        ran = run("outbox", *arguments)
        assert (ran.code, ran.err) == (0, "")
    assert len(served.journal()) == asked
    monkeypatch.setenv("POSTPRESS_BASE_URL", "http://127.0.0.1:9")
    for arguments in (("list",), ("show", "spring/0"), ("cancel", "spring/0")):
        assert run("outbox", *arguments).code == 0
    assert run("outbox", "run", "--until-empty").code == 2  # this one needs a key


def test_a_dead_letter_says_why_and_what_to_do(run, put, served):
    fault = {"route": MESSAGES, "effect": "status", "status": 403}
    served.faults([{**fault, "type": "insufficient_permissions", "times": 1}])
    put(1)
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 1
    [dead] = run("outbox", "list", "--only", "failed", "--json").lines
    assert "403" in dead["error"]
    assert "postpress outbox retry ID" in dead["next_step"]
    shown = run("outbox", "show", "spring/0").out
    assert shown.count("postpress outbox retry ID") == 1


def test_counts_that_cannot_be_used_end_a_worker_and_fail_nothing(run, put, box, sent):
    put(3)
    (box / "notes.txt").write_bytes(b"no database" * 1000)
    ran = run("outbox", "run", "--state", f"sqlite:///{box / 'notes.txt'}")
    assert ran.code == 2
    assert "no SQLite database" in ran.err
    assert [line["state"] for line in run("outbox", "list", "--json").lines] == ["queued"] * 3
    assert sent() == []


def test_items_are_written_to_a_file_or_to_stdout(run, put, box):
    put(4)
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 0
    put(6, "--hold")
    told = run("outbox", "export", "spring.csv", "--group", "spring", "--json")
    assert (told.code, told.lines) == (0, [{"written": 6}])
    rows = (box / "spring.csv").read_text("utf-8").splitlines()
    assert len(rows) == 7
    assert rows[1].split(",")[:2][1] == "spring/0"
    assert sum(",sent," in row for row in rows) == 4
    assert SECRET not in told.out + "".join(rows)
    lines = run("outbox", "export", "--only", "held", "--text").lines
    assert [line["key"] for line in lines] == ["spring/4", "spring/5"]
    assert all(SECRET in line["text"] for line in lines)
    assert "release(id)" in lines[0]["next_step"]
    assert run("outbox", "export", "--format", "csv", "--only", "failed").out.count("\n") == 1
    wrong = run("outbox", "export", "spring.xlsx")
    assert (wrong.code, "neither .csv nor .jsonl" in wrong.err) == (2, True)
    assert not (box / "spring.xlsx").exists()


def test_how_it_does_and_how_far_a_group_is(run, put, monkeypatch):
    put(3)
    monkeypatch.setenv("POSTPRESS_API_KEY", "")
    ran = run("outbox", "status", "--json")
    assert (ran.code, ran.err) == (0, "")
    [told] = ran.lines
    assert told["counts"] == {
        "queued": 3, "held": 0, "sending": 0, "sent": 0, "unknown": 0, "failed": 0,
        "cancelled": 0, "expired": 0,
    }  # fmt: skip
    assert told["needs_decision"] == 0
    assert told["oldest_due_seconds"] > 0.0
    assert (told["progress"]["left"], told["progress"]["share"]) == (3, 0.0)
    assert "workers" not in told
    people = run("outbox", "status", "--group", "spring")
    assert (people.code, people.err) == (0, "")
    assert "0% of 3" in people.out
    [none] = run("outbox", "status", "--group", "autumn", "--json").lines
    assert none["progress"]["total"] == 0


def test_what_is_over_is_cleared_away_and_people_are_forgotten(run, put, box):
    put(3, "--recipient", "lead {id}")
    assert run("outbox", "cancel", "spring/0").code == 0
    told = run("outbox", "vacuum", "--empty", "0s", "--json")
    assert (told.code, told.lines) == (0, [{"emptied": 1, "deleted": 0}])
    assert run("outbox", "vacuum", "--older-than", "7d", "--json").lines[0]["deleted"] == 0
    for wrong in (("--older-than", "3d"), ("--older-than", "soon"), ("--empty", "-1d")):
        refused = run("outbox", "vacuum", *wrong)
        assert (refused.code, refused.out) == (2, "")
    assert run("outbox", "forget").code == 2
    gone = run("outbox", "forget", "lead 1", "lead 2", "--json")
    assert (gone.code, gone.lines) == (0, [{"cancelled": 2}])
    assert {line["state"] for line in run("outbox", "list", "--json").lines} == {"cancelled"}
    assert SECRET.encode() not in (box / "outbox.db").read_bytes()


@pytest.mark.parametrize(
    ("empty", "older_than"), [("0s", "banana"), ("0s", "1d"), ("banana", "90d")]
)
def test_a_vacuum_that_is_refused_has_emptied_nothing(run, put, empty, older_than):
    put(1)
    assert run("outbox", "cancel", "spring/0").code == 0
    refused = run("outbox", "vacuum", "--empty", empty, "--older-than", older_than)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    [kept] = run("outbox", "list", "--json", "--text").lines
    assert SECRET in kept["text"]
    assert run("outbox", "retry", "spring/0").code == 0


def test_what_the_library_put_in_is_what_the_program_shows(run, box, linkedin):
    async def put():
        async with Postpress() as client, Outbox(client, os.environ["POSTPRESS_OUTBOX"]) as outbox:
            await outbox.message(
                account_id=linkedin["id"], chat_id=linkedin["chats"][0], text="\x1b]0;x\x07Hi"
            )

    asyncio.run(put())
    ran = run("outbox", "list", "--text")
    assert "\x1b" not in ran.out
    assert "Hi" in ran.out
