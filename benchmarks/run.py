"""Measure the product beside other ways to do the same: `python benchmarks/run.py [--quick]`.

CPU of the client's process alone, in many short rounds in which the contestants take turns. A ratio
is the median of the rounds' own ratios; the quartiles beside it show how much noise there was.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calls import aiohttp_rows, httpx_rows, package_rows
from lanes_rows import lane_rows
from local import decode_rows, import_rows, scheduler_rows
from moving import list_rows, transfer_rows
from outbox_rows import outbox_rows
from rows import table
from sandbox_rows import sandbox_rows
from state_rows import state_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Row

GROUPS: dict[str, Callable[..., Iterator[Row]]] = {
    "aiohttp": aiohttp_rows,
    "httpx": httpx_rows,
    "packages": package_rows,
    "decode": decode_rows,
    "import": import_rows,
    "scheduler": scheduler_rows,
    "lanes": lane_rows,
    "state": state_rows,
    "outbox": outbox_rows,
    "sandbox": sandbox_rows,
    "lists": list_rows,
    "transfers": transfer_rows,
}
RESULTS = Path(__file__).parent / "results" / "latest.json"
MATTERS = (
    "postpress-async",
    "aiohttp",
    "msgspec",
    "yarl",
    "multidict",
    "uvloop",
    "httpx",
    "pydantic",
    "psycopg",
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rounds: a smoke test, no proof")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"of {', '.join(GROUPS)}")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--keep", action="store_true", help="keep other groups' rows of the JSON")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in GROUPS]:
        parser.error(f"--only: {', '.join(unknown)} is none of {', '.join(GROUPS)}")
    start = time.monotonic()
    rows: list[Row] = []
    for name in chosen:
        for row in GROUPS[name](quick=options.quick):
            rows.append(row)
            _progress(f"{row.name}")
    _progress("")
    print(table(rows))
    seconds = time.monotonic() - start
    missed = sum(row.met is False for row in rows)
    print(f"\n{len(rows)} rows in {seconds:.0f} s; goals missed: {missed}")
    document = _document(rows, quick=options.quick)
    if options.keep and options.output.exists():
        document["rows"] = _kept(options.output, chosen) + document["rows"]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def _kept(output: Path, chosen: list[str]) -> list[dict[str, object]]:
    """Return the rows of groups that were measured before, and not now."""
    rows = json.loads(output.read_text())["rows"]
    return [row for row in rows if row["group"] not in chosen]


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)


def _document(rows: list[Row], *, quick: bool) -> dict[str, Any]:
    return {
        "quick": quick,
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": {name: _version(name) for name in MATTERS},
        "rows": [row.as_json() for row in rows],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
