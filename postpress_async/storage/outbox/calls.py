"""Calls of a server's functions, in binary: without a cursor they take half of the CPU."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from postpress_async.storage.postgres.arrays import BOOL, BYTEA, FLOAT8, INT4, TEXT, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from postpress_async.storage.outbox.dialect import Steps, Values
    from postpress_async.storage.postgres.link import Link

__all__ = ["Call", "call_of", "called"]

T = TypeVar("T")

_DOUBLE: Final = struct.Struct(">d")
_INTEGER: Final = struct.Struct(">i")


def _int(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _float(value: bytes) -> float:
    return cast("float", _DOUBLE.unpack(value)[0])


# By the name of a type: its number on the server, the way there, the way back.
_KINDS: Final[dict[str, tuple[int, Callable[[Any], bytes], Callable[[bytes], object]]]] = {
    "text": (TEXT, str.encode, bytes.decode),
    "bytea": (BYTEA, bytes, bytes),
    "integer": (INT4, _INTEGER.pack, _int),
    "bigint": (20, struct.Struct(">q").pack, _int),
    "float8": (FLOAT8, _DOUBLE.pack, _float),
    "boolean": (BOOL, lambda value: b"\1" if value else b"\0", any),
    "text[]": (1009, lambda value: texts(TEXT, [one.encode() for one in value]), bytes),
}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Know how to ask a function, and how to read what it returns.

    Attributes:
        statement: with places for arguments.
        names: of the arguments, in the order of their places.
        types: of the arguments, as the server numbers them.
        packs: an argument's way to the server.
        reads: a column's way back.
    """

    statement: bytes
    names: tuple[str, ...]
    types: tuple[int, ...]
    packs: tuple[Callable[[Any], bytes], ...]
    reads: tuple[Callable[[bytes], object], ...]

    def packed(self, values: Mapping[str, object]) -> list[bytes | None]:
        """Return the arguments, in their order."""
        return [
            None if (value := values[name]) is None else pack(value)
            for name, pack in zip(self.names, self.packs, strict=True)
        ]

    def read(self, rows: Iterable[Sequence[bytes | None]]) -> list[Values]:
        """Return rows as values."""
        return [
            tuple(
                [
                    None if value is None else read(value)
                    for value, read in zip(row, self.reads, strict=True)
                ]
            )
            for row in rows
        ]


def call_of(name: str, *, now: str, arguments: Sequence[str], columns: Sequence[str]) -> Call:
    """Return the call of a function whose first argument is the time.

    Args:
        name: of the function, with its schema.
        now: an expression that tells the time, in which `:now` is what we were told.
        arguments: their names with their types, as in `fence integer`.
        columns: of what it returns, in the same way.
    """
    known = ["now float8"] if ":now" in now else []
    names, kinds = zip(*[one.split() for one in (*known, *arguments)], strict=True)
    places = [f"CAST(${n} AS {kind})" for n, kind in enumerate(kinds, 1)]
    given = ", ".join([now.replace(":now", "$1"), *places[len(known) :]])
    told = ", ".join(columns)
    return Call(
        statement=f"SELECT * FROM {name}({given}) AS told({told})".encode(),
        names=names,
        types=tuple([_KINDS[kind][0] for kind in kinds]),
        packs=tuple([_KINDS[kind][1] for kind in kinds]),
        reads=tuple([_KINDS[one.split()[1]][2] for one in columns]),
    )


async def called(asked: Steps[T], link: Link, *, calls: Mapping[str, Call], now: float | None) -> T:
    """Carry out a step that asks one function, by what it does, and return its result.

    Raises:
        psycopg.Error: it failed.
    """
    what, values = next(asked)
    call = calls[what]
    packed = call.packed(values if now is None else {**values, "now": now})
    rows = await link.rows(call.statement, call.types, packed)
    try:
        asked.send(call.read(rows))
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError  # pragma: no cover - it asks once
