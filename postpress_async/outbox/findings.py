"""What a look-back may find, and what two reads make together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from .protocol import Terms

__all__ = ["Absent", "Found", "Nowhere", "Perhaps", "Seen", "Undecided", "two_looks"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """It is there: bind this id. None where what was found has no id of its own."""

    result_id: str | None
    by: str = "text"


class Absent(msgspec.Struct, frozen=True, kw_only=True):
    """Everything was read, from an account that works, and it is not there."""


class Perhaps(msgspec.Struct, frozen=True, kw_only=True):
    """Something is there that may be it: only a person can tell."""

    reason: str


class Undecided(msgspec.Struct, frozen=True, kw_only=True):
    """It could not be read whole: a later look may.

    Attributes:
        reason: why.
        until: the store's time from which on our own limits allow a look, where they forbade this
            one: that says nothing of the item, so it is not counted among the vain looks.
    """

    reason: str
    until: float | None = None


class Nowhere(msgspec.Struct, frozen=True, kw_only=True):
    """There is nothing to read that would show it."""

    reason: str


Seen: TypeAlias = Found | Absent | Perhaps | Undecided | Nowhere


def two_looks(first: Seen, second: Seen, *, apart: float, terms: Terms) -> Seen:
    """Join two reads into one look: absent is only what both did not show, far enough apart."""
    if isinstance(first, Found):
        return first
    if not isinstance(second, Absent):
        return second
    if not isinstance(first, Absent):
        return first
    return second if apart >= terms.apart else Undecided(reason="the two reads were too close")
