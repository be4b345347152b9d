"""What a message is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from postpress_async.sandbox.problems import Problem
from postpress_async.sandbox.wire import JsonObject, token

if TYPE_CHECKING:
    from postpress_async.sandbox.bodies import Fields, Upload

_FILE_KEYS: Final = ("attachments", "voice_message", "video_message")


def contents(body: Fields) -> tuple[str | None, list[JsonObject]]:
    """Read the text and the files of a message."""
    files = [(key, upload) for key in _FILE_KEYS for upload in body.files(key)]
    for key in _FILE_KEYS:
        if key in body and not body.files(key):
            raise Problem("invalid_parameters", f"{key} must be a file")
    return body.text("text"), [_attachment(key, upload) for key, upload in files]


def _attachment(key: str, upload: Upload) -> JsonObject:
    base: JsonObject = {
        "id": token(upload.sha256, upload.filename),
        "file_size": len(upload.content),
        "unavailable": False,
        "mimetype": upload.content_type,
        "url": f"att://{upload.sha256}",
    }
    family = upload.content_type.partition("/")[0]
    if key == "voice_message" or family == "audio":
        return base | {"type": "audio", "voice_note": key == "voice_message"}
    size: JsonObject = {"width": 640, "height": 480}
    if key == "video_message" or family == "video":
        return base | {"type": "video", "size": size, "gif": False}
    if family == "image":
        return base | {"type": "img", "size": size, "sticker": False}
    return base | {"type": "file", "file_name": upload.filename}
