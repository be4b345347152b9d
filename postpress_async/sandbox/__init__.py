"""An offline postpress: a real server on this machine, with a world that follows from a seed.

    async with Sandbox(seed=1) as sandbox:
        ...  # sandbox.url, sandbox.api_key, sandbox.clock

It shares nothing with the client, not even a route: a mistake of one is seen by the other.

Where the documents leave two readings, the mounts differ: `/v1` sends null for an optional value
that is not there, `/api/v1` leaves the key out (as Unipile v1 does). Unknown paths answer
`{"message": "Cannot GET …"}`, as the framework in front of the real routes does. A missing and a
wrong API key both answer 401 `missing_credentials`: `invalid_credentials` speaks of an account's.
"""

from __future__ import annotations

from .clock import SandboxClock, Timer
from .sandbox import Sandbox
from .serving import run, serve
from .values import ControlError, Effect, Fault, HiddenLimit, JournalEntry, Stage

__all__ = [
    "ControlError",
    "Effect",
    "Fault",
    "HiddenLimit",
    "JournalEntry",
    "Sandbox",
    "SandboxClock",
    "Stage",
    "Timer",
    "run",
    "serve",
]
