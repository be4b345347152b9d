"""What people hand to the scheduler: refused by the name of its field before anything is done."""

from __future__ import annotations

from math import isfinite

from postpress_async.errors import ConfigurationError
from postpress_async.limits import ACTIONS
from postpress_async.options import positive


def check_action(action: str | None) -> None:
    """Refuse what is no action."""
    if action is not None and action not in ACTIONS:
        msg = f"action {action!r} is not one of {', '.join(sorted(ACTIONS))}"
        raise ConfigurationError(msg)


def check_account(account_id: object, *, all_too: bool = False) -> None:
    """Refuse what names no account; `"*"` for all of them only where that is meant."""
    if not isinstance(account_id, str) or not account_id.strip() or not account_id.isprintable():
        msg = f"account_id must be the id of a connected account, not {account_id!r}"
        raise ConfigurationError(msg)
    if account_id.startswith("*") and account_id != "*":
        msg = f"account_id must be the id of an account, and none begins with '*': {account_id!r}"
        raise ConfigurationError(msg)
    if account_id == "*" and not all_too:
        msg = "account_id must be one account here: '*' is for pause and resume"
        raise ConfigurationError(msg)


def check_wait(max_wait: object) -> None:
    """Refuse what is no patience."""
    if max_wait is None:
        msg = "max_wait must be a number of seconds, not None; math.inf waits for ever"
        raise ConfigurationError(msg)
    positive("max_wait", max_wait, zero=True)


def check_priority(priority: object) -> None:
    """Refuse what has no place in an order."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        msg = f"priority must be a whole number, below 0 for replies, not {priority!r}"
        raise ConfigurationError(msg)


def check_instant(name: str, at: float | None, *, ever: bool = False) -> None:
    """Refuse what is no instant in seconds since the epoch; inf only where it may be for `ever`."""
    positive(name, at)
    if at is not None and not isfinite(at) and not ever:
        msg = f"{name} must be seconds since the epoch, not {at!r}"
        raise ConfigurationError(msg)


def check_reason(reason: object) -> None:
    """Refuse what no store can keep as the words of a pause: every process would trip over it."""
    if not isinstance(reason, str) or not reason.strip():
        msg = f"reason must be some words, which errors and snapshots show, not {reason!r}"
        raise ConfigurationError(msg)
    try:
        reason.encode()
    except UnicodeEncodeError:
        msg = f"reason must be Unicode text, without half of a pair of code units: {reason!r}"
        raise ConfigurationError(msg) from None
