"""Rows of what is long: a walk over 100,000 messages, and 15 MB up and down."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from harness import Worker, compared, interleaved, server
from rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES: Final = 400
ROWS: Final = 250
BYTES: Final = 15 * 10**6  # with its frame, it stays below the documented 15 MB

LISTS: Final = {"walk": (f"async for over {PAGES * ROWS:,} messages: bare aiohttp + json", 0.9)}
TRANSFERS: Final = {
    "upload": ("upload of 15 MB from a path: bare aiohttp's FormData", 1 / 0.95),
    "download": ("download of 15 MB, walked: bare aiohttp's iter_chunked", 1 / 0.95),
    "save": ("download of 15 MB to disk: bare aiohttp's iter_chunked and write", 1 / 0.95),
}


def list_rows(*, quick: bool) -> Iterator[Row]:
    return _rows("lists", LISTS, rounds=1 if quick else 12, calls=1)


def transfer_rows(*, quick: bool) -> Iterator[Row]:
    return _rows("transfers", TRANSFERS, rounds=1 if quick else 20, calls=2 if quick else 10)


def _rows(
    group: str, asked: dict[str, tuple[str, float]], *, rounds: int, calls: int
) -> Iterator[Row]:
    with server("moving_server.py") as root:
        for what, (name, goal) in asked.items():
            workers = {
                who: Worker(f"moving_{who}", root, what, python=sys.executable)
                for who in ("ours", "bare")
            }
            parts = {who: partial(worker.round, 1, calls) for who, worker in workers.items()}
            times = interleaved(parts, rounds)
            for worker in workers.values():
                worker.close()
            yield at_most(name, group, compared(times["ours"], times["bare"]), goal)
