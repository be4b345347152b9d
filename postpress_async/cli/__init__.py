"""The program `postpress`; its commands need the extra `postpress-async[cli]`.

This module loads nothing of it, so that a missing extra is told in one line.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED_JSON = '{"error":"KeyboardInterrupt","message":"interrupted","exit":130}\n'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code, as `exits.Exit` lists them.

    Args:
        arguments: what stands behind the program's name; that of this process if None.
    """
    if find_spec("cyclopts") is None or find_spec("rich") is None:
        sys.stderr.write("postpress: commands need an extra: pip install 'postpress-async[cli]'\n")
        return 2  # as Exit.USAGE, whose module needs the package's own dependencies
    try:
        from .app import run  # noqa: PLC0415 - not before it is known to be there

        return run(arguments)
    except KeyboardInterrupt:  # while it was loaded; later `run` tells it
        words = sys.argv[1:] if arguments is None else arguments
        sys.stderr.write(_INTERRUPTED_JSON if "--json" in words else "postpress: interrupted\n")
        return 130  # as Exit.INTERRUPTED
