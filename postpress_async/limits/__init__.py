"""How much an account may do: data, with a source beside each number, and what an answer means."""

from .recommended import RECOMMENDED
from .values import ACTIONS, Limit, Limits, Spacing, seconds_of
from .verdicts import DONE, REFUND, Effect, Verdict

__all__ = [
    "ACTIONS",
    "DONE",
    "RECOMMENDED",
    "REFUND",
    "Effect",
    "Limit",
    "Limits",
    "Spacing",
    "Verdict",
    "seconds_of",
]
