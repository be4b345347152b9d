"""What a Redis or Valkey server says of itself, and what should be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.health import Finding, in_plain_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postpress_async.storage.urls import StoreUrl

__all__ = ["judged"]

_OLDEST: Final = (6, 2)


def judged(info: Mapping[str, str], url: StoreUrl) -> list[Finding]:
    """Judge the way to a server, and itself by its INFO; what INFO does not tell is left out."""
    plain = None
    if url.password is not None and not url.tls:
        plain = in_plain_words(url.host, remedy="let the server speak TLS, and write rediss:")
    found = [] if plain is None else [plain]
    version = info.get("valkey_version") or info.get("redis_version")
    if version is not None:
        old = tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < _OLDEST
        found.append(
            Finding(
                name="version",
                level="error" if old else "ok",
                said=f"version {version}",
                next_step="use 6.2 or later" if old else "",
            )
        )
    if "role" in info:
        found.append(_role(info["role"]))
    if "aof_enabled" in info:
        found.append(_appendonly(info))
    if "maxmemory_policy" in info:
        found.append(_eviction(info["maxmemory_policy"], info.get("maxmemory", "0")))
    return found


def _role(role: str) -> Finding:
    if role == "master":
        return Finding(name="role", level="ok", said="it is the primary")
    return Finding(
        name="role",
        level="error",
        said="it is a replica, which takes no writes",
        next_step="let the URL name the primary",
    )


def _eviction(policy: str, most: str) -> Finding:
    said = f"maxmemory-policy {policy}, maxmemory {most}"
    # Of the other policies none takes keys that have no end, such as ours.
    if not policy.startswith("allkeys") or most == "0":
        return Finding(name="eviction", level="ok", said=said)
    return Finding(
        name="eviction",
        level="warning",
        said=f"{said}: it forgets counts when its memory is full",
        next_step="set maxmemory-policy noeviction",
    )


def _appendonly(info: Mapping[str, str]) -> Finding:
    """Judge the append-only file."""
    name = "appendonly"
    if info["aof_enabled"] != "1":
        return Finding(
            name=name,
            level="warning",
            said="appendonly is off: a restart forgets counts",
            next_step="set appendonly yes",
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding(
            name=name,
            level="error",
            said="the append-only file cannot be written",
            next_step="free space on its disk",
        )
    return Finding(name=name, level="ok", said="appendonly is on")
