"""What a user gives as an attachment: checked before anything is sent, opened for each attempt."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import AsyncIterable, Mapping
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from postpress_async.errors import AttachmentError, ConfigurationError
from postpress_async.options import whole
from postpress_async.wire.multipart import FormFile, Source

from ._base import UNNAMED, checked_text
from ._sources import Bytes, Disk, Object, Stream, size_on_disk
from ._types import type_of

FileContent: TypeAlias = Path | bytes | BinaryIO | AsyncIterable[bytes]
"""Where a file's bytes come from."""

MOST_BYTES: Final = 15 * 2**20
"""What all files of a call may have together (Send messages, «attachments»: 15 MB)."""

KINDS: Final[Mapping[str, str]] = {"voice_message": "audio", "video_message": "video"}
"""The one kind of file that a field takes; other fields take any."""

_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(;[\x20-\x7e]*)?\Z", re.ASCII)


class File:
    """Be a file to send, where a bare path or object does not say enough.

    A path is read when it is sent, again for each attempt. A file object is read from where it
    stands, and is left open. An async iterator is read once: what fails after its first byte was
    taken is not tried again.

    Args:
        content: a `Path`, bytes, a file object opened with "rb", or an async iterator of bytes.
        name: what the recipient sees; else the path's or the object's own name.
        content_type: its media type, such as `image/png`; else what the name's ending says.
        size: its bytes, for an async iterator or a pipe whose length you know: it then travels
            with a Content-Length, and a different length is an error. All else is measured.

    Raises:
        ConfigurationError: one of these cannot be meant.

    Examples:
        >>> from pathlib import Path
        >>> from postpress_async import File
        >>> File(b"%PDF-1.7", name="offre été.pdf")
        File(name='offre été.pdf', content_type=None, size=None)
    """

    __slots__ = ("content", "content_type", "name", "size")

    def __init__(
        self,
        content: FileContent,
        *,
        name: str | None = None,
        content_type: str | None = None,
        size: int | None = None,
    ) -> None:
        _check_content("File", content)
        if name is not None:
            checked_text("File.name", name)
        if content_type is not None and not _MEDIA_TYPE.match(content_type):
            msg = (
                f"File.content_type must be a media type such as 'image/png', not {content_type!r}"
            )
            raise ConfigurationError(msg)
        if size is not None:
            whole("File.size", size, least=0)
        self.content: FileContent = content
        self.name: str | None = name
        self.content_type: str | None = content_type
        self.size: int | None = size

    def __repr__(self) -> str:
        """Show what it is called, not what is in it."""
        return f"File(name={self.name!r}, content_type={self.content_type!r}, size={self.size!r})"


FileLike: TypeAlias = File | FileContent
"""What may be given as an attachment: a `File`, or what one is made of."""


async def checked(
    given: Mapping[str, FileLike | list[FileLike] | tuple[FileLike, ...] | None],
    *,
    kinds: Mapping[str, str] = KINDS,
    most_bytes: int = MOST_BYTES,
) -> tuple[FormFile, ...]:
    """Return the files of a form, measured and within bounds; nothing of them is read yet.

    Args:
        given: by field, what the user gave: one, several, or None.
        kinds: by field, the one kind that it takes, such as `audio`.
        most_bytes: what all of them may have together.

    Raises:
        ConfigurationError: something that is no file was given.
        AttachmentError: a file is missing, too large, or of the wrong kind.
    """
    files: list[FormFile] = []
    for field, value in given.items():
        several = isinstance(value, (list, tuple))
        each = cast("list[FileLike]", value if several else [] if value is None else [value])
        for number, one in enumerate(each):
            where = f"{field}[{number}]" if several else field
            files.append(await _file(field, where, one, most_bytes))
            if field in kinds:
                _check_kind(where, files[-1], kinds[field])
    total = sum(file.size or 0 for file in files)
    if total > most_bytes:
        _refuse_size(files, total, most_bytes)
    return tuple(files)


async def _file(field: str, where: str, given: FileLike, most_bytes: int) -> FormFile:
    file = given if isinstance(given, File) else None
    content = given if not isinstance(given, File) else given.content
    _check_content(where, content)
    name = (file.name if file else None) or _name_of(content)
    source, size = await _measured(where, name, content, file.size if file else None)
    return FormFile(
        field=field,
        name=name,
        content_type=(file.content_type if file else None) or type_of(name),
        size=size,
        source=source,
        most_bytes=most_bytes,
    )


async def _measured(
    where: str, name: str, content: FileContent, said: int | None
) -> tuple[Source, int | None]:
    """Return where the bytes come from, and how many they are."""
    try:
        if isinstance(content, bytes):
            source: Source = Bytes(content)
            size: int | None = len(content)
        elif isinstance(content, os.PathLike):
            size = await asyncio.to_thread(size_on_disk, content)
            source = Disk(content, size)
        elif isinstance(content, AsyncIterable):
            return Stream(content), said
        else:
            source = object_ = Object(content)
            size = await asyncio.to_thread(object_.measure)
            if size is None:
                return source, said
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AttachmentError(
            f"{where}: {name!r} cannot be read ({reason}): give a file that is there",
            field=where,
            file=name,
        ) from None
    if said is not None and said != size:
        msg = f"{where}: {name!r} has {size} bytes, not {said}: leave File.size out"
        raise AttachmentError(msg, field=where, file=name)
    if not size:  # written and not wound back, or not written yet: nobody's wish
        step = "wind it back with seek(0)" if isinstance(source, Object) else "give one with bytes"
        msg = f"{where}: {name!r} has nothing in it from where it stands: {step}"
        raise AttachmentError(msg, field=where, file=name)
    return source, size


def _check_content(where: str, content: object) -> None:
    """Refuse what cannot be a file, naming what to give instead."""
    if isinstance(content, (bytes, os.PathLike, AsyncIterable)):
        return
    if isinstance(content, str):
        what = "a text: give Path(…) for a path, or bytes"
    elif isinstance(content, io.TextIOBase):
        what = 'a file object of texts: open it with "rb"'
    elif callable(getattr(content, "read", None)):
        return
    else:
        what = type(content).__name__
    msg = (
        f"{where} must be a Path, bytes, a binary file object, an async iterator or a File, "
        f"not {what}"
    )
    raise ConfigurationError(msg)


def _check_kind(where: str, file: FormFile, kind: str) -> None:
    if not file.content_type.startswith(f"{kind}/"):
        msg = (
            f"{where}: {file.name!r} is {file.content_type}, and this takes {kind} only: give "
            f"File(…, content_type='{kind}/…') if it is that"
        )
        raise AttachmentError(msg, field=where, file=file.name)


def _refuse_size(files: list[FormFile], total: int, most_bytes: int) -> None:
    largest = max(files, key=lambda file: file.size or 0)
    several = "" if len(files) == 1 else f", the largest of {len(files)} files with {total} in all"
    msg = (
        f"{largest.field}: {largest.name!r} has {largest.size} bytes{several}; all files of a call "
        f"may have {most_bytes} (15 MB): send a smaller one, or a link"
    )
    raise AttachmentError(msg, field=largest.field, file=largest.name)


def _name_of(content: FileContent) -> str:
    named: object = content if isinstance(content, os.PathLike) else getattr(content, "name", None)
    if isinstance(named, (str, os.PathLike)):
        name = Path(cast("str", named)).name
        if name and not name.startswith("<"):  # such as <stdin>
            return name
    return UNNAMED
