"""Every public method tells what it does, where that is documented, and how it is called.

The examples run, in order, as one notebook a method against a sandbox of its own: `await` works at
the top, `client` is there, and `acc_1`, `chat_1` and the like stand for ids of that sandbox. Where
an example shows what comes out, it must come out. Those of `Outbox` have an `outbox`, too.
"""

from __future__ import annotations

import asyncio
import doctest
import importlib
import inspect
import re
from functools import cached_property
from pathlib import Path

import pytest

import postpress_async
from postpress_async import Limits, Postpress, Sandbox
from postpress_async.limits import ACTIONS
from postpress_async.outbox import Outbox

from .conftest import Block, Notebook

ROOMS = {
    name: f"postpress_async.resources.{name}"
    for name, member in vars(Postpress).items()
    if isinstance(member, cached_property)
}
OTHERS = ("Postpress", "Scheduler", "Paginator", "Page", "Download", "Sandbox")
IMPERATIVE = re.compile(r"[A-Z][a-z]+[ ,]")


def methods_of(cls):
    for name, member in inspect.getmembers(cls):
        if not name.startswith("_") and inspect.isfunction(member):
            yield pytest.param(member, id=f"{cls.__name__}.{name}")


def in_namespaces():
    for room in ROOMS.values():
        module = importlib.import_module(room)
        yield from methods_of(getattr(module, room.rpartition(".")[2].title()))


def of_outbox():
    yield from methods_of(Outbox)


def anywhere():
    yield from in_namespaces()
    yield from of_outbox()
    for name in OTHERS:
        yield from methods_of(getattr(postpress_async, name))


def section(doc, name):
    """Return the lines below a heading, as far as they are indented."""
    found = re.search(rf"^{name}:\n((?:    .*\n|\n)+)", doc + "\n", re.MULTILINE)
    return found[1] if found else ""


def test_all_namespaces_are_found():
    assert {"users", "invitations", "chats", "messages", "attendees"} <= set(ROOMS)
    assert len(list(in_namespaces())) >= 35


@pytest.mark.parametrize("method", list(anywhere()))
def test_its_first_line_says_what_it_does(method):
    first, _, rest = inspect.getdoc(method).partition("\n")
    assert first.endswith(".")
    assert IMPERATIVE.match(first)
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("method", list(in_namespaces()))
def test_it_names_its_arguments_its_errors_its_action_and_its_source(method):
    doc = inspect.getdoc(method)
    wanted = [name for name in inspect.signature(method).parameters if name != "self"]
    assert re.findall(r"^    (\w+): ", section(doc, "Args"), re.MULTILINE) == wanted
    assert re.search(r"^Source: [A-Z]", doc, re.MULTILINE)
    raised = [
        name
        for line in re.findall(r"^    (\w[\w, ]*): ", section(doc, "Raises"), re.MULTILINE)
        for name in line.split(", ")
    ]
    assert raised
    for name in raised:
        error = getattr(postpress_async, name)
        assert issubclass(error, postpress_async.PostpressError)
    counted = re.findall(r"[Cc]ounts? (?:as|for)[^.]*?`(\w+)`", " ".join(doc.split()))
    assert counted
    assert set(counted) <= ACTIONS


def raised_by(doc):
    """Return the names of the errors that a docstring tells of, which are public ones of ours."""
    told = re.findall(r"^    (\w[\w,\s]*?): ", section(doc, "Raises"), re.MULTILINE)
    names = [name for line in told for name in re.split(r",\s+", line)]
    for name in names:
        assert issubclass(getattr(postpress_async, name), postpress_async.PostpressError)
    return names


@pytest.mark.parametrize("method", list(of_outbox()))
def test_of_the_outbox_it_names_its_arguments_its_errors_and_its_source(method):
    doc = inspect.getdoc(method)
    wanted = {name for name in inspect.signature(method).parameters if name != "self"}
    told = re.findall(r"^    (\w[\w,\s]*?): ", section(doc, "Args"), re.MULTILINE)
    names = [name for line in told for name in re.split(r",\s+", line)]
    assert sorted(names) == sorted(wanted)
    assert raised_by(doc) or method.__name__ in {"changes", "aclose"}
    guide, _, heading = re.search(r"^Source: ([^\n.]+)\.$", doc, re.MULTILINE)[1].partition(", ")
    page = (Path(__file__).parents[2] / "docs" / "outbox.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {guide}\n")
    assert not heading or f"\n## {heading}\n" in page


@pytest.mark.parametrize("method", [*in_namespaces(), *of_outbox()])
def test_its_example_runs(method, monkeypatch, tmp_path, capsys):
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(method))
    name = method.__qualname__.replace(".", "_")
    path = Path(inspect.getsourcefile(method))
    with Sandbox(seed=1) as sandbox, asyncio.Runner() as runner:
        monkeypatch.setenv("POSTPRESS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("POSTPRESS_BASE_URL", sandbox.url)
        monkeypatch.chdir(tmp_path)
        notebook = Notebook(path, sandbox, runner, limits=Limits.none())
        opened = Outbox(notebook.names["client"], "sqlite:///outbox.db")
        notebook.names["outbox"] = opened
        for number, example in enumerate(examples):
            code = example.source
            if example.want:
                code = f"_ = ({code.strip()})\nassert repr(_) == {example.want.strip()!r}, repr(_)"
            notebook.run(Block(number + 1, "python", name, code))
        runner.run(opened.aclose())
        notebook.close()
    assert f".{method.__name__}(" in "".join(example.source for example in examples)


@pytest.mark.parametrize("text", ["", "    A: b\n", "    A, B: c\n        d\n    E: f\n"])
def test_sections_are_read_to_their_end(text):
    doc = f"Do.\n\nRaises:\n{text}\nSource: X.\n"
    assert section(doc, "Raises").strip() == text.strip()
