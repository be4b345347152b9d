"""Paths and queries: ids that cannot change the route they were meant for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from postpress_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.~-]*\Z")
_ENCODED: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST: Final = 2048
# Names that stand where an id may stand: `/users/me` is no user of that name.
_TAKEN: Final = frozenset(
    {("identifier", name) for name in ("me", "relations", "following", "followers")}
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

QueryValue: TypeAlias = "str | int | bool | Sequence[str] | None"


def segment(name: str, value: object) -> str:
    """Return one path segment, percent-encoded whole; refuse what could mean another path.

    Raises:
        ConfigurationError: it is no text, is empty, `.` or `..`, has control characters or lone
            surrogates, is longer than 2,048 characters, or is a route's own name.
    """
    if not isinstance(value, str):
        msg = f"{name} must be text, not {type(value).__name__}"
        raise ConfigurationError(msg)
    if len(value) > _LONGEST:
        msg = f"{name} has {len(value)} characters: no id is longer than {_LONGEST}"
        raise ConfigurationError(msg)
    if (name, value) in _TAKEN:
        msg = f"{name} {value!r} is a route of its own, users.{value}: no user goes by that name"
        raise ConfigurationError(msg)
    if _PLAIN.match(value):
        return value
    if not value or value in {".", ".."}:
        msg = f"{name} must not be empty, '.' or '..': give the id that the service listed"
        raise ConfigurationError(msg)
    if _CONTROL.search(value):
        msg = f"{name} {value!r} has control characters: strip them"
        raise ConfigurationError(msg)
    # A leading or lone dot is plain to RFC 3986, but proxies normalise dot segments.
    return _quoted(name, value)


def path(template: str, ids: Mapping[str, object]) -> str:
    """Fill a route's holes."""
    filled = template
    for name, value in ids.items():
        filled = filled.replace("{" + name + "}", segment(name, value), 1)
    return filled


def checked_path(text: str) -> str:
    """Refuse a whole path, already percent-encoded, that would not arrive as it is written."""
    _check_text("path", text)
    parts = text.lower().replace("%2e", ".").split("/")
    if not _ENCODED.match(text) or "." in parts or ".." in parts:
        msg = (
            f"path {text!r} must begin with '/', be percent-encoded, and hold no query and no dot "
            "segments: give names and values by query="
        )
        raise ConfigurationError(msg)
    return text


def query(values: Mapping[str, QueryValue]) -> str:
    """Return a query string with its `?`, or nothing. None leaves a name out; lists are joined.

    The documents do not say how a list travels; the official client sends one comma-joined value.
    """
    parts: list[str] = []
    for name, value in values.items():
        if value is None:
            continue
        text = value if isinstance(value, str) else _text(name, value)
        if not _PLAIN.match(text):
            if _CONTROL.search(text):
                msg = f"{name} has control characters: strip them"
                raise ConfigurationError(msg)
            text = _quoted(name, text)
        parts.append(f"{name}={text}")
    return "?" + "&".join(parts) if parts else ""


@lru_cache(maxsize=4096)
def account(account_id: str | None) -> str:
    """Return the query that names an account alone, as most calls do."""
    return query({"account_id": account_id})


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        parts = cast("Sequence[object]", value)
        for part in parts:
            _check_text(name, part)
        return ",".join(cast("Sequence[str]", value))
    msg = f"{name} must be text, a number, True or False, or a list of texts, not {value!r:.80}"
    raise ConfigurationError(msg)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        msg = f"{name} must be text, not {type(value).__name__}"
        raise ConfigurationError(msg)


def _quoted(name: str, value: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - 3 ms that plain ids do not need

    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        msg = f"{name} has half of a character (a lone surrogate): give whole text"
        raise ConfigurationError(msg) from None


def base_url(text: str, *, insecure: bool) -> str:
    """Return the root that paths are put behind, without a trailing slash.

    `https://host`, `…/v1` and `…/api/v1` are all understood; a bare host gets `/v1`.

    Raises:
        ConfigurationError: no URL, no host, credentials, a query in it, or http:// to another
            machine.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - not at import time

    field = "base_url"
    _check_text(field, text)
    if _CONTROL.search(text) or " " in text:
        msg = f"{field} {text!r} has spaces or control characters: strip them"
        raise ConfigurationError(msg)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        msg = f"{field} {text!r} is no URL: {error}"
        raise ConfigurationError(msg) from None
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        msg = f"{field} {text!r} must look like https://api.postpress.ai/v1"
        raise ConfigurationError(msg)
    if parts.username is not None or parts.password is not None:
        msg = f"{field} must hold no user or password: the key goes into api_key"
        raise ConfigurationError(msg)
    if parts.fragment or parts.query or not text.isascii():
        msg = f"{field} must be ASCII and end with its path: take query and fragment away"
        raise ConfigurationError(msg)
    if parts.scheme == "http" and host not in _LOOPBACK and not insecure:
        msg = f"{field}: http:// to {host} would show the key to everybody: use https://"
        raise ConfigurationError(msg)
    shown = f"[{host}]" if ":" in host else host
    where = shown if port is None else f"{shown}:{port}"
    return f"{parts.scheme}://{where}{parts.path.rstrip('/') or '/v1'}"
