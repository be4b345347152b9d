"""`python -m postpress_async.sandbox`."""

from __future__ import annotations

import sys

from .serving import run

if __name__ == "__main__":
    sys.exit(run())
