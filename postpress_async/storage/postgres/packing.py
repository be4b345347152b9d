"""From swaps to what the server's function takes, and from its row to an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from postpress_async.storage.remote.swaps import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.remote.swaps import Fate, Swap

__all__ = ["Asked", "Row", "pack", "unpack"]

Asked: TypeAlias = tuple[
    list[str], list[bool], list[int], list[float], list[bytes], list[bytes | None]
]
"""What `counts_swap_1` says of its arguments, without the first two."""

Row: TypeAlias = tuple[float, str, str, list[int] | None, list[bytes | None] | None]
_FATES: Final[dict[str, Fate]] = {"d": "done", "c": "changed", "t": "time", "u": "turn"}


def pack(swaps: Sequence[Swap]) -> tuple[list[str], Asked]:
    """Return the keys by their places, and what to ask for.

    Keys come in one order for all, so that whoever locks several waits for nobody who waits for
    them.
    """
    written = {key for swap in swaps for key, _ in swap.writes}
    alone = written.union(key for swap in swaps if swap.urgent for key, _ in swap.seen)
    keys = sorted(written.union(key for swap in swaps for key, _ in swap.seen))
    places = {key: place for place, key in enumerate(keys, 1)}
    program: list[int] = []
    stamps: list[bytes] = []
    values: list[bytes | None] = []
    for swap in swaps:
        program += (int(swap.urgent), len(swap.seen))
        for key, stamp in swap.seen:
            program.append(places[key])
            stamps.append(stamp)
        program.append(len(swap.writes))
        for key, value in swap.writes:
            program.append(places[key])
            values.append(value)
    asked = (
        [_name(key) for key in keys],
        [key in alone for key in keys],
        program,
        [swap.now for swap in swaps],
        stamps,
        values,
    )
    return keys, asked


def unpack(keys: Sequence[str], row: Row) -> Answer:
    """Return what the function said."""
    now, identity, fates, told, values = row
    return Answer(
        identity=identity,
        now=now,
        fates=tuple(_FATES[fate] for fate in fates),
        values={keys[n - 1]: value for n, value in zip(told or (), values or (), strict=True)},
    )


def _name(key: str) -> str:
    """Return a key as every encoding of a database can hold it, and people can read it."""
    if key.isascii() and "%" not in key and key.isprintable():
        return key
    return quote(key, safe="*:/@ +=,;()[]", errors="surrogatepass")
