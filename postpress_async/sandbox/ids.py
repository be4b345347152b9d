"""Ids that tell this service where their thing is, and nobody else anything.

A world of a million messages cannot keep an index of them all before the first one is asked for.
So an id is its thing's place, shuffled by a key that follows from the seed: we can walk back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final, TypeAlias

Place: TypeAlias = "tuple[int, int, int]"

_TOKEN_BYTES: Final = 16
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_PAIRS: Final = [one + other for one in _DIGITS for other in _DIGITS]
_SHIFTS: Final = range(110, -1, -10)  # 120 bits, two digits at a time
_NARROW: Final = 62  # bits: what nineteen decimal digits hold
_FIRST: Final = 10**18  # so that they are always nineteen


class Shuffle:
    """A permutation of the numbers below 2^bits, and its way back. `bits` is even."""

    __slots__ = ("_backs", "_half", "_keys", "_mask", "_pad")

    def __init__(self, bits: int, *parts: object) -> None:
        size = bits // 8 + 1
        raw = hashlib.shake_128("/".join(map(str, parts)).encode()).digest(3 * size)
        self._mask = (1 << bits) - 1
        self._half = bits // 2
        # odd numbers have an inverse below a power of two
        self._keys = tuple(
            (int.from_bytes(piece, "big") & self._mask) | 1
            for piece in (raw[:size], raw[size : 2 * size])
        )
        self._pad = int.from_bytes(raw[2 * size :], "big") & self._mask  # or zeros would stay zeros
        self._backs = tuple(pow(key, -1, 1 << bits) for key in self._keys)

    def forth(self, number: int) -> int:
        """Shuffle."""
        number = ((number ^ self._pad) * self._keys[0]) & self._mask
        number ^= number >> self._half
        return (number * self._keys[1]) & self._mask

    def back(self, number: int) -> int:
        """Undo it."""
        number = (number * self._backs[1]) & self._mask
        number ^= number >> self._half
        return ((number * self._backs[0]) & self._mask) ^ self._pad


class Ids:
    """Makes the ids of one world, and finds places by them.

    What it finds is a place that may not be taken: whoever looks there compares the ids, since two
    spellings can name one place.
    """

    __slots__ = ("_chat", "_invitation", "_message", "_tag")

    def __init__(self, seed: int) -> None:
        self._message = Shuffle(128, seed, "message")
        self._chat = Shuffle(120, seed, "chat")
        self._invitation = Shuffle(_NARROW, seed, "invitation")
        self._tag = int.from_bytes(hashlib.blake2b(f"{seed}/tag".encode(), digest_size=2).digest())

    def message(self, account: int, chat: int, index: int) -> str:
        """Make a message's id."""
        return self._token(1, account, chat, index)

    def find_message(self, text: str) -> Place | None:
        """Find a message's place; None when it is no id of ours."""
        return self._place(1, text)

    def attendee(self, account: int, person: int) -> str:
        """Make an attendee's id."""
        return "att_" + self._token(2, account, person, 0)

    def find_attendee(self, text: str) -> Place | None:
        """Find an attendee's place."""
        return self._place(2, text[4:]) if text.startswith("att_") else None

    def attachment(self, account: int, message: int, index: int) -> str:
        """Make an attachment's id. It is looked for in its message only."""
        return self._token(3, account, message & 0xFFFFFFFF, index)

    def chat(self, account: int, index: int) -> str:
        """Make a chat's id, in the 26-character style of the reference pages."""
        number = self._chat.forth((self._tag << 80) | (account << 40) | index)
        return "chat_01" + "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])

    def find_chat(self, text: str) -> tuple[int, int] | None:
        """Find a chat's place."""
        digits = text[7:]
        if not text.startswith("chat_01") or len(digits) != 2 * len(_SHIFTS):
            return None
        try:
            number = self._chat.back(int(digits, 32))
        except ValueError:
            return None
        if number >> 80 != self._tag:
            return None
        return (number >> 40) & 0xFFFFFFFFFF, number & 0xFFFFFFFFFF

    def invitation(self, account: int, index: int) -> str:
        """Make an invitation's id: nineteen digits."""
        return str(_FIRST + self._invitation.forth((account << 31) | index))

    def find_invitation(self, text: str) -> int | None:
        """Find the account whose invitation it would be."""
        if not (text.isascii() and text.isdigit() and len(text) == len(str(_FIRST))):
            return None
        number = int(text) - _FIRST
        return None if number < 0 or number >> _NARROW else self._invitation.back(number) >> 31

    def _token(self, kind: int, a: int, b: int, c: int) -> str:
        place = ((self._tag << 16 | kind) << 96) | (a << 64) | (b << 32) | c
        raw = self._message.forth(place).to_bytes(16, "big")
        return base64.urlsafe_b64encode(raw)[:22].decode()

    def _place(self, kind: int, text: str) -> Place | None:
        try:
            raw = base64.b64decode(text + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _TOKEN_BYTES:
            return None
        number = self._message.back(int.from_bytes(raw, "big"))
        if number >> 96 != (self._tag << 16 | kind):
            return None
        return (number >> 64) & 0xFFFFFFFF, (number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF
