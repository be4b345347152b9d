"""Listening to the client's hooks: for the live picture, and for how long calls waited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.hooks import Attempted, Finished, Retried, Waited

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.hooks import HookEvent


class Watch:
    """Be the client's hook.

    Attributes:
        last: the loop's time of the last event.
        ended: calls that ended, by account.
        requests: requests that were answered, or given up.
        met: what went wrong so far, by a word for it.
        waits: how many waits there were for a slot.
        waited: seconds of all waits together, on the sandbox's clock.
        longest: the longest that one call waited, by account.
        retried: how many requests were sent again.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.last: float = now()
        self.ended: dict[str | None, int] = {}
        self.requests: int = 0
        self.met: dict[str, int] = {}
        self.waits: int = 0
        self.waited: float = 0.0
        self.longest: dict[str | None, float] = {}
        self.retried: int = 0

    def __call__(self, event: HookEvent) -> None:
        """Take one event."""
        self.last = self._now()
        match event:
            case Waited():
                self.waits += 1
                self.waited += event.seconds
            case Attempted():
                self.requests += 1
                if event.error is not None:
                    word = _word(event)
                    self.met[word] = self.met.get(word, 0) + 1
            case Retried():
                self.retried += 1
            case Finished():
                account = event.account_id
                self.ended[account] = self.ended.get(account, 0) + 1
                self.longest[account] = max(self.longest.get(account, 0.0), event.waited)
            case _:
                pass


def _word(event: Attempted) -> str:
    if event.status in {429, 503}:
        return str(event.status)
    return "no answer" if event.status is None else "bad answer"
