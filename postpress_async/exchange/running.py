"""One logical call while it runs: what it has waited, tried and told its hooks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import msgspec

from postpress_async.errors import PostpressError
from postpress_async.hooks import Attempted, CallStarted, Finished, Retried, Waited
from postpress_async.wire.multipart import Form
from postpress_async.wire.problems import ALREADY
from postpress_async.wire.redaction import kept_headers, kept_text

from .capture import Seen, capturing

if TYPE_CHECKING:
    from collections.abc import Callable

    from postpress_async.errors import Outcome
    from postpress_async.hooks import Hook, HookEvent
    from postpress_async.wire.routes import Route
    from postpress_async.wire.values import Bad, Call, Failed, Good, Reply

    from .guarding import Guard
    from .opened import Opened
    from .quota import RetryQuota

T = TypeVar("T")
_NOT_FOUND: Final = 404
log: Final = logging.getLogger("postpress_async")
log.addHandler(logging.NullHandler())  # or Python prints warnings where nobody set up logging


class Run(msgspec.Struct, eq=False):
    """Keep the state of one logical call.

    Attributes:
        serial: its number within the client.
        call: what was asked.
        hooks: who is told.
        now: tells the clock's time.
        max_wait: seconds that it may wait in all.
        watched: whether anybody is told.
        begun: when it began, where anybody is told.
        waited: seconds that it has waited.
        attempts: requests tried so far.
        maybe_sent: whether a request may be under way or done although no answer told so.
        doubt: an earlier attempt of a write that may have happened.
        entry: what it left in the list of `capture`, which its next attempt replaces.
        since: when it first asked for a slot, known once it had to wait or an attempt failed.
        paid: what its last retry cost the client's quota.
        opened: the file that it hands on, closed where a hook ends the program.
        guard: who has a say in whether it goes.
    """

    serial: int
    call: Call[object]
    hooks: tuple[Hook, ...]
    now: Callable[[], float]
    max_wait: float
    watched: bool
    begun: float = 0.0
    waited: float = 0.0
    attempts: int = 0
    maybe_sent: bool = False
    doubt: Bad | None = None
    entry: Seen | None = None
    since: float | None = None
    paid: int = 0
    opened: Opened | None = None
    guard: Guard | None = None

    def begins(self) -> None:
        """Tell that the call begins."""
        self.begun = self.now()
        self._emit(CallStarted, {})

    @property
    def patience(self) -> float:
        """Seconds that this call may still wait."""
        return self.max_wait - self.waited

    def has_waited(self, seconds: float, reason: Literal["slot", "key"]) -> None:
        """Count and tell a wait before an attempt."""
        self.waited += seconds
        if self.watched and seconds > 0:
            self._emit(Waited, {"seconds": seconds, "reason": reason})

    def pays(self, quota: RetryQuota, cost: int) -> bool:
        """Pay for a retry out of what all calls of the client share; tell where that is used up."""
        was_dry = quota.dry
        if not cost or quota.spend(cost):
            self.paid = cost
            return True
        log.log(
            logging.DEBUG if was_dry else logging.WARNING,
            "the retry quota of this client is used up: calls that fail are not tried again "
            "until others succeed (%s %s)",
            self.call.route.method,
            self.call.route.template,
        )
        return False

    def retried(self, number: int, seconds: float, reason: str) -> None:
        """Tell that another attempt follows."""
        if self.watched:
            self._emit(Retried, {"number": number, "seconds": seconds, "reason": reason})

    def tried(
        self,
        answer: Reply | Failed,
        result: Good[T] | Bad,
        seconds: float,
        secrets: tuple[str, ...],
    ) -> None:
        """Tell how an attempt went."""
        status, headers = answer.status, answer.headers or {}
        request_id = kept_text(headers.get("X-Request-Id"), secrets)
        error = getattr(result, "error", None)
        seen = capturing.get()
        if seen is not None:
            kept = kept_headers(headers, secrets)
            entry = Seen(status=status, headers=kept, request_id=request_id, attempts=self.attempts)
            place = _place_of(self.entry, seen)
            seen[place : place + 1] = [entry]
            self.entry = entry
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
            self.maybe_sent = self.maybe_sent or self.doubt is not None
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
            "seconds": self.now() - self.begun,
        }
        self._emit(Finished, fields)

    def _emit(self, kind: Callable[..., HookEvent], fields: dict[str, object]) -> None:
        call = self.call
        event = kind(
            call_id=self.serial,
            method=call.route.method,
            route=call.route.template,
            account_id=call.account_id,
            action=call.action,
            **fields,
        )
        log.debug("%s", event)
        for hook in self.hooks:
            try:
                hook(event)
            except Exception:
                log.exception("hook %r failed on %s", hook, type(event).__name__)
            except BaseException:
                if self.opened is not None:
                    self.opened.close()
                raise


def _place_of(entry: Seen | None, seen: list[Seen]) -> int:
    """Return where a call's entry stands; the end where it has none."""
    return next((n for n, one in enumerate(seen) if one is entry), len(seen))


def read_once(call: Call[object], bad: Bad) -> bool:
    """Tell whether a file was read that cannot be read again; its error says so, too."""
    body = call.request.body
    file = body.once_only if isinstance(body, Form) else None
    if file is None:
        return False
    said = f"{file.field}: {file.name!r} was read and cannot be again"
    bad.error.args = (
        f"{bad.error}; not tried again: {said}: give a Path or bytes to have it repeated",
    )
    return True


def in_doubt(last: Bad, doubt: Bad | None, route: Route) -> PostpressError:
    """Return a call's error; a write that may have happened once stays unknown, whatever came.

    Only a repeat that hears «already», or that nothing is left to delete, proves that it was done.
    """
    if doubt is None or last.error.outcome in {"unknown", "done"}:
        return last.error
    if last.status is None:
        return doubt.error
    proven = last.slug in ALREADY or (route.method == "DELETE" and last.status == _NOT_FOUND)
    last.error.outcome, last.error.retryable = "done" if proven else "unknown", False
    return last.error
