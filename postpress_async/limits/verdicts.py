"""What an answer means for the lane that sent the call: values, decided by the wire."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Effect: TypeAlias = Literal["none", "cool_down", "cool_key", "close", "restrict", "no_answer"]
"""What follows for the lane: nothing, a cool-down of the account or of the key, its closing until
the account is in order or until a person resumes it, or nothing but the knowledge that the call
proved nothing about the account."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Say whether a call counts, and what follows from its answer.

    Attributes:
        counts: False only where the provider cannot have seen it: the slot is given back.
        effect: what the lane does about it.
        retry_after: seconds that the service asked for, None where it named none.
        reason: the words for a lane that closes.
        settle: seconds for which bytes may still be under way after we stopped listening.
    """

    counts: bool = True
    effect: Effect = "none"
    retry_after: float | None = None
    reason: str | None = None
    settle: float = 0.0


DONE = Verdict()
REFUND = Verdict(counts=False, effect="no_answer")
