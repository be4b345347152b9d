"""What a Redis or Valkey server says of itself, and what should be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "judged"]

_OLDEST: Final = (6, 2)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Say one thing about a server.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be; None where it could not be seen.
        said: what is so, and what to do if it is not as it should be.
    """

    name: str
    ok: bool | None
    said: str


def judged(info: Mapping[str, str]) -> list[Finding]:
    """Judge a server by its INFO; what INFO does not tell is left out."""
    found: list[Finding] = []
    version = info.get("valkey_version") or info.get("redis_version")
    if version is not None:
        old = tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _OLDEST
        said = f"version {version}" + (": use 6.2 or later" if old else "")
        found.append(Finding(name="version", ok=not old, said=said))
    if "role" in info:
        replica = info["role"] != "master"
        said = "it is a replica: let the URL name the primary" if replica else "it is the primary"
        found.append(Finding(name="role", ok=not replica, said=said))
    if "aof_enabled" in info:
        found.append(_appendonly(info))
    if "maxmemory_policy" in info:
        policy, most = info["maxmemory_policy"], info.get("maxmemory", "0")
        evicts = policy != "noeviction" and most != "0"
        said = f"maxmemory-policy {policy}, maxmemory {most}"
        if evicts:
            said += ": it forgets counts when its memory is full; set maxmemory-policy noeviction"
        found.append(Finding(name="eviction", ok=not evicts, said=said))
    return found


def _appendonly(info: Mapping[str, str]) -> Finding:
    """Judge the append-only file."""
    if info["aof_enabled"] != "1":
        said = "appendonly is off: a restart forgets counts; set appendonly yes"
        return Finding(name="appendonly", ok=False, said=said)
    if info.get("aof_last_write_status", "ok") != "ok":
        said = "the append-only file cannot be written: free space on its disk"
        return Finding(name="appendonly", ok=False, said=said)
    return Finding(name="appendonly", ok=True, said="appendonly is on")
