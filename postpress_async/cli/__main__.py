"""`python -m postpress_async.cli`."""

from __future__ import annotations

import sys

from postpress_async.cli import main

if __name__ == "__main__":
    sys.exit(main())
