"""What the head of a file says about it: pure readings, none of them trusted further."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH: Final = re.compile(r"[0-9]{1,18}\Z")
_PLAIN: Final = frozenset({"", "identity"})


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return a file's bytes; None where they are not said, or are those of a compressed one."""
    length = headers.get("Content-Length", "")
    if headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        return None
    return int(length) if _LENGTH.match(length) else None


def media_type(headers: Mapping[str, str]) -> str | None:
    """Return a media type in lower case, without parameters."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() or None


def file_name(headers: Mapping[str, str]) -> str | None:
    """Return a file's name without a path: a stranger chose it, and `..` is none."""
    from email.message import Message  # noqa: PLC0415 - only files need it

    disposition = headers.get("Content-Disposition")
    if not disposition:
        return None
    message = Message()
    message["Content-Disposition"] = " ".join(disposition.split())
    try:
        said = message.get_filename() or ""
    except (ValueError, LookupError):  # an encoding that nobody knows
        return None
    name = re.split(r"[/\\]", said)[-1]
    name = "".join(char for char in name if char.isprintable()).strip()
    return None if name in {"", ".", ".."} else name
