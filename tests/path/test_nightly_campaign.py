"""A night of campaigns keeps what its slices have come to, and goes on from there."""

import argparse
import importlib
import json
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[1] / "campaign"


@pytest.fixture
def nightly(monkeypatch):
    monkeypatch.syspath_prepend(CAMPAIGN)
    return importlib.import_module("nightly")


@pytest.fixture
def options(tmp_path):
    return argparse.Namespace(
        kills=700, stops=50, seeds=3_000, slice=500, jobs=2, first=7, into=tmp_path / "night.jsonl"
    )


def pretended(monkeypatch, nightly, *, breaks=()):
    """Have slices end at once; return what was asked of them."""
    asked = []

    async def ran(what, program, its, *, words=()):
        del program, words
        asked.append((what, its.get("seed", its.get("first"))))
        broken = int(what in breaks)
        return {
            "kills": its.get("kills", 3),
            "items": 10,
            "lost": broken,
            "seconds": 1.5,
            "what": what,
            "asked": its,
            "broken": broken,
        }

    monkeypatch.setattr(nightly, "ran", ran)
    return asked


async def test_a_night_is_gone_on_with_where_it_ended(nightly, options, monkeypatch):
    asked = pretended(monkeypatch, nightly)
    rows = await nightly.run(options, "abc1234")
    assert sorted(asked) == [
        *(("postgres, kills", 7), ("postgres, kills", 8)),
        *(("postgres, stops", 7), ("postgres, stops", 8)),
        *(("sqlite, kills", 7), ("sqlite, kills", 8), ("sqlite, stops", 7), ("sqlite, stops", 8)),
        *(("stories", 7), ("stories", 2_007)),
    ]
    lines = options.into.read_text().splitlines()
    options.into.write_text("\n".join(lines[:4]) + "\n")
    left = pretended(monkeypatch, nightly)
    again = await nightly.run(options, "abc1234")
    assert len(left) == 6
    assert {json.dumps(row["asked"]) for row in again} == {json.dumps(row["asked"]) for row in rows}
    other = pretended(monkeypatch, nightly)
    await nightly.run(options, "another")
    assert len(other) == 10


async def test_what_broke_is_told_of_and_run_again(nightly, options, monkeypatch):
    pretended(monkeypatch, nightly, breaks={"sqlite, kills"})
    rows = await nightly.run(options, "abc1234")
    assert sum(row["broken"] for row in rows) == 2
    (line,) = [one for one in nightly.table(rows).splitlines() if "sqlite, kills" in one]
    assert line == "| sqlite, kills | 700 | 0 | 20 | 2 | 0 | 0 | 0 | 0 | 0 | 2 | 3 |"
    again = pretended(monkeypatch, nightly)
    rows = await nightly.run(options, "abc1234")
    assert sorted(again) == [("sqlite, kills", 7), ("sqlite, kills", 8)]
    assert not any(row["broken"] for row in rows)
    assert "| 3,000 stories | 6 |" in nightly.table(rows)


def test_the_last_word_of_a_program_is_its_result(nightly):
    assert nightly._told('{\n "kills": 3\n}\n') == {"kills": 3}
    assert nightly._told('{"seed": 1, "lost": 1}\n{"seeds": 2, "kills": 4}\n') == {
        "seeds": 2,
        "kills": 4,
    }
    assert nightly._told("Traceback") == {}


def test_words_change_no_code(nightly, tmp_path):
    file = tmp_path / "some" / "part.py"
    file.parent.mkdir()
    file.write_text('"""Say it."""\n\ndef f():\n    """Do it."""\n    return 1\n')
    before = nightly.code_of([tmp_path])
    file.write_text('"""Say more."""\n\n\ndef f():\n    return 1  # why\n')
    assert nightly.code_of([tmp_path]) == before
    file.write_text("def f():\n    return 2\n")
    assert nightly.code_of([tmp_path]) != before
