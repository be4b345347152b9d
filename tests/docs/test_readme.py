"""What README.md and CONTRIBUTING.md claim is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROVEN = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", README)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def test_there_are_promises():
    assert len(PROVEN) > 10


@pytest.mark.parametrize(("file", "name"), PROVEN, ids=[name for _, name in PROVEN])
def test_the_test_that_proves_a_promise_exists(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in functions


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_two_commands_are_those_that_were_promised():
    for session in ("demo", "tests"):
        setup = "python3 -m venv .venv && .venv/bin/pip install nox"
        assert f"{setup} && .venv/bin/nox -s {session}\n" in README


def test_every_command_of_the_guide_exists(capsys):
    pytest.importorskip("cyclopts")
    from postpress_async.cli import main  # noqa: PLC0415 - an extra

    guide = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\| `postpress ([a-z]+(?: [a-z]+)?)", guide, re.MULTILINE)
    assert len(commands) == 13
    for command in commands:
        assert main([*command.split(), "--help"]) == 0, command
        assert "Usage: postpress " + command in capsys.readouterr().out
