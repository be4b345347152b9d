"""What the library says, in the words of a command line."""

from __future__ import annotations

import itertools
import re

import pytest

from postpress_async.cli.wording import as_commands, as_options
from postpress_async.outbox import Recipe, by_hand, explaining, items, recipes
from postpress_async.scheduler import blockers

STEPS = {
    items.DECIDE,
    *items._NEXT.values(),
    *blockers._NEXT.values(),
    *by_hand._OVER.values(),
    *(by_hand._WAIT, by_hand._RESOLVE, by_hand._GOES),
    "wait; or edit(id, not_before=None) lets it go at once",
    "wait: workers look for it; resolve(id, sent=…) if you know",
    "wait; or cancel(id='01K')",
    "cancel(), edit() or explain() can be used",
    "it goes when that is settled: explain('01K') says how",
    "the outbox has no item of the id or key 'x': list() shows what it has",
    explaining.PUT_OFF,
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_no_step_names_a_method(step):
    said = as_commands(step)
    assert re.search(r"\w\(|\w=", said) is None, said


PROBLEMS = {
    *recipes.unheard(Recipe(kind="message")).values(),
    *recipes.unheard(Recipe(kind="invite")).values(),
    "not_before '9:00' has no time zone: write one, or give timezone=",
    "text is needed, or a file: give text=…, attachments=[…], voice_message or so",
}


@pytest.mark.parametrize("problem", sorted(PROBLEMS))
def test_no_problem_of_a_line_names_an_argument(problem):
    said = as_options(problem, column="text")
    assert re.search(r"\w=|\w\(|recipe", said) is None, said


@pytest.mark.parametrize("column", ["account_id", "chat_id", "to", "provider_id", "first_name"])
def test_a_column_that_an_option_may_stand_for_names_it(column):
    said = as_options("there is no such column: the columns are 'id'", column=column)
    option = f"; or give --{column.replace('_', '-')}"
    assert said.endswith(option) is (column != "first_name")


def test_each_command_that_is_named_exists(capsys):
    from postpress_async.cli import main  # noqa: PLC0415 - an extra

    said = [re.findall(r"`postpress ([a-z]+ [a-z]+)", as_commands(step)) for step in STEPS]
    named = sorted(set(itertools.chain(*said)))
    assert len(named) > 6
    for command in named:
        assert main([*command.split(), "--help"]) == 0, command
    capsys.readouterr()


@pytest.mark.parametrize("text", ["call client.scheduler.pause() or resume()", "a (b) c", "x"])
def test_all_else_stays_as_it_is(text):
    assert as_commands(text) == text
