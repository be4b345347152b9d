"""What a hook is told: frozen events with ids, numbers and names of errors, never a body or a key.

One logical call is one `CallStarted`, then for each request an `Attempted` (with a `Waited` before
it where it had to wait its turn, and a `Retried` between two), and one `Finished` at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

__all__ = ["Attempted", "CallStarted", "Finished", "Hook", "HookEvent", "Retried", "Waited"]


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """Name the call an event belongs to.

    Attributes:
        call_id: a number that grows by one for each logical call of a client.
        method: the HTTP method.
        route: the template of the path, without ids: `/users/{identifier}`.
        account_id: the account it goes through, None for the client's own lane.
        action: what it counts as: `profile`, `message`, `read` …
    """

    call_id: int
    method: str
    route: str
    account_id: str | None
    action: str


class CallStarted(_Event, frozen=True, kw_only=True):
    """Tell that a logical call begins."""


class Waited(_Event, frozen=True, kw_only=True):
    """Tell that a call waited before an attempt.

    Attributes:
        seconds: how long.
        reason: `slot` for the account's lane, `key` for the API key's bucket.
    """

    seconds: float
    reason: Literal["slot", "key"]


class Attempted(_Event, frozen=True, kw_only=True):
    """Tell how one request went.

    Attributes:
        number: 1 for the first.
        status: the HTTP status, None where no answer came.
        error: the name of the error's class, None for success.
        request_id: the service's name for this request, where it gave one.
        sent: whether a byte may have left.
        seconds: from the slot to the answer.
    """

    number: int
    status: int | None
    error: str | None
    request_id: str | None
    sent: bool
    seconds: float


class Retried(_Event, frozen=True, kw_only=True):
    """Tell that another attempt will follow.

    Attributes:
        number: the attempt that failed.
        seconds: how long the call backs off first.
        reason: why, in a word: `not_sent`, `no_answer`, `cool_down`, `back_off` …
    """

    number: int
    seconds: float
    reason: str


class Finished(_Event, frozen=True, kw_only=True):
    """Tell that a logical call has ended.

    Attributes:
        outcome: `done`, `refused`, `not_sent` or `unknown`.
        attempts: how many requests were tried.
        error: the name of the error's class, `CancelledError` for a cancelled call, else None.
        maybe_sent: True where a request may be under way or done although no answer was read.
        waited: seconds spent waiting, slots and back-off together.
        seconds: from the call to its end.
    """

    outcome: Literal["not_sent", "refused", "unknown", "done"]
    attempts: int
    error: str | None
    maybe_sent: bool
    waited: float
    seconds: float


HookEvent: TypeAlias = CallStarted | Waited | Attempted | Retried | Finished
"""Any of the events."""

Hook: TypeAlias = Callable[[HookEvent], None]
"""A synchronous function that is told; what it raises is logged and otherwise ignored."""
