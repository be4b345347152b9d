"""What is kept of what a service told: it may tell anything."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

__all__ = ["kept_result", "kept_text"]

_LONGEST: Final = 1_024  # bytes: an index holds it, beside an account's


def kept_result(told: str) -> str:
    """Return what is kept of an id that a service told, however long it is.

    Of what is longer than any id, a digest stands for the rest: no index could hold it, and its
    item would be `sending` for ever.
    """
    kept = kept_text(told)
    if len(known := kept.encode()) <= _LONGEST:
        return kept
    start = known[:64].decode(errors="ignore")
    return f"{start}… {blake2b(known, digest_size=16).hexdigest()}"


def kept_text(told: str) -> str:
    """Return what can be kept of what a service told.

    PostgreSQL keeps no NUL, and nobody keeps half of a character: the refusal would come for ever,
    and the item be `sending` meanwhile.
    """
    return told.replace("\0", "").encode(errors="replace").decode()
