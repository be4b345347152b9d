"""Every command that a guide shows runs, against a sandbox."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import pytest

from postpress_async import Sandbox
from postpress_async.cli import main

from .conftest import blocks, stand_ins

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ["chats-and-messages", "sending", "invitations", "cli"]
NOT_HERE = ("postpress --help", "postpress limits", "pip ")  # tests/cli/test_limits.py has them


def commands(page):
    for block in blocks(DOCS / f"{page}.md"):
        for line in block.code.splitlines() if block.language == "console" else ():
            if line.startswith("$ ") and not line[2:].startswith(NOT_HERE):
                yield line[2:]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_guide_runs(page, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shown = list(commands(page))
    assert shown
    with Sandbox(seed=1) as sandbox:
        monkeypatch.setenv("POSTPRESS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("POSTPRESS_BASE_URL", sandbox.url)
        ids = stand_ins(sandbox)
        rows = f"id,chat_id,first_name\n1,{ids['chat_1']},Jordan\n2,{ids['chat_2']},\n"
        Path("leads.csv").write_text(rows, encoding="utf-8")
        for line in shown:
            if line.startswith("export "):
                for variable in line.split()[1:]:
                    monkeypatch.setenv(*variable.split("=", 1))
                continue
            said, piped, command = line.rpartition(" | ")
            if piped:
                text = shlex.split(said.removeprefix("echo "))[0] + "\n"
                monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            known = re.sub(r"\b(?:acc|chat)_\w+\b", lambda m: ids.get(m[0], m[0]), command)
            program, *arguments = shlex.split(known)
            assert program == "postpress"
            code = main(arguments)
            assert code == 0, (line, capsys.readouterr().err)


def test_the_commands_are_found():
    assert sum(len(list(commands(page))) for page in PAGES) > 12
