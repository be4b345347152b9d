"""Which process is which on this machine, and whether one is certainly dead.

A killed process leaves calls behind that nobody will give back. Where its death is certain, nobody
need wait for their lease. Certain means: the same boot of the machine, the same namespace of
process numbers, and no process of that number with that start. Elsewhere nothing is certain; and
that /proc shows none is not enough, since it may hide those of other users (`hidepid`).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from postpress_async.machine import boot_clock

__all__ = ["Processes"]

_START_FIELD: Final = 19  # of /proc/PID/stat, counted behind the program's name
_LOOK_EVERY: Final = 0.25  # seconds for which an answer holds


class Processes:
    """Name this process, and say of others whether they are gone."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, bool]] = {}

    @property
    def own(self) -> str:
        """This process, as others know it: where it runs, its number and its start."""
        pid, start = os.getpid(), 0
        with suppress(OSError):
            start = _start_of(pid) or 0
        return f"{_where()}-{pid:x}-{start:x}"

    def gone(self, name: str) -> bool:
        """Tell whether a process is certainly dead."""
        now = time.monotonic()
        seen = self._seen.get(name)
        if seen is None or now - seen[0] > _LOOK_EVERY:
            if len(self._seen) > 1000:  # noqa: PLR2004 - of processes that are long gone
                self._seen.clear()
            seen = self._seen[name] = (now, _is_gone(name))
        return seen[1]


def _is_gone(name: str) -> bool:
    where, _, rest = name.partition("-")
    pid, _, start = rest.partition("-")
    try:
        number, began = int(pid, 16), int(start, 16)
    except ValueError:
        return False
    if not where or where != _where() or began <= 0:
        return False
    try:
        return _start_of(number) != began
    except (FileNotFoundError, ProcessLookupError):
        return _is_nobodys(number)
    except OSError:
        return False  # that it cannot be looked at says nothing


def _is_nobodys(pid: int) -> bool:
    """Tell whether no process has a number, be it one that /proc hides from this user."""
    try:
        os.kill(pid, 0)  # only where there is a /proc: Windows would send something
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # not ours to send to, so it is there
    return False


@lru_cache(maxsize=1)
def _where() -> str:
    """Return a name for this boot, its clock and this namespace of processes; empty for none."""
    boot, ahead, offset = boot_clock().partition("+")
    try:
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    clock = ahead + offset.replace("-", "m")  # a dash begins the process's number
    return f"{boot[:12]}{space:x}{clock}" if boot else ""


def _start_of(pid: int) -> int | None:
    """Return when a process began, in ticks since the boot; None where it has ended.

    Raises:
        OSError: it cannot be looked at; FileNotFoundError where there is none.
    """
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(fields[_START_FIELD - 1])
