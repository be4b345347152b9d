"""Bodies of `multipart/form-data`: texts as bytes, files opened anew for every attempt.

Names are written as browsers do (the HTML standard, «multipart form data»): UTF-8 as it is, quotes
and line breaks as %22, %0D and %0A. Nothing is read before a body is opened, and a body never ends
short: what a file lacks or has too much raises, so that the connection is dropped instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from postpress_async.options import Discreet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence

_CONTROLS: Final = {code: f"%{code:02X}" for code in (*range(32), 127)}
_NAME: Final = {**_CONTROLS, ord('"'): "%22"}


def encode(fields: Iterable[tuple[str, str]], boundary: str) -> tuple[bytes, str]:
    """Return a body of text fields and its content type; a repeated name is a list.

    Args:
        fields: names and texts in order.
        boundary: random hex digits, so that no text can hold it.
    """
    return _texts(fields, boundary) + _end(boundary), _kind(boundary)


class UnsendableError(Exception):
    """Report that a file cannot be read, or is not what it was.

    Attributes:
        detail: what is wrong with it, in words that follow its name.
        field, file: where it was given, and its name; filled in by the form.
        begun: whether the body had begun by then.
    """

    def __init__(self, detail: str, *, field: str = "", file: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.file = file
        self.begun = False


class Blocks(Protocol):
    """Be the bytes of a file that is open."""

    async def read(self) -> bytes | memoryview:
        """Return the next block, of a size that fits in memory; an empty one at the end.

        Raises:
            UnsendableError: it cannot be read.
        """
        ...

    async def close(self) -> None:
        """Let go of it; a second time does nothing."""
        ...


class Source(Protocol):
    """Be where a file's bytes come from."""

    @property
    def reopens(self) -> bool:
        """Whether it can be opened now, and gives the same bytes from its beginning."""
        ...

    async def open(self) -> Blocks:
        """Begin at the beginning.

        Raises:
            UnsendableError: it is not there, has changed its size, or was read already.
        """
        ...


class FormFile(Discreet, frozen=True, kw_only=True):
    """Be a file of a form, checked.

    Attributes:
        field: the form's name for it, such as `attachments`; a repeated one is a list.
        name: the file's name as the recipient sees it.
        content_type: its media type.
        size: its bytes, None where nobody knows before it was read.
        source: where they come from.
        most_bytes: what all files of the form may have together.
    """

    field: str
    name: str
    content_type: str
    size: int | None
    source: Source
    most_bytes: int

    def _shown(self) -> Iterator[tuple[str, object]]:
        """Yield where it stands and how large it is; the name may say whom it is for."""
        yield "field", self.field
        yield "size", self.size


class Form:
    """Be a body of texts and files, opened once for each attempt.

    Attributes:
        content_type: with the boundary.
        size: its exact bytes, None where a file's are not known.
    """

    __slots__ = ("_boundary", "_fields", "_files", "content_type", "size")

    def __init__(
        self, fields: Sequence[tuple[str, str]], files: Sequence[FormFile], *, boundary: str
    ) -> None:
        self._boundary = boundary
        self._fields = _texts(fields, boundary)
        self._files = tuple(files)
        self.content_type: str = _kind(boundary)
        self.size: int | None = len(self._fields) + len(_end(boundary))
        for file in self._files:
            if self.size is not None and file.size is not None:
                self.size += len(_head(file, boundary)) + file.size + 2
            else:
                self.size = None

    @property
    def once_only(self) -> FormFile | None:
        """The file that keeps this body from being sent (again), None where it can be."""
        return next((file for file in self._files if not file.source.reopens), None)

    async def open(self) -> Upload:
        """Open every file, before a byte of anything is sent.

        Raises:
            UnsendableError: one of them is not what it was.
        """
        upload = Upload(self._fields, _end(self._boundary))
        try:
            for file in self._files:
                upload.files.append((file, _head(file, self._boundary), await _opened(file)))
        except BaseException:
            await upload.close()
            raise
        return upload

    def __repr__(self) -> str:
        """Show how much it is."""
        return f"Form({len(self._files)} files, size={self.size!r})"


class Upload:
    """Be one attempt's run through a form.

    Attributes:
        files: each with its head and what is open.
        failure: why it broke off; None while it goes well.
    """

    __slots__ = ("_end", "_running", "_texts", "failure", "files")

    def __init__(self, texts: bytes, end: bytes) -> None:
        self._texts = texts
        self._end = end
        self._running: AsyncGenerator[bytes | memoryview] | None = None
        self.files: list[tuple[FormFile, bytes, Blocks]] = []
        self.failure: UnsendableError | None = None

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        """Walk the body piece by piece; it raises, and ends short, where a file has changed."""
        self._running = self._pieces()
        return self._running

    async def _pieces(self) -> AsyncGenerator[bytes | memoryview]:
        if self._texts:
            yield self._texts
        total = 0
        for file, head, blocks in self.files:
            yield head
            read = 0
            while block := await self._block(file, blocks):
                read += len(block)
                total += len(block)
                self._check(file, _excess(file, read, total))
                yield block
            self._check(file, _lack(file, read))
            yield b"\r\n"
        yield self._end

    async def _block(self, file: FormFile, blocks: Blocks) -> bytes | memoryview:
        try:
            return await blocks.read()
        except UnsendableError as error:
            self._fail(file, error)
            raise

    def _check(self, file: FormFile, wrong: str | None) -> None:
        if wrong is not None:
            error = UnsendableError(wrong)
            self._fail(file, error)
            raise error

    def _fail(self, file: FormFile, error: UnsendableError) -> None:
        error.field, error.file, error.begun = file.field, file.name, True
        self.failure = error

    async def close(self) -> None:
        """Let go of all files."""
        try:
            if self._running is not None:
                await self._running.aclose()
        finally:
            while self.files:
                await self.files.pop()[2].close()


async def collected(body: bytes | Form | None) -> bytes:
    """Return a body in one piece, for whoever has no wire to stream it over.

    Raises:
        UnsendableError: a file is not what it was.
    """
    if not isinstance(body, Form):
        return body or b""
    upload = await body.open()
    try:
        return b"".join([bytes(piece) async for piece in upload])
    finally:
        await upload.close()


async def _opened(file: FormFile) -> Blocks:
    try:
        return await file.source.open()
    except UnsendableError as error:
        error.field, error.file = file.field, file.name
        raise


def _excess(file: FormFile, read: int, total: int) -> str | None:
    if file.size is not None and read > file.size:
        return f"grew beyond its {file.size} bytes while it was sent"
    if total > file.most_bytes:
        return f"makes more than the {file.most_bytes} bytes that all files together may have"
    return None


def _lack(file: FormFile, read: int) -> str | None:
    if file.size is not None and read < file.size:
        return f"shrank from {file.size} bytes to {read} while it was sent"
    return None


def _texts(fields: Iterable[tuple[str, str]], boundary: str) -> bytes:
    parts: list[bytes] = []
    for name, text in fields:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_NAME)}"'
        parts.append(head.encode() + b"\r\n\r\n" + text.encode("utf-8", "replace") + b"\r\n")
    return b"".join(parts)


def _head(file: FormFile, boundary: str) -> bytes:
    field, name = file.field.translate(_NAME), file.name.translate(_NAME)
    return (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {file.content_type}\r\n\r\n"
    ).encode("utf-8", "replace")


def _end(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()


def _kind(boundary: str) -> str:
    return f"multipart/form-data; boundary={boundary}"
