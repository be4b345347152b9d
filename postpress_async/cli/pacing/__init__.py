"""Limits and lanes on the command line.

`given` reads the options and opens a client; `table` shows rows of limits, `lane` how an account
stands, `forecasts` what it would take; `times` and `bars` are how time and amounts are written.
"""

from __future__ import annotations
