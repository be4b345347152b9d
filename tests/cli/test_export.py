"""Exports: what stands in the file, and that it goes on wherever it was broken off."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import pty
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from postpress_async import Postpress, Sandbox
from postpress_async.cli.commands import messages
from postpress_async.cli.export import run as exporting
from postpress_async.cli.export import target
from postpress_async.cli.export.ledger import Ledger
from postpress_async.cli.export.rows import COLUMNS, cell
from postpress_async.testing import FakeTransport, reply

CHAT_MESSAGES = "GET /chats/{chat_id}/messages"
ALL_MESSAGES = "GET /messages"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=6, chats=4, messages=400) as sandbox:
        yield sandbox


@pytest.fixture
def one(account):
    return account("LINKEDIN")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def everything(run):
    """What the service lists now, by a walk of its own."""

    def everything(account):
        return {row["id"] for row in run("messages", "list", "--account", account, "--json").lines}

    return everything


@pytest.fixture
def broken_off(run):
    """Let an export be interrupted behind some pages."""

    def broken_off(*arguments, pages):
        real, count = exporting._Writing.keep, iter(range(pages))

        def keep(self, *given, **more):
            if next(count, None) is None:
                raise KeyboardInterrupt
            real(self, *given, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exporting._Writing, "keep", keep)
            ran = run(*arguments)
        assert (ran.code, ran.err) == (130, "postpress: interrupted\n")

    return broken_off


def ids(path):
    return [json.loads(line)["id"] for line in path.read_text("ascii").splitlines()]


def exactly(path, expected):
    found = ids(path)
    assert len(found) == len(set(found)), "a message came twice"
    assert set(found) == expected


def test_an_account_as_json_lines(run, one, home, everything):
    expected = everything(one["id"])
    ran = run("messages", "export", "--account", one["id"], "--to", "a.jsonl", "--json")
    told = {"to": "a.jsonl", "new": len(expected), "rows": len(expected), "resumed": False}
    assert (ran.code, ran.err, ran.lines) == (0, "", [told])
    exactly(home / "a.jsonl", expected)
    [row] = run("messages", "list", "--account", one["id"], "--limit", "1", "--json").lines
    assert row in [json.loads(line) for line in (home / "a.jsonl").read_text().splitlines()]


def test_files_are_the_owners_alone(run, one, home):
    umask = os.umask(0)
    try:
        run("messages", "export", "--chat", one["chats"][0], "--to", "a.csv")
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert modes == {"a.csv": 0o600, "a.csv.export": 0o600}


def test_run_again_it_brings_what_is_new(run, served, one, home, everything):
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    run(*arguments)
    before = (home / "a.jsonl").read_bytes()
    assert run(*arguments, "--json").lines[0]["new"] == 0
    assert (home / "a.jsonl").read_bytes() == before
    said = [
        served.receive(account_id=one["id"], chat_id=one["chats"][0], text=f"news {n}")["id"]
        for n in range(3)
    ]
    asked = len(served.journal(route=ALL_MESSAGES))
    assert run(*arguments, "--json").lines[0]["new"] == 3
    assert len(served.journal(route=ALL_MESSAGES)) <= asked + 2  # not all seven pages
    assert (home / "a.jsonl").read_bytes().startswith(before)
    assert ids(home / "a.jsonl")[-3:] == said
    exactly(home / "a.jsonl", everything(one["id"]))


def test_nothing_is_made_before_the_first_answer(run, served, home):
    ran = run("messages", "export", "--chat", "chat_nobody", "--to", "a.jsonl")
    assert (ran.code, list(home.iterdir())) == (1, [])


@pytest.mark.usefixtures("home")
def test_what_comes_while_it_is_broken_off_is_there(run, broken_off, served, one, everything):
    home = Path.cwd()
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    broken_off(*arguments, pages=2)
    assert len(ids(home / "a.jsonl")) == 500
    said = served.receive(account_id=one["id"], chat_id=one["chats"][1], text="meanwhile")["id"]
    [told] = run(*arguments, "--json").lines
    assert told["resumed"]
    assert said in ids(home / "a.jsonl")
    exactly(home / "a.jsonl", everything(one["id"]))


@pytest.mark.usefixtures("home")
def test_a_cursor_that_is_no_longer_taken_costs_pages_only(
    run, broken_off, served, one, everything
):
    home = Path.cwd()
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    broken_off(*arguments, pages=2)
    refused = {"route": ALL_MESSAGES, "status": 400, "type": "invalid_parameters", "times": 1}
    served.faults([refused])
    assert run(*arguments).code == 0
    exactly(home / "a.jsonl", everything(one["id"]))


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_killed_again_and_again_nothing_is_lost_or_doubled(program, one, home, everything, form):
    """Real processes, killed with SIGKILL at uneven moments, until one gets through."""
    path = home / f"a.{form}"
    arguments = ("messages", "export", "--account", one["id"], "--to", str(path))
    killed = 0
    for turn in range(60):
        # Some bytes in, more each time; the last ones are let through.
        process = program(*arguments, "--json")
        least = (path.stat().st_size if path.exists() else 0) + 1 + 997 * turn
        while process.poll() is None and turn < 40:
            if path.exists() and path.stat().st_size >= least:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.0005)
        if process.wait(60) == 0:
            break
        assert process.returncode == -signal.SIGKILL, process.stderr.read()
        killed += 1
    assert killed >= 2
    if form == "jsonl":
        exactly(path, everything(one["id"]))
    else:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
        assert [row for row in rows if row["id"] == "id"] == []  # one head
        found = [row["id"].removeprefix("'") for row in rows]
        assert len(found) == len(set(found))
        assert set(found) == everything(one["id"])


def test_rows_that_the_state_does_not_know_are_cut_off(run, broken_off, one, home, everything):
    """As a kill between the rows and the state leaves it: part of a page, and half a row."""
    path = home / "a.jsonl"
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    broken_off(*arguments, pages=3)
    length = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"object":"Message","id":"not-yet-sure"}\n{"object":"Mess')
    ran = run(*arguments, "--json")
    assert (ran.code, ran.lines[0]["resumed"]) == (0, True)
    assert path.stat().st_size > length
    exactly(path, everything(one["id"]))


def test_a_full_disk_is_told_and_loses_nothing(run, one, home, everything, monkeypatch):
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    real, room = os.write, [300_000]

    def write(file, data):
        room[0] -= len(data)
        if room[0] < 0:
            real(file, data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(target.os, "write", write)
        ran = run(*arguments, "--json")
    assert (ran.code, ran.error["error"]) == (1, "DownloadError")
    assert "No space left on device" in ran.error["message"]
    assert "run it again" in ran.error["message"]
    assert not (home / "a.jsonl").read_bytes().endswith(b"\n")
    assert run(*arguments).code == 0
    exactly(home / "a.jsonl", everything(one["id"]))


@pytest.mark.parametrize("begun", [False, True])
def test_two_at_a_time_are_refused(run, one, home, begun):
    arguments = ("messages", "export", "--chat", one["chats"][0], "--to", "a.jsonl")
    if begun:
        run(*arguments)
    before = {path.name for path in home.iterdir()}
    with Ledger.open(home / "a.jsonl.export"):
        ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "another export is at it" in ran.err
    assert {path.name for path in home.iterdir()} == before


def test_progress_is_for_terminals(one, home):
    command = [sys.executable, "-m", "postpress_async.cli", "messages", "export"]
    leader, follower = pty.openpty()
    arguments = ["--account", one["id"], "--to", "a.jsonl", "--json"]
    done = subprocess.run(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=follower, check=True, timeout=30
    )
    os.close(follower)
    shown = os.read(leader, 1 << 20).decode()
    os.close(leader)
    assert "messages to a.jsonl" in shown
    assert json.loads(done.stdout)["rows"] == len(ids(home / "a.jsonl"))


@pytest.mark.parametrize("what", ["shorter", "longer", "gone", "edited"])
def test_a_file_that_others_have_changed_is_left_alone(run, one, home, what):
    path = home / "a.jsonl"
    arguments = ("messages", "export", "--chat", one["chats"][0], "--to", "a.jsonl")
    run(*arguments)
    rows = path.read_bytes()
    changed = {
        "shorter": rows[:-10],
        "longer": rows + b"a note of mine",
        "edited": b"".join(sorted(rows.splitlines(keepends=True))),
    }
    path.unlink()
    if what in changed:
        path.write_bytes(changed[what])
    ran = run(*arguments)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "since the last export" in ran.err
    assert not path.exists() if what == "gone" else path.read_bytes() == changed[what]


def test_a_file_that_is_there_is_never_overwritten(run, one, home):
    (home / "a.jsonl").write_text("precious")
    (home / "b.jsonl").symlink_to(home / "elsewhere")
    (home / "c.jsonl").mkdir()
    for name in "abc":
        ran = run("messages", "export", "--chat", one["chats"][0], "--to", f"{name}.jsonl")
        assert (ran.code, "exists" in ran.err) == (2, True)
    assert (home / "a.jsonl").read_text() == "precious"
    assert sorted(path.name for path in home.iterdir()) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_another_question_is_not_mixed_into_it(run, one, home):
    run("messages", "export", "--chat", one["chats"][0], "--to", "a.jsonl")
    before = (home / "a.jsonl").read_bytes()
    for other in (
        ("--chat", one["chats"][1]),
        ("--account", one["id"]),
        ("--chat", one["chats"][0], "--after", "2026-01-01"),
        ("--chat", one["chats"][0], "--format", "csv"),
    ):
        ran = run("messages", "export", *other, "--to", "a.jsonl")
        assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert (home / "a.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        ("--to", "a.jsonl"),
        ("--to", "a.jsonl", "--chat", "c", "--account", "a"),
        ("--to", "a.txt", "--chat", "c"),
        ("--to", "a", "--chat", "c"),
        ("--chat", "c"),
        ("--to", "a.jsonl", "--chat", "c", "--after", "yesterday"),
        ("--to", "a.jsonl", "--chat", "c", "--since-file", "./a.jsonl"),
        ("--to", "a.jsonl", "--chat", "c", "--since-file", "nowhere/at/all"),
        ("--to", "a.jsonl", "--chat", "c", "--since-file", "foreign.db"),
        ("--to", "a.jsonl", "--chat", "c", "--since-file", "text"),
        ("--to", "nowhere/a.jsonl", "--chat", "c"),
    ],
)
def test_wrong_usage(run, served, home, wrong):
    (home / "text").write_text("a text " * 400)
    with sqlite3.connect(home / "foreign.db") as database:
        database.execute("CREATE TABLE precious (id)")
    database.close()
    before = {path: path.read_bytes() for path in home.iterdir()}
    asked = len(served.journal())
    ran = run("messages", "export", *wrong)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert len(served.journal()) == asked
    assert {path: path.read_bytes() for path in home.iterdir()} == before


def test_several_files_in_turn_with_one_state(run, served, one, home, everything):
    def export(to, *more):
        arguments = ("--account", one["id"], "--to", to, "--since-file", "state", "--json")
        return run("messages", "export", *arguments, *more)

    export("mon.jsonl")
    said = served.receive(account_id=one["id"], chat_id=one["chats"][0], text="Tuesday")["id"]
    assert export("tue.csv").lines[0]["rows"] == 1
    assert export("wed.jsonl").lines[0]["rows"] == 0
    late = served.receive(account_id=one["id"], chat_id=one["chats"][0], text="Thursday")["id"]
    ran = export("-")
    assert [row["id"] for row in ran.lines] == [late]
    assert said in (home / "tue.csv").read_text()
    assert (home / "wed.jsonl").read_bytes() == b""
    exactly(home / "mon.jsonl", everything(one["id"]) - {said, late})
    assert export("tue.csv").code == 2  # it is there, and not the last one


def test_another_file_waits_for_one_that_was_broken_off(run, broken_off, one, home):
    arguments = ("messages", "export", "--account", one["id"], "--since-file", "state", "--to")
    broken_off(*arguments, "a.jsonl", pages=2)
    ran = run(*arguments, "b.jsonl")
    assert (ran.code, "broken off" in ran.err) == (2, True)
    assert run(*arguments, "a.jsonl").code == 0
    assert run(*arguments, "b.jsonl").code == 0


def test_only_what_is_after_an_instant(run, served, one, home):
    rows = run("messages", "list", "--chat", one["chats"][2], "--json").lines
    bound = sorted(row["timestamp"] for row in rows)[-100]
    arguments = ("messages", "export", "--chat", one["chats"][2], "--after", bound)
    assert run(*arguments, "--to", "a.jsonl").code == 0
    wanted = {row["id"] for row in rows if row["timestamp"] >= bound}
    assert 100 <= len(wanted) < 200
    at_it = {row["id"] for row in rows if row["timestamp"] == bound}
    assert set(ids(home / "a.jsonl")) in (wanted, wanted - at_it)  # after, or not before


def test_stdout_takes_rows_alone(run, one):
    ran = run("messages", "export", "--chat", one["chats"][0], "--to", "-", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert {row["object"] for row in ran.lines} == {"Message"}
    ran = run("messages", "export", "--chat", one["chats"][0], "--to", "-", "--format", "csv")
    assert next(csv.reader(io.StringIO(ran.out))) == list(COLUMNS)


def test_a_reader_of_an_export_may_leave(program, one):
    process = program("messages", "export", "--account", one["id"], "--to", "-")
    assert process.stdout.readline().startswith('{"object"')
    process.stdout.close()
    assert process.wait(30) in {0, 1}
    assert process.stderr.read() == ""


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", " =", "\r=", "\x00=", "\u202e=", "\x1b[1m=", "\uff1d"]
)
def test_no_cell_is_a_formula(start):
    made = cell(start + "cmd|' /C calc'!A0")
    assert made.startswith("'")
    assert not set("\x1b\x00\r\u202e") & set(made)


def test_a_hostile_message_in_a_table(run, home, monkeypatch):
    formula = '=HYPERLINK("http://evil";"x")'
    evil = {
        "object": "Message",
        "id": "m1",
        "text": f"{formula}\x1b]0;t\x07\r\nb",
    }
    page = {"object": "MessageList", "items": [evil], "cursor": None}
    fake = FakeTransport([reply(page), reply(page)])
    monkeypatch.setattr(messages, "client_at", lambda _: Postpress("key", transport=fake))
    assert run("messages", "export", "--chat", "c", "--to", "a.csv").code == 0
    [row] = csv.DictReader(io.StringIO((home / "a.csv").read_text("utf-8"), newline=""))
    assert row["text"] == f"'{formula}\nb"


def test_a_page_that_comes_again_doubles_nobody(run, home, monkeypatch):
    def page(*names, cursor):
        rows = [
            {"object": "Message", "id": name, "timestamp": f"2026-01-0{name}T00:00:00.000Z"}
            for name in names
        ]
        return reply({"object": "MessageList", "items": rows, "cursor": cursor})

    fake = FakeTransport(
        [
            page("5", "4", cursor="a"),
            page("4", "3", cursor="b"),
            page("3", "5", "2", cursor=None),
            page("6", "5", cursor=None),
        ]
    )
    monkeypatch.setattr(messages, "client_at", lambda _: Postpress("key", transport=fake))
    [told] = run("messages", "export", "--chat", "c", "--to", "a.jsonl", "--json").lines
    assert ids(home / "a.jsonl") == ["5", "4", "3", "2", "6"]
    assert told["rows"] == 5


def test_errors_that_end_an_export_keep_what_is_there(run, served, one, home, everything):
    arguments = ("messages", "export", "--account", one["id"], "--to", "a.jsonl")
    served.faults([{"route": ALL_MESSAGES, "status": 403, "probability": 0.5}])
    codes = [run(*arguments).code for _ in range(12)]
    served.faults([])
    codes.append(run(*arguments).code)
    assert set(codes) == {0, 1}
    exactly(home / "a.jsonl", everything(one["id"]))


def test_memory_stays_flat(home, monkeypatch, run):
    """Six times as many messages cost no more memory."""

    def page(n, cursor):
        more = {"text": "x" * 500, "timestamp": "2026-01-05T00:00:00.000Z"}
        rows = [{"object": "Message", "id": f"m{n}-{i}"} | more for i in range(250)]
        return reply({"object": "MessageList", "items": rows, "cursor": cursor})

    def pages(count):
        for n in range(count - 1):
            yield page(n, f"c{n}")
        yield page(count, None)
        yield reply({"object": "MessageList", "items": [], "cursor": None})

    def peak(count):
        fake = FakeTransport(pages(count))
        monkeypatch.setattr(messages, "client_at", lambda _: Postpress("key", transport=fake))
        tracemalloc.start()
        assert run("messages", "export", "--chat", "c", "--to", f"{count}.jsonl").code == 0
        [_, most] = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(30) < 1.3 * peak(5)
