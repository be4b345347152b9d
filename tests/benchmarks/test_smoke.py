"""The benchmarks run, and say what they measured in a shape that others can read. No times here."""

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[2] / "benchmarks" / "run.py"


def test_a_quick_run_prints_a_table_and_writes_its_rows_as_json(tmp_path):
    written = tmp_path / "latest.json"
    command = [sys.executable, RUN, "--quick", "--only", "decode,import", "--output", written]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 0, ran.stderr
    assert "ours us" in ran.stdout
    document = json.loads(written.read_text())
    assert document["quick"] is True
    assert document["versions"]["msgspec"]
    rows = document["rows"]
    assert {row["group"] for row in rows} == {"decode", "import"}
    for row in rows:
        assert row["name"]
        assert row["sense"] in {"of", "less"}
        assert (row["met"] is None) == (row["goal"] is None) or row["ours"] is None
        if row["ratio"] is not None:
            assert 0 < row["lower"] <= row["ratio"] <= row["upper"]


def test_an_unknown_row_is_refused_with_the_names_there_are():
    command = [sys.executable, RUN, "--only", "everything"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 2
    assert "--only: everything is none of aiohttp, httpx, packages" in ran.stderr


def test_a_quick_run_of_the_lanes_keeps_the_rows_of_others(tmp_path):
    written = tmp_path / "latest.json"
    written.write_text('{"rows": [{"group": "decode"}, {"group": "lanes"}]}')
    command = [sys.executable, RUN, "--quick", "--only", "lanes", "--keep", "--output", written]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 0, ran.stderr
    other, *rows = json.loads(written.read_text())["rows"]
    assert other == {"group": "decode"}
    units = {row["unit"] for row in rows}
    assert units == {"us", "B", "slots", "requests", "refusals", "cases", "times", "share", "%"}
    for row in rows:
        assert row["group"] == "lanes"
        assert (row["met"] is None) == (row["goal"] is None)
        if row["unit"] != "us":
            assert row["name"].endswith(f", {row['unit']}")
            assert row["lower"] <= row["ratio"] <= row["upper"]
    kept = {row["name"]: row["ratio"] for row in rows}
    for name, value in kept.items():
        if name.endswith((": slots lost, slots", ": arrivals over it, requests")):
            assert value == 0
