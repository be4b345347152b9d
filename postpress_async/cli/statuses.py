"""What to do about an account that the service does not call OK."""

from __future__ import annotations


def step_for(status: str) -> str:
    """Return the next step for an account's status."""
    if status == "CONNECTING":
        return "wait until it is connected"
    return "reconnect it, or look after it at its provider"
