"""Bodies of `multipart/form-data`, built as bytes so that every attempt sends the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


def encode(fields: Iterable[tuple[str, str]], boundary: str) -> tuple[bytes, str]:
    """Return a body of text fields and its content type; a repeated name is a list.

    Args:
        fields: names and texts in order.
        boundary: random hex digits, so that no text can hold it.
    """
    parts: list[bytes] = []
    for name, text in fields:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_NAME)}"'
        parts.append(head.encode() + b"\r\n\r\n" + text.encode("utf-8", "replace") + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"
