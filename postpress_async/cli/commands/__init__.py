"""One module a command; loaded when it is called."""

from __future__ import annotations
