"""The simulation of policies runs, and knows what a limit would have allowed."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

HERE = Path(__file__).parents[2] / "benchmarks" / "policies"


@pytest.fixture(autouse=True)
def there(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def test_a_quick_run_prints_tables_and_writes_cells(tmp_path):
    written = tmp_path / "policies.json"
    command = [sys.executable, HERE / "run.py", "--quick", "--output", written]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 0, ran.stderr
    assert "| goal met, of 2 |" in ran.stdout
    document = json.loads(written.read_text())
    assert {cell["policy"] for cell in document["cells"]} >= {"ours", "duty rule"}
    for cell in document["cells"]:
        assert 0 <= cell["goodput"] <= 100
        assert 0 <= cell["refused"] <= 100


def test_cases_to_tune_on_and_to_be_judged_by_are_disjoint():
    from cases import HELD_OUT, TUNED, fresh  # noqa: PLC0415 - the path is set by then

    judged = {(case.kind, case.amount, case.per, case.burst) for case in HELD_OUT}
    assert not judged & {(case.kind, case.amount, case.per, case.burst) for case in TUNED}
    assert len(judged) == 12
    assert fresh() == fresh()


def test_what_was_allowed_is_what_the_limit_says():
    from cases import STEADY, Case  # noqa: PLC0415 - as above
    from simulate import allowed  # noqa: PLC0415 - as above

    assert allowed(Case("rolling", 30, 60, 0, "exact", STEADY), Random(1)) == 30 * 60
    assert allowed(Case("gcra", 1, 1, 5, "exact", STEADY), Random(1)) in range(3603, 3607)
