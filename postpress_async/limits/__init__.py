"""How much an account may do: data, with a source beside each number, and what an answer means."""

from .recommended import RECOMMENDED
from .values import ACTIONS, PROVIDERS, Limit, Limits, Spacing, check_provider, seconds_of
from .verdicts import DONE, REFUND, Effect, Verdict

__all__ = [
    "ACTIONS",
    "DONE",
    "PROVIDERS",
    "RECOMMENDED",
    "REFUND",
    "Effect",
    "Limit",
    "Limits",
    "Spacing",
    "Verdict",
    "check_provider",
    "seconds_of",
]
