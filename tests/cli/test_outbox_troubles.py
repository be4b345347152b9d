"""`postpress outbox run` where something is wrong: it says so, at once and on stderr."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys

import pytest

from postpress_async.cli import app
from postpress_async.cli.sends.warned import warned
from postpress_async.errors import StateUnavailableError

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


@pytest.mark.parametrize("as_json", [False, True])
def test_a_service_that_cannot_be_reached_is_told(program, put, as_json):
    put(1)
    more = ["--json"] if as_json else []
    worker = program("outbox", "run", "--base-url", NOBODY, "--limits", "none", *more)
    line = until_said(worker, "the service cannot be reached, and items wait")
    if as_json:
        assert json.loads(line)["warning"].startswith("the service cannot")
    else:
        assert line.startswith("postpress: ")
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


def test_a_store_of_counts_that_is_away_is_told(program, box):
    worker = program("outbox", "run", "--state", "redis://127.0.0.1:1")
    until_said(worker, "the store of counts is away, and items wait")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


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
