"""The warnings of a worker in the foreground, on stderr as they come."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

from postpress_async.cli.output import line_of
from postpress_async.cli.plain import plain
from postpress_async.errors import PostpressError

if TYPE_CHECKING:
    from collections.abc import Generator

_AGAIN_SECONDS: Final = 60.0
_MOST: Final = 1000
"""Different sentences that are known to have been said; a worker may run for months."""


class _Lines(logging.Handler):
    """Write a line for each warning; the same one again after a minute at the earliest."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__(logging.WARNING)
        self._as_json = as_json
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write it; the lock of the handler is held."""
        words, now = _sentence(record), time.monotonic()
        if now - self._said.get(words, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            return
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[words] = now
        line = line_of({"warning": words}) if self._as_json else f"postpress: {words}\n"
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            sys.stderr.write(line)
            sys.stderr.flush()


def _sentence(record: logging.LogRecord) -> str:
    words = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, PostpressError):
        words = f"{words}: {error}"
    elif error is not None:  # it may hold anything
        words = f"{words}: {type(error).__name__}"
    return plain(" ".join(words.split()))


@contextlib.contextmanager
def warned(*, as_json: bool) -> Generator[None]:
    """Show what the package warns of, for as long as the block lasts."""
    logger, lines = logging.getLogger("postpress_async"), _Lines(as_json=as_json)
    logger.addHandler(lines)
    try:
        yield
    finally:
        logger.removeHandler(lines)
