"""`postpress outbox run` where something is wrong: it says so, at once and on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from postpress_async import Limits, Postpress
from postpress_async.cli import app
from postpress_async.cli.sends.warned import warned
from postpress_async.errors import StateUnavailableError
from postpress_async.outbox import Outbox

MESSAGES = "POST /chats/{chat_id}/messages"
NOBODY = "http://127.0.0.1:1"


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
def put(run, box, linkedin):
    """Put so many messages in."""

    def done(count, *more):
        rows = [f"{n},{linkedin['chats'][n % 3]}" for n in range(count)]
        (box / "l.csv").write_text("\n".join(["id,chat", *rows]) + "\n", encoding="utf-8")
        ran = run(
            "outbox", "import", "l.csv", "--account-id", linkedin["id"], "--chat-id", "{chat}",
            "--key", "k{id}", "--text", "Hi", *more,
        )  # fmt: skip
        assert (ran.code, ran.err) == (0, "")

    return done


def until_said(worker, words):
    """Read what a worker says until it says these words; return the line."""
    for line in worker.stderr:
        if words in line:
            return line
    pytest.fail(f"it never said {words!r}")


def test_a_key_that_is_none_ends_it_with_the_services_own_step(run, put, monkeypatch):
    put(1)
    monkeypatch.setenv("POSTPRESS_API_KEY", "wrong")
    ran = run("outbox", "run", "--until-empty", "--json")
    assert ran.code == 2
    assert "check api_key or POSTPRESS_API_KEY" in ran.error["message"]
    assert run("outbox", "list", "--counts", "--json").lines == [{"queued": 1}]


def test_a_service_that_cannot_be_reached_is_told(program, put):
    put(1)
    worker = program("outbox", "run", "--base-url", NOBODY, "--limits", "none", "--json")
    line = until_said(worker, "the service cannot be reached, and items wait")
    assert json.loads(line)["warning"].startswith("the service cannot")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


def test_a_store_of_counts_that_is_wrong_ends_it_though_nothing_is_to_be_sent(run, box):
    (box / "counts.db").write_text("this is no database, but somebody's diary\n" * 40)
    ran = run("outbox", "run", "--until-empty")
    assert (ran.code, ran.out) == (2, "")
    assert "counts.db" in ran.err
    assert (box / "counts.db").read_text().startswith("this is no database")


def test_a_password_that_is_wrong_ends_it_though_nothing_is_to_be_sent(run, box, valkeys):
    url = valkeys(requirepass="another").url.replace("unix://", "unix://:secret-CANARY@")
    ran = run("outbox", "run", "--until-empty", "--state", url)
    assert (ran.code, ran.out) == (2, "")
    assert "put the right ones into the URL" in ran.err
    assert "CANARY" not in ran.err


def test_a_worker_that_sends_nothing_leaves_nobody_in_the_counts(run, box):
    assert run("outbox", "run", "--until-empty").code == 0
    with contextlib.closing(sqlite3.connect(box / "counts.db")) as connection:
        assert connection.execute("SELECT key FROM images").fetchall() == []


def test_a_store_of_counts_that_is_away_is_told(run, box, monkeypatch):
    monkeypatch.setattr("postpress_async.storage.remote.images.PATIENCE", 0.1)
    ran = run("outbox", "run", "--state", "redis://127.0.0.1:1", "--until-empty")
    assert ran.code == 0  # nothing is to be sent
    assert "postpress: the store of counts is away, and items wait: redis://127" in ran.err


def test_warnings_are_lines_that_show_no_stranger(capsys):
    log = logging.getLogger("postpress_async.scheduler")
    secret = "text-CANARY"
    with warned(as_json=False):
        log.warning("lane of account %s closes: \x1b[31m%s", "acc_1", "twice\nin lines")
        log.info("not this")
        for _ in range(3):
            log.warning("the same")
        log.error("it failed", exc_info=RuntimeError(secret))
        log.error("the store", exc_info=StateUnavailableError("gone for now"))
    log.warning("afterwards")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("postpress: lane of account acc_1 closes: ")
    assert lines[0].endswith("twice in lines")
    assert "\x1b" not in err
    assert lines[1:] == [
        "postpress: the same",
        "postpress: it failed: RuntimeError",
        "postpress: the store: gone for now",
    ]


WITHOUT_HANDLERS = """
import asyncio, sys
def none(*_): raise NotImplementedError
asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler = none
from postpress_async.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_loop_without_signals_is_told_to_stop_by_the_process(program, put, number, code):
    put(1)
    worker = program(
        "outbox", "run", "--limits", "none", "--json",
        command=[sys.executable, "-c", WITHOUT_HANDLERS],
    )  # fmt: skip
    assert json.loads(worker.stdout.readline())["state"] in {"sending", "sent"}
    worker.send_signal(number)
    out, err = worker.communicate(timeout=30)
    assert (worker.returncode, err) == (code, "")
    assert json.loads(out.splitlines()[-1])["left"] == {}


def test_what_comes_before_the_program_is_loaded_is_one_line_too(run, monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "run", interrupted)
    ran = run("identify", "x")
    assert (ran.code, ran.out, ran.err) == (130, "", "postpress: interrupted\n")
    assert run("identify", "x", "--json").error["exit"] == 130


def test_an_interrupt_while_it_is_loaded_is_no_traceback(tmp_path):
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, "-m", "postpress_async.cli", "identify", "x"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "postpress: interrupted\n")


def test_an_outbox_is_told_of_though_its_counts_are_out_of_reach(run, put, monkeypatch):
    put(2)
    monkeypatch.setenv("POSTPRESS_STATE", "redis://127.0.0.1:1")
    monkeypatch.setattr("postpress_async.storage.remote.images.PATIENCE", 0.1)
    [told] = run("outbox", "status", "--json").lines
    assert told["counts"]["queued"] == 2
    assert told["progress"]["left"] == 2
    assert told["progress"]["done_at"] is None
    assert "127.0.0.1:1 cannot be reached" in told["progress"]["unplanned"]
    ran = run("outbox", "status")
    assert (ran.code, ran.err) == (0, "")
    assert "127.0.0.1:1 cannot be reached" in ran.out
    [line] = run("outbox", "show", "k0", "--json").lines
    assert line["state"] == "queued"
    [reason] = line["reasons"]
    assert reason["kind"] == "limits"
    assert reason["reason"].startswith("counts are out of reach: redis://127.0.0.1:1")


def test_looks_go_by_the_limits_that_the_worker_has(run, put, box):
    put(7)
    (box / "limits.toml").write_text('[[limit]]\nactions = ["message"]\namount = 5\nper = "day"\n')
    more = ("--limits", "limits.toml")
    [told] = run("outbox", "status", "--json", *more).lines
    assert told["progress"]["limit"].startswith("5 message per day")
    assert (
        run("outbox", "status", "--json", "--limits", "none").lines[0]["progress"]["limit"] is None
    )
    assert run("outbox", "run", "--json", "--limits", "none", "--until-empty").code == 0
    put(8)  # one more: seven have gone
    [line] = run("outbox", "show", "k7", "--json", *more).lines
    assert line["reasons"][0]["limit"].startswith("5 message per day")
    [line] = run("outbox", "show", "k7", "--json", "--limits", "none").lines
    assert line["reasons"][0]["kind"] == "nothing"
    for name in ("show", "status"):
        words = ("k7",) if name == "show" else ()
        assert run("outbox", name, *words, "--tz", "Europe/Paris").code == 2
        human = run("outbox", name, *words, "--limits", "human", "--tz", "Europe/Paris")
        assert human.code == 0


def test_an_account_that_is_none_is_named_as_the_reason(run, box, linkedin, served):
    url = f"sqlite:///{box / 'outbox.db'}"

    async def put_in():
        async with Postpress() as client, Outbox(client, url) as outbox:
            await outbox.start_chat(
                account_id="acc_typo", to=linkedin["strangers"][0], text="Hi", key="k"
            )

    asyncio.run(put_in())
    [line] = run("outbox", "show", "k", "--json").lines
    first = line["reasons"][0]
    assert "acc_typo" in first["reason"]
    assert "404" in first["reason"]
    assert first["next_step"].startswith("look whether it is spelled right")
    assert first["until"] is None


def test_an_item_tells_no_advice_that_nobody_can_follow(run, put, box):
    put(3)
    (box / "limits.toml").write_text('[[limit]]\nactions = ["message"]\namount = 1\nper = "day"\n')
    url = f"sqlite:///{box / 'outbox.db'}"

    async def work():
        async with (
            Postpress(limits=Limits.load("limits.toml")) as client,
            Outbox(client, url) as outbox,
        ):
            stop = asyncio.Event()
            running = asyncio.create_task(outbox.run(stop=stop))
            while not (found := [one async for one in outbox.list(state="queued") if one.error]):
                assert not running.done()
                await asyncio.sleep(0.02)
            stop.set()
            await running
            return found[0].error

    said = asyncio.run(work())
    assert "max_wait" not in said
    assert "has no room now for its message (limit: 1 message per day" in said


@pytest.mark.parametrize(
    "more",
    [
        ("--only", "failed"), ("--undecided",), ("--recipient", "zzz"), ("--limit", "1"),
        ("--text",),
    ],
)  # fmt: skip
def test_what_counts_would_not_heed_is_refused(run, box, put, more):
    put(1)
    ran = run("outbox", "list", "--counts", *more)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"postpress: {more[0]}: --counts counts all")


def test_stdout_may_be_named(run, put):
    put(1)
    ran = run("outbox", "export", "-", "--format", "csv")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("id,")
    assert "k0" in ran.out


def test_a_column_that_is_not_there_is_told_once(run, box, linkedin):
    rows = [f"{n},{linkedin['chats'][0]}" for n in range(130)]
    (box / "l.csv").write_text("\n".join(["id,chat", *rows]) + "\n", encoding="utf-8")
    ask = (
        "outbox", "import", "l.csv", "--account-id", linkedin["id"], "--chat-id", "{caht}",
        "--text", "Hi",
    )  # fmt: skip
    ran = run(*ask)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "line 2, caht: there is no such column: did you mean 'chat'?",
        "postpress: l.csv: 130 lines cannot be queued, so nothing was",
    ]
    ran = run(*ask, "--json")
    assert [one["line"] for one in ran.lines] == [2]
    assert ran.error["message"].endswith("did you mean 'chat'?")


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (("nonsense",), "accounts, chats, messages, …; see postpress --help"),
        (("outbox", "nonsense"), "export, …; see postpress outbox --help"),
        (("outbox", "list", "--nope"), "see postpress outbox list --help"),
        (("users", "get"), "see postpress users get --help"),
    ],
)
def test_wrong_usage_names_the_help_of_its_own_command(run, arguments, seen):
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.err.endswith(f"{seen}\n")
    assert ", ;" not in ran.err


def test_the_doctor_looks_at_the_outbox(run, put, box):
    def seen(*more):
        ran = run("doctor", "--json", *more)
        return ran.code, next(one for one in ran.lines if one["check"] == "outbox")

    code, check = seen()  # nobody has put anything in
    assert (code, check["state"]) == (2, "fail")
    assert "there is no outbox" in check["detail"]
    assert not (box / "outbox.db").exists()
    put(3)
    code, check = seen()
    assert (code, check["state"], check["detail"]) == (0, "ok", "3 queued")
    (box / "diary").write_text("somebody's diary\n" * 100)
    code, check = seen("--outbox", "sqlite:///diary")
    assert (code, check["state"]) == (2, "fail")
    assert (box / "diary").read_text() == "somebody's diary\n" * 100


def test_a_closed_account_says_until_when(run, put, box, linkedin):
    put(1)
    assert run("outbox", "run", "--until-empty", "--limits", "none").code == 0
    one = linkedin["id"]
    assert run("limits", "pause", one, "--reason", "a while", "--until", "5h").code == 0
    assert run("limits", "pause", one, "--reason", "no more", "--action", "invite").code == 0
    shown = run("limits", "show", one).out
    assert re.search(r"closed until .+ \(in (5 h 0|4 h 59) min\): a while", shown)
    assert "invite: no more" in shown
    [line] = run("limits", "show", one, "--json").lines
    assert datetime.fromisoformat(line["paused_until"]) > datetime.now(UTC)
    assert line["closed_actions_until"] == {}
