"""What a Redis or Valkey server says of itself, and what should be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.storage.health import Finding, in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postpress_async.storage.urls import StoreUrl

__all__ = ["judged", "replicas"]

_OLDEST: Final = (6, 2)
_NEARLY: Final = 0.9  # of the memory it may use


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
        found += _appendonly(info)
    if "maxmemory_policy" in info:
        found.append(_eviction(info["maxmemory_policy"], info.get("maxmemory", "0")))
    if (used := info.get("used_memory", "")).isdecimal():
        found.append(_memory(info, int(used)))
    return found


def replicas(info: Mapping[str, str]) -> list[Finding]:
    """Say what is lost when a replica takes over, where there are any."""
    count = info.get("connected_slaves", "0")
    if info.get("role") != "master" or count == "0":
        return []
    said = f"{count} attached, which may lag: a failover grants again what it forgets"
    if "min_slaves_good_slaves" in info:  # it is told where writes need some
        return [Finding(name="replicas", level="ok", said=f"{said}; without them it stops writing")]
    return [
        Finding(
            name="replicas",
            level="warning",
            said=f"{said}, and an old primary that was cut off counts on by itself",
            next_step="set min-replicas-to-write 1: it stops within min-replicas-max-lag then",
        )
    ]


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


def _memory(info: Mapping[str, str], used: int) -> Finding:
    """Judge the memory by what stops writes, of which buffers for replicas are no part."""
    buffers, bound = info.get("mem_not_counted_for_evict", ""), info.get("maxmemory", "")
    used -= int(buffers) if buffers.isdecimal() else 0
    most = int(bound) if bound.isdecimal() else 0
    policy = info.get("maxmemory_policy", "noeviction")
    said = f"{max(used, 0) / 1e6:,.1f} MB used"
    if not most:
        return Finding(name="memory", level="ok", said=f"{said}, and no maxmemory")
    said += f" of {most / 1e6:,.1f} MB"
    # A cache is always full; of what it evicts by a policy for all keys, `eviction` has warned.
    if used < _NEARLY * most or policy.startswith("allkeys"):
        return Finding(name="memory", level="ok", said=said)
    if policy != "noeviction":
        said += ": when all is evicted that may be, counting stops"
        return Finding(name="memory", level="note", said=said)
    return Finding(
        name="memory",
        level="warning",
        said=f"{said}: when it is full, counting stops",
        next_step="raise maxmemory, or remove other keys",
    )


def _appendonly(info: Mapping[str, str]) -> Iterator[Finding]:
    """Judge the append-only file."""
    name = "appendonly"
    if info["aof_enabled"] != "1":
        yield Finding(
            name=name,
            level="warning",
            said="appendonly is off: a restart forgets counts",
            next_step="set appendonly yes",
        )
        return
    yield Finding(name=name, level="ok", said="appendonly is on")
    if info.get("aof_last_write_status", "ok") != "ok":
        yield Finding(
            name="disk",
            level="error",
            said="the append-only file cannot be written",
            next_step="free space on its disk",
        )
