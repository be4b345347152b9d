"""Compare what clients do after a 429: `python benchmarks/policies/run.py [--quick]`.

Goodput is the share of what the hidden limit would have let through; a cell is goodput % / 429 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

sys.path.insert(0, str(Path(__file__).parent))

from caps import cases as cap_cases
from caps import refusals
from cases import HELD_OUT, HOUR, OTHERS, TUNED, fresh
from lanes import POLICIES
from simulate import WORKERS, simulate

if TYPE_CHECKING:
    from cases import Case
    from simulate import Tally

RESULTS = Path(__file__).parents[1] / "results" / "policies.json"
OURS = "ours"
GOODPUT, REFUSED = 97.0, 1.0


class Cell(TypedDict):
    """One policy in one case."""

    group: str
    case: str
    policy: str
    accounts: int
    workers: int
    goodput: float
    refused: float
    met: bool


def accounts_for(case: Case, policy: str, calls: float) -> int:
    """Return how many accounts make about so many calls, 100 at most; one that storms, fewer."""
    return max(2, min(100, int(calls * (1 if policy == OURS else 0.15) / (case.rate * HOUR))))


def cell(group: str, case: Case, policy: str, calls: float, workers: int = WORKERS) -> Cell:
    """Simulate one cell."""
    accounts = accounts_for(case, policy, calls)
    tally: Tally = simulate(case, POLICIES[policy], accounts=accounts, workers=workers)
    goodput, refused = round(tally.goodput, 2), round(tally.share_refused, 2)
    met = tally.goodput >= GOODPUT and tally.share_refused < REFUSED
    return Cell(
        group=group,
        case=case.name,
        policy=policy,
        accounts=accounts,
        workers=workers,
        goodput=goodput,
        refused=refused,
        met=met,
    )


def table(cells: list[Cell]) -> str:
    """Write one group as markdown, a row a case, and a last row of how many meet the goal."""
    policies = list(dict.fromkeys(cell["policy"] for cell in cells))
    rows = [["case", *policies], ["---"] * (len(policies) + 1)]
    by = {(cell["case"], cell["policy"]): cell for cell in cells}
    for case in dict.fromkeys(cell["case"] for cell in cells):
        row = [case]
        for policy in policies:
            found = by[case, policy]
            text = f"{found['goodput']:.1f} / {found['refused']:.2f}"
            row.append(f"**{text}**" if found["met"] else text)
        rows.append(row)
    met = [sum(cell["met"] for cell in cells if cell["policy"] == name) for name in policies]
    rows.append([f"goal met, of {len(rows) - 2}", *map(str, met)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


class Cap(TypedDict):
    """One daily cap: refusals a day and account, by day, with and without learning."""

    case: str
    learns: bool
    days: list[float]
    worst: int
    goodput: float


def caps(*, quick: bool) -> list[Cap]:
    """Simulate the hidden daily caps."""
    rows: list[Cap] = []
    for case in cap_cases()[: 2 if quick else None]:
        for learns in (True, False):
            days, worst, goodput = refusals(case, learns=learns, accounts=3 if quick else 30)
            rounded = [round(day, 1) for day in days]
            rows.append(
                Cap(case=case.name, learns=learns, days=rounded, worst=worst, goodput=goodput)
            )
    return rows


def cap_table(rows: list[Cap]) -> str:
    """Write the daily caps as markdown."""
    lines = [
        "| case | learns | refusals on each day | worst day of one account |",
        "| --- " * 4 + "|",
    ]
    for row in rows:
        days = " ".join(f"{day:g}" for day in row["days"])
        lines.append(
            f"| {row['case']} | {'yes' if row['learns'] else 'no'} | {days} | {row['worst']} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few accounts: a smoke test, no proof")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    options = parser.parse_args(arguments)
    start, calls = time.monotonic(), 3_000.0 if options.quick else 60_000.0
    groups = {"tuned": TUNED, "held out": HELD_OUT, "fresh": fresh(), "others": OTHERS}
    if options.quick:
        groups = {"tuned": TUNED[:2], "others": OTHERS[:2]}
    cells: list[Cell] = []
    for group, cases in groups.items():
        new = [cell(group, case, name, calls) for case in cases for name in POLICIES]
        print(f"\n### {group}\n\n{table(new)}", flush=True)
        cells += new
    if not options.quick:
        for workers in (1, 8):
            new = [cell("held out", case, OURS, calls / 2, workers) for case in HELD_OUT]
            print(f"\n### held out, {workers} under way\n\n{table(new)}", flush=True)
            cells += new
    daily = caps(quick=options.quick)
    print(f"\n### a hidden daily cap of 50 under a declared 80\n\n{cap_table(daily)}")
    seconds = time.monotonic() - start
    print(f"\n{len(cells)} cells in {seconds:.0f} s; {WORKERS} calls under way at most an account")
    document = {"quick": options.quick, "seconds": round(seconds, 1), "cells": cells, "caps": daily}
    options.output.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
