"""Every example of the documentation runs."""

from __future__ import annotations

import asyncio
import doctest
import logging
from pathlib import Path

import pytest

import postpress_async
from postpress_async import Sandbox

from .conftest import Notebook, blocks

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def runnable(page):
    return [block for block in blocks(page) if block.language == "python" and not block.title]


@pytest.fixture
def log_level():
    logger = logging.getLogger("postpress_async")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.usefixtures("log_level")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if runnable(page)], ids=lambda page: page.stem
)
def test_every_example_of_a_page_runs(page, monkeypatch, tmp_path):
    with Sandbox(seed=1) as sandbox, asyncio.Runner() as runner:
        monkeypatch.setenv("POSTPRESS_API_KEY", sandbox.api_key)
        monkeypatch.setenv("POSTPRESS_BASE_URL", sandbox.url)
        monkeypatch.chdir(tmp_path)
        notebook = Notebook(page, sandbox, runner)
        for block in runnable(page):
            notebook.run(block)
        notebook.close()


def test_the_examples_are_found():
    assert sum(len(runnable(page)) for page in PAGES) > 30


def test_the_examples_of_testing_pass_as_tests(pytester):
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    files = [block for block in blocks(ROOT / "docs/testing.md") if block.title.endswith(".py")]
    for block in files:
        (pytester.path / block.title).write_text(block.code, encoding="utf-8")
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=len(files))
    assert len(files) == 2


def public_docstrings():
    return [
        pytest.param(name, id=name)
        for name in postpress_async.__all__
        if ">>> " in (getattr(postpress_async, name).__doc__ or "")
    ]


@pytest.mark.parametrize("name", public_docstrings())
def test_the_example_of_a_docstring_runs(name):
    public = {each: getattr(postpress_async, each) for each in postpress_async.__all__}
    examples = doctest.DocTestFinder(recurse=False).find(public[name], name, globs=public)
    for example in examples:
        assert doctest.DocTestRunner().run(example).failed == 0
