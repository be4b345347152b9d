"""What a person may do with an item in which state, and what to do where it may not be done.

Each question returns a `Change` for the store, which makes it only if nobody went on with the item
since it was looked at, and it is in one of some states; else ask again with what it is by then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import OutboxStateError
from postpress_async.storage.outbox.rows import Finish

from .protocol import quiet_at

if TYPE_CHECKING:
    from postpress_async.storage.outbox.rows import Attempt, Row, State

__all__ = ["Change", "cancel", "edit", "release", "resolve", "retry", "shown"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Be what the store is to alter, and in which states alone.

    Attributes:
        finish: the new state; None where only the content changes.
    """

    states: tuple[State, ...]
    finish: Finish | None


_WAIT: Final = "wait until it is settled: get() shows what became of it"
_LOOKING: Final = "it is still looked for, and can be resolved as not sent once it needs a decision"
_RESOLVE: Final = "look whether it arrived, then resolve(sent=True) or resolve(sent=False)"
_AGAIN: Final = "put it in again under another key"
_GOES: Final = "it goes by itself: explain() says when"
_OVER: Final[dict[State, str]] = {
    "sent": f"it has gone out; to send it once more, {_AGAIN}",
    "failed": "retry() sends it after all",
    "cancelled": "retry() sends it after all",
    "expired": f"its time is over: {_AGAIN}, with a later expires_at",
}


def shown(state: State) -> str:
    """Return a state as users see it: whether a worker holds a queued item is no concern of theirs.

    Source: surface.md, Outbox.
    """
    return "queued" if state == "claimed" else state


def cancel(row: Row) -> Change:
    """Take an item back that has not begun to go.

    Raises:
        OutboxStateError: it goes right now, may have gone, or is over.
    """
    if row.state in {"held", "queued", "claimed"}:
        finish = Finish(state="cancelled", error="cancelled by hand")
        return Change(states=("held", "queued", "claimed"), finish=finish)
    raise _refusal("cancel", row, _next_step(row))


def release(row: Row) -> Change:
    """Let an item go that was held by wish.

    Raises:
        OutboxStateError: it is not held; an unknown one is resolved, not released.
    """
    if row.state == "held":
        return Change(states=("held",), finish=Finish(state="queued"))
    step = _GOES if row.state in {"queued", "claimed"} else _next_step(row)
    raise _refusal("release", row, step)


def retry(row: Row) -> Change:
    """Queue an item again that certainly did not go.

    Raises:
        OutboxStateError: it went, may have gone, waits anyhow, or its text is no longer kept.
    """
    if row.state not in {"failed", "cancelled"}:
        waiting = {"held": "release() lets it go", "queued": _GOES, "claimed": _GOES}
        raise _refusal("retry", row, waiting.get(row.state) or _next_step(row))
    if not row.body:
        raise _refusal("retry", row, f"its text is no longer kept: {_AGAIN}")
    again = Finish(state="queued", retry_at=0.0, looks=0, error="queued again by hand")
    return Change(states=("failed", "cancelled"), finish=again)


def resolve(
    row: Row,
    *,
    sent: bool,
    last: Attempt | None,
    now: float,
    seen: int | None = None,
) -> Change:
    """Settle an unknown item by what a person has seen.

    Args:
        row: the item.
        sent: whether it arrived.
        last: its last attempt.
        now: the store's time.
        seen: its fence when the person spoke: nothing is known of attempts since then.

    Raises:
        OutboxStateError: it is not unknown; or it is said not to have arrived while it still may,
            or while it is still looked for, or of an attempt that was not the last one.
    """
    if row.state != "unknown":
        step = _WAIT if row.state == "sending" else f"only an unknown one is: {_next_step(row)}"
        raise _refusal("resolve", row, step)
    if sent:
        return Change(states=("unknown",), finish=Finish(state="sent", outcome="resolved as sent"))
    if seen is not None and last is not None and last.fence > seen:
        raise _refusal("resolve", row, "it went once more meanwhile: look again whether it arrived")
    left = quiet_at(last) - now
    if left > 0.0:
        step = f"its request may still arrive: look again in {left:.0f} s"
        raise _refusal("resolve", row, step)
    if not row.needs_decision:  # a look may queue it at any time, and then it may have gone again
        raise _refusal("resolve", row, _LOOKING)
    if not row.body:  # whom it was to was forgotten meanwhile
        gone = Finish(state="cancelled", outcome="resolved as not sent")
        return Change(states=("unknown",), finish=gone)
    finish = Finish(
        state="queued",
        retry_at=now,
        looks=0,
        error="queued again by hand: it had not arrived",
        outcome="resolved as not sent",
    )
    return Change(states=("unknown",), finish=finish)


def edit(row: Row) -> Change:
    """Change what an item says before it goes: a claim on it is taken back.

    Raises:
        OutboxStateError: it goes right now, may have gone, or is over.
    """
    if row.state == "held":
        return Change(states=("held",), finish=None)
    if row.state in {"queued", "claimed"}:
        return Change(states=("queued", "claimed"), finish=Finish(state="queued"))
    raise _refusal("edit", row, _next_step(row))


def _next_step(row: Row) -> str:
    if row.state == "sending":
        return _WAIT
    if row.state == "unknown":
        return _RESOLVE if row.needs_decision else f"it is looked for; {_WAIT}"
    if row.state in {"held", "queued", "claimed"}:
        return "cancel(), edit() or explain() can be used"
    return _OVER[row.state]


def _refusal(verb: str, row: Row, step: str) -> OutboxStateError:
    state = shown(row.state)
    msg = f"{verb}: item {row.id} is {state}: {step}"
    return OutboxStateError(msg, item=row.id, state=state)
