"""What a machine tells of its boot: which one it is, and how long ago it began."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["boot_clock", "boot_id", "boot_time"]

# `time.monotonic` stands still while the machine is suspended. This one does not on Linux; where
# there is none, on macOS, CLOCK_MONOTONIC itself goes on, and so does all time on Windows.
_BOOT: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

_PROC: Final = Path("/proc")


def boot_time() -> float:
    """Return seconds since the machine started, those included in which it was suspended."""
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


def boot_id(proc: Path = _PROC) -> str:
    """Return the name of this boot, 32 hexadecimal digits; empty where the system has none."""
    with suppress(OSError, UnicodeDecodeError):
        told = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii")
        return told.strip().replace("-", "")
    return ""


def boot_clock(proc: Path = _PROC) -> str:
    """Return a name for the clock that `boot_time` reads; empty where nobody can tell.

    Two processes with one name read one clock, so that what either tells of it means the same to
    both. A time namespace has a clock of its own in the same boot.
    """
    boot = boot_id(proc)
    if not boot:
        return ""
    try:
        told = (proc / "self/timens_offsets").read_text(encoding="ascii")
        # It speaks of the children's namespace, which is another one for whoever has just made it.
        if not (proc / "self/ns/time").samefile(proc / "self/ns/time_for_children"):
            return ""
    except FileNotFoundError:
        return boot  # a kernel without such namespaces
    except (OSError, UnicodeDecodeError):
        return ""
    offsets = dict(line.split(None, 1) for line in told.splitlines() if line.strip())
    ahead = offsets.get("boottime", "?").split()
    return boot if ahead == ["0", "0"] else f"{boot}+{'.'.join(ahead)}"
