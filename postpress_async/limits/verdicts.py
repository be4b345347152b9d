"""What an answer means for the lane that sent the call: values, decided by the wire."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Effect: TypeAlias = Literal[
    "none",
    "no_answer",
    "unavailable",
    "cool_down",
    "cool_key",
    "provider_error",
    "close_action",
    "same_again",
    "close",
    "restrict",
    "key_refused",
]
"""What follows from an answer.

- `none`: nothing; the provider took the call.
- `no_answer`: nothing but the knowledge that the call proved nothing about the account.
- `unavailable`: the same, and the service itself failed: many of these open the circuit.
- `cool_down`: the account rests, all actions but `read`.
- `cool_key`: the API key's own rate is used up: every account waits.
- `provider_error`: the account rests; the second in a row closes the action.
- `close_action`: the action closes until its windows have room again.
- `same_again`: this person was asked before; three people in a row close the action.
- `close`: the lane closes until the account is in order again.
- `restrict`: the lane closes until a person resumes it.
- `key_refused`: the API key was refused: whoever waits is told so, and nothing stays closed.
"""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Say whether a call counts, and what follows from its answer.

    Attributes:
        counts: False only where the provider cannot have seen it: the slot is given back.
        effect: what follows, see `Effect`.
        retry_after: seconds that the service asked for, None where it named none.
        reason: the words for a lane or an action that closes.
        settle: seconds for which bytes may still be under way after we stopped listening.
        subject: whom the call was about, for `same_again`.
        answered: whether the service answered, whatever it said.
    """

    counts: bool = True
    effect: Effect = "none"
    retry_after: float | None = None
    reason: str | None = None
    settle: float = 0.0
    subject: str | None = None
    answered: bool = False


DONE = Verdict()
REFUND = Verdict(counts=False, effect="no_answer")
