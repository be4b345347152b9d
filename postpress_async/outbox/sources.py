"""Where lines come from: a file, or mappings that go through one, so that all can be read twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias, TypeVar, cast

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.options import of_kind, whole
from postpress_async.resources._checks import one_of

from .sheets import check_delimiter, format_of, lines_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from io import BufferedReader

    from .sheets import Format, Line

__all__ = ["How", "Sheet", "Source", "opened"]

T = TypeVar("T")

Source: TypeAlias = (
    str | os.PathLike[str] | Iterable[Mapping[str, object]] | AsyncIterable[Mapping[str, object]]
)
"""A file, or lines as mappings from the names of columns."""

_CHUNK: Final = 500
_EXAMPLE: Final = {"first_name": "Ada"}


class How(msgspec.Struct, frozen=True, kw_only=True):
    """Say how to read a source.

    Attributes:
        format, encoding, delimiter: as `lines_of` takes them; None to find out.
        most_problems: so many are listed.
        progress: told how many lines were taken, of how many.
    """

    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = None
    most_problems: int = 20
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        one_of("format", self.format, ("csv", "jsonl"))
        of_kind("encoding", self.encoding, str, "'cp1252'")
        check_delimiter(self.delimiter)
        whole("most_problems", self.most_problems, least=1)
        if self.progress is not None and not callable(cast("object", self.progress)):
            msg = f"progress must be a function of two numbers, not {type(self.progress).__name__}"
            raise ConfigurationError(msg)


class Sheet:
    """Be a source that can be read twice."""

    def __init__(self, stream: IO[bytes], name: str, folder: Path, how: How) -> None:
        self.name = name
        self.folder = folder
        self._stream = stream
        self._how = how
        self._seen = self._stamp()
        stream.seek(0)
        self._format: Format = how.format or format_of(name, stream.read(64))

    async def chunks(self) -> AsyncGenerator[list[Line], None]:
        """Yield all lines, some at a time, read beside the event loop."""
        lines = lines_of(
            self._stream,
            format=self._format,
            encoding=self._how.encoding,
            delimiter=self._how.delimiter,
        )
        try:
            while chunk := await _beside(lambda: list(islice(lines, _CHUNK))):
                yield chunk
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.name}: {error}") from None
        finally:
            lines.close()  # while the file is still open

    def is_changed(self) -> bool:
        """Tell whether somebody wrote into the file since it was opened."""
        return self._stamp() != self._seen

    def _stamp(self) -> tuple[int, int]:
        status = os.fstat(self._stream.fileno())
        return status.st_size, status.st_mtime_ns


async def _open(path: Path) -> IO[bytes]:
    """Open a file beside the event loop: one that is a pipe may wait for its writer."""
    opening = asyncio.ensure_future(asyncio.to_thread(path.open, "rb"))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Task[BufferedReader]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


async def _beside(read: Callable[[], T]) -> T:
    """Read beside the event loop; who is cancelled waits for the thread, which has the file."""
    reading = asyncio.ensure_future(asyncio.to_thread(read))
    try:
        return await asyncio.shield(reading)
    except asyncio.CancelledError:
        await asyncio.wait({reading})
        raise


@asynccontextmanager
async def opened(source: Source, how: How) -> AsyncGenerator[Sheet, None]:
    """Open a source; what can be read only once goes through a file that nobody else can open."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            stream = await _open(path)
        except (OSError, ValueError) as error:  # a NUL character is in no name
            msg = f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
            raise ConfigurationError(msg.replace("\0", "\\0")) from None
        with stream:
            if stream.seekable():
                yield Sheet(stream, path.name, path.parent, how)
                return
            with tempfile.TemporaryFile() as spool:
                await _beside(lambda: shutil.copyfileobj(stream, spool))
                spool.flush()
                yield Sheet(spool, path.name, Path.cwd(), how)
                return
    with tempfile.TemporaryFile() as spool:
        await _spool(source, spool)
        jsonl = msgspec.structs.replace(how, format="jsonl", encoding="utf-8")
        yield Sheet(spool, "the lines", Path.cwd(), jsonl)


async def _spool(
    source: Iterable[Mapping[str, object]] | AsyncIterable[Mapping[str, object]], spool: IO[bytes]
) -> None:
    number = 0
    if isinstance(source, AsyncIterable):
        async for one in source:
            number += 1
            spool.write(_encoded(number, one))
    elif hasattr(source, "__iter__"):
        for number, one in enumerate(source, start=1):
            spool.write(_encoded(number, one))
    else:
        msg = f"source must be a path, or lines as {_EXAMPLE}, not {type(source).__name__}"
        raise ConfigurationError(msg)
    spool.flush()


def _encoded(number: int, line: object) -> bytes:
    if isinstance(line, Mapping):
        said = dict(cast("Mapping[str, object]", line))
        for name, value in said.items():
            if isinstance(value, bytes | bytearray | memoryview):  # JSON would make base64 of them
                msg = f"line {number}, {name}: must be a text, not bytes: decode them"
                raise ConfigurationError(msg)
        try:
            return msgspec.json.encode(said, enc_hook=str) + b"\n"
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
            pass
    msg = f"line {number} must be a mapping from names to texts, such as {_EXAMPLE}"
    raise ConfigurationError(msg)
