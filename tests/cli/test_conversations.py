"""Chats and messages listed, messages sent, people invited: from the command line to the world."""

from __future__ import annotations

import io
import json
import sqlite3
import sys

import pytest

from postpress_async import Postpress
from postpress_async.cli.commands import chats, messages
from postpress_async.testing import FakeTransport, reply

SEND = "POST /chats/{chat_id}/messages"
EVIL = "\x1b]0;owned\x07Eve\x1b[2J \u202egpj.\x9b31m"


@pytest.fixture
def one(account):
    return account("LINKEDIN")


@pytest.fixture
def stdin(monkeypatch):
    def stdin(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return stdin


@pytest.fixture
def newest(run):
    def newest(chat):
        [row] = run("messages", "list", "--chat", chat, "--limit", "1", "--json").lines
        return row

    return newest


def test_chats(run, one):
    ran = run("chats", "list", "--account", one["id"])
    head, *rows = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert head.split() == ["CHAT", "PROVIDER", "WITH", "UNREAD", "LAST", "ACTIVITY"]
    assert {row.split()[0] for row in rows if row.startswith("chat_")} == set(one["chats"])
    lines = run("chats", "list", "--account", one["id"], "--json").lines
    assert {row["id"] for row in lines} == set(one["chats"])


def test_chats_of_all_accounts_that_are_unread(run, served, one):
    served.receive(account_id=one["id"], chat_id=one["chats"][0], text="look")
    every = run("chats", "list", "--json").lines
    unread = run("chats", "list", "--unread", "--json").lines
    assert {row["account_id"] for row in every} == {a["id"] for a in served.world()["accounts"]}
    assert {row["id"] for row in unread} == {row["id"] for row in every if row["unread"]}
    assert one["chats"][0] in {row["id"] for row in unread}


def test_a_list_goes_on_where_its_limit_ended_it(run, one):
    arguments = ("chats", "list", "--account", one["id"], "--json")
    whole, seen, cursor = run(*arguments).lines, [], ()
    for _ in range(10):
        ran = run(*arguments, "--limit", "2", *cursor)
        seen += ran.lines
        if not ran.err:
            break
        cursor = ("--start", json.loads(ran.err)["cursor"])
    assert [row["id"] for row in seen] == [row["id"] for row in whole]


def test_messages_between_two_instants(run, one):
    everything = run("messages", "list", "--account", one["id"], "--json").lines
    times = sorted(row["timestamp"] for row in everything)
    bounds = ("--after", times[2], "--before", times[-2])
    found = run("messages", "list", "--account", one["id"], *bounds, "--json").lines
    between = [row for row in everything if times[2] < row["timestamp"] < times[-2]]
    assert between
    assert {row["id"] for row in between} <= {row["id"] for row in found}
    assert {times[0], times[-1]}.isdisjoint(row["timestamp"] for row in found)


def test_a_table_of_messages(run, one):
    ran = run("messages", "list", "--chat", one["chats"][0])
    assert ran.out.split("\n", 1)[0].split() == ["MESSAGE", "SENT", "FROM", "TEXT", "FILES"]


@pytest.mark.parametrize("command", [("chats", "list"), ("messages", "list", "--chat", "c")])
def test_escapes_in_chats_and_messages_reach_no_terminal(run, monkeypatch, command):
    row = {"object": "Chat", "id": EVIL, "name": EVIL, "text": EVIL, "sender_id": EVIL}
    page = {"object": "List", "items": [row], "cursor": None}
    for module in (chats, messages):
        client = Postpress("key", transport=FakeTransport([reply(page), reply(page)]))
        monkeypatch.setattr(module, "client_at", lambda _, client=client: client)
    out = run(*command).out
    assert "Eve gpj." in out
    assert not set("\x1b\x9b\x07\u202e") & set(out)


def test_a_text_into_a_chat(run, one, newest):
    ran = run("send", "--chat", one["chats"][0], "--account", one["id"], "Hé, Zoë")
    assert (ran.code, ran.err) == (0, "")
    row = newest(one["chats"][0])
    assert (row["text"], row["is_sender"]) == ("Hé, Zoë", 1)
    assert row["id"] in ran.out


def test_a_text_from_stdin_with_files(run, one, newest, stdin, tmp_path):
    path = tmp_path / "offre été.pdf"
    path.write_bytes(b"%PDF-1.7")
    stdin(b"one\ntwo\n")
    arguments = ("--chat", one["chats"][0], "--account", one["id"], "-", "--attach", str(path))
    [told] = run("send", *arguments, "--attach", str(path), "--json").lines
    row = newest(one["chats"][0])
    assert (row["id"], row["text"]) == (told["message_id"], "one\ntwo")
    assert [part["file_name"] for part in row["attachments"]] == [path.name, path.name]


def test_files_without_a_text(run, one, newest, tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    arguments = ("--chat", one["chats"][0], "--account", one["id"], "--attach", str(path))
    assert run("send", *arguments).code == 0
    assert len(newest(one["chats"][0])["attachments"]) == 1


def test_to_a_person_by_id_costs_no_look(run, served, one, newest):
    looks = len(served.journal(route="GET /users/{id}"))
    arguments = ("send", "--to", one["recipients"][0], "--account", one["id"], "Hello", "--json")
    [told] = run(*arguments).lines
    assert not told["looked_up"]
    assert newest(told["chat_id"])["text"] == "Hello"
    assert len(served.journal(route="GET /users/{id}")) == looks


@pytest.mark.parametrize("who", ["https://www.linkedin.com/in/jordan-walke/?x=1", "jordan-walke"])
def test_to_a_person_by_name_costs_one_look_and_says_so(run, served, one, newest, who):
    looks = len(served.journal(route="GET /users/{id}"))
    arguments = ("send", "--to", who, "--account", one["id"], "Hello", "--subject", "Idea")
    ran = run(*arguments, "--inmail", "--api", "classic")
    assert (ran.code, "1 profile" in ran.out) == (0, True)
    assert len(served.journal(route="GET /users/{id}")) == looks + 1
    started = served.journal(route="POST /chats")[-1]
    assert started.action == "inmail"


def test_inmail_through_recruiter_looks_through_recruiter(run, served, one):
    arguments = ("send", "--to", "jordan-walke", "--account", one["id"], "Hello", "--inmail")
    ran = run(*arguments, "--api", "recruiter", "--subject", "A job")
    assert (ran.code, ran.err) == (0, "")
    assert "linkedin_api=recruiter" in served.journal(route="GET /users/{id}")[-1].raw_path


def test_to_a_number_on_whatsapp(run, served, account):
    whatsapp = account("WHATSAPP")
    number = "+" + whatsapp["people"][1].partition("@")[0]
    ran = run("send", "--to", number, "--account", whatsapp["id"], "Hello", "--json")
    assert (ran.code, ran.lines[0]["looked_up"]) == (0, False)


@pytest.mark.parametrize(
    "wrong",
    [
        ("Hello",),
        ("Hello", "--chat", "c", "--to", "p"),
        ("--chat", "c"),
        ("--chat", "c", "Hello", "again"),
        ("--chat", "c", "Hello", "--subject", "s"),
        ("--chat", "c", "Hello", "--inmail"),
        ("--to", "p", "Hello", "--inmail"),
        ("--to", "p", "Hello", "--api", "premium"),
        ("--chat", "c", "--subjct", "s"),
        ("--chat", "c", "-n"),
        ("--chat", "c", "Hello", "--attach", "gone.pdf"),
        ("--chat", "c", "Hello", "--idempotency-key", ""),
        ("--to", "https://www.linkedin.com/company/acme/", "Hello"),
        ("--to", "", "Hello"),
    ],
)
def test_wrong_usage_sends_nothing(run, served, one, wrong):
    asked = len(served.journal())
    ran = run("send", *wrong, "--account", one["id"])
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert len(served.journal()) == asked


def test_stdin_that_is_no_text_is_refused(run, served, one, stdin):
    stdin(b"\xff\xfe\x00")
    ran = run("send", "--chat", one["chats"][0], "--account", one["id"], "-")
    assert (ran.code, "UTF-8" in ran.err) == (2, True)


def test_a_write_in_doubt_names_the_next_step(run, served, one, newest):
    chat = one["chats"][1]
    served.faults([{"route": SEND, "effect": "reset", "stage": "after", "times": 1}])
    arguments = ("send", "--chat", chat, "--account", one["id"], "in doubt", "--json")
    ran = run(*arguments, "--idempotency-key", "key-1")
    assert (ran.code, ran.out) == (3, "")
    assert ran.error["outcome"] == "unknown"
    assert ran.error["idempotency_key"] == "key-1"
    assert f"postpress messages list --chat {chat}" in ran.error["message"]
    assert newest(chat)["text"] == "in doubt"
    assert len([e for e in served.journal(route=SEND) if e.idempotency_key == "key-1"]) == 1


def test_a_yes_that_cannot_be_read_is_no_plain_error(run, served, one):
    served.faults([{"route": SEND, "effect": "half_body", "stage": "after", "times": 1}])
    ran = run("send", "--chat", one["chats"][1], "--account", one["id"], "half read")
    assert (ran.code, ran.out) == (3, "")
    assert "postpress messages list" in ran.err


def test_what_the_service_refused_is_not_in_doubt(run, served, one):
    served.faults([{"route": SEND, "status": 422, "type": "unprocessable_entity", "times": 1}])
    ran = run("send", "--chat", one["chats"][1], "--account", one["id"], "no")
    assert (ran.code, "look into" in ran.err) == (1, False)


def test_a_state_counts_across_commands(run, one, tmp_path):
    state = f"sqlite:///{tmp_path}/counts.db"
    for n in range(2):
        arguments = ("--chat", one["chats"][0], "--account", one["id"], f"count {n}")
        assert run("send", *arguments, "--state", state).code == 0
    shown = run("limits", "show", one["id"], "--state", state, "--json").lines
    assert '"used": 2' in json.dumps(shown)
    assert sqlite3.connect(tmp_path / "counts.db").close() is None


def test_an_invitation_by_link_with_a_note(run, served, account):
    who = account("LINKEDIN")
    arguments = ("invite", "https://www.linkedin.com/in/jordan-walke/", "--account", who["id"])
    ran = run(*arguments, "--message", "Hello Jordan")
    assert (ran.code, ran.err) == (0, "")
    assert "1 profile" in ran.out
    asked = served.journal(route="POST /users/invite")[-1]
    assert asked.action == "invite_note"
    assert asked.status in {200, 201}
    world = next(row for row in served.world()["accounts"] if row["id"] == who["id"])
    assert any(id_ in ran.out for id_ in world["invitations"]["sent"])


def test_an_invitation_by_id_costs_no_look(run, served, account):
    who = account("LINKEDIN")
    looks = len(served.journal(route="GET /users/{id}"))
    ran = run("invite", who["strangers"][-1], "--account", who["id"], "--json")
    assert (ran.code, ran.lines[0]["looked_up"]) == (0, False)
    assert len(served.journal(route="GET /users/{id}")) == looks


def test_an_invitation_that_cannot_work(run, served, account):
    who = account("LINKEDIN")
    arguments = ("invite", who["strangers"][-2], "--account", who["id"])
    assert run(*arguments, "--message", "x" * 301).code == 2
    assert run("invite", "nobody-is-called-so", "--account", who["id"]).code == 1
    assert run("invite", who["relations"][0], "--account", who["id"]).code in {1, 4}


def test_an_invitation_in_doubt(run, served, account):
    who = account("LINKEDIN")
    route = "POST /users/invite"
    served.faults([{"route": route, "effect": "reset", "stage": "after", "times": 1}])
    ran = run("invite", who["strangers"][-3], "--account", who["id"])
    assert (ran.code, "invitations" in ran.err) == (3, True)


@pytest.mark.parametrize("command", [("chats", "list"), ("messages", "list", "--account")])
def test_a_reader_that_leaves_is_no_traceback(program, one, command):
    account = ("--account", one["id"]) if command == ("chats", "list") else (one["id"],)
    process = program(*command, *account, "--json")
    process.stdout.close()
    assert process.wait(30) in {0, 1}
    assert process.stderr.read() == ""
