"""The campaigns of the outbox at their full size: a night of kills, stops and stories, in slices.

Each slice is a program of its own, with seeds of its own. Its result is written down as soon as it
ends, so that a night that ends early keeps what it has found, and the next one goes on from there:
what this code has passed is not run again. At the end stands a table.

    python tests/campaign/nightly.py
    python tests/campaign/nightly.py --kills 500 --stops 0 --seeds 4000
"""

import argparse
import ast
import asyncio
import contextlib
import hashlib
import json
import os
import sys
import time
from collections import deque
from pathlib import Path

from simulation import commit_of_tree

HERE = Path(__file__).parent
PLAYED = (HERE.parents[1] / "postpress_async", HERE)
STORES = ("sqlite", "postgres")
STOPS = 25  # in a slice
STORIES = 2_000
COLUMNS = {
    "what": "what", "kills": "kills", "stops": "stops", "items": "items", "lost": "lost",
    "doubled": "doubled", "out_of_order": "out of order", "over": "over", "open": "unknown open",
    "needs_decision": "held for a person", "broken": "slices broken", "seconds": "seconds",
}  # fmt: skip


def slices(options):
    """Return the slices of kills and stops, and those of stories: (name, program, arguments)."""
    hard, first = [], options.first
    for store in STORES:
        for name, whole, size in (
            ("kills", options.kills, options.slice),
            ("stops", options.stops, STOPS),
        ):
            for n, begin in enumerate(range(0, whole, size)):
                some = {"kills": 0, "stops": 0, name: min(size, whole - begin)}
                asked = {"store": store, **some, "seed": first + n}
                hard.append((n, f"{store}, {name}", "sends.py", asked))
    hard = [one for _, *one in sorted(hard, key=lambda one: one[0])]  # both stores, from the start
    stories = [
        ("stories", "simulation.py", {"first": begin, "seeds": min(STORIES, last - begin)})
        for last in (first + options.seeds,)
        for begin in range(first, last, STORIES)
    ]
    return deque(hard), deque(stories)


async def ran(what, program, asked, *, words=()):
    """Run one slice, and return what became of it."""
    began = time.monotonic()
    given = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / program), *given, *words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        said, failed = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    told = {name: value for name, value in _told(said.decode()).items() if name in COLUMNS}
    told.pop("broken", None)  # stories: they are told of, whole, below
    broken = process.returncode != 0
    if broken:
        print(said.decode(), failed.decode()[-3000:], sep="\n", flush=True)  # noqa: T201 - what it is for
    seconds = round(time.monotonic() - began, 1)
    return {**told, "what": what, "asked": asked, "broken": int(broken), "seconds": seconds}


def _told(said):
    """Return the last JSON object that a program has said: over many lines, or in the last one."""
    for text in (said, said.strip().rpartition("\n")[2]):
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return {}


def code_of(places):
    """Return a digest of the code in directories: what is only said in it changes nothing."""
    digest = hashlib.sha256()
    for path in sorted(path for place in places for path in place.rglob("*.py")):
        tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_text(body[0]):
                del body[0]
        digest.update(f"{path.name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:12]


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def known(path, code):
    """Return what the slices of this code have come to, so far."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if row.get("code") == code]


async def run(options, code):
    """Run what is left, two slices at a time or as many as wished; return all results."""
    hard, stories = slices(options)
    rows = known(options.into, code)
    commit = commit_of_tree()
    wished = [json.dumps([what, asked]) for what, _, asked in (*hard, *stories)]
    rows = [row for row in rows if json.dumps([row["what"], row["asked"]]) in wished]
    passed = {json.dumps([row["what"], row["asked"]]) for row in rows if not row["broken"]}
    rows = [row for row in rows if not row["broken"]]

    async def line(first, second):
        while one := first or second:
            what, program, asked = one.popleft()
            if json.dumps([what, asked]) in passed:
                continue
            words = ("--keep",) if program == "simulation.py" else ()
            row = {**await ran(what, program, asked, words=words), "commit": commit, "code": code}
            with options.into.open("a") as file:
                file.write(json.dumps(row) + "\n")
            rows.append(row)
            print(json.dumps(row), flush=True)  # noqa: T201 - what it is for

    # The kills of one line and the stories of the others share the machine well.
    lines = [line(hard, stories), *(line(stories, hard) for _ in range(options.jobs - 1))]
    with contextlib.suppress(asyncio.CancelledError):  # by Ctrl-C: the table is still told
        await asyncio.gather(*lines)
    return rows


def table(rows):
    """Return a table in Markdown: a line for each kind of slice, and what it summed up to."""
    sums = {}
    for row in rows:
        line = sums.setdefault(row["what"], dict.fromkeys(COLUMNS, 0) | {"what": row["what"]})
        for name in COLUMNS:
            if name != "what":
                line[name] += row.get(name, 0)
    for line in sums.values():
        line["seconds"] = round(line["seconds"])
    stories = sum(row["asked"]["seeds"] for row in rows if row["what"] == "stories")
    if stories:
        sums["stories"]["what"] = f"{stories:,} stories"
    lines = [COLUMNS.values(), ["---"] * len(COLUMNS)]
    lines += [[f"{value:,}" if isinstance(value, int) else value for value in line.values()]
              for line in sums.values()]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    """Run a night; end with 1 where a promise did not hold, or something is left to run."""
    code = code_of(PLAYED)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5_000, help="of workers, on each store")
    parser.add_argument("--slice", type=int, default=500, help="kills at a time: some minutes")
    parser.add_argument("--stops", type=int, default=50, help="past their lease, on each store")
    parser.add_argument("--seeds", type=int, default=200_000, help="of stories")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="slices at a time")
    parser.add_argument("--into", type=Path, default=Path("campaign.jsonl"), help="the results")
    parser.add_argument(
        "--first", type=int, default=int(code[:7], 16), help="seed; else the code's own"
    )
    options = parser.parse_args()
    rows = asyncio.run(run(options, code))
    print(table(rows))  # noqa: T201 - what it is for
    wished = sum(map(len, slices(options)))
    if (left := wished - len(rows)) > 0:
        print(f"{left} of {wished} slices are left: run it again to go on")  # noqa: T201 - what it is for
    return int(any(row["broken"] for row in rows) or left > 0)


if __name__ == "__main__":
    sys.exit(main())
