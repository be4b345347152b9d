"""One logical call while it runs: what it has waited, tried and told its hooks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal, TypeVar

from postpress_async.errors import PostpressError
from postpress_async.hooks import Attempted, CallStarted, Finished, Retried, Waited

from .capture import Seen, capturing

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.errors import Outcome
    from postpress_async.hooks import HookEvent
    from postpress_async.wire.values import Bad, Call, Failed, Good, Reply

    from .pipeline import Terms

T = TypeVar("T")
_log = logging.getLogger("postpress_async")


class Run:
    """Keep the state of one logical call.

    Attributes:
        attempts: requests tried so far.
        maybe_sent: whether a request may be under way or done although no answer told so.
        doubt: an earlier attempt of a write that may have happened.
    """

    __slots__ = (
        "_begun",
        "_call",
        "_hooks",
        "_id",
        "_now",
        "_patience",
        "attempts",
        "doubt",
        "maybe_sent",
        "waited",
        "watched",
    )

    def __init__(self, serial: int, call: Call[T], terms: Terms, now: Callable[[], float]) -> None:
        self._id = serial
        self._call: Call[object] = call  # type: ignore[assignment] # only read, so its value's type may be any
        self._hooks = terms.hooks
        self._now = now
        self._patience = terms.max_wait
        self.waited = 0.0
        self.attempts = 0
        self.maybe_sent = False
        self.doubt: Bad | None = None
        self.watched = bool(terms.hooks) or _log.isEnabledFor(logging.DEBUG)
        if self.watched:
            self._begun = now()
            self._emit(CallStarted, {})

    @property
    def patience(self) -> float:
        """Seconds that this call may still wait."""
        return self._patience - self.waited

    def has_waited(self, seconds: float, reason: Literal["slot", "key"]) -> None:
        """Count and tell a wait before an attempt."""
        self.waited += seconds
        if self.watched and seconds > 0:
            self._emit(Waited, {"seconds": seconds, "reason": reason})

    def retried(self, number: int, seconds: float, reason: str) -> None:
        """Tell that another attempt follows."""
        if self.watched:
            self._emit(Retried, {"number": number, "seconds": seconds, "reason": reason})

    def tried(self, answer: Reply | Failed, result: Good[T] | Bad, seconds: float) -> None:
        """Tell how an attempt went."""
        status, headers = answer.status, answer.headers or {}
        request_id = headers.get("X-Request-Id")
        error = getattr(result, "error", None)
        seen = capturing.get()
        if seen is not None:
            kept = {n.lower(): v for n, v in headers.items() if n.lower() != "set-cookie"}
            if self.attempts > 1:
                seen.pop()
            seen.append(
                Seen(status=status, headers=kept, request_id=request_id, attempts=self.attempts)
            )
        if self.watched:
            fields: dict[str, object] = {
                "number": self.attempts,
                "status": status,
                "error": None if error is None else type(error).__name__,
                "request_id": request_id,
                "sent": getattr(result, "sent", True),
                "seconds": seconds,
            }
            self._emit(Attempted, fields)

    def ended(self, error: BaseException | None) -> None:
        """Tell that the call is over, and how."""
        if not self.watched:
            return
        outcome: Outcome = "done"
        if isinstance(error, PostpressError):
            outcome = error.outcome
        elif error is not None:
            outcome = "unknown" if self.maybe_sent else "not_sent"
        maybe = (
            self.maybe_sent
            if error is None or isinstance(error, asyncio.CancelledError)
            else (outcome in {"unknown", "done"})
        )
        fields: dict[str, object] = {
            "outcome": outcome,
            "attempts": self.attempts,
            "error": None if error is None else type(error).__name__,
            "maybe_sent": maybe,
            "waited": self.waited,
            "seconds": self._now() - self._begun,
        }
        self._emit(Finished, fields)

    def _emit(self, kind: Callable[..., HookEvent], fields: dict[str, object]) -> None:
        call = self._call
        event = kind(
            call_id=self._id,
            method=call.route.method,
            route=call.route.template,
            account_id=call.account_id,
            action=call.action,
            **fields,
        )
        _log.debug("%s", event)
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:  # noqa: BLE001 - a hook's mistake must not change what the call does
                _log.exception("hook %r failed on %s", hook, type(event).__name__)
