"""What items hold: everything that is needed to send them weeks later, on another machine.

A body is a byte for the version, then the content as msgpack.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from postpress_async.errors import ConfigurationError
from postpress_async.resources._base import checked_text
from postpress_async.resources._checks import short_text
from postpress_async.resources.invitations import MOST_CHARACTERS

from . import digests
from .kinds import (
    LATE,
    Attached,
    Content,
    Follow,
    Invite,
    MessageContent,
    ProfileRead,
    React,
    StartChat,
    linked,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.resources._files import File
    from postpress_async.storage.outbox.rows import Row

__all__ = [
    "Attached",
    "Content",
    "Follow",
    "Invite",
    "MessageContent",
    "ProfileRead",
    "React",
    "StartChat",
    "decode",
    "digest_of",
    "encode",
    "files_in",
    "going_under",
    "key_of",
    "known_files",
    "last_key_of",
    "light",
    "lightened",
    "linked",
    "loose_of",
    "note",
    "original",
    "replaced",
    "text_digest_of",
    "text_of",
    "with_text",
]

VERSION: Final = 1
_SMALL: Final = 4_096
"""Bytes of a body in which files may stay for all that they take."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final[msgspec.msgpack.Decoder[Content]] = msgspec.msgpack.Decoder(Content)
# By version; a version that changes what fields mean adds a reader that returns today's content.
_READERS: Final = {1: _DECODER.decode}


def encode(content: Content) -> bytes:
    """Return a content as it is kept."""
    return bytes((VERSION,)) + _ENCODER.encode(content)


def decode(body: bytes) -> Content:
    """Return what is kept in a body.

    Raises:
        ConfigurationError: a later version of this package wrote it, or nothing is left of it.
    """
    if not body:
        msg = "what this item held is no longer kept: it was purged, or its recipient forgotten"
        raise ConfigurationError(msg)
    reader = _READERS.get(body[0])
    try:
        if reader is not None:
            return reader(body[1:])
    except msgspec.MsgspecError:
        pass  # what it says belongs in no error
    msg = f"this item was put in by another version (content {body[0]}): update postpress-async"
    raise ConfigurationError(msg)


def light(body: bytes) -> bytes:
    """Return a body without the bytes of its files: for who shows it, and does not send it.

    What cannot be read stays as it is; who shows it is told.
    """
    if len(body) <= _SMALL:
        return body
    try:
        content = decode(body)
    except ConfigurationError:
        return body
    if not isinstance(content, MessageContent | StartChat) or not content.files:
        return body
    names = tuple(msgspec.structs.replace(one, data=b"") for one in content.files)
    return encode(msgspec.structs.replace(content, files=names))


def lightened(row: Row) -> Row:
    """Return a row without the bytes of its files."""
    body = light(row.body)
    return row if body is row.body else msgspec.structs.replace(row, body=body)


def digest_of(content: Content, account_id: str) -> bytes:
    """Return the digest of all that a key stands for: what goes, and from which account."""
    said = _ENCODER.encode(content)  # without the version, which may grow
    return blake2b(said, digest_size=16, person=_short(account_id)).digest()


def key_of(content: Content, row: Row) -> str:
    """Return the idempotency key of what an item says: its own, where that is what was put in."""
    if isinstance(content, MessageContent | StartChat | Invite):
        content = msgspec.structs.replace(content, instead_of=(), under=None)
    said = digest_of(content, row.account_id)
    return row.id if said == row.digest else f"{row.id}-{said.hex()}"


def last_key_of(content: Content, row: Row) -> str:
    """Return the idempotency key that an item went under when it said this, or would have."""
    if isinstance(content, MessageContent | StartChat | Invite) and content.under is not None:
        return content.under
    return key_of(content, row)


def going_under(content: Content, key: str, row: Row) -> Content:
    """Return a content that remembers the key it goes under, where that is not its own."""
    if not isinstance(content, MessageContent | StartChat | Invite):
        return content  # it says nothing that may change
    return msgspec.structs.replace(content, under=None if key == key_of(content, row) else key)


def _short(account_id: str) -> bytes:
    return blake2b(account_id.encode(), digest_size=16).digest()


def text_of(content: Content) -> str | None:
    """Return what a content says to somebody, None where it says nothing."""
    match content:
        case MessageContent(text=text) | StartChat(text=text):
            return text
        case Invite(message=message):
            return message
        case _:
            return None


def text_digest_of(content: Content) -> bytes:
    """Return the digest by which it is known again where it arrived."""
    if not isinstance(content, MessageContent | StartChat):
        return b""
    options = content.linkedin if isinstance(content, StartChat) else None
    html = (options or {}).get("api") == "recruiter"
    return digests.digest(content.text or "", html=html)


def loose_of(content: Content) -> bytes:
    """Return the digest by which it may perhaps be known again."""
    if isinstance(content, MessageContent | StartChat):
        return digests.loose(content.text or "")
    return b""


def known_files(content: Content) -> tuple[digests.File, ...]:
    """Return what can be known again of the files that arrive with a content."""
    if not isinstance(content, MessageContent | StartChat):
        return ()
    return tuple(
        digests.File(kind=digests.kind_of(one.content_type), size=len(one.data))
        for one in content.files
        if one.field != LATE
    )


def with_text(content: Content, text: str) -> Content:
    """Return a content that says something else, for good.

    Raises:
        ConfigurationError: it says nothing to anybody, or the text cannot be sent.
    """
    match content:
        case MessageContent() | StartChat():
            said = checked_text("text", text)
            return msgspec.structs.replace(content, text=said, instead_of=())
        case Invite():
            return msgspec.structs.replace(content, message=note("text", text), instead_of=())
        case _:
            msg = f"text: a {content.kind} has none to replace"
            raise ConfigurationError(msg)


def replaced(content: Content, text: str) -> Content:
    """Return a content that says something else this time: what it was put in with stays known.

    Raises:
        ConfigurationError: as in `with_text`.
    """
    first, said = text_of(original(content)), with_text(content, text)
    if isinstance(said, MessageContent | StartChat | Invite):
        return msgspec.structs.replace(said, instead_of=(first,))
    return said


def original(content: Content) -> Content:
    """Return a content as it was put in, or edited by hand: without what was said instead."""
    if isinstance(content, MessageContent | StartChat | Invite) and content.under is not None:
        content = msgspec.structs.replace(content, under=None)
    match content:
        case MessageContent(instead_of=(first,)) | StartChat(instead_of=(first,)):
            return msgspec.structs.replace(content, text=first, instead_of=())
        case Invite(instead_of=(first,)):
            return msgspec.structs.replace(content, message=first, instead_of=())
        case _:
            return content


def note(field: str, text: str) -> str:
    """Return the note of an invitation, checked."""
    return short_text(field, text, most=MOST_CHARACTERS, why="the note of an invitation")


def files_in(files: Sequence[Attached], field: str) -> list[File]:
    """Return the files of one field, as calls take them."""
    return [one.file() for one in files if one.field == field]
