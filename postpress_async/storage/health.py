"""What a look at a store found, and what to do about it."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

__all__ = ["OUTER", "Finding", "Level"]

Level: TypeAlias = Literal["ok", "note", "warning", "error"]
"""`note`: worth knowing; `warning`: counts may be lost one day; `error`: it does not work."""

OUTER: Final = frozenset({"reachable", "disk", "lock"})
"""Names of what may be wrong while the configuration is right: a network, a server, a disk."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Say one thing about a store.

    Attributes:
        name: what was looked at, in a word.
        level: how bad it is.
        said: what was found, in a line.
        next_step: what to do; empty where there is nothing to do.
    """

    name: str
    level: Level
    said: str
    next_step: str = ""
