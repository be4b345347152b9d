"""A file whose first piece has come: its connection and its slot are kept until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from typing import TYPE_CHECKING

from postpress_async.errors import DecodeError
from postpress_async.limits import DONE
from postpress_async.wire import codec
from postpress_async.wire.values import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postpress_async.limits import Verdict
    from postpress_async.wire.values import Call, Reply


class Opened:
    """Hand a file on, piece by piece; give slot and connection back once, however it ends.

    Attributes:
        headers: of the answer.
        attempts: the requests that it took to get here.
        most_at_once: the bytes that may be read into memory, None where nobody set a bound.
    """

    __slots__ = (
        "_broken",
        "_call",
        "_first",
        "_key",
        "_loop",
        "_now",
        "_report",
        "_rest",
        "attempts",
        "headers",
        "most_at_once",
    )

    def __init__(
        self,
        call: Call[object],
        reply: Reply,
        report: Callable[[Verdict], None],
        *,
        attempts: int,
        key: str,
        now: Callable[[], float],
    ) -> None:
        self.headers: Mapping[str, str] = reply.headers
        self.attempts: int = attempts
        self.most_at_once: int | None = None
        self._broken = False
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._key = key
        self._now = now
        self._first = reply.body
        self._rest = reply.rest
        if self._rest is None:
            report(DONE)  # it came whole: nothing is under way any more
        else:
            self.most_at_once = self._rest.most_at_once

    async def read(self) -> bytes:
        """Return the next piece, an empty one at the end.

        Raises:
            DecodeError: it was cut, or nothing more came in time, or a read before this one was
                cancelled; never a short file.
        """
        first, self._first = self._first, b""
        if first:
            return first
        if self._broken:  # or who reads on after an error would take it for the end
            msg = "the file broke off at an earlier read: ask for it again"
            raise DecodeError(msg, status=200)
        if self._rest is None:
            return b""
        try:
            piece = await self._rest.read()
        except BaseException:
            self._broken = True
            self.close()
            raise
        if isinstance(piece, Failed):
            self._broken = True
            bad = codec.failed(self._call, piece, key=self._key, now=self._now)
            self.close(bad.verdict)
            bad.error.attempts = self.attempts
            raise bad.error
        if not piece:
            self.close()
        return piece

    def close(self, verdict: Verdict = DONE) -> None:
        """Let go; a second time does nothing."""
        rest, self._rest = self._rest, None
        self._first = b""
        if rest is not None:
            rest.close()
            self._report(verdict)

    def __del__(self) -> None:
        """Let go of what was entered and never left, or its slot would be lost for good."""
        if getattr(self, "_rest", None) is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and all of it with it
            # In a step of the loop: the collector may run in any thread, in the middle of anything.
            self._loop.call_soon_threadsafe(self.close)
        msg = "a download was never left: use it in `async with`, which gives its slot back"
        warnings.warn(msg, ResourceWarning, stacklevel=2, source=self)
