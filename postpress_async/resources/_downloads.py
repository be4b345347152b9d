"""A file on its way in: walked piece by piece, read whole, or saved whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self, cast

from postpress_async.errors import ConfigurationError, DecodeError
from postpress_async.options import whole
from postpress_async.wire.headers import file_name, length_of, media_type

from ._saving import Saving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from postpress_async.exchange.opened import Opened

_WRITTEN_AT_ONCE: Final = 2**18
"""Bytes for which a thread is worth its while; with more, a slow disk makes 2 MB in memory."""


class Download:
    """Be a file that the service sends; nothing is asked for before `async with`.

    Entering asks for it, and repeats that as any read is repeated, until the first piece is there.
    From then on the file passes through: 256 KB at a time, however large it is. Leaving the
    block early hangs up. It takes one slot, and one of `Http.connections`, until it ends.

    `Timeout.total` bounds the time until the first piece, `Timeout.read` the silence before each
    further one. A file that is cut ends in an error, never short.

    Examples:
        >>> from pathlib import Path
        >>> async def keep(client: Postpress, message: Message, folder: Path) -> None:
        ...     for attachment in message.attachments:
        ...         async with client.messages.attachment(message.id, attachment.id) as download:
        ...             await download.save(folder / (download.name or attachment.id))

    Attributes:
        size: its bytes, None where the service does not say; known inside the block.
        content_type: its media type, such as `image/png`; None where the service names none.
        name: what the service calls it, without a path; None where it names none.
    """

    __slots__ = (
        "_attempts",
        "_entered",
        "_fetch",
        "_handed",
        "_opened",
        "content_type",
        "name",
        "size",
    )

    def __init__(self, fetch: Callable[[int], Awaitable[Opened]], attempts: int) -> None:
        self._fetch = fetch
        self._attempts = attempts  # that are left
        self._opened: Opened | None = None
        self._entered = False
        self._handed = 0  # bytes
        self.size: int | None = None
        self.content_type: str | None = None
        self.name: str | None = None

    async def __aenter__(self) -> Self:
        if self._entered:
            msg = "a download is entered once: ask for it again"
            raise ConfigurationError(msg)
        self._entered = True
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __aiter__(self) -> Self:
        """Walk the file piece by piece, once."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece.

        Raises:
            DecodeError: the file was cut; what was handed on is not the whole of it.
        """
        piece = await self._source().read()
        if not piece:
            raise StopAsyncIteration
        self._handed += len(piece)
        return piece

    async def read(self) -> bytes:
        """Return the whole file, if `Http.max_body` lets it into memory.

        Raises:
            DecodeError: it was cut, or is larger: walk it or save it instead.
        """
        opened = self._from_its_beginning("read")
        most = opened.most_at_once
        if most is not None and self.size is not None and self.size > most:
            self._close()
            raise _too_big(most)
        pieces: list[bytes] = []
        async for piece in self:
            if most is not None and self._handed > most:
                self._close()
                raise _too_big(most)
            pieces.append(piece)
        return b"".join(pieces)

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        progress: Callable[[int, int | None], None] | None = None,
        max_bytes: int | None = None,
    ) -> int:
        """Save the file, and return its bytes.

        It is written beside its place, readable by its owner alone, and renamed at the end, over
        whatever was there: a crash, an error or a cancellation leaves the old file or none. A file
        that is cut is asked for again from its beginning, within the attempts of `Retries`.

        Args:
            path: where to; `download.name` is safe to use in it.
            progress: called on the event loop with the bytes so far, and `size`, after each 256 KB
                or so and at the end; a restart begins at 0 again. What it raises ends the save.
            max_bytes: refuse a larger file; None takes any, since little of it is in memory.

        Raises:
            DownloadError: the disk is full, the directory is missing, or the file is too large.
            DecodeError: it was cut, and no attempt is left.
        """
        place = _checked_path(path)
        self._from_its_beginning("saved")
        if max_bytes is not None:
            whole("max_bytes", max_bytes, least=0)
        saving = Saving(place)
        try:
            await saving.begin()
            while not await self._saved(saving, progress, max_bytes):
                await saving.restart()
            await saving.finish()
        except BaseException:
            saving.discard()
            self._close()
            raise
        return self._handed

    async def _saved(
        self,
        saving: Saving,
        progress: Callable[[int, int | None], None] | None,
        max_bytes: int | None,
    ) -> bool:
        """Write all of it; False where it was cut and opened anew."""
        try:
            while pieces := await self._block():
                if max_bytes is not None and max(self._handed, self.size or 0) > max_bytes:
                    raise saving.too_large(max_bytes)
                await saving.write(pieces)
                if progress is not None:
                    progress(self._handed, self.size)
        except DecodeError as error:
            if not error.retryable or self._attempts < 1:
                raise
            self._handed = 0
            await self._open()
            return False
        return True

    async def _block(self) -> list[bytes]:
        """Return pieces worth a write, none at the end."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self:
            pieces.append(piece)
            size += len(piece)
            if size >= _WRITTEN_AT_ONCE:
                break
        return pieces

    async def _open(self) -> None:
        opened = self._opened = await self._fetch(self._attempts)
        self._attempts -= opened.attempts
        self.size = length_of(opened.headers)
        self.content_type = media_type(opened.headers)
        self.name = file_name(opened.headers)

    def _source(self) -> Opened:
        if self._opened is None:
            msg = "a download is read inside its block: async with … as download"
            raise ConfigurationError(msg)
        return self._opened

    def _from_its_beginning(self, what: str) -> Opened:
        opened = self._source()
        if self._handed:
            msg = f"a download that was read in part cannot be {what} whole: ask for it again"
            raise ConfigurationError(msg)
        return opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __repr__(self) -> str:
        """Show what it is, as far as it is known."""
        return f"Download(size={self.size!r}, content_type={self.content_type!r})"


def _checked_path(path: object) -> str:
    if not isinstance(path, (str, os.PathLike)):
        msg = f"path must be a path or its text, not {type(path).__name__}"
        raise ConfigurationError(msg)
    text = os.fspath(cast("str", path))
    if not text or "\0" in text:
        msg = f"path must be that of a file, not {text!r:.80}"
        raise ConfigurationError(msg)
    return text


def _too_big(most: int) -> DecodeError:
    msg = (
        f"the file is larger than the {most} bytes of Http.max_body, which may be read into "
        "memory: walk it piece by piece, or save it"
    )
    return DecodeError(msg, status=200)
