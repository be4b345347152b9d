"""Real mounts for tests, which take a right that few have.

Root has it, and anybody in a namespace of his own:
`unshare --map-current-user --keep-caps --mount pytest tests/storage/test_full_disk.py`.
"""

import ctypes
import os
import sys
from contextlib import contextmanager

BIND = 0x1000
DETACH = 2


class NotAllowedError(Exception):
    """Nothing may be mounted here; the text says why."""


@contextmanager
def mounted(kind, where, *, source="none", flags=0, data=""):
    """Have something mounted there for as long as this lasts."""
    if sys.platform != "linux":
        raise NotAllowedError("only Linux' mounts are known")
    libc = ctypes.CDLL(None, use_errno=True)
    words = [os.fsencode(one) for one in (source, where, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), data.encode()):
        raise NotAllowedError(f"no {kind} may be mounted: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        libc.umount2(words[1], DETACH)  # also where something still has a file of it open
