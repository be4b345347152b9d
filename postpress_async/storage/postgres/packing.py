"""From swaps to what the server's function takes, and from its row to an answer."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from postpress_async.storage.remote.swaps import Answer

from .arrays import BOOL, BYTEA, TEXT, bools, elements, floats, ints, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.storage.remote.swaps import Fate, Swap

__all__ = ["TYPES", "Row", "pack", "unpack"]

Row: TypeAlias = "tuple[bytes | None, ...]"
"""What `counts_swap_1` returns, in binary."""

# Of `counts_swap_1`'s arguments: who, strict, keys, alone, program, nows, stamps, values, expected.
TYPES: Final = (TEXT, BOOL, 1009, 1000, 1007, 1022, 1001, 1001, 701)
_FATES: Final[dict[int, Fate]] = {
    ord("d"): "done", ord("c"): "changed", ord("t"): "time", ord("u"): "turn",
}  # fmt: skip
_FLOAT: Final = struct.Struct(">d")
_INT: Final = struct.Struct(">i")


def pack(
    swaps: Sequence[Swap], *, who: str, strict: bool, expected: float | None = None
) -> tuple[list[str], list[bytes | None]]:
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
        program += (swap.urgent, len(swap.seen))
        for key, stamp in swap.seen:
            program.append(places[key])
            stamps.append(stamp)
        program.append(len(swap.writes))
        for key, value in swap.writes:
            program.append(places[key])
            values.append(value)
    return keys, [
        who.encode(),
        b"\1" if strict else b"\0",
        texts(TEXT, [_name(key) for key in keys]),
        bools([key in alone for key in keys]),
        ints(program),
        floats([swap.now for swap in swaps]),
        texts(BYTEA, stamps),
        texts(BYTEA, values),
        None if expected is None else _FLOAT.pack(expected),
    ]


def unpack(keys: Sequence[str], row: Row) -> Answer:
    """Return what the function said."""
    now, lead, identity, fates, told, values = row
    places: list[int] = [_INT.unpack(place or b"")[0] for place in elements(told)]
    told_keys = [keys[place - 1] for place in places]
    found = dict(zip(told_keys, elements(values), strict=True))
    return Answer(
        identity=(identity or b"").decode(),
        now=_FLOAT.unpack(now or b"")[0],
        lead=_FLOAT.unpack(lead or b"")[0],
        fates=tuple([_FATES[fate] for fate in fates or b""]),
        values=found,
    )


def _name(key: str) -> bytes:
    """Return a key as every encoding of a database can hold it, and people can read it."""
    if key.isascii() and "%" not in key and key.isprintable():
        return key.encode()
    return quote(key, safe="*:/@ +=,;()[]", errors="surrogatepass").encode()
