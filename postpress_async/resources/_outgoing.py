"""What is said: the text and the files of a message, whether or not it starts a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postpress_async.errors import ConfigurationError
from postpress_async.options import Discreet

from ._checks import optional_text, several
from ._files import checked
from .linkedin_options import secrets_of, wire_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postpress_async.wire.multipart import FormFile

    from ._files import FileLike
    from .linkedin_options import LinkedInOptions


class First(Discreet, frozen=True, kw_only=True):
    """Be what starts a chat.

    Attributes:
        said: names and values, as the form nests them.
        secrets: texts in it that no error may repeat.
        files: what goes with it, checked.
    """

    said: Mapping[str, object]
    secrets: tuple[str, ...]
    files: tuple[FormFile, ...]


async def first_message(
    *,
    to: Sequence[str],
    account_id: str | None,
    text: str | None,
    subject: str | None,
    attachments: Sequence[FileLike],
    voice_message: FileLike | None,
    video_message: FileLike | None,
    linkedin: LinkedInOptions | None = None,
) -> First:
    """Return what starts a chat, checked; its files are measured and not read."""
    optional_text("subject", subject)
    late = linkedin.follow_up if linkedin is not None else None
    files = await files_of(
        text=text,
        attachments=attachments,
        voice_message=voice_message,
        video_message=video_message,
        follow_up=() if late is None else late.attachments,
    )
    said = {
        "account_id": account_id,
        "attendees_ids": list(to),
        "text": text,
        "subject": subject,
        "linkedin": None if linkedin is None else wire_of(linkedin),
    }
    secrets = () if linkedin is None else secrets_of(linkedin)
    own = tuple(one for one in (text, subject) if one is not None)
    return First(said=said, secrets=(*own, *secrets), files=files)


async def files_of(
    *,
    text: str | None,
    attachments: Sequence[FileLike],
    voice_message: FileLike | None,
    video_message: FileLike | None,
    follow_up: Sequence[FileLike] = (),
) -> tuple[FormFile, ...]:
    """Return the files of a message, checked; refuse one that says nothing at all.

    Raises:
        ConfigurationError: neither a text nor a file, or something that is neither.
        AttachmentError: a file is missing, too large, or of the wrong kind.
    """
    optional_text("text", text)
    own = several("attachments", attachments)
    if text is None and not own and voice_message is None and video_message is None:
        msg = "text is needed, or a file: give text=…, attachments=[…], voice_message or so"
        raise ConfigurationError(msg)
    if not own and voice_message is None and video_message is None and not follow_up:
        return ()
    return await checked(
        {
            "attachments": own,
            "voice_message": voice_message,
            "video_message": video_message,
            "linkedin[follow_up][attachments]": tuple(follow_up),
        }
    )
