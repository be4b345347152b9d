"""What the commands print: tables for people, JSON lines for programs, never a secret."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from postpress_async import Postpress
from postpress_async.cli.commands import accounts, users
from postpress_async.testing import FakeTransport, problem, reply

EVIL = "\x1b]0;owned\x07Eve\x1b[2J \u202egpj.\x9b31m"
HARMLESS = "Eve gpj."


@pytest.fixture
def answering(monkeypatch):
    """Have commands talk to a script."""

    def answering(*answers):
        def client(_: object) -> Postpress:
            fake = FakeTransport(answers)
            return Postpress("key", transport=fake, providers={"acc_1": "LINKEDIN"})

        monkeypatch.setattr(users, "client_at", client)
        monkeypatch.setattr(accounts, "client_at", client)

    return answering


def test_accounts_list(run, served):
    known = served.world()["accounts"]
    ran = run("accounts", "list")
    assert (ran.code, ran.err) == (0, "")
    head, *rows = ran.out.splitlines()
    assert head.split() == ["ACCOUNT", "PROVIDER", "NAME", "STATUS", "TIER", "CONNECTED"]
    assert {row.split()[0] for row in rows} == {row["id"] for row in known}
    assert {row["id"] for row in run("accounts", "list", "--json").lines} == {
        row["id"] for row in known
    }


def test_accounts_get(run, account):
    one = account("LINKEDIN")["id"]
    shown = run("accounts", "get", one).out
    assert one in shown
    [row] = run("accounts", "get", one, "--json").lines
    assert all(source["id"] in shown for source in row["sources"])  # fit to be copied
    assert (row["id"], row["type"]) == (one, "LINKEDIN")


def test_a_proxys_credentials_are_not_shown(run, served):
    whole = ""
    for row in served.world()["accounts"]:
        ran = run("accounts", "get", row["id"], "--json")
        whole += ran.out + run("accounts", "get", row["id"]).out
        assert "proxy-user" not in whole
    whole += run("accounts", "list", "--json").out + run("accounts", "list").out
    assert '"password":"***"' in whole  # some account has such a proxy
    assert "proxy-secret" not in whole


@pytest.mark.parametrize("provider", ["LINKEDIN", "WHATSAPP", "INSTAGRAM", "TELEGRAM", "TWITTER"])
def test_users_get(run, account, provider):
    one = account(provider)
    person = one["people"][0]
    ran = run("users", "get", person, "--account", one["id"])
    assert (ran.code, ran.err) == (0, "")
    assert ["provider", provider] in [line.split() for line in ran.out.splitlines()]
    [raw] = run("users", "get", person, "--account", one["id"], "--json").lines
    assert raw["provider"] == provider


def test_users_get_with_sections_of_a_product(run, served, account):
    one = account("LINKEDIN")["id"]
    arguments = ("users", "get", "jordan-walke", "--account", one, "--json")
    [raw] = run(*arguments, "--sections", "skills,languages", "education").lines
    assert {"skills", "languages", "education"} <= {name for name, value in raw.items() if value}
    path = served.journal(route="GET /users/{id}")[-1].raw_path
    assert path.count("linkedin_sections=") == 3 or "skills%2Clanguages" in path


def test_users_me(run, account):
    one = account("TELEGRAM")["id"]
    [raw] = run("users", "me", "--account", one, "--json").lines
    assert raw["object"] == "AccountOwnerProfile"
    assert "display name" in run("users", "me", "--account", one).out


def test_identify(run):
    assert "LINKEDIN" in run("identify", "https://www.linkedin.com/in/jordan-walke/?x=1").out
    [known] = run("identify", "https://www.linkedin.com/in/jordan-walke/?x=1", "--json").lines
    assert (known["provider"], known["value"]) == ("LINKEDIN", "jordan-walke")


def test_escapes_in_a_profile_reach_no_terminal(run, answering):
    eve = {"object": "UserProfile", "provider": "LINKEDIN", "first_name": EVIL, "headline": EVIL}
    answering(reply(eve))
    ran = run("users", "get", "eve", "--account", "acc_1")
    assert HARMLESS in ran.out
    assert not set("\x1b\x9b\x07\u202e") & set(ran.out)
    answering(reply(eve))
    ran = run("users", "get", "eve", "--account", "acc_1", "--json")
    assert ran.out.isascii()
    assert ran.out.rstrip("\n").isprintable()
    assert ran.lines[0]["headline"] == EVIL  # for programs nothing is lost


def test_escapes_in_an_account_or_an_error_reach_no_terminal(run, answering):
    answering(reply({"object": "Account", "id": "acc_1", "type": "LINKEDIN", "name": EVIL}))
    assert not set("\x1b\x9b\x07\u202e") & set(run("accounts", "get", "acc_1").out)
    answering(problem("resource_not_found", 404, detail=EVIL))
    ran = run("accounts", "get", "acc_1")
    assert (ran.code, set("\x1b\x9b\x07\u202e") & set(ran.err)) == (1, set())
    ran = run("accounts", EVIL)
    assert (ran.code, set("\x1b\x9b\x07\u202e") & set(ran.err)) == (2, set())


def test_markup_in_a_text_is_only_text(run, answering):
    answering(reply({"object": "Account", "id": "acc_1", "type": "X", "name": "[red]x[/red]"}))
    assert "[red]x[/red]" in run("accounts", "get", "acc_1").out


def test_the_key_is_in_no_output(run, served, account):
    one = account("LINKEDIN")["id"]
    served.faults([{"route": "GET /users/me", "status": 501}])
    for arguments in (
        ("accounts", "list"),
        ("accounts", "get", one),
        ("users", "get", "jordan-walke", "--account", one),
        ("users", "get", "nobody", "--account", one),
        ("users", "me", "--account", one),
        ("doctor",),
        ("identify", "x"),
        ("nonsense",),
    ):
        for form in ((), ("--json",)):
            ran = run(*arguments, *form)
            assert served.api_key not in ran.out + ran.err


def test_help_names_every_command_and_loads_little():
    code = (
        "import sys; from postpress_async.cli import main; code = main(['--help']);"
        "print(code, sorted({'aiohttp', 'tenacity', 'sqlite3'} & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    for name in ("demo", "sandbox", "doctor", "identify", "users", "accounts", "--version"):
        assert f"  {name}" in shown
    assert shown.endswith("0 []\n")


@pytest.mark.parametrize(
    "arguments", [(), ("users",), ("accounts", "get"), ("demo",), ("sandbox",), ("doctor",)]
)
def test_every_command_explains_itself(run, arguments):
    ran = run(*arguments, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Usage: postpress")


def test_version(run):
    assert run("--version").out.strip()[0].isdigit()


def test_a_reader_that_leaves_is_no_traceback(program, served):
    process = program("accounts", "list", "--json")
    process.stdout.close()
    assert process.wait(30) in {0, 1}
    assert process.stderr.read() == ""


def test_a_name_that_the_terminal_cannot_show_is_no_error(program, served):
    env = {
        "PYTHONIOENCODING": "ascii",
        "POSTPRESS_API_KEY": served.api_key,
        "POSTPRESS_BASE_URL": served.url,
    }
    out, err = program("accounts", "list", env=env).communicate(timeout=30)
    assert (err, "?" in out) == ("", True)


def test_json_lines_are_one_object_a_line(run, served):
    for line in run("accounts", "list", "--json").out.splitlines():
        assert isinstance(json.loads(line), dict)
