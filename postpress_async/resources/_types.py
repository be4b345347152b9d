"""What a file is by its name's ending: the same on every machine."""

from __future__ import annotations

from typing import Final

UNKNOWN_TYPE: Final = "application/octet-stream"

# Where Python's own table has gaps, changes with its version, or reads the system's files.
_TYPES: Final = {
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".heic": "image/heic",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}


def type_of(name: str) -> str:
    """Return the media type that a name's ending stands for."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in _TYPES:
        return _TYPES[ending]
    import mimetypes  # noqa: PLC0415 - only files need it

    return mimetypes.types_map.get(ending) or UNKNOWN_TYPE
