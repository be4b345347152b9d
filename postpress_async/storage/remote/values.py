"""Values: an image as a server keeps it, with a stamp and the time of its writing."""

from __future__ import annotations

import math
import os
import struct
from typing import Final

from postpress_async.storage.remote.swaps import STAMP

__all__ = ["NO_STAMP", "Seen", "Stamps", "value_of"]

NO_STAMP: Final = b"\0" * STAMP  # nobody's: whoever names it is told what there is
_TIME: Final = struct.Struct(">d")
_HEAD: Final = STAMP + _TIME.size


class Seen:
    """Hold a value as it was seen.

    Attributes:
        stamp: of the value; empty where there is none.
        at: when it was written, in the server's seconds since the epoch.
        image: None where there is none, or where it was deleted.
        foreign: whether it is no value of ours.
    """

    __slots__ = ("at", "foreign", "image", "stamp")

    def __init__(self, value: bytes | None) -> None:
        self.stamp: bytes = b""
        self.at: float = -math.inf
        self.image: bytes | None = None
        self.foreign: bool = False
        if value is None:
            return
        if len(value) < _HEAD:
            self.foreign = True
            return
        (at,) = _TIME.unpack_from(value, STAMP)
        self.stamp, self.at, self.foreign = value[:STAMP], abs(at), not math.isfinite(at)
        if math.copysign(1.0, at) > 0:
            self.image = value[_HEAD:]


def value_of(stamp: bytes, at: float, image: bytes | None) -> bytes:
    """Return a value; one that was deleted keeps its stamp and, as a negative number, its time.

    Without that, nobody could tell what was deleted from what a server has lost.
    """
    if image is None:
        return stamp + _TIME.pack(-at)
    return b"".join((stamp, _TIME.pack(max(at, 0.0)), image))


class Stamps:
    """Make stamps that no other process makes.

    Attributes:
        who: names this maker.
    """

    def __init__(self) -> None:
        maker = os.urandom(STAMP // 2)
        self.who: str = maker.hex()
        self._maker = maker
        self._serial = 0

    def make(self) -> bytes:
        """Return a stamp that was not made before."""
        self._serial = self._serial % (2**32 - 1) + 1
        return self._maker + self._serial.to_bytes(STAMP // 2, "big")
