"""What a message is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import token
from postpress_async.sandbox.world.things import Attachment

if TYPE_CHECKING:
    from postpress_async.sandbox.bodies import Fields
    from postpress_async.sandbox.multipart import Upload
    from postpress_async.sandbox.wire import JsonObject

_FILE_KEYS: Final = ("attachments", "voice_message", "video_message")
MAX_TEXT: Final = {
    "LINKEDIN": 8_000,
    "WHATSAPP": 65_536,
    "INSTAGRAM": 1_000,
    "TELEGRAM": 4_096,
    "TWITTER": 10_000,
}
"""Characters of a message. The providers' own figures: postpress documents none."""
_VOICE: Final = {"LINKEDIN": (".m4a",), "WHATSAPP": (".mp3", ".m4a")}
_SIZE: Final[JsonObject] = {"width": 640, "height": 480}


def contents(body: Fields, provider: str) -> tuple[str | None, list[Attachment]]:
    """Read the text and the files of a message.

    Raises:
        Problem: The text is too long, or a file is not of a kind that the provider takes.
    """
    text = text_of(body, provider)
    rows: list[Attachment] = []
    for key in _FILE_KEYS:
        uploads = body.files(key)
        if key in body and not uploads:
            raise Problem("invalid_parameters", f"{key} must be a file")
        if key != "attachments" and uploads:
            _check_recording(key, uploads, provider)
        rows += [_attachment(key, upload, len(rows) + i) for i, upload in enumerate(uploads)]
    return text, rows


def text_of(body: Fields, provider: str) -> str | None:
    """Read a text, if it is not longer than the provider takes.

    Raises:
        Problem: It is.
    """
    text, most = body.text("text"), MAX_TEXT[provider]
    if text is not None and len(text) > most:
        raise Problem("too_many_characters", f"text may have {most} characters.")
    return text


def _check_recording(key: str, uploads: list[Upload], provider: str) -> None:
    if len(uploads) > 1:
        raise Problem("invalid_parameters", f"{key} is one file")
    if key == "video_message":
        if provider != "LINKEDIN":
            raise Problem("feature_not_implemented", "A video message needs LinkedIn.")
        return
    endings = _VOICE.get(provider)
    if endings is None:
        raise Problem("feature_not_implemented", "Send a voice message as an attachment here.")
    if not uploads[0].filename.lower().endswith(endings):
        kinds = " or ".join(endings)
        raise Problem("unsupported_media_type", f"A voice message is a {kinds} file.")


def _attachment(key: str, upload: Upload, place: int) -> Attachment:
    return Attachment(
        id=token(upload.sha256, upload.filename, place),
        fields=_fields(key, upload),
        size=upload.size,
        mimetype=upload.content_type,
        url=f"att://{upload.sha256}",
        name=upload.filename,
        upload=upload,
    )


def _fields(key: str, upload: Upload) -> JsonObject:
    family = upload.content_type.partition("/")[0]
    if key == "voice_message" or family == "audio":
        return {"type": "audio", "voice_note": key == "voice_message"}
    if key == "video_message" or family == "video":
        return {"type": "video", "size": _SIZE, "gif": False}
    if family == "image":
        return {"type": "img", "size": _SIZE, "sticker": False}
    return {"type": "file", "file_name": upload.filename}
