"""The tables of the guides say what the code decides."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

import pytest

from postpress_async.limits import Effect
from postpress_async.wire.values import FailureKind, Reply

NAMES = ("errors", "recommended", "counting", "retries", "meanings")
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("docs_tables", DOCS / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_table_says_what_the_code_decides(tables, name):
    _, text, new = tables.renewed(name)
    assert text == new, "run `python docs/tables.py`"


def test_every_table_is_held(tables):
    assert set(tables.TABLES) == set(NAMES)


def test_the_table_of_meanings_covers_every_effect_of_an_action(tables):
    shown = {tables._effect_of(answers) for _, answers in tables.MEANT}
    assert shown | {"cool_key"} == set(get_args(Effect))  # a read's alone


def test_the_table_of_retries_covers_every_failure_and_refusal(tables):
    answers = [answer for _, answer in tables.ROWS]
    kinds = {answer.kind for answer in answers if not isinstance(answer, Reply)}
    assert kinds | {"tls", "late"} == set(get_args(FailureKind))
