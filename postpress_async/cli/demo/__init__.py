"""The demo: a bad day at the service, and what became of every message.

`plan` says what is to be done and what goes wrong; `play` does it; `verdict` compares what the
client reported with the sandbox's own journal; `screen` and `summary` show it.
"""

from __future__ import annotations
