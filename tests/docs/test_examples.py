"""Every example of the documentation runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from postpress_async import Sandbox

from .conftest import Notebook, blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def runnable(page):
    return [block for block in blocks(page) if block.language == "python" and not block.title]


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
