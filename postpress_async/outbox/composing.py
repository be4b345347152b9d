"""From what a user gives to what an item holds: checked now, since nobody is there when it goes.

Files are read here, so that a file that is changed or deleted later changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import AttachmentError, ConfigurationError
from postpress_async.resources._base import checked_account, checked_text
from postpress_async.resources._checks import (
    one_of,
    optional_text,
    several,
    struct_of,
    typing_of,
)
from postpress_async.resources._files import MOST_BYTES
from postpress_async.resources._outgoing import files_of
from postpress_async.resources._people import check_product, invited_id, messaging_id, recognised
from postpress_async.resources.linkedin_options import LinkedInOptions
from postpress_async.wire import target
from postpress_async.wire.multipart import UnsendableError

from .contents import (
    Attached,
    Follow,
    Invite,
    MessageContent,
    ProfileRead,
    React,
    StartChat,
    linked,
    note,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postpress_async.resources._files import FileLike
    from postpress_async.resources._people import Person
    from postpress_async.wire.multipart import FormFile

__all__ = ["follow", "invite", "message", "profile", "react", "start_chat"]


async def message(
    *,
    chat_id: str,
    text: str | None,
    attachments: Sequence[FileLike],
    voice_message: FileLike | None,
    video_message: FileLike | None,
    quote_id: str | None,
    thread_id: str | None,
    typing_duration: float | None,
) -> MessageContent:
    """Return a message, checked as `messages.send` does, and that it does not go to a link."""
    target.segment("chat_id", chat_id)
    if "://" in chat_id:  # nobody is there to read what the service says of it
        msg = "chat_id is a link, and a chat is known by its id: chats.list() names those there are"
        raise ConfigurationError(msg)
    typing_of(typing_duration)
    optional_text("text", text)
    files = await files_of(
        text=text,
        attachments=attachments,
        voice_message=voice_message,
        video_message=video_message,
    )
    return MessageContent(
        chat_id=chat_id,
        text=text,
        files=await _read(files),
        quote_id=optional_text("quote_id", quote_id),
        thread_id=optional_text("thread_id", thread_id),
        typing_duration=None if typing_duration is None else float(typing_duration),
    )


async def start_chat(
    *,
    to: Person,
    text: str | None,
    subject: str | None,
    attachments: Sequence[FileLike],
    voice_message: FileLike | None,
    video_message: FileLike | None,
    linkedin: LinkedInOptions | None,
    account_id: str,
    provider: str | None,
) -> StartChat:
    """Return a first message, checked as `chats.start` does."""
    struct_of("linkedin", linkedin, LinkedInOptions)
    person = messaging_id("to", to, provider=provider, account=account_id)
    check_product("to", person, None if linkedin is None else linkedin.api)
    optional_text("subject", subject)
    late = None if linkedin is None else linkedin.follow_up
    files = await files_of(
        text=text,
        attachments=attachments,
        voice_message=voice_message,
        video_message=video_message,
        follow_up=() if late is None else late.attachments,
    )
    options, follow_up = linked(linkedin)
    return StartChat(
        to=person,
        text=text,
        subject=subject,
        files=await _read(files),
        linkedin=options,
        follow_up=follow_up,
    )


def invite(
    provider_id: Person,
    *,
    message: str | None,
    user_email: str | None,
    account_id: str,
    provider: str | None,
) -> Invite:
    """Return an invitation, checked as `invitations.send` does."""
    person = invited_id("provider_id", provider_id, provider=provider, account=account_id)
    return Invite(
        provider_id=person,
        message=None if message is None else note("message", message),
        user_email=optional_text("user_email", user_email),
    )


def follow(provider_id: Person, *, account_id: str, provider: str | None) -> Follow:
    """Return a wish to follow somebody."""
    if provider is not None and provider != "INSTAGRAM":
        msg = (
            f"account_id {account_id} is {provider}, and only Instagram's can follow so: use "
            "invite() to connect"
        )
        raise ConfigurationError(msg)
    person = invited_id("provider_id", provider_id, provider="INSTAGRAM", account=account_id)
    return Follow(provider_id=person)


def react(*, message_id: str, reaction: str) -> React:
    """Return a reaction, checked as `messages.react` does."""
    target.segment("message_id", message_id)
    return React(message_id=message_id, reaction=checked_text("reaction", reaction))


def profile(
    identifier: str,
    *,
    accounts: Sequence[str],
    linkedin_sections: str | Sequence[str] | None,
    linkedin_api: str | None,
) -> ProfileRead:
    """Return a look at a profile by one of some accounts."""
    known = recognised("identifier", identifier)
    target.segment("identifier", identifier if known is None else known.value)
    pool = tuple(sorted({checked_account(one) for one in several("accounts", accounts)}))
    if not pool:
        msg = "accounts must name at least one account that may look"
        raise ConfigurationError(msg)
    one_of("linkedin_api", linkedin_api, ("recruiter", "sales_navigator"))
    sections = linkedin_sections
    if sections is not None and not isinstance(sections, str):
        sections = tuple(checked_text("linkedin_sections", one) for one in sections)
    return ProfileRead(
        identifier=identifier,
        accounts=pool,
        linkedin_sections=sections,
        linkedin_api=linkedin_api,
    )


async def _read(files: Sequence[FormFile]) -> tuple[Attached, ...]:
    """Read files whole; together they are never more than a call may have."""
    read: list[Attached] = []
    left = MOST_BYTES
    for file in files:
        data = await _bytes_of(file, left)
        left -= len(data)
        read.append(
            Attached(field=file.field, name=file.name, content_type=file.content_type, data=data)
        )
    return tuple(read)


async def _bytes_of(file: FormFile, most: int) -> bytes:
    try:
        data = await _whole(file, most)
    except UnsendableError as error:
        wrong = error.detail
    else:
        if file.size in {None, len(data)}:
            return data
        wrong = f"gave {len(data)} bytes, and {file.size} were told"
    msg = f"{file.field}: {file.name!r} {wrong}"
    raise AttachmentError(msg, field=file.field, file=file.name)


async def _whole(file: FormFile, most: int) -> bytes:
    pieces: list[bytes] = []
    blocks = await file.source.open()
    try:
        while piece := await blocks.read():
            pieces.append(bytes(piece))
            most -= len(piece)
            if most < 0:
                raise UnsendableError(
                    f"is too large: all files of an item may have {MOST_BYTES} bytes (15 MB); send "
                    "a smaller one, or a link"
                )
    finally:
        await blocks.close()
    return b"".join(pieces)
