"""What is in a file: what was uploaded, or what follows from its id."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .things import Attachment, Person

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PIECE: Final = 64 * 2**10


def content_of(attachment: Attachment) -> Iterator[bytes]:
    """Give the bytes of an attachment, piece by piece."""
    if attachment.upload is not None:
        yield from attachment.upload.stored.pieces()
        return
    size = attachment.size or 0
    seed = attachment.id.encode()
    if attachment.mimetype == "image/png":
        yield picture(seed, size)
        return
    start = b"%PDF-1.4\n" if attachment.mimetype == "application/pdf" else b""
    rest = start + hashlib.shake_128(seed).digest(min(size, _PIECE))
    yield rest[:size]


def picture_of(person: Person) -> bytes:
    """Draw somebody's picture."""
    return picture(f"{person.provider}/{person.seen_as}".encode(), 0)


def picture(seed: bytes, size: int) -> bytes:
    """Draw a PNG of one colour; a `size` that is large enough is met exactly."""
    colour = hashlib.blake2b(seed, digest_size=3).digest()
    rows = (b"\0" + colour * 8) * 8
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    drawn = _PNG + head + _chunk(b"IDAT", zlib.compress(rows))
    end = _chunk(b"IEND", b"")
    room = size - len(drawn) - len(end) - 12
    filler = _chunk(b"ppFl", bytes(room)) if room >= 0 else b""
    return drawn + filler + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
