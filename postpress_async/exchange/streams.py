"""Bodies that pass through piece by piece: files out, files in, over aiohttp."""

from __future__ import annotations

import asyncio
import contextlib
from io import BytesIO
from typing import TYPE_CHECKING, Final, Self, cast

import aiohttp

from postpress_async.options import Timeout
from postpress_async.wire.values import Failed, Sending

from .failures import failed_by

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.abc import AbstractStreamWriter

    from postpress_async.wire.multipart import Form, UnsendableError, Upload

    from .sweeper import Flight, Sweeper

_PIECE: Final = 2**18
_ENDING_SECONDS: Final = 1.0  # for a writer that was told to stop; a user's iterator may not listen


class Sender:
    """Hand an attempt's form to aiohttp, and see that nothing of it stays behind."""

    __slots__ = ("_flight", "_form", "_pieces", "_upload", "_writer")

    def __init__(self, form: Form, flight: Flight) -> None:
        self._form = form
        self._flight = flight
        self._upload: Upload | None = None
        self._pieces: AsyncIterator[bytes | memoryview] | None = None
        self._writer: asyncio.Task[object] | None = None

    async def open(self) -> None:
        """Open the files, before there is a connection."""
        self._upload = await self._form.open()
        self._pieces = aiter(self._upload)

    @property
    def failure(self) -> UnsendableError | None:
        """Why it broke off."""
        return None if self._upload is None else self._upload.failure

    def __aiter__(self) -> Self:
        """Walk the body in aiohttp's own task."""
        return self

    async def __anext__(self) -> bytes | memoryview:
        """Return the next piece, noting who asks and that something moves."""
        self._writer = asyncio.current_task()
        if self._pieces is None:  # never opened
            raise StopAsyncIteration
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._flight.in_time()  # without a length, the end is a piece, too
            raise
        self._flight.piece()  # a session of the user's own has no trace that would ask
        return piece

    async def close(self) -> None:
        """Stop the writer if it still goes on, and close the files."""
        writer, upload = self._writer, self._upload
        try:
            if writer is not None and writer is not self._flight.task and not writer.done():
                writer.cancel()
                await asyncio.wait({writer}, timeout=_ENDING_SECONDS)
        finally:  # also where the caller is cancelled a second time
            if upload is not None:
                # What a user's generator raises while it is closed says nothing of the request.
                with contextlib.suppress(Exception):
                    await upload.close()


class Streamed(aiohttp.AsyncIterablePayload):
    """Be a form on its way, whose flight knows what it is written to."""

    def __init__(self, sender: Sender, flight: Flight) -> None:
        super().__init__(cast("AsyncIterator[bytes]", sender))  # it writes views just as well
        self._flight = flight

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write it; the sender asks before each piece."""
        self._flight.writes_to(getattr(writer, "transport", None))
        await super().write_with_length(writer, content_length)


class Told(aiohttp.BytesIOPayload):
    """Be a body of bytes that tells its flight of each piece, whosever session it goes by."""

    def __init__(self, body: bytes, flight: Flight) -> None:
        super().__init__(BytesIO(body))
        self._whole = body
        self._flight = flight

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write it, asking before each piece."""
        self._flight.writes_to(getattr(writer, "transport", None))
        whole = self._whole[:content_length]
        for start in range(0, len(whole), _PIECE):
            self._flight.piece()
            await writer.write(whole[start : start + _PIECE])


class Receiver:
    """Be the rest of an answer, read as fast as it is asked for.

    Silence is bounded by `Timeout.read` for each piece; the time that a caller takes in between is
    the caller's own.

    Attributes:
        most_at_once: `Http.max_body`.
    """

    __slots__ = ("_response", "_silence", "_sweeper", "most_at_once")

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        sweeper: Sweeper,
        timeout: Timeout,
        most_at_once: int,
    ) -> None:
        self._response = response
        self._sweeper = sweeper
        self._silence = Timeout(total=None, connect=None, read=timeout.read)
        self.most_at_once: int = most_at_once

    async def read(self) -> bytes | Failed:
        """Return the next piece, an empty one at the end, or why there is none."""
        content = self._response.content
        try:
            piece = content.read_nowait(_PIECE)  # what lies there needs nobody to watch the wait
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return await self._wait()  # which says what happened
        return piece if piece or content.at_eof() else await self._wait()

    async def _wait(self) -> bytes | Failed:
        response = self._response
        flight = self._sweeper.start(self._silence, Sending(sent=True))
        flight.status, flight.headers = response.status, response.headers
        try:
            return await response.content.read(_PIECE)
        except asyncio.CancelledError:
            self.close()
            if flight.caught():
                return self._silent(flight)
            raise
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self.close()
            return self._silent(flight) if flight.caught() else failed_by(error, flight)
        finally:
            self._sweeper.end(flight)

    def close(self) -> None:
        """Give a connection back that was read to its end; hang up on any other."""
        response = self._response
        if response.content.at_eof():
            response.release()
        else:
            response.close()

    def _silent(self, flight: Flight) -> Failed:
        return Failed(
            kind="timeout",
            sent=True,
            detail=f"nothing more came within {flight.spent}",
            status=flight.status,
            headers=flight.headers,
        )
