"""Values: an image as a server keeps it, with a stamp and the time of its writing."""

from __future__ import annotations

import math
import os
import struct
from typing import Final

from postpress_async.storage.remote.swaps import STAMP

__all__ = ["NO_STAMP", "Seen", "Stamps"]

NO_STAMP: Final = b"\0" * STAMP  # nobody's: whoever names it is told what there is
_TIME: Final = struct.Struct(">d")
_HEAD: Final = STAMP + _TIME.size


class Seen:
    """Hold a value as it was seen.

    Attributes:
        stamp: of the value; empty where there is none.
        at: when it was written, in the server's seconds since the epoch; of what replaced it never
            less, whoever writes it. -inf where there is none, or none of ours.
        image: None where there is none, or where it was deleted.
        foreign: whether it is no value of ours.
    """

    __slots__ = ("at", "foreign", "image", "stamp")

    def __init__(
        self, stamp: bytes, at: float, image: bytes | None, *, foreign: bool = False
    ) -> None:
        self.stamp: bytes = stamp
        self.at: float = at
        self.image: bytes | None = image
        self.foreign: bool = foreign

    @classmethod
    def read(cls, value: bytes | None) -> Seen:
        """Read a value."""
        if value is None:
            return cls(b"", -math.inf, None)
        if len(value) < _HEAD:
            return cls(b"", -math.inf, None, foreign=True)
        (at,) = _TIME.unpack_from(value, STAMP)
        if not math.isfinite(at):
            return cls(value[:STAMP], -math.inf, None, foreign=True)
        image = value[_HEAD:] if math.copysign(1.0, at) > 0 else None
        return cls(value[:STAMP], abs(at), image)

    def value(self) -> bytes:
        """Return it as servers keep it; what was deleted keeps its stamp, and its time negated.

        Without that, nobody could tell what was deleted from what a server has lost.
        """
        if self.image is None:
            return self.stamp + _TIME.pack(-self.at)
        return b"".join((self.stamp, _TIME.pack(self.at), self.image))


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
