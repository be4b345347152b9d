"""What a look at a store found, and what to do about it."""

from __future__ import annotations

import ipaddress
from typing import Final, Literal, TypeAlias

import msgspec

__all__ = ["OUTER", "Finding", "Level", "in_plain_words"]

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


def in_plain_words(host: str | None, *, remedy: str) -> Finding | None:
    """Say that a login could be read on its way, unless it stays on this machine.

    Args:
        host: where to, over a connection without TLS; None or a path for a socket.
        remedy: how to have TLS.
    """
    if host is None or host.startswith("/") or host.lower() == "localhost":
        return None
    try:
        if ipaddress.ip_address(host).is_loopback:
            return None
    except ValueError:
        pass  # a name, which may be anybody's
    return Finding(
        name="tls",
        level="warning",
        said="the login and the counts cross the network without TLS",
        next_step=remedy,
    )
