"""How much an account may do: data, with a source beside each number, and what an answer means."""

from .account import AccountInfo, LimitsOf
from .hours import WorkingHours
from .recommended import RECOMMENDED
from .rows import Limit, Spacing
from .table import Limits
from .verdicts import DONE, REFUND, Effect, Verdict
from .warm_up import WarmUp, warmed
from .words import ACTIONS, PROVIDERS, check_provider, seconds_of

__all__ = [
    "ACTIONS",
    "DONE",
    "PROVIDERS",
    "RECOMMENDED",
    "REFUND",
    "AccountInfo",
    "Effect",
    "Limit",
    "Limits",
    "LimitsOf",
    "Spacing",
    "Verdict",
    "WarmUp",
    "WorkingHours",
    "check_provider",
    "seconds_of",
    "warmed",
]
