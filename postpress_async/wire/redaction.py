"""What may be kept of an answer: bounded, printable, and without what the caller sent or is.

A service may quote a request in its answer, whole or the beginning of it, and escaped as JSON,
HTML or a URL needs it. All of these are struck out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCK: Final = "[…]"
_BODY_KEPT: Final = 4096
_TEXT_KEPT: Final = 300
_HEAD: Final = 16  # so much of a secret's beginning gives it away
_SHORT: Final = 8  # what is shorter counts only as a word of its own: «ok» also stands in «token»
_COOKIES: Final = frozenset({"set-cookie", "set-cookie2"})


def struck_out(text: str, secrets: tuple[str, ...]) -> str:
    """Return a text without the secrets that it may quote."""
    for secret in secrets:
        if secret:
            guises = _guises(secret)
            if any(guise[:_HEAD] in text for guise in guises):
                text = _without(text, guises)
    return text


def one_line(text: str, most: int = _TEXT_KEPT) -> str:
    """Return a text as one printable line of bounded length."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else line[:most] + "…"


def kept_text(text: str | None, secrets: tuple[str, ...]) -> str | None:
    """Return the service's words without secrets."""
    return None if text is None else struck_out(text[: 4 * _BODY_KEPT], secrets)[:_BODY_KEPT]


def kept_type(text: str | None, secrets: tuple[str, ...]) -> str | None:
    """Return a type verbatim; only what is too long to be part of one by chance is struck out."""
    return kept_text(text, tuple(secret for secret in secrets if len(secret) >= _SHORT))


def kept_body(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """Return the first bytes of an answer without secrets."""
    first = body[: 4 * _BODY_KEPT]
    try:
        text, encoding = first.decode(), "utf-8"
    except UnicodeDecodeError:  # cut within a character, or of another time
        text, encoding = first.decode("latin-1"), "latin-1"
        secrets = (
            *secrets,
            *(secret.encode("utf-8", "replace").decode("latin-1") for secret in secrets),
        )
    struck = struck_out(text, secrets)
    return body[:_BODY_KEPT] if struck == text else struck.encode(encoding, "replace")[:_BODY_KEPT]


def kept_headers(headers: Mapping[str, str], secrets: tuple[str, ...]) -> dict[str, str]:
    """Return an answer's headers by lower-case name, without cookies and secrets."""
    return {
        name.lower(): struck_out(value, secrets)
        for name, value in headers.items()
        if name.lower() not in _COOKIES
    }


@lru_cache(maxsize=8)
def _guises(secret: str) -> tuple[str, ...]:
    """Return how a text looks when it is quoted: plain, on one line, in JSON, HTML or a URL."""
    import html  # noqa: PLC0415 - only errors need these
    import json  # noqa: PLC0415 - as above
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - as above

    plain = secret.encode("utf-8", "replace").decode()
    forms = (
        secret,
        " ".join(secret.split()),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        repr(secret)[1:-1],
        secret.encode("latin-1", "replace").decode("latin-1"),
        secret.encode("ascii", "replace").decode(),
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
    )
    return tuple(sorted({form for form in forms if form}, key=len, reverse=True))


def _without(text: str, guises: tuple[str, ...]) -> str:
    """Strike out every guise, or what there is of one from its beginning on."""
    parts: list[str] = []
    at = 0
    while True:
        found = [place for guise in guises if (place := text.find(guise[:_HEAD], at)) >= 0]
        if not found:
            return "".join([*parts, text[at:]])
        begin = min(found)
        end = max(_end_of(guise, text, begin) for guise in guises)
        parts += [text[at:begin], STRUCK if _stands_alone(text, begin, end) else text[begin:end]]
        at = end


def _end_of(guise: str, text: str, begin: int) -> int:
    """Return how far a guise goes that begins there; the beginning itself where it does not."""
    if not text.startswith(guise[:_HEAD], begin):
        return begin
    end = begin
    for char in guise:
        if text[end : end + 1] != char:
            break
        end += 1
    return end


def _stands_alone(text: str, begin: int, end: int) -> bool:
    around = text[max(begin - 1, 0) : begin] + text[end : end + 1]
    return end - begin >= _SHORT or not any(char.isalnum() for char in around)
