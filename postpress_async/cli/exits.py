"""What the exit codes mean: the one place that says so."""

from __future__ import annotations

from enum import IntEnum

from postpress_async.errors import (
    ConfigurationError,
    OutcomeUnknownError,
    PostpressError,
    QueueFullError,
    RateLimitedError,
    TransportError,
    WaitTooLongError,
)


class Exit(IntEnum):
    """Say how a command ended."""

    DONE = 0
    REFUSED = 1
    """The service said no, or no answer to a question came: nothing was changed."""
    USAGE = 2
    """An argument, the key or the address cannot work; or the extra is not installed."""
    UNKNOWN = 3
    """A write may have happened: look before you repeat it."""
    RATE_LIMITED = 4
    """A limit stands before it, the provider's or one that this client keeps."""
    INTERRUPTED = 130


def note(error: BaseException, step: str) -> None:
    """Leave on the error of a write where to look, unless it certainly was not done."""
    if isinstance(error, KeyboardInterrupt) or (
        isinstance(error, PostpressError) and error.outcome in {"unknown", "done"}
    ):
        error.add_note(step)


def notes_of(error: BaseException) -> list[str]:
    """Return what was left on an error."""
    return getattr(error, "__notes__", [])


def exit_of(error: BaseException) -> Exit:
    """Return the code of an error. A write that may have happened outranks why nobody knows."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, PostpressError) and _write_in_doubt(error):
        return Exit.UNKNOWN
    if isinstance(error, ConfigurationError):
        return Exit.USAGE
    if isinstance(error, RateLimitedError | WaitTooLongError | QueueFullError):
        return Exit.RATE_LIMITED
    return Exit.REFUSED


def _write_in_doubt(error: PostpressError) -> bool:
    # A read without an answer says "unknown", too, but has changed nothing; and one whose answer
    # cannot be read says "done". What commands write has a note.
    if notes_of(error):
        return True
    if isinstance(error, TransportError):
        return isinstance(error, OutcomeUnknownError)
    return error.outcome == "unknown"
