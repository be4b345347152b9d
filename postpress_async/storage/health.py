"""What a look at a store found, and what to do about it."""

from __future__ import annotations

import ipaddress
from typing import Final, Literal, TypeAlias

import msgspec

__all__ = ["OUTER", "Finding", "Level", "in_plain_words", "of_its_time"]

Level: TypeAlias = Literal["ok", "note", "warning", "error"]
"""`note`: worth knowing; `warning`: counts may be lost one day; `error`: it does not work."""

OUTER: Final = frozenset({"reachable", "ready", "disk", "memory", "lock"})
"""Names of what may be wrong while the configuration is right: a network, a server, a disk."""

_OFF: Final = 2.0  # seconds by which a server's time and its clock may part without a word


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


def of_its_time(lead: float) -> list[Finding]:
    """Say that a server's counts go by another time than its clock, where that was set.

    Args:
        lead: seconds by which the time is ahead of the clock.
    """
    if abs(lead) <= _OFF:
        return []
    said = (
        f"counts go by a time that is {lead:.0f} s ahead of its clock, which was set back: "
        "time never goes back, hours and dates go by the clock"
        if lead > 0
        else f"counts go by a time that is {-lead:.0f} s behind its clock, which was set forward, "
        "or went on while who asked was paused: no window ends sooner by that, hours and dates go "
        "by the clock"
    )
    step = "make sure that the server's clock is right; if it is, nothing is to be done"
    return [Finding(name="time", level="note", said=said, next_step=step)]
