"""JSON bytes to builtins, with one exception for whatever cannot be read.

A text that JavaScript cut in the middle of an emoji arrives as half a surrogate pair: legal to
write, impossible to read. Such a half becomes U+FFFD, so that one shortened preview does not cost
a page of messages.
"""

from __future__ import annotations

import re
from typing import cast

import msgspec

_PAIR = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = rb"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
# Every escape is consumed whole, so the `\\` of an escaped backslash never starts another one.
_ESCAPES = re.compile(_PAIR + rb"|" + _HALF + rb"|\\.", re.DOTALL)

_decode = msgspec.json.Decoder().decode


class UnreadableError(ValueError):
    """An answer that is no readable JSON, or not of the shape that was asked for.

    The exchange layer turns it into `DecodeError`. Neither attribute quotes the body.

    Attributes:
        path: Where it went wrong, `$` for the whole document.
        reason: What is wrong there, in one line.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} - at {self.path}"


def parse(body: bytes) -> object:
    """Decode JSON into builtins.

    Raises:
        UnreadableError: No JSON, broken UTF-8, a number out of range, or nested too deeply.
    """
    try:
        return _decode(body)
    except (ValueError, RecursionError) as error:
        healed = _ESCAPES.sub(_heal, body)
        if healed == body:
            raise unreadable(error) from None
    try:
        return _decode(healed)
    except (ValueError, RecursionError) as error:
        raise unreadable(error) from None


def as_object(node: object) -> dict[str, object] | None:
    """Return the node if it is a JSON object."""
    return cast("dict[str, object]", node) if isinstance(node, dict) else None


def as_list(node: object) -> list[object] | None:
    """Return the node if it is a JSON array."""
    return cast("list[object]", node) if isinstance(node, list) else None


def unreadable(error: Exception) -> UnreadableError:
    """Word a decoder's complaint; the cause is left out because it may quote the body."""
    if isinstance(error, RecursionError):
        return UnreadableError("$", "The answer is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return UnreadableError("$", "The answer is not valid UTF-8")
    return UnreadableError("$", f"The answer is not readable JSON: {error}")


def _heal(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape[1] else escape[0]
