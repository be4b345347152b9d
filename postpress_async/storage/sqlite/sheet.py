"""A file's images as this process knows them: read at once, written at once."""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from sqlite3 import Connection

    from postpress_async.storage.images import Mend

__all__ = ["Found", "Sheet"]

_log = logging.getLogger("postpress_async.storage")

_SEEN_MOST = 10_000  # images kept in mind
_READ_MOST: Final = 64  # in a statement
_WRITE_MOST: Final = 16  # in one, which keeps a copy of what it was given last

_VERSION: Final = "PRAGMA data_version"
_UPDATE: Final = (
    "ON CONFLICT (key) DO UPDATE SET image = excluded.image, changed_at = excluded.changed_at"
)


class Found(NamedTuple):
    """An image, and when it was written: never before what it replaced. None where there is none.

    What a work deleted has a time as well; what was never there, or is lost, has -inf.
    """

    image: bytes | None
    at: float


class _Seen(NamedTuple):
    image: bytes | None
    at: float  # when it was seen last
    written: float  # as the file says
    age: int  # of the sheet: an image of another age is perhaps not what the file has
    own: bool  # nobody else changed it between two looks of this process


_NOTHING: Final = Found(None, -math.inf)


class Sheet:
    """Know the images that were seen, as far as nobody else has written since.

    In the file's thread alone. What is read here is good until the transaction ends; what was
    `seen` is told once it is committed, and never before.

    Of one image time never goes back, whoever writes it: one that was written before that which is
    known here, or is gone, was put back by hand, with its file or in it.

    Args:
        mend: what is known when the file was deleted, or it or a part of it is an older copy.
    """

    def __init__(self, mend: Mend) -> None:
        self._mend = mend
        self._connection: Connection | None = None  # to tell it from the next
        self._seen: dict[str, _Seen] = {}
        self._lost: dict[str, _Seen] = {}  # what this file told, or another of its name
        self._age = 0
        self._version = -1  # of the file, as others have changed it
        self._changes = -1  # rows that this connection has changed

    def open(self, connection: Connection, keys: Iterable[str]) -> dict[str, Found]:
        """Return images as the file has them, in the transaction that has begun."""
        if self._connection is not connection:
            self._opened(connection)
        row: tuple[int] = connection.execute(_VERSION).fetchone()
        version = row[0]
        if version != self._version or connection.total_changes != self._changes:
            self._age += 1
            self._version = version
        age, known = self._age, self._seen
        found: dict[str, Found] = {}
        unknown: list[str] = []
        for key in keys:
            seen = known.get(key)
            if seen is not None and seen.age == age:
                found[key] = Found(seen.image, seen.written)
            else:
                unknown.append(key)
        for start in range(0, len(unknown), _READ_MOST):
            some = unknown[start : start + _READ_MOST]
            some += some[:1] * (_room(len(some)) - len(some))
            found.update(dict.fromkeys(some, _NOTHING))
            for key, image, at in connection.execute(_read(len(some)), some):
                found[key] = Found(image, at) if at >= 0.0 else Found(None, -at)
        for key in unknown:
            seen = known.get(key)
            if seen is not None and seen.image is not None and found[key].at < seen.written:
                self._lost[key] = known.pop(key)
        return found

    def mended(self, key: str, found: Found) -> bytes | None:
        """Return an image that also knows what was seen here before a file was lost."""
        lost = self._lost.get(key)
        if lost is None or lost.image is None:
            return found.image
        mended = self._mend(key, lost.image, found.image, lost.at, found.at)
        if mended != found.image:
            _log.warning("the file of counts had forgotten some of %s: it is put back", key)
        return mended

    def write(
        self, connection: Connection, images: Iterable[tuple[str, bytes | None]], at: float
    ) -> None:
        """Write images, each key once.

        None deletes one, and leaves its time, negated: without that, nobody could tell what was
        deleted from what was lost.
        """
        rows = [(key, b"", -at) if image is None else (key, image, at) for key, image in images]
        start = 0
        while start < len(rows):
            some = rows[start : start + min(_floor(len(rows) - start), _WRITE_MOST)]
            start += len(some)
            connection.execute(_write(len(some)), [value for row in some for value in row])

    def own(self, key: str) -> Found | None:
        """Return an image as it was left here, if it seems that only this process uses it."""
        seen = self._seen.get(key)
        if seen is None or not seen.own or key in self._lost:
            return None
        return Found(seen.image, seen.at)

    def seen(
        self,
        connection: Connection,
        found: Mapping[str, Found],
        images: Mapping[str, bytes | None],
        at: float,
        sound: set[str],
    ) -> None:
        """Keep in mind what was found, and is now committed.

        Args:
            connection: of the transaction.
            found: what was there.
            images: what is there now.
            at: when it was seen.
            sound: keys of works that did not fail. What no work could read is not kept in mind for
                a file that forgets: what was seen before it is.
        """
        self._changes = connection.total_changes
        seen, age = self._seen, self._age
        for key, image in images.items():
            if key not in sound:
                continue
            was = found[key]
            before = seen.pop(key, None)  # to the end: what was used last is forgotten last
            own = before is not None and before.image == was.image
            written = was.at if image == was.image else at
            seen[key] = _Seen(image, at, written, age, own)
            if self._lost:
                self._lost.pop(key, None)
        while len(seen) > _SEEN_MOST:
            del seen[next(iter(seen))]

    def _opened(self, connection: Connection) -> None:
        """Let what was seen so far be put back where this file does not know it."""
        if self._connection is not None:
            self._lost |= self._seen
        self._connection = connection
        self._age += 1


@cache
def _read(size: int) -> str:
    marks = _marks("?", size)
    return f"SELECT key, image, changed_at FROM images WHERE key IN ({marks})"  # noqa: S608 - marks


@cache
def _write(size: int) -> str:
    marks = _marks("(?, ?, ?)", size)
    return f"INSERT INTO images (key, image, changed_at) VALUES {marks} {_UPDATE}"  # noqa: S608 - marks are our own


def _marks(mark: str, size: int) -> str:
    return ", ".join([mark] * size)


def _room(size: int) -> int:
    """Return the power of two that holds so many: statements are few, and so stay prepared."""
    return 1 << (size - 1).bit_length()


def _floor(size: int) -> int:
    return 1 << (size.bit_length() - 1)
