"""What the library says, in the words of a command line."""

from __future__ import annotations

import itertools
import re

import pytest

from postpress_async.cli.wording import as_commands
from postpress_async.outbox import by_hand, items
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
    "wait; workers go on then, or soon after limits are lifted: scheduler.resume()",
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_no_step_names_a_method(step):
    said = as_commands(step)
    assert re.search(r"\w\(|\w=", said) is None, said


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
